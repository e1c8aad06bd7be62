"""``bench ai``: the window beside the bare runtime, memory of a large volume, the whole panel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package
from workstation.ai.sums import write_sums
from workstation.ai.volumes import SharedVolumes
from workstation.archive.store import Archive
from workstation.demo.model_package import write_generated_package
from workstation.demo.networks import unet
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.reading.intake import intake
from workstation.reading.line import make_and_import_demo, read_study
from workstation.settings import load_settings

Entry = dict[str, Any]
WINDOW_BAR = 0.85
MEMORY_BAR_MB = 4096.0
SLIDE = (144, 144, 144)  # prepared voxels: 2 x 2 x 2 patches of 96
LARGE = (600, 512, 512)
LARGE_MM = (0.7, 0.7, 1.0)
_ROOT = Path(__file__).resolve().parents[2]


def _entry(name: str, value: float, unit: str, reference: float | None = None) -> Entry:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "reference": reference,
        "ratio": value / reference if reference else None,
    }


@contextmanager
def _package(channels: tuple[int, ...], edge: int, overlap: float) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onescan-bench-") as name:
        infer = {
            "patch": [edge] * 3, "overlap": overlap, "max_ram_mb": 8192, "timeout_s": 3600,
        }  # fmt: skip
        folder = Path(name) / "bench-unet"
        write_generated_package(folder, unet(channels), patch=(edge,) * 3, infer=infer)
        write_sums(folder)
        yield folder


def _child(folder: Path, provider: str, threads: int) -> dict[str, Any]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "workstation.ai.worker_bench", str(folder), provider, str(threads),
         *map(str, SLIDE)],
        capture_output=True, text=True, encoding="utf-8", check=False,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise BadInput(N_("The benchmark could not run ({why})."), why=last[:300])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def window(threads: int) -> list[Entry]:
    """Voxels a second of the whole slide beside the bare runtime, by each provider."""
    entries = []
    speeds = {}
    with _package((16, 32, 64, 128), 96, 0.5) as folder:
        for provider in ("openvino", "cpu"):
            told = _child(folder, provider, threads)
            bare = told["voxels"] / told["bare_s"]
            speeds[provider] = told["voxels"] / told["bare_cpu_s"]
            name = f"slide, {told['patches']} patches of 96^3, {told['provider']}"
            name += f" {told['precision']}, beside the bare runtime (bar {WINDOW_BAR})"
            entries.append(_entry(name, told["voxels"] / told["whole_s"], "voxel/s", bare))
            busy = [told["voxels"] / told[which] for which in ("whole_cpu_s", "bare_cpu_s")]
            entries.append(
                _entry(f"{name}, a second of the processor", busy[0], "voxel/s", busy[1])
            )
    name = "OpenVINO beside onnxruntime's own kernels, bare, a second of the processor"
    entries.append(_entry(name, speeds["openvino"], "voxel/s", speeds["cpu"]))
    return entries


def _large_volume() -> np.ndarray[Any, np.dtype[np.int16]]:
    """A body of noise in air, 16 bits, made slice by slice."""
    rng = np.random.default_rng(3)
    out = np.empty(LARGE, dtype=np.int16)
    rows, columns = np.ogrid[: LARGE[1], : LARGE[2]]
    body = ((rows - 256) / 200) ** 2 + ((columns - 256) / 240) ** 2 < 1
    noise = rng.normal(40, 25, LARGE[1:]).astype(np.int16)
    for z, plane in enumerate(out):
        plane[...] = np.where(body, np.roll(noise, 7 * z), -1000)
    return out


def memory(
    threads: int, channels: tuple[int, ...] = (16, 32, 64, 128), edge: int = 96
) -> list[Entry]:
    """Peak memory and stages of a 3D U-Net on 512x512x600 at 1.5 mm, in the real worker."""
    grid = Grid(LARGE, as_matrix(np.diag([*LARGE_MM, 1.0])))
    with _package(channels, edge, 0.25) as folder, SharedVolumes() as shared:
        array = shared.share("large", _large_volume)
        limits = Limits(memory_mb=8192, timeout_s=3600, threads=threads)
        result = run_package(load_package(folder), [array], [grid], limits=limits)
        del array
    what = f"512x512x600 at 1.5 mm, 3D U-Net {channels[0]}, patch {edge}, {result.provider}"
    entries = [_entry(f"{what}: peak memory of the worker", result.peak_mb, "MB", MEMORY_BAR_MB)]
    entries += [_entry(f"{what}: {name}", spent, "s") for name, spent in result.stages.items()]
    return [*entries, _entry(f"{what}: all", result.seconds, "s")]


def _stages_of(archive: Archive, home: Path, study_uid: str, name: str) -> list[Entry]:
    settings = load_settings(home)
    rooms: list[tuple[str, float]] = []
    judges: list[tuple[str, float]] = []
    begun = time.perf_counter()
    read_study(
        archive, settings, study_uid,
        after_room=lambda room: rooms.append((room, time.perf_counter())),
        begun=lambda judge: judges.append((judge, time.perf_counter())),
    )  # fmt: skip
    entries, last = [], begun
    for room, at in rooms:
        entries.append(_entry(f"panel on {name}: {room}", at - last, "s"))
        if room == "infer":
            ends = [start for _, start in judges[1:]] + [at]
            for (judge, start), end in zip(judges, ends, strict=True):
                entries.append(_entry(f"panel on {name}: infer, {judge}", end - start, "s"))
        last = at
    return [*entries, _entry(f"panel on {name}: all", time.perf_counter() - begun, "s")]


def panel() -> list[Entry]:
    """Every installed model and measure on the demo study and, where it lies beside the
    repository, on the chest CT of the shared data."""
    entries: list[Entry] = []
    with tempfile.TemporaryDirectory(prefix="onescan-bench-") as name:
        home = Path(name)
        archive = Archive(home)
        begun = time.perf_counter()
        uids = make_and_import_demo(archive).study_uids
        entries.append(_entry("demo studies: made and imported", time.perf_counter() - begun, "s"))
        for number, uid in enumerate(uids):
            entries += _stages_of(archive, home, uid, f"demo study {number + 1}")
        chest = _ROOT.parent / "shared" / "data" / "ct_chest" / "series"
        if chest.is_dir():
            begun = time.perf_counter()
            uids = intake(archive, [chest]).study_uids
            entries.append(_entry("panel on ct_chest: intake", time.perf_counter() - begun, "s"))
            entries += _stages_of(archive, home, uids[0], "ct_chest")
        archive.close()
    return entries


def bench_ai() -> list[Entry]:
    """``bench ai``."""
    threads = Limits().threads or max(1, (os.cpu_count() or 2) - 1)
    return [*window(threads), *memory(threads), *panel()]
