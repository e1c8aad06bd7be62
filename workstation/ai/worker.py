"""The child process that runs networks, one job after the other; ``worker_sessions`` holds the
runtimes.

Reads JSON request lines on standard input, writes JSON event lines on standard output, and takes
and gives arrays as ``.npy`` files. Of a job nothing is kept but the loaded network, which the next
job with the same package uses again. It ends itself when standard input closes, which is how it
learns that its parent is gone, and refuses every network connection and every program.

Request: model (path), model_sha256, template (path or ""), template_sha256, manifest (JSON text),
inputs (paths), grids ([shape, affine]), folder, threads, memory_mb, provider, precision. Events:
``progress`` (fraction, doing), ``failed`` (unsuitable, template, params), ``too_large``, ``done``
(labels: key to {file, origin, score}, pieces, provider, precision, threads, seconds, stages,
peak_mb, notes, doubts, unlikeness).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import hmac
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workstation.ai.limits import Unsuitable
from workstation.ai.looks import look
from workstation.ai.manifest import Manifest
from workstation.ai.pieces import store_pieces
from workstation.ai.plausibility import judge_mask, judge_places, lying
from workstation.ai.postprocess import clean
from workstation.ai.providers import choices
from workstation.ai.quality import judge_image
from workstation.ai.refine import Mask, Spacing, refined
from workstation.ai.sliding_window import Image, Stream
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


def _requests() -> Iterator[bytes]:
    """Lines of standard input. When the parent's end of it closes, the process ends at once,
    also within a job."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield lines.get()


def _first_to_be_killed() -> None:
    """On Linux, have the kernel sacrifice this process before the reading room."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _bounded(memory_mb: int) -> bool:
    """Have Linux refuse at once what is far beyond a job's limit; whether it will.

    The parent ends a worker whose resident memory passes the limit. One that asks for many times
    as much would till then fill memory faster than anybody looks, and the window with it would
    wait for the system's pages. Runtimes reserve more than they use: hence twice, and one GB.
    """
    if sys.platform != "linux":
        return False
    import resource

    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, ((2 * memory_mb + 1024) << 20, most))
        return True
    return False


def _forget_peak() -> None:
    """Have ``peak_mb`` speak of what comes from now on, where the system can: on Linux. Elsewhere
    the parent's own measuring, twenty times a second, tells jobs apart."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> float:
    """Largest resident memory of this process since ``_forget_peak``, MB (2**20 bytes)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Not ru_maxrss: after fork and exec it still counts the parent.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float(psutil.Process().memory_info().rss) / 2**20


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

    @contextlib.contextmanager
    def outside(self, name: str) -> Iterator[None]:
        """Do not count what happens inside, though it happens within ``of(name)``."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) - (time.monotonic() - begun)


def predictor(session: Session, manifest: Manifest, stages: Stages) -> Stream:
    """The network as a stream of arrays; its runtime errors become ``BadInput``. What is counted
    for it is the time that its outputs are waited for."""

    def cut(batches: Iterable[Image]) -> Iterator[Image]:
        waiting = iter(batches)
        while True:
            with stages.outside("network"):
                batch = next(waiting, None)
            if batch is None:
                return
            yield batch

    def stream(batches: Iterable[Image]) -> Iterator[Image]:
        outputs = session.stream(cut(batches))
        while True:
            try:
                with stages.of("network"):
                    out = next(outputs, None)
            except MemoryError:
                raise
            except Exception as error:  # the runtimes' exceptions share no other base class
                if "alloc" in str(error).lower():
                    raise MemoryError from error
                raise BadInput(
                    N_("Model {model} failed while running: {why}"),
                    model=manifest.id,
                    why=why(error),
                ) from error
            if out is None:
                return
            if not np.isfinite(out).all():
                # No threshold is ever passed by NaN: what is not a number would read as absent.
                raise BadInput(
                    N_("Model {model} could not judge this image: part of the network's answer "
                       "is no number (an overflow)."),
                    model=manifest.id,
                )  # fmt: skip
            yield out

    return stream


def _checked(path: Path, sha256: str, manifest: Manifest) -> bytes:
    """A file of the package, checked on the very bytes that are used: it may have changed since
    it was listed."""
    data = path.read_bytes()
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), sha256):
        raise BadInput(
            N_("Model {model}: {file} was altered (its SHA-256 is not the one listed)."),
            model=manifest.id,
            file=path.name,
        )
    return data


@dataclass
class Kept:
    """The network of the last job. key: all that it was made by."""

    key: tuple[object, ...] = ()
    session: Session | None = None
    notes: Sequence[Message] = ()

    def only_for(self, request: dict[str, Any]) -> None:
        """Let the network go where ``request`` wants another one."""
        names = ("model_sha256", "manifest", "threads", "memory_mb", "provider", "precision")
        key = tuple(request[name] for name in names)
        if key != self.key:
            self.key, self.session, self.notes = key, None, ()

    def loaded(self, request: dict[str, Any], manifest: Manifest) -> Session:
        """The network of ``request``, for which alone it is kept.

        What is kept was checked when it was loaded and is found again by its very hash.
        """
        if self.session is not None:
            return self.session
        model = _checked(Path(request["model"]), request["model_sha256"], manifest)
        wanted = choices(
            find_machine(),
            manifest.infer.providers,
            wish=request["provider"],
            precision=request["precision"],
        )
        self.session, self.notes = open_session(
            model, manifest, int(request["threads"]), wanted, int(request["memory_mb"])
        )
        return self.session


