"""The child process that runs one network once; ``worker_sessions`` holds the runtimes.

Reads one JSON request line on standard input, writes JSON event lines on standard output, and
takes and gives arrays as ``.npy`` files. It ends itself when standard input closes, which is how
it learns that its parent is gone, and refuses every network connection and every program.

Request: model (path), model_sha256, manifest (JSON text), inputs (paths), grids ([shape, affine]),
folder, threads, provider, precision. Events: ``progress`` (fraction, doing), ``failed``
(unsuitable, template, params), ``done`` (labels: key to {file, origin, score}, provider,
precision, threads, seconds, stages, peak_mb, notes, doubts, unlikeness).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.plausibility import judge_mask
from workstation.ai.postprocess import clean, found_masks
from workstation.ai.preprocess import check_quality, prepare
from workstation.ai.providers import choices
from workstation.ai.quality import judge_image
from workstation.ai.sliding_window import Image, Predict, slide
from workstation.ai.worker_sessions import Session, find_machine, open_session, why
from workstation.domain.errors import N_, BadInput, Message, Param, ReaderError
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import bounding_block

PREPARING = N_("Preparing the images")
RUNNING = N_("The model is looking at the images")
FINISHING = N_("Drawing what was found")
_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen")


def _stay_inside() -> None:
    """Nothing that runs here may reach the network or start a program, whatever it imports."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"the model worker may not use {event}")

    sys.addaudithook(refuse)


def _die_with_parent() -> None:
    """End this process when the parent's end of standard input closes."""

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def _first_to_be_killed() -> None:
    """On Linux, have the kernel sacrifice this process before the reading room."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _give_way() -> None:
    """Let the window have the processor first: a model takes seconds more, a frame may not."""
    lower = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10)  # Windows' class, else niceness
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(lower)


def peak_mb() -> float:
    """Largest resident memory of this process so far, MB (2**20 bytes)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Not ru_maxrss: after fork and exec it still counts the parent.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    info = psutil.Process().memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / 2**20


class Stages:
    """Seconds of each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what happens inside for ``name``."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun


def predictor(session: Session, manifest: Manifest, stages: Stages) -> Predict:
    """The network as a function of arrays; its runtime errors become ``BadInput``."""

    def predict(batch: Image) -> Image:
        try:
            with stages.of("network"):
                return session.run(batch)
        except Exception as error:  # the runtimes' exceptions share no other base class
            if "alloc" in str(error).lower():
                raise MemoryError from error
            raise BadInput(
                N_("Model {model} failed while running: {why}"), model=manifest.id, why=why(error)
            ) from error

    return predict


def run(request: dict[str, Any], tell: Callable[..., None]) -> None:
    """One request from start to ``done``."""
    started = time.monotonic()
    manifest = Manifest.model_validate_json(request["manifest"])
    model = Path(request["model"]).read_bytes()
    # Checked on the very bytes that are loaded: the file may have changed since it was listed.
    if not hmac.compare_digest(hashlib.sha256(model).hexdigest(), request["model_sha256"]):
        raise BadInput(
            N_("Model {model}: {file} was altered (its SHA-256 is not the one listed)."),
            model=manifest.id,
            file="model.onnx",
        )
    tell(event="progress", fraction=0.0, doing=PREPARING)
    threads, stages = int(request["threads"]), Stages()
    folder = Path(request["folder"])
    grids = [Grid((g[0][0], g[0][1], g[0][2]), as_matrix(g[1])) for g in request["grids"]]
    # Mapped, not read: all models of a study share the pages of one file.
    arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in request["inputs"]]
    with stages.of("judge"):  # first: an image that is refused costs no more than a look
        judged = judge_image(manifest.qc, arrays, grids)
    with stages.of("load"):
        wanted = choices(
            find_machine(),
            manifest.infer.providers,
            wish=request["provider"],
            precision=request["precision"],
        )
        session, notes = open_session(model, manifest, threads, wanted)
    del model
    with stages.of("prepare"):
        prepared = prepare(manifest.pre, arrays, grids)
        check_quality(manifest.qc, prepared)

    def looked(fraction: float) -> None:
        tell(event="progress", fraction=0.05 + 0.85 * fraction, doing=RUNNING)

    predict = predictor(session, manifest, stages)
    planes = slide(prepared.array, manifest.infer, predict, manifest.pre.pad_value, looked)
    labels: dict[str, dict[str, Any]] = {}
    doubts = judged.doubts
    looking = time.monotonic()
    for found in found_masks(planes, prepared, manifest):
        if not labels:
            tell(event="progress", fraction=0.9, doing=FINISHING)
        mask = clean(found.mask, grids[0].voxel_ml, manifest.post)
        origin, shape = bounding_block(mask)
        block = tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))
        np.save(folder / f"{found.label.key}.npy", mask[block])
        labels[found.label.key] = {
            "file": f"{found.label.key}.npy",
            "origin": list(origin),
            "score": found.score,
        }
        doubts += judge_mask(manifest.qc, mask, grids[0], found.score, judged.overview)
    spent = time.monotonic() - looking
    stages.seconds["window and masks"] = spent - stages.seconds.get("network", 0.0)
    tell(
        event="done",
        labels=labels,
        provider=session.choice.name,
        precision=_precision(session, manifest),
        threads=threads,
        seconds=time.monotonic() - started,
        stages=stages.seconds,
        peak_mb=peak_mb(),
        notes=_plain(notes),
        doubts=_plain(doubts),
        unlikeness=judged.unlikeness,
    )


def _plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [{"template": one.template, "params": dict(one.params)} for one in messages]


def _precision(session: Session, manifest: Manifest) -> str:
    """A network stored in float16 computes so in onnxruntime; OpenVINO is told what to do."""
    plain = session.choice.provider == "openvino" or manifest.io.dtype == "float32"
    return session.choice.precision if plain else manifest.io.dtype


def main() -> int:
    """Serve one request; 0 when an answer (``done`` or ``failed``) was given."""
    _stay_inside()
    _give_way()
    _first_to_be_killed()
    # Native libraries print where they like: events get a channel of their own, and whatever
    # else is printed goes to the error output, which the parent keeps for diagnosis.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)

    def tell(**event: object) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    def failed(template: str, params: dict[str, Param], unsuitable: bool) -> None:
        tell(event="failed", template=template, params=params, unsuitable=unsuitable)

    line = sys.stdin.buffer.readline()
    if not line:
        return 3
    _die_with_parent()
    try:
        run(json.loads(line), tell)
    except ReaderError as error:
        failed(error.message.template, dict(error.message.params), isinstance(error, Unsuitable))
    except MemoryError:
        failed(N_("The computer has not enough free memory for this model."), {}, False)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the thread that waits on standard input would hold up a normal exit
