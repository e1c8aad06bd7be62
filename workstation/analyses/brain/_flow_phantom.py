"""Generated perfusion: arteries, residue functions, tissue curves and phantoms with known maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats

FACTOR = 100.0 * 0.7333 / 1.04
"""mL/100 g of blood for one part of volume, with the constants of the measures."""
_FINE_S = 0.02


def gamma_artery(times: Floats, onset_s: float = 10.0, scale: float = 1.0) -> Floats:
    """(t - t0)^3 exp(-(t - t0) / 1.5), as a part of its peak times ``scale``; times in s."""
    since = np.maximum(times - onset_s, 0.0)
    return np.asarray(scale * (since / 4.5) ** 3 * np.exp(3.0 - since / 1.5), dtype=np.float64)


def residue(times: Floats, mtt_s: float, shape: str) -> Floats:
    """R(t) of one mean transit time: "exponential", "linear" or "box"; its area is ``mtt_s``."""
    if shape == "exponential":
        return np.asarray(np.exp(-times / mtt_s), dtype=np.float64)
    if shape == "linear":
        return np.asarray(np.maximum(1.0 - times / (2.0 * mtt_s), 0.0), dtype=np.float64)
    return (times < mtt_s).astype(np.float64)


def tissue_curve(
    times: Floats, cbf: float, mtt_s: float, delay_s: float, shape: str, scale: float = 1.0
) -> Floats:
    """Contrast in tissue of flow ``cbf`` (mL/100 g/min): (rho / k_H) CBF (AIF * R), on ``times``
    in s, convolved on a grid of 0.02 s; a positive ``delay_s`` comes after the artery."""
    fine = np.arange(0.0, times[-1] + _FINE_S, _FINE_S)
    blood = gamma_artery(fine, 10.0 + delay_s, scale)
    flow = cbf / 60.0 / FACTOR  # 1/s
    length = 2 * fine.size
    product = np.fft.rfft(blood, length) * np.fft.rfft(residue(fine, mtt_s, shape), length)
    whole = np.fft.irfft(product, length)[: fine.size] * _FINE_S * flow
    return np.asarray(np.interp(times, fine, whole), dtype=np.float64)


def tiles(
    times: Floats, shape: str, cbv: float, side: int = 8, scale: float = 1.0
) -> tuple[NDArray[np.float64], Floats, Floats]:
    """One slice after Kudo et al.: curves (t, 7 * side, 7 * side), MTT of the columns, delay of the
    rows. MTT 3.4 to 24 s along x, so that CBF is ``cbv`` * 60 / MTT; delay -3 to 3 s along y."""
    mtts = np.array([24.0, 12.0, 8.0, 6.0, 4.8, 4.0, 3.43])
    delays = np.arange(-3.0, 4.0)
    image = np.zeros((times.size, 7 * side, 7 * side))
    for row, delay in enumerate(delays):
        for column, mtt in enumerate(mtts):
            curve = tissue_curve(times, 60.0 * cbv / mtt, mtt, delay, shape, scale)
            rows, columns = (slice(k * side, (k + 1) * side) for k in (row, column))
            image[:, rows, columns] = curve[:, None, None]
    return image, mtts, delays
