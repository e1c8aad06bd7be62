"""A child process that runs a network once on one batch, for checking an import against torch.

Argument: a folder with ``model.onnx`` and ``input.npy`` (N, C, ...); writes ``output.npy``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main() -> int:
    """0 when ``output.npy`` was written."""
    folder = Path(sys.argv[1])
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        (folder / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (name,) = (entry.name for entry in session.get_inputs())
    (out,) = session.run(None, {name: np.load(folder / "input.npy", allow_pickle=False)})
    np.save(folder / "output.npy", out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
