"""int8 weights and activations, shipped only where nothing is lost against float32.

Static quantisation as QDQ with one scale per output channel of a convolution; activations are
calibrated on images that training may see. What int8 gains differs by processor: it is measured,
and where it loses labels or time float32 ships.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Reader(CalibrationDataReader):
    def __init__(self, name: str, batches: Iterable[NDArray[np.float32]]) -> None:
        self.rest: Iterator[dict[str, NDArray[np.float32]]] = iter({name: one} for one in batches)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.rest, None)


def quantised(
    model: Path,
    out: Path,
    batches: Iterable[NDArray[np.float32]],
    *,
    input: str = "image",
    leave: tuple[str, ...] = (),
) -> None:
    """Write ``model`` in int8. batches: inputs to calibrate on. leave: names of operators that
    stay float32 (the last one decides labels)."""
    with tempfile.TemporaryDirectory() as scratch:
        ready = Path(scratch) / "ready.onnx"
        quant_pre_process(str(model), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(out),
            _Reader(input, batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=list(leave),
        )


def session_of(model: Path, threads: int = 2) -> onnxruntime.InferenceSession:
    """A network on the plain processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def compared(
    plain: Path,
    small: Path,
    batches: list[NDArray[np.float32]],
    decide: Callable[[NDArray[np.float32]], NDArray[Any]],
    *,
    input: str = "image",
    threads: int = 2,
) -> dict[str, float]:
    """Labels and seconds of both networks on the same inputs.

    decide: logits (N, K, ...) to label numbers (N, ...), 0 is background. agreement: part of all
    voxels with the same label; dice: least Dice of a label; seconds: of all batches; bytes.
    """
    found: list[list[NDArray[Any]]] = []
    seconds = []
    for path in (plain, small):
        session = session_of(path, threads)
        session.run(None, {input: batches[0]})  # the first run allocates
        begun = time.perf_counter()
        out = [session.run(None, {input: one})[0] for one in batches]
        seconds.append(time.perf_counter() - begun)
        found.append([decide(one) for one in out])
    pairs = list(zip(*found, strict=True))
    same = sum(int((a == b).sum()) for a, b in pairs)
    labels = {int(k) for a, _ in pairs for k in np.unique(a)} - {0}
    dices = [
        2.0
        * sum(int(((a == k) & (b == k)).sum()) for a, b in pairs)
        / max(1, sum(int((a == k).sum()) + int((b == k).sum()) for a, b in pairs))
        for k in labels
    ]
    return {
        "agreement": same / sum(a.size for a, _ in pairs),
        "dice": min(dices, default=1.0),
        "seconds_float32": seconds[0],
        "seconds_int8": seconds[1],
        "bytes_float32": float(plain.stat().st_size),
        "bytes_int8": float(small.stat().st_size),
    }


ALIKE, SAME_LABELS = 0.9995, 0.995  # of all voxels; Dice of each label


def verdict(found: dict[str, float]) -> dict[str, float | str]:
    """What ``compared`` found, rounded, and what it means: float32 ships unless int8 loses nothing
    and is faster."""
    lossless = found["agreement"] >= ALIKE and found["dice"] >= SAME_LABELS
    if not lossless:
        said = "int8 changes labels: float32 is shipped.", "int8 改变了标签，因此发布 float32。"
    elif found["seconds_int8"] < found["seconds_float32"]:
        said = "int8 loses nothing and is faster.", "int8 无损失且更快。"
    else:
        said = (
            "int8 loses nothing and gains no time: float32 is shipped.",
            "int8 无损失但不更快，因此发布 float32。",
        )
    numbers = {name: round(value, 5) for name, value in found.items()}
    return {**numbers, "said_en": said[0], "said_zh": said[1]}