def run(request: dict[str, Any], tell: Callable[..., None], kept: Kept) -> dict[str, Any]:
    """One request from start to the ``done`` that answers it."""
    started = time.monotonic()
    manifest = Manifest.model_validate_json(request["manifest"])
    tell(event="progress", fraction=0.0, doing=PREPARING)
    stages = Stages()
    folder = Path(request["folder"])
    grids = [Grid((g[0][0], g[0][1], g[0][2]), as_matrix(g[1])) for g in request["grids"]]
    # Mapped, not read: all models of a study share the pages of one file.
    arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in request["inputs"]]
    with stages.of("judge"):  # first: an image that is refused costs no more than a look
        judged = judge_image(manifest.qc, arrays, grids)
    with stages.of("load"):
        session = kept.loaded(request, manifest)

    def looked(fraction: float) -> None:
        tell(event="progress", fraction=0.05 + 0.85 * fraction, doing=RUNNING)

    stream = predictor(session, manifest, stages)
    template = b""
    if manifest.pre.locate is not None:
        template = _checked(Path(request["template"]), request["template_sha256"], manifest)
    seen = look(
        manifest,
        arrays,
        grids,
        stream,
        template,
        threads=int(request["threads"]),
        looked=looked,
        timed=stages.of,
    )
    labels: dict[str, dict[str, Any]] = {}
    doubts = judged.doubts + seen.doubts
    places = {}

    def finished(key: str) -> Mask:
        return _stored(folder, labels[key], grids[0].shape)

    looking = time.monotonic()
    for found in seen.masks:
        if not labels:
            tell(event="progress", fraction=0.9, doing=FINISHING)
        mask = found.mask  # boxes are kept as the detector gave them
        if manifest.kind == "segmentation":
            mask = clean(mask, grids[0].voxel_ml, manifest.post)
        if found.label.refine:
            with stages.of("refine"):
                mask = refined(mask, arrays[0], _zyx(grids[0]), found.label.refine, finished)
        origin, shape = bounding_block(mask)
        block = tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))
        np.save(folder / f"{found.label.key}.npy", mask[block])
        labels[found.label.key] = {
            "file": f"{found.label.key}.npy",
            "origin": list(origin),
            "score": found.score,
        }
        doubts += judge_mask(manifest.qc, mask, grids[0], found.score, judged.overview)
        if found.label.key in manifest.qc.located:
            places[found.label.key] = lying(mask, grids[0])
    doubts += judge_places(manifest, places)
    spent = time.monotonic() - looking
    stages.seconds["window and masks"] = spent - stages.seconds.get("network", 0.0)
    return {
        "event": "done",
        "labels": labels,
        "pieces": store_pieces(seen.pieces, folder),
        "provider": session.choice.name,
        "precision": _precision(session, manifest),
        "threads": int(request["threads"]),
        "seconds": time.monotonic() - started,
        "stages": stages.seconds,
        "peak_mb": peak_mb(),
        "notes": _plain(kept.notes),
        "doubts": _plain(doubts),
        "unlikeness": judged.unlikeness,
    }


def _zyx(grid: Grid) -> Spacing:
    x, y, z = grid.spacing_mm
    return z, y, x


def _stored(folder: Path, said: dict[str, Any], shape: tuple[int, int, int]) -> Mask:
    """A label's finished mask, whole again."""
    part = np.load(folder / said["file"], mmap_mode="r", allow_pickle=False)
    out = np.zeros(shape, dtype=bool)
    out[tuple(slice(o, o + n) for o, n in zip(said["origin"], part.shape, strict=True))] = part
    return out


def _plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [{"template": one.template, "params": dict(one.params)} for one in messages]


def _precision(session: Session, manifest: Manifest) -> str:
    """A network stored in float16 computes so in onnxruntime; OpenVINO is told what to do."""
    plain = session.choice.provider == "openvino" or manifest.io.dtype == "float32"
    return session.choice.precision if plain else manifest.io.dtype


def _answer(request: dict[str, Any], tell: Callable[..., None], kept: Kept) -> dict[str, Any]:
    """What came of one request; the files that it mapped are let go on the way out."""

    def failed(template: str, params: dict[str, Param], unsuitable: bool) -> dict[str, Any]:
        said = {"template": template, "params": params, "unsuitable": unsuitable}
        return {"event": "failed", **said}

    bounded = _bounded(int(request["memory_mb"]))
    try:
        return run(request, tell, kept)
    except ReaderError as error:
        message = error.message
        return failed(message.template, dict(message.params), isinstance(error, Unsuitable))
    except MemoryError:
        if bounded:
            return {"event": "too_large"}
        return failed(N_("The computer has not enough free memory for this model."), {}, False)


def main() -> None:
    """Serve requests, one after the other, until the parent closes standard input."""
    _stay_inside()
    _first_to_be_killed()
    # Native libraries print where they like: events get a channel of their own, and whatever
    # else is printed goes to the error output, which the parent keeps for diagnosis.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)

    def tell(**event: object) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    gc.collect()
    gc.freeze()  # what is loaded stays: collecting what a job leaves behind then costs nothing
    kept = Kept()
    for line in _requests():
        request = json.loads(line)
        kept.only_for(request)
        _forget_peak()
        answer = _answer(request, tell, kept)
        gc.collect()
        sys.stderr.flush()
        tell(**answer)


if __name__ == "__main__":
    try:
        main()
    except Exception:
        logging.exception("the worker broke")  # the parent keeps the last lines
        sys.stderr.flush()
        os._exit(1)  # the thread that waits on standard input would hold up a normal exit
