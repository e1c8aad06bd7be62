"""Confidence intervals of what was measured, 95 % unless told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Interval = tuple[float, float, float]
"""value, low, high"""


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def bootstrap(
    values: ArrayLike,
    seed: int,
    statistic: Callable[[NDArray[np.float64]], float] = _mean,
    *,
    times: int = 5000,
    level: float = 0.95,
) -> Interval:
    """``statistic`` of values, with percentiles of it over resampled values (Efron 1979, Ann Stat
    7:1). Values must be independent: one per patient, not one per slice. With few values (under
    about 20) such an interval is too narrow, and a card says how many there were.

    Raises ``ValueError`` where there are none.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not given.size:
        raise ValueError("one value or more, in a row")
    return grouped_bootstrap(list(given), seed, lambda some: statistic(np.asarray(some)),
                             times=times, level=level)  # fmt: skip


def grouped_bootstrap(
    groups: Sequence[Any],
    seed: int,
    statistic: Callable[[Sequence[Any]], float],
    *,
    times: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The same over whole groups (patients with all of their slices or lesions): ``statistic``
    gets a list of groups, drawn with replacement."""
    if not groups:
        raise ValueError("no groups")
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        drawn = rng.integers(len(groups), size=len(groups))
        found.append(statistic([groups[k] for k in drawn]))
    ends = np.nanpercentile(found, [50 * (1 - level), 50 * (1 + level)])
    return float(statistic(groups)), float(ends[0]), float(ends[1])


def wilson(hits: int, count: int, z: float = 1.959964) -> Interval:
    """A proportion with its score interval (Wilson 1927, J Am Stat Assoc 22:209).

    >>> [round(v, 3) for v in wilson(8, 10)]
    [0.8, 0.49, 0.943]
    >>> wilson(0, 0)
    (nan, 0.0, 1.0)
    """
    if count == 0:
        return math.nan, 0.0, 1.0
    part = hits / count
    middle = (part + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count)
    reach *= math.sqrt(part * (1 - part) / count + z * z / (4 * count * count))
    return part, max(0.0, middle - reach), min(1.0, middle + reach)


def rounded(interval: Interval, digits: int = 3) -> dict[str, Any]:
    """As ``metrics.json`` keeps it: {"value": ..., "ci": [low, high]}."""
    value, low, high = interval
    return {"value": round(value, digits), "ci": [round(low, digits), round(high, digits)]}
