"""Compare an int8 network with the float32 one and write int8.json; nothing is shipped by this.

    python models/ct-body/quantise.py --package models/ct-body --cache FOLDER

Activations are calibrated on training bodies; labels are compared on bodies never trained on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import bodies  # noqa: E402
from scanner import draw  # noqa: E402
from tissues import OUTPUTS  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.int8 import compared, quantised, verdict  # noqa: E402

ORGANS = [k for k, name in enumerate(OUTPUTS) if name not in ("body", "bone")]


def _decided(chance: np.ndarray) -> np.ndarray:
    """The organ over one half, 0 where there is none; no two can be."""
    found = chance[:, ORGANS]
    return np.where(found.max(axis=1) > 0.5, found.argmax(axis=1) + 1, 0)


def _batches(files: list[Path], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [draw(rng, np.load(path)["tissue"])[0][None, None] for path in files]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    args = parser.parse_args(arguments)
    known = bodies.fill(args.cache, bodies.TRAIN, args.count, 1)
    other = bodies.fill(args.cache, bodies.TEST, args.count, 1)
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "int8.onnx"
        quantised(args.package / "model.onnx", small, _batches(known, 1))
        found = compared(args.package / "model.onnx", small, _batches(other, 2), _decided)
    out = verdict(found)
    write_json(args.package / "int8.json", out)
    sys.stdout.write(f"{out}\n")


if __name__ == "__main__":
    main()
