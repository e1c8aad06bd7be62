"""The training volumes, each head from its own seed, so by any number of processes in any order.

They are kept as files: a second run with the same folder does not make them again.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from heads import cases
from pre import Ready, ready

PER_HEAD = 7


def make_head(folder: Path, purpose: int, number: int) -> list[Path]:
    """The scans of one head as files in ``folder``; made only where they are not there yet."""
    paths = [folder / f"{purpose}-{number:03d}-{turn}.npz" for turn in range(PER_HEAD)]
    if all(path.is_file() for path in paths):
        return paths
    for path, case in zip(paths, cases(purpose, number), strict=True):
        made = ready(case.scan.array, case.scan.grid, case.scan.truth)
        unready = path.with_suffix(f".{os.getpid()}")
        with unready.open("wb") as out:
            np.savez(out, image=made.image, label=made.label)
        unready.replace(path)
    return paths


def fill(folder: Path, purpose: int, heads: int, workers: int) -> list[Ready]:
    """Every scan of the first ``heads`` heads, made by ``workers`` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(make_head, folder, purpose, number) for number in range(heads)]
        paths = [path for job in jobs for path in job.result()]
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            found.append(Ready(stored["image"], stored["label"]))
    return found
