"""Whether a model's work changes over time: stability of its scores, and a chart of rejections.

Both are signals to look, no proof: a new scanner, another population and another reader move them
as a worse model does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PSI_LIMIT = 0.2
"""Above it a distribution has shifted markedly (Siddiqi, Credit Risk Scorecards, Wiley 2006)."""
PSI_SOURCE = (
    "PSI = Σ (a − e) · ln(a / e): Kullback & Leibler, Ann Math Stat 22:79 (1951), divergence J; "
    "limit 0.2: Siddiqi, Credit Risk Scorecards, Wiley 2006"
)
CUSUM_LIMIT = 4.5
"""Height at which the chart signals: Steiner et al. 2000 use it for a doubling of the odds."""
CUSUM_SOURCE = (
    "S = max(0, S + W), W the log-likelihood ratio of a doubled odds of rejection: "
    "Page, Biometrika 41:100 (1954); Steiner et al., Biostatistics 1:441 (2000)"
)
ODDS = 2.0
EDGES = (0.2, 0.4, 0.6, 0.8)
"""Borders of the five bins of a score histogram, 0..1."""


def histogram(scores: Sequence[float]) -> tuple[int, ...]:
    """How many scores (0..1) fall into each of the five bins; a border belongs to the upper."""
    counts = [0] * (len(EDGES) + 1)
    for score in scores:
        counts[sum(score >= edge for edge in EDGES)] += 1
    return tuple(counts)


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Population stability index of two histograms with the same bins (counts or shares).

    An empty bin counts as half an observation, or the logarithm would be infinite: with counts.
    Raises ``ValueError`` for different bins or an empty histogram. Source: ``PSI_SOURCE``.
    """
    if len(expected) != len(actual) or not sum(expected) or not sum(actual):
        raise ValueError("two histograms with the same bins and something in each")
    e, a = _shares(expected), _shares(actual)
    return sum((y - x) * math.log(y / x) for x, y in zip(e, a, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    filled = [count if count > 0 else 0.5 for count in counts] if min(counts) <= 0 else list(counts)
    whole = sum(filled)
    return [count / whole for count in filled]


@dataclass(frozen=True)
class Cusum:
    """A chart of rejections. values: S after each decision. signal: index of the first decision
    at which it stood over the limit, None where it never did."""

    values: tuple[float, ...]
    signal: int | None


def cusum(rejected: Sequence[bool], usual: float, odds: float = ODDS) -> Cusum:
    """One-sided chart of decisions in order: it rises where rejections come oftener than usual.

    usual: rejection rate of the model's beginning, strictly between 0 and 1. odds: the ratio of
    odds that it is to find. Source: ``CUSUM_SOURCE``. Raises ``ValueError``.
    """
    if not 0.0 < usual < 1.0:
        raise ValueError("the usual rate lies between 0 and 1")
    worse = odds * usual / (1 - usual + odds * usual)
    up, down = math.log(worse / usual), math.log((1 - worse) / (1 - usual))
    values: list[float] = []
    height, signal = 0.0, None
    for number, one in enumerate(rejected):
        height = max(0.0, height + (up if one else down))
        values.append(height)
        if signal is None and height > CUSUM_LIMIT:
            signal = number
    return Cusum(tuple(values), signal)
