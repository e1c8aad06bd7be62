"""Compare an int8 network with the float32 one and write int8.json; nothing is shipped by this.

    python models/heart-sax/quantise.py --data ../shared/data --package models/heart-sax

Activations are calibrated on training patients; labels are compared on training patients apart
from those and on generated hearts. int8 would ship only if no label lost anything (agreement of
all voxels over 0.9995, Dice of each label over 0.995) and it were faster.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from cines import load  # noqa: E402
from generated import GATE, beat  # noqa: E402
from synthesis import normalised  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.int8 import compared, quantised  # noqa: E402

ALIKE, SAME_LABELS = 0.9995, 0.995


def _batches(image: np.ndarray, every: int = 2) -> list[np.ndarray]:
    ready = normalised(image)
    side = 16 * (min(ready.shape[1:]) // 16)
    ready = ready[:, :side, :side]
    count = len(ready)
    return [ready[np.clip([z - 1, z, z + 1], 0, count - 1)][None] for z in range(1, count, every)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    args = parser.parse_args(arguments)
    stacks = load(args.data)
    known = [one for stack in stacks[:-8:4] for one in _batches(stack.image)]
    asked = [one for stack in stacks[-8:] for one in _batches(stack.image)]
    asked += _batches(beat(GATE, 0).images[0])
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "int8.onnx"
        quantised(args.package / "model.onnx", small, known)
        found = compared(
            args.package / "model.onnx", small, asked, lambda logits: logits.argmax(axis=1)
        )
    out: dict[str, object] = {name: round(value, 5) for name, value in found.items()}
    lossless = found["agreement"] >= ALIKE and found["dice"] >= SAME_LABELS
    faster = found["seconds_int8"] < found["seconds_float32"]
    if lossless and faster:
        out |= {"said_en": "int8 loses nothing and is faster.", "said_zh": "int8 无损失且更快。"}
    elif lossless:
        out |= {
            "said_en": "int8 loses nothing and gains no time: float32 is shipped.",
            "said_zh": "int8 无损失但不更快，因此发布 float32。",
        }
    else:
        out |= {
            "said_en": "int8 changes labels: float32 is shipped.",
            "said_zh": "int8 改变了标签，因此发布 float32。",
        }
    write_json(args.package / "int8.json", out)
    print(out)  # noqa: T201


if __name__ == "__main__":
    main()
