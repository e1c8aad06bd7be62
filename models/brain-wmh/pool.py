"""The training volumes, each made from its own seed, so by any number of processes in any order.

They are kept as files: a second run with the same folder does not make them again.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from heads import TRAIN, make_head
from images import Case, load_cases
from synthesis import Example, head_example, make_example

# Share of each source among the volumes: a real head's number, or a generated one. Every second
# patch comes from the three whole heads and the generated ones, where no mask limits them.
SHARES = (("0", 0.27), ("1", 0.14), ("2", 0.14), ("3", 0.13), ("generated", 0.32))


@lru_cache(maxsize=1)
def _cases(data: Path) -> list[Case]:
    return load_cases(data)


def sources(volumes: int) -> list[str]:
    """Where each volume comes from, in proportion to ``SHARES``, well mixed."""
    owed = dict.fromkeys((name for name, _ in SHARES), 0.0)
    chosen = []
    for _ in range(volumes):
        for name, share in SHARES:
            owed[name] += share
        best = max(owed, key=lambda name: owed[name])
        owed[best] -= 1.0
        chosen.append(best)
    return chosen


def make_one(data: Path, folder: Path, seed: int, number: int, source: str) -> Path:
    """Volume ``number`` as a file in ``folder``; made only where it is not there yet."""
    path = folder / f"{seed}-{number:04d}-{source}.npz"
    if path.is_file():
        return path
    rng = np.random.default_rng((seed, number))
    if source == "generated":
        example = head_example(rng, make_head(TRAIN, seed * 10_000 + number))
    else:
        example = make_example(rng, _cases(data)[int(source)])
    unready = path.with_suffix(".part")
    with unready.open("wb") as out:
        np.savez(out, image=example.image, label=example.label, **example.places)
    unready.replace(path)
    return path


def fill(data: Path, folder: Path, seed: int, volumes: int, workers: int) -> list[Example]:
    """The training volumes, made by ``workers`` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(make_one, data, folder, seed, number, source)
            for number, source in enumerate(sources(volumes))
        ]
        paths = [job.result() for job in jobs]
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            places = {k: stored[k] for k in ("own", "lesion", "bright", "any")}
            found.append(Example(stored["image"], stored["label"], places))
    return found
