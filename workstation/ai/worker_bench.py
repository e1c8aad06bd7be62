"""Child of ``bench ai``: the whole slide beside the bare runtime on the same tensors.

``python -m workstation.ai.worker_bench PACKAGE PROVIDER THREADS Z Y X`` prints one JSON object:
seconds (of the clock, and of the processor: a busy machine spoils only the first) of the bare
runtime on every patch, and of the slide over the volume that they were cut from, by the same
session, in turns; the best of each is taken.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from workstation.ai.limits import Limits
from workstation.ai.manifest import Manifest
from workstation.ai.providers import Choice, choices
from workstation.ai.sliding_window import Image, slide
from workstation.ai.worker_sessions import find_machine, open_session
from workstation.domain.errors import N_, BadInput

ROUNDS = 2


def measure(folder: Path, provider: str, threads: int, shape: tuple[int, int, int]) -> None:
    """Measure and print."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    wanted = [one for one in choices(find_machine()) if one.provider == provider]
    if not wanted:
        raise BadInput(N_("The benchmark could not run ({why})."), why=f"no {provider}")
    model = (folder / "model.onnx").read_bytes()
    session, _ = open_session(model, manifest, threads, wanted, Limits().memory_mb)
    image = np.random.default_rng(1).standard_normal((1, *shape)).astype(np.float32)
    patches: list[Image] = []

    def run_all(batches: Iterable[Image]) -> None:
        for _ in session.stream(batches):
            pass

    def cut(batches: Iterable[Image]) -> Iterator[Image]:
        for batch in batches:
            patches.append(batch)
            yield batch

    for _ in slide(image, manifest.infer, cut, 0.0):
        pass
    run_all(patches[:2])  # warm: buffers are allocated at the first run
    bare, whole, bare_cpu, whole_cpu = [], [], [], []
    for _ in range(ROUNDS):
        begun, busy = time.perf_counter(), time.process_time()
        run_all(patches)
        bare.append(time.perf_counter() - begun)
        bare_cpu.append(time.process_time() - busy)
        begun, busy = time.perf_counter(), time.process_time()
        for _ in slide(image, manifest.infer, session.stream, 0.0):
            pass
        whole.append(time.perf_counter() - begun)
        whole_cpu.append(time.process_time() - busy)
    said: Choice = session.choice
    print_line = {
        "bare_s": min(bare), "whole_s": min(whole), "bare_cpu_s": min(bare_cpu),
        "whole_cpu_s": min(whole_cpu), "patches": sum(len(one) for one in patches),
        "voxels": int(np.prod(shape)), "provider": said.name, "precision": said.precision,
    }  # fmt: skip
    sys.stdout.write(json.dumps(print_line) + "\n")


if __name__ == "__main__":
    place, by, count, *size = sys.argv[1:]
    measure(Path(place), by, int(count), (int(size[0]), int(size[1]), int(size[2])))
