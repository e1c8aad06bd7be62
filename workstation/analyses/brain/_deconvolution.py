"""Deconvolution of tissue curves with an arterial curve: residue functions of all voxels at once.

A block-circulant matrix is diagonal in Fourier space, and its singular values are the magnitudes of
the arterial spectrum. Truncating them is therefore the same for every voxel and one multiplication:
no voxel needs a decomposition of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workstation.domain.geometry import Floats

Singles = NDArray[np.float32]

OSCILLATION = 0.035
"""Of oSVD: the largest oscillation index allowed (Wu et al. 2003)."""
CIRCULANT_CUT, STANDARD_CUT = 0.10, 0.20
"""Of cSVD and sSVD: singular values below this part of the largest are left out."""
_PLATEAU = 0.9
_CHUNK = 16384  # voxels at a time, so that the work stays in the processor's cache


@dataclass(frozen=True)
class Response:
    """Of each voxel (n,): peak: the largest value of the flow-scaled residue function, 1/s;
    delay_s: where it lies, negative before the artery; kept: singular values used, in pairs."""

    peak: Singles
    delay_s: Singles
    kept: NDArray[np.int32]


def weighted(aif: Floats) -> Floats:
    """(a[k-1] + 4 a[k] + a[k+1]) / 6, circular: the artery is linear between samples."""
    return np.asarray((np.roll(aif, 1) + 4.0 * aif + np.roll(aif, -1)) / 6.0, dtype=np.float64)


def padded_length(count: int) -> int:
    """At least twice ``count`` samples, so that nothing wraps around; a quick length for FFT."""
    return int(fft.next_fast_len(2 * count, real=True))


def oscillation_index(residues: Singles) -> Singles:
    """(1/L) (1/f_max) sum |f[k] - 2 f[k-1] + f[k-2]| of residue functions (n, L)."""
    change = residues[:, 2:] - 2.0 * residues[:, 1:-1] + residues[:, :-2]
    top = np.maximum(np.abs(residues).max(axis=1), 1e-30)
    return np.asarray(np.abs(change).sum(axis=1) / (residues.shape[1] * top), dtype=np.float32)


def circulant(
    curves: Singles,
    aif: Floats,
    step_s: float,
    *,
    oscillation: float | None = None,
    cut: float = CIRCULANT_CUT,
) -> Response:
    """oSVD where ``oscillation`` is given, else cSVD. curves: (n, N), aif: (N,), every ``step_s``.

    oSVD keeps as many singular values as the oscillation index allows, found by halving: the index
    rises with their number. (Looking from the full number down would let some noise-free curves
    through whole and not their neighbours: CBF would jump with delay.)
    """
    length = padded_length(curves.shape[1])
    spectrum = _spectrum(aif, length, step_s)
    size = np.abs(spectrum)
    # Rank 0 is the largest singular value; equal ones share no rank, their order does not matter.
    order = np.argsort(-size, kind="stable")
    rank = np.empty(size.size, dtype=np.int32)
    rank[order] = np.arange(size.size, dtype=np.int32)
    usable = int(np.count_nonzero(size > 1e-6 * size.max()))
    inverse = np.zeros(size.size, dtype=np.complex64)
    inverse[order[:usable]] = 1.0 / spectrum[order[:usable]]
    fixed = max(1, int(np.count_nonzero(size >= cut * size.max())))
    parts = []
    for start in range(0, curves.shape[0], _CHUNK):
        part = fft.rfft(curves[start : start + _CHUNK], length, axis=1) * inverse
        if oscillation is None:
            kept = np.full(part.shape[0], fixed, dtype=np.int32)
        else:
            kept = _most(part, rank, usable, length, oscillation)
        parts.append(_peak(_back(part, rank, kept, length), kept, step_s))
    return _joined(parts)


def _spectrum(aif: Floats, length: int, step_s: float) -> NDArray[np.complex128]:
    column = np.zeros(length)
    column[: aif.size] = aif
    return np.asarray(fft.rfft(weighted(column) * step_s), dtype=np.complex128)


def _back(
    part: NDArray[np.complex64], rank: NDArray[np.int32], kept: NDArray[np.int32], length: int
) -> Singles:
    """Residue functions (n, L) from spectra of which the ``kept`` strongest are used."""
    return np.asarray(
        fft.irfft(np.where(rank < kept[:, None], part, np.complex64(0)), length, axis=1),
        dtype=np.float32,
    )


def _most(
    part: NDArray[np.complex64], rank: NDArray[np.int32], usable: int, length: int, limit: float
) -> NDArray[np.int32]:
    """Of each voxel how many singular values may be kept; one is always within the limit."""
    low = np.ones(part.shape[0], dtype=np.int32)
    high = np.full(part.shape[0], usable + 1, dtype=np.int32)
    while (high - low > 1).any():
        middle = (low + high) // 2
        fits = oscillation_index(_back(part, rank, middle, length)) <= limit
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def _peak(residues: Singles, kept: NDArray[np.int32], step_s: float) -> Response:
    """Height and place of the maxima; what lies in the second half is before the artery.

    The place is that of the first local maximum within 90 % of the largest: on the plateau of a
    box-like residue the largest is a matter of chance. Between samples it is the top of the
    parabola through the maximum and its neighbours.
    """
    length = residues.shape[1]
    turned = np.roll(residues, length - length // 2, axis=1)  # from the earliest on
    top = turned.max(axis=1)
    here = turned[:, 1:-1]
    summit = (here >= turned[:, :-2]) & (here > turned[:, 2:]) & (here >= _PLATEAU * top[:, None])
    at = np.where(summit.any(axis=1), summit.argmax(axis=1) + 1, turned.argmax(axis=1))
    rows = np.arange(residues.shape[0])
    before, after = turned[rows, (at - 1) % length], turned[rows, (at + 1) % length]
    bend = before - 2.0 * turned[rows, at] + after
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(bend < 0, 0.5 * (before - after) / bend, 0.0)
    lag = at - (length - length // 2) + np.clip(shift, -0.5, 0.5)
    return Response(top, np.asarray(lag * step_s, dtype=np.float32), kept)


def standard(curves: Singles, aif: Floats, step_s: float, *, cut: float = STANDARD_CUT) -> Response:
    """sSVD: curves (n, N) by the lower triangular matrix of the artery (N,); not for delays."""
    count = curves.shape[1]
    column = np.zeros(count + 2)
    column[1:-1] = aif
    smooth = ((column[:-2] + 4.0 * column[1:-1] + column[2:]) / 6.0) * step_s
    index = np.arange(count)
    matrix = np.where(index[:, None] >= index, smooth[np.abs(index[:, None] - index)], 0.0)
    left, size, right = np.linalg.svd(matrix)
    used = size >= cut * size[0]
    inverse = (right[used].T / size[used]) @ left[:, used].T
    parts = []
    for start in range(0, curves.shape[0], _CHUNK):
        residues = np.asarray(
            curves[start : start + _CHUNK] @ inverse.T.astype(np.float32), dtype=np.float32
        )
        at = residues.argmax(axis=1)
        kept = np.full(residues.shape[0], int(used.sum()), dtype=np.int32)
        delay = np.asarray(at * step_s, dtype=np.float32)
        parts.append(Response(residues[np.arange(at.size), at], delay, kept))
    return _joined(parts)


def _joined(parts: list[Response]) -> Response:
    if not parts:
        empty = np.zeros(0, dtype=np.float32)
        return Response(empty, empty, np.zeros(0, dtype=np.int32))
    return Response(
        np.concatenate([p.peak for p in parts]),
        np.concatenate([p.delay_s for p in parts]),
        np.concatenate([p.kept for p in parts]),
    )
