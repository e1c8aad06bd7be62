"""Many curves c0 + c1 * exp(-t / tau) fitted at once, by least squares in tau alone.

For each tau the best c0 and c1 follow in closed form (variable projection: Golub and Pereyra, SIAM
J Numer Anal 1973;10:413-432), so a search along tau finds the best of all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.domain.geometry import Floats

_GRID = 60
_STEPS = 40  # of the golden section: tau to 1e-6 of itself
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_BATCH = 20000


@dataclass(frozen=True)
class Decay:
    """Of each curve (n,): tau in the unit of t, c0, c1, and the sum of squares left."""

    tau: Floats
    c0: Floats
    c1: Floats
    left: Floats


def fit_decay(t: Floats, signals: Floats, *, offset: bool, low: float, high: float) -> Decay:
    """Fit curves (n, m) at times (m,) with ``low`` <= tau <= ``high``; no offset: c0 is 0."""
    parts = [
        _fit(t, signals[i : i + _BATCH], offset, low, high)
        for i in range(0, max(len(signals), 1), _BATCH)
    ]
    return Decay(
        *(np.concatenate([getattr(p, k) for p in parts]) for k in ("tau", "c0", "c1", "left"))
    )


def _fit(t: Floats, signals: Floats, offset: bool, low: float, high: float) -> Decay:
    taus = np.geomspace(low, high, _GRID)
    basis = np.exp(-t / taus[:, None])
    mean = signals.mean(axis=1, keepdims=True) if offset else 0.0
    centred = signals - mean
    if offset:
        basis = basis - basis.mean(axis=1, keepdims=True)
    square = np.maximum((basis**2).sum(axis=1), 1e-300)
    best = np.argmax((centred @ basis.T) ** 2 / square, axis=1)
    log = np.log(taus)
    a, b = log[np.maximum(best - 1, 0)], log[np.minimum(best + 1, _GRID - 1)]
    c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    at_c, at_d = (_gain(t, centred, np.exp(v), offset) for v in (c, d))
    for _ in range(_STEPS):
        lower = at_c > at_d
        a, b = np.where(lower, a, c), np.where(lower, d, b)
        c_new, d_new = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
        fresh = np.where(lower, c_new, d_new)
        value = _gain(t, centred, np.exp(fresh), offset)
        at_c, at_d = np.where(lower, value, at_d), np.where(lower, at_c, value)
        c, d = c_new, d_new
    tau = np.exp((a + b) / 2.0)
    curve = np.exp(-t / tau[:, None])
    middle = curve.mean(axis=1, keepdims=True) if offset else 0.0
    flat = curve - middle
    c1 = (centred * flat).sum(axis=1) / np.maximum((flat**2).sum(axis=1), 1e-300)
    c0 = np.ravel(mean - c1[:, None] * middle) if offset else np.zeros(len(signals))
    left = ((signals - c0[:, None] - c1[:, None] * curve) ** 2).sum(axis=1)
    return Decay(tau, c0, c1, left)


def _gain(t: Floats, centred: Floats, tau: Floats, offset: bool) -> Floats:
    """How much of each curve's squares an exponential of its tau explains."""
    curve = np.exp(-t / tau[:, None])
    if offset:
        curve = curve - curve.mean(axis=1, keepdims=True)
    share = (centred * curve).sum(axis=1) ** 2
    return np.asarray(share / np.maximum((curve**2).sum(axis=1), 1e-300))
