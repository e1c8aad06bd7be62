"""Whole generated bodies as bytes of tissue, made once and kept on disk.

python bodies.py FOLDER --count 160 --workers 2
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from canvas import Canvas
from frame import Frame
from organs import (
    paint_back,
    paint_bowel,
    paint_chest,
    paint_effusion,
    paint_kidneys,
    paint_liver,
    paint_spleen,
    paint_stomach,
    paint_trunk,
)
from scipy import ndimage
from skeleton import paint_head, paint_skeleton
from tissues import Tissue as T
from vessels import paint_airways, paint_great_vessels, paint_heart, paint_lung_vessels

STEP_MM = 3.0
TRAIN, TEST = 5101, 5102  # kinds of seeds
# Levels (average body) that one generated block runs between, and how often.
SPANS = (((-230, 640), 0.30), ((60, 500), 0.2), ((-160, 330), 0.35), ((380, 800), 0.08),
         ((-410, -60), 0.07))  # fmt: skip


def make_body(seed: int, number: int, family: int | None = None) -> np.ndarray:
    """Tissue (z, y, x), bytes, 3 mm, LPH: z to the head, y to the back, x to the left."""
    rng = np.random.default_rng((seed, number))
    f = Frame(rng)
    span = SPANS[int(rng.choice(len(SPANS), p=[p for _, p in SPANS]))][0]
    kind = int(rng.integers(2)) if family is None else family
    arms = str(rng.choice(["up", "down", "none"], p=[0.5, 0.25, 0.25]))
    half = 270 if arms != "none" else 225
    c = Canvas(rng, (-half, -190, f.s(span[0])), (half, 190, f.s(span[1])), STEP_MM, kind)
    paint_trunk(c, f, legs=span[0] < -200)
    if span[1] > 600:
        paint_head(c, f)
    low = paint_chest(c, f)
    paint_liver(c, f, low)
    paint_spleen(c, f, low)
    paint_kidneys(c, f)
    paint_stomach(c, f, low)
    paint_bowel(c, f)
    paint_back(c, f)
    valve = paint_heart(c, f, low)
    paint_great_vessels(c, f, valve)
    paint_lung_vessels(c, f)
    paint_airways(c, f)
    paint_skeleton(c, f, arms)
    paint_effusion(c, f)
    _objects(c)
    return _warped(c)


def _objects(c: Canvas) -> None:
    """Table, cushions and wires around the body."""
    rng = c.rng
    body = c.tissue > T.TABLE
    back = int(np.flatnonzero(body.any(axis=(0, 2)))[-1])
    place = float(c.low[1] + c.step * back) + rng.uniform(2, 22)
    hollow = rng.uniform(0, 1.1e-3)
    for gap in (0.0, rng.uniform(12, 50)):
        surface = place + gap - hollow * c.x**2
        sheet = (np.abs(c.y - surface) < rng.uniform(1.5, 4)) & (
            np.abs(c.x) < rng.uniform(180, 260)
        )
        c.put((slice(None),) * 3, np.broadcast_to(sheet, c.shape), T.TABLE, (T.AIR,))


def _warped(c: Canvas) -> np.ndarray:
    """Everything bent together, smoothly."""
    fields = [c.smooth(float(c.rng.uniform(90, 160))) for _ in range(3)]
    size = c.rng.uniform(1.0, 5.0) / c.step
    grid = [np.arange(n, dtype=np.float32) for n in c.shape]
    places = np.empty((3, *c.shape), dtype=np.float32)
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = -1
        places[axis] = grid[axis].reshape(shape) + size * fields[axis]
    return ndimage.map_coordinates(c.tissue, places, order=0, mode="nearest")


def _store(folder: Path, seed: int, number: int) -> str:
    path = folder / f"{seed}_{number:04d}.npz"
    if not path.exists():
        part = path.with_name(path.stem + f".{os.getpid()}.npz")
        np.savez_compressed(part, tissue=make_body(seed, number))
        part.replace(path)
    return str(path)


def fill(folder: Path, seed: int, count: int, workers: int) -> list[Path]:
    """Files of ``count`` bodies; those that are missing are made."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(_store, folder, seed, number) for number in range(count)]
        return [Path(job.result()) for job in jobs]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=TRAIN)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    started = time.monotonic()
    found = fill(args.folder, args.seed, args.count, args.workers)
    sys.stdout.write(f"{len(found)} bodies, {time.monotonic() - started:.0f} s\n")
