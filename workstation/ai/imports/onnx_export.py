"""A torch network as ONNX, checked against torch by the runtime that will run it."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from workstation.ai.imports.refusals import library
from workstation.domain.errors import N_, BadInput

OPSET = 17
INPUT, OUTPUT = "image", "logits"
_TOLERANCE = 1e-3  # of the largest logit: float32 kernels sum in different orders


def to_onnx(network: Any, channels: int, patch: tuple[int, ...]) -> tuple[bytes, float]:
    """ONNX of ``network`` with a free batch size, and its largest difference from torch on random
    input (relative to the largest output). patch: spatial shape of the input.

    Raises ``BadInput`` where the network cannot be expressed, gives more than one tensor or
    another size than its input, or where the exported one computes something else.
    """
    torch = library("torch")
    library("onnx")
    generator = torch.Generator().manual_seed(7)
    sample = torch.randn((2, channels, *patch), generator=generator)
    with torch.inference_mode():
        expected = network(sample)
    if not isinstance(expected, torch.Tensor) or tuple(expected.shape[2:]) != patch:
        raise BadInput(N_("The network does not give one map of its input's size."))
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # exporters warn of every trace; the check decides
            torch.onnx.export(
                network, (sample[:1],), buffer, opset_version=OPSET, dynamo=False,
                input_names=[INPUT], output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            )  # fmt: skip
    except (RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError) as error:
        raise BadInput(N_("The network cannot be written as ONNX ({why})."),
                       why=(str(error).splitlines() or ["?"])[0][:160]) from error  # fmt: skip
    model = buffer.getvalue()
    found = probe(model, sample.numpy())
    wanted = expected.numpy()
    largest = float(np.abs(wanted).max())
    difference = float(np.abs(found - wanted).max()) / max(largest, 1e-6)
    if found.shape != wanted.shape or not difference <= _TOLERANCE:
        raise BadInput(
            N_("The exported network differs from the original by {difference} of its largest "
               "output; nothing was written."), difference=f"{difference:.2g}",
        )  # fmt: skip
    return model, difference


def probe(model: bytes, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Output of an ONNX network for one batch, computed in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="onescan-import-") as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(model)
        np.save(folder / "input.npy", batch)
        run = subprocess.run(
            [sys.executable, "-m", "workstation.ai.worker_probe", str(folder)],
            cwd=Path(__file__).resolve().parents[3], capture_output=True, check=False, timeout=900,
        )  # fmt: skip
        if run.returncode != 0:
            lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
            raise BadInput(N_("The exported network does not run ({why})."),
                           why=(lines or ["?"])[-1][:160])  # fmt: skip
        return np.asarray(np.load(folder / "output.npy", allow_pickle=False))
