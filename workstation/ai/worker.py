"""The child process that runs one network once; the only user of onnxruntime.

Reads one JSON request line on standard input, writes JSON event lines on standard output, and
takes and gives arrays as ``.npy`` files in the folder that the request names. It ends itself
when standard input closes, which is how it learns that its parent is gone.

Request: model (path), model_sha256, manifest (JSON text), inputs (paths), grids ([shape, affine]),
folder, threads. Events: ``progress`` (fraction, doing), ``failed`` (unsuitable, template, params),
``done`` (labels: key to {file, score}, provider, precision, threads, seconds, peak_mb).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import psutil

from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.postprocess import clean, found_masks
from workstation.ai.preprocess import check_quality, prepare
from workstation.ai.sliding_window import Image, Predict, slide
from workstation.domain.errors import N_, BadInput, Param, ReaderError
from workstation.domain.geometry import Grid, as_matrix

PREPARING = N_("Preparing the images")
RUNNING = N_("The model is looking at the images")
FINISHING = N_("Drawing what was found")
_ERROR_NUMBER = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def _why(error: BaseException) -> str:
    """The first line of a runtime's message, without its own error numbers."""
    lines = _ERROR_NUMBER.sub("", str(error).strip()).splitlines()
    return lines[0][:200] if lines else type(error).__name__


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


def peak_mb() -> float:
    """Largest resident memory of this process so far, MB (2**20 bytes)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Not ru_maxrss: after fork and exec it still counts the parent.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    info = psutil.Process().memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / 2**20


def open_session(model: bytes, manifest: Manifest, threads: int) -> onnxruntime.InferenceSession:
    """The network on the CPU. Raises ``BadInput`` where it cannot be loaded or does not fit."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Spinning threads burn every core for a second after each run and starve the window.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = manifest.io.layout == "NCHW"  # 3D: an arena only ever grows
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's exceptions share no other base class
        raise BadInput(
            N_("Model {model} cannot be loaded: {why}"), model=manifest.id, why=_why(error)
        ) from error
    inputs = {entry.name: entry for entry in session.get_inputs()}
    outputs = {entry.name for entry in session.get_outputs()}
    for name, known in ((manifest.io.input, set(inputs)), (manifest.io.output, outputs)):
        if name not in known:
            raise BadInput(
                N_("Model {model} cannot be loaded: it has no tensor named {name}."),
                model=manifest.id,
                name=name,
            )
    others = sorted(set(inputs) - {manifest.io.input})
    if others:
        raise BadInput(
            N_("Model {model} cannot be loaded: it wants a further input, {name}."),
            model=manifest.id,
            name=others[0],
        )
    return session


def predictor(session: onnxruntime.InferenceSession, manifest: Manifest) -> Predict:
    """The network as a function of arrays; its runtime errors become ``BadInput``."""
    dtype = np.dtype(manifest.io.dtype)

    def predict(batch: Image) -> Image:
        given = {manifest.io.input: batch.astype(dtype, copy=False)}
        try:
            (out,) = session.run([manifest.io.output], given)
        except Exception as error:  # as above
            if "alloc" in str(error).lower():
                raise MemoryError from error
            raise BadInput(
                N_("Model {model} failed while running: {why}"), model=manifest.id, why=_why(error)
            ) from error
        return np.asarray(out, dtype=np.float32)

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
    threads = int(request["threads"])
    session = open_session(model, manifest, threads)
    del model
    folder = Path(request["folder"])
    grids = [Grid((g[0][0], g[0][1], g[0][2]), as_matrix(g[1])) for g in request["grids"]]
    prepared = prepare(
        manifest.pre, [np.load(path, allow_pickle=False) for path in request["inputs"]], grids
    )
    check_quality(manifest.qc, prepared)

    def looked(fraction: float) -> None:
        tell(event="progress", fraction=0.05 + 0.85 * fraction, doing=RUNNING)

    planes = slide(
        prepared.array, manifest.infer, predictor(session, manifest), manifest.pre.pad_value, looked
    )
    labels: dict[str, dict[str, Any]] = {}
    for found in found_masks(planes, prepared, manifest):
        if not labels:
            tell(event="progress", fraction=0.9, doing=FINISHING)
        mask = clean(found.mask, grids[0].voxel_ml, manifest.post)
        np.save(folder / f"{found.label.key}.npy", mask)
        labels[found.label.key] = {"file": f"{found.label.key}.npy", "score": found.score}
        _check_output(manifest, int(mask.sum()) * grids[0].voxel_ml)
    tell(
        event="done",
        labels=labels,
        provider=session.get_providers()[0],
        precision=manifest.io.dtype,
        threads=threads,
        seconds=time.monotonic() - started,
        peak_mb=peak_mb(),
    )


def _check_output(manifest: Manifest, volume_ml: float) -> None:
    span = manifest.qc.output_ml
    if span is not None and not span[0] <= volume_ml <= span[1]:
        raise Unsuitable(
            N_(
                "The result is not plausible: {volume} mL, where {low} to {high} mL can be "
                "expected. It is not shown."
            ),
            volume=round(volume_ml, 1),
            low=span[0],
            high=span[1],
        )


def main() -> int:
    """Serve one request; 0 when an answer (``done`` or ``failed``) was given."""
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
