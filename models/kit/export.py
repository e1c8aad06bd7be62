"""From a trained network to ``model.onnx``, checked against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

AXES = {4: ("height", "width"), 5: ("depth", "height", "width")}


def save_onnx(
    net: nn.Module,
    path: Path,
    shape: tuple[int, ...],
    *,
    input: str = "image",
    output: str = "logit",
    opset: int = 17,
    free: bool = True,
    seed: int = 0,
) -> float:
    """Write ``net`` as one file with the tensor names that the manifest's ``io`` gives.

    shape: (N, C, H, W) or (N, C, D, H, W) of the random input that both are compared on. free:
    batch and sizes may be anything (a fixed patch is a little faster). Returns the largest
    difference between onnxruntime and torch.
    """
    import onnxruntime

    net = net.eval().to(memory_format=torch.contiguous_format)
    torch.manual_seed(seed)
    given = torch.randn(*shape)
    names = {0: "batch"}
    if free:
        names |= {axis + 2: name for axis, name in enumerate(AXES[len(shape)])}
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        torch.onnx.export(
            net,
            (given,),
            str(path),
            input_names=[input],
            output_names=[output],
            dynamic_axes={input: names, output: names},
            opset_version=opset,
            dynamo=False,
        )
        wanted = net(given).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run([output], {input: given.numpy()})[0]
    return float(np.abs(found - wanted).max())
