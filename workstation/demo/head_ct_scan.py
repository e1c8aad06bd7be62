"""What a CT scanner makes of a head: slices, blur, noise, beam hardening, a head holder.

Slices average the head over their thickness along the table, so that bone and brain of one voxel
mix at the base of the skull; a tilted gantry shears the stack. Beam hardening is the square of
each ray's path through bone, reconstructed by filtered backprojection (Joseph and Spital 1978,
J Comput Assist Tomogr 2:100): dark bands between dense bones and cupping below the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse

from workstation.demo.bleeds import BledHead, BleedKind
from workstation.demo.shapes import Field
from workstation.domain.geometry import Grid, as_matrix

Mask = NDArray[np.bool_]
_SUB_MM = 2.0  # slices are averages of layers no further apart
_COARSE_MM = 2.6
_COARSE = 96
_ANGLES = 72
_FINE_FROM = 1.6  # thinner slices are one layer


@dataclass(frozen=True)
class CtProtocol:
    """How a head is scanned.

    pixel_mm, slice_mm, thickness_mm: of the images. matrix: rows and columns. slices: how many.
    lowest_mm: first slice against the commissures. tilt_deg: of the gantry. pitch_deg, yaw_deg,
    roll_deg: how the head lies. noise_hu: in the middle of the brain. blur_mm: full width at half
    maximum in plane. sharpened: part of the detail added again. hardening: 0 corrected, 1 plain.
    offset_hu: calibration. holder: a head holder is in the field. outside_hu: beyond the scanned
    circle, or None.
    """

    pixel_mm: float = 0.9
    slice_mm: float = 5.0
    thickness_mm: float = 5.0
    matrix: tuple[int, int] = (256, 224)
    slices: int = 32
    lowest_mm: float = -56.0
    tilt_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    noise_hu: float = 3.5
    blur_mm: float = 1.1
    sharpened: float = 0.2
    hardening: float = 0.4
    offset_hu: float = 0.0
    holder: bool = True
    outside_hu: float | None = None


def random_protocol(rng: np.random.Generator, pixel_mm: float | None = None) -> CtProtocol:
    """Slices of 1 to 8 mm, tilted or not, noisy or not."""
    pixel = pixel_mm or float(rng.uniform(0.8, 1.0))
    thickness = float(rng.choice([1.0, 1.25, 2.0, 2.5, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 8.0]))
    step = thickness * float(rng.choice([1.0, 1.0, 1.0, 0.8, 1.2]))
    lowest = float(rng.uniform(-62.0, -44.0))
    covered = float(rng.uniform(128.0, 150.0))
    thin = np.sqrt(5.0 / thickness)
    return CtProtocol(
        pixel_mm=pixel,
        slice_mm=step,
        thickness_mm=thickness,
        matrix=(round(232.0 / pixel), round(204.0 / pixel)),
        slices=int(np.ceil(covered / step)),
        lowest_mm=lowest,
        tilt_deg=float(rng.uniform(8.0, 22.0)) if rng.random() < 0.25 else 0.0,
        pitch_deg=float(rng.normal(-4.0, 8.0)),
        yaw_deg=float(rng.normal(0.0, 4.0)),
        roll_deg=float(rng.normal(0.0, 4.0)),
        shift_mm=(float(rng.normal(0.0, 3.0)), float(rng.normal(0.0, 3.0))),
        noise_hu=float(np.clip(rng.uniform(1.8, 5.0) * thin, 1.5, 10.0)),
        blur_mm=float(rng.uniform(0.8, 1.7)),
        sharpened=float(rng.uniform(0.0, 0.6)),
        hardening=float(rng.uniform(0.0, 1.0)),
        offset_hu=float(rng.normal(0.0, 1.5)),
        holder=bool(rng.random() < 0.7),
        outside_hu=float(rng.choice([-3024.0, -2000.0, -1500.0])) if rng.random() < 0.3 else None,
    )


@dataclass(frozen=True)
class CtScan:
    """array: HU (z, y, x), int16. blood: mask of each kind, voxels half covered or more. grid: in
    the patient."""

    array: NDArray[np.int16]
    grid: Grid
    blood: dict[BleedKind, Mask]

    @property
    def truth(self) -> Mask:
        """Blood of any kind."""
        out = np.zeros(self.array.shape, dtype=bool)
        for mask in self.blood.values():
            out |= mask
        return out

    def volume_ml(self, kind: BleedKind | None = None) -> float:
        """Of the mask of one kind, or of all."""
        mask = self.truth if kind is None else self.blood.get(kind, np.zeros(1, dtype=bool))
        return float(mask.sum()) * self.grid.voxel_ml


def scan_head(bled: BledHead, protocol: CtProtocol, seed: int) -> CtScan:
    """The slices of one scan. Takes one to three seconds for slices of 256 x 224."""
    rng = np.random.default_rng((seed, 89))
    grid = grid_of(protocol)
    picture = _sliced(bled, bled.hounsfield, grid, protocol, -1000.0)
    blood = {
        kind: _sliced(bled, part, grid, protocol, 0.0) >= 0.5 for kind, part in bled.blood.items()
    }
    if protocol.holder:
        _hold(picture, protocol, rng)
    bone = np.clip(picture - 150.0, 0.0, 1500.0)
    picture += protocol.hardening * hardened(bone, protocol.pixel_mm) + protocol.offset_hu
    sigma = protocol.blur_mm / 2.355 / protocol.pixel_mm
    picture = ndimage.gaussian_filter(picture, (0.0, sigma, sigma))
    if protocol.sharpened > 0.0:
        wide = 0.9 / protocol.pixel_mm
        detail = picture - ndimage.gaussian_filter(picture, (0.0, wide, wide))
        picture += np.float32(protocol.sharpened) * detail
    picture += _noise(picture, protocol, rng)
    if protocol.outside_hu is not None:
        _, y, x = np.ogrid[:1, : picture.shape[1], : picture.shape[2]]
        middle = [(n - 1) / 2 for n in picture.shape[1:]]
        radius = 0.5 * float(np.hypot(*middle)) + 0.5 * max(middle)
        outside = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 > radius**2
        picture = np.where(outside, protocol.outside_hu, np.maximum(picture, -1024.0))
    else:
        picture = np.maximum(picture, -1024.0)
    array = np.clip(np.rint(picture), -3024, 3071).astype(np.int16)
    return CtScan(array, grid, blood)


def grid_of(protocol: CtProtocol) -> Grid:
    """Where the slices lie in the patient: rows to the left, columns to the back and, where the
    gantry is tilted, down; slices along the table."""
    tilt = np.radians(protocol.tilt_deg)
    rows, columns = protocol.matrix
    affine = np.eye(4)
    affine[:3, 0] = [protocol.pixel_mm, 0.0, 0.0]
    affine[:3, 1] = [0.0, protocol.pixel_mm * np.cos(tilt), -protocol.pixel_mm * np.sin(tilt)]
    affine[:3, 2] = [0.0, 0.0, protocol.slice_mm]
    middle = affine[:3, :3] @ [(columns - 1) / 2, (rows - 1) / 2, 0.0]
    affine[:3, 3] = [-middle[0], 6.0 - middle[1], protocol.lowest_mm - middle[2]]
    shape = (protocol.slices, rows, columns)
    return Grid(shape, as_matrix(np.round(affine, 6)))


def _pose(protocol: CtProtocol) -> NDArray[np.float64]:
    """(4, 4): patient mm to the head's own mm."""
    p, y, r = np.radians([protocol.pitch_deg, protocol.yaw_deg, protocol.roll_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    out = np.eye(4)
    out[:3, :3] = about_z @ about_y @ about_x
    out[:2, 3] = protocol.shift_mm
    return out


def _sliced(
    bled: BledHead, value: Field, grid: Grid, protocol: CtProtocol, outside: float
) -> Field:
    """``value`` of the head averaged over each slice's thickness."""
    head = bled.head
    scale = np.diag([1.0 / s for s in head.step_mm[::-1]] + [1.0])
    place = np.eye(4)
    place[:3, 3] = -np.asarray(head.low_mm)
    thick = protocol.thickness_mm
    parts = 1 if thick < _FINE_FROM else int(np.ceil(thick / _SUB_MM))
    across = scale @ place @ _pose(protocol) @ grid.matrix  # index x, y, z to index x, y, z
    total = np.zeros(grid.shape, dtype=np.float32)
    for k in range(parts):
        off = ((k + 0.5) / parts - 0.5) * thick / protocol.slice_mm
        moved = across @ np.array([0.0, 0.0, off, 1.0])
        total += ndimage.affine_transform(
            value, across[:3, :3][::-1, ::-1], offset=moved[:3][::-1], output_shape=grid.shape,
            output=np.float32, order=1, mode="constant", cval=outside,
        )  # fmt: skip
    return np.asarray(total / np.float32(parts), np.float32)


def _hold(picture: Field, protocol: CtProtocol, rng: np.random.Generator) -> None:
    """A curved shell behind the head, with padding."""
    _, rows, columns = picture.shape
    y = (np.arange(rows, dtype=np.float32)[:, None] - rows / 2) * protocol.pixel_mm
    x = (np.arange(columns, dtype=np.float32)[None, :] - columns / 2) * protocol.pixel_mm
    far = np.hypot(x, y + float(rng.uniform(15.0, 30.0)))
    radius = float(rng.uniform(128.0, 142.0))
    shell = (np.abs(far - radius) < 1.0) & (y > -20.0)
    padding = (far < radius) & (far > radius - float(rng.uniform(2.0, 14.0))) & (y > 20.0)
    for mask, tone in ((padding, rng.uniform(-980.0, -880.0)), (shell, rng.uniform(-300.0, 250.0))):
        np.maximum(picture, np.where(mask, np.float32(tone), -2000.0), out=picture)


@lru_cache(maxsize=1)
def _rays() -> sparse.csr_matrix[Any]:
    """(angles * bins, pixels): path of each ray of a parallel beam through coarse pixels."""
    n = _COARSE
    y, x = np.indices((n, n)) - (n - 1) / 2
    rows, columns, weights = [], [], []
    pixels = np.arange(n * n)
    for k, angle in enumerate(np.pi * np.arange(_ANGLES) / _ANGLES):
        at = (x * np.cos(angle) + y * np.sin(angle) + (n - 1) / 2).ravel()
        low = np.floor(at).astype(int)
        for bin, weight in ((low, low + 1 - at), (low + 1, at - low)):
            good = (bin >= 0) & (bin < n)
            rows.append(k * n + bin[good])
            columns.append(pixels[good])
            weights.append(weight[good])
    shape = (_ANGLES * n, n * n)
    where = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(weights).astype(np.float32), where), shape=shape)


def hardened(bone: Field, pixel_mm: float) -> Field:
    """HU that beam hardening by ``bone`` (HU over soft tissue, (z, y, x)) takes away or adds.

    Of the order of -10 HU between the petrous bones.
    """
    count, rows, columns = bone.shape
    step = _COARSE_MM / pixel_mm
    grid = [(np.arange(_COARSE) - (_COARSE - 1) / 2) * step + (n - 1) / 2 for n in (rows, columns)]
    sigma = 0.4 * step
    small = ndimage.gaussian_filter(bone, (0.0, sigma, sigma))
    index = [np.clip(np.rint(g).astype(int), 0, n - 1) for g, n in zip(grid, (rows, columns),
                                                                      strict=True)]  # fmt: skip
    small = small[:, index[0]][:, :, index[1]]
    held = [(g >= 0) & (g <= n - 1) for g, n in zip(grid, (rows, columns), strict=True)]
    small = small * held[0][:, None] * held[1][None, :]
    rays = _rays()
    path = (rays @ small.reshape(count, -1).T).reshape(_ANGLES, _COARSE, count)
    path *= np.float32(_COARSE_MM / 1000.0 / 10.0)  # water-equivalent cm of bone
    lost = -(path**2)
    ramp = np.abs(fft.rfftfreq(2 * _COARSE))[None, :, None].astype(np.float32)
    padded = np.pad(lost, ((0, 0), (0, _COARSE), (0, 0)))
    filtered = fft.irfft(fft.rfft(padded, axis=1) * ramp, axis=1)[:, :_COARSE]
    flat = np.asarray(filtered, np.float32).reshape(_ANGLES * _COARSE, count)
    back = (rays.T @ flat).T.reshape(count, _COARSE, _COARSE) * np.float32(_SCALE / _ANGLES)
    factors = [1.0 / step] * 2
    offset = [(_COARSE - 1) / 2 - (n - 1) / 2 / step for n in (rows, columns)]
    out = np.stack(
        [
            ndimage.affine_transform(
                plane, factors, offset=offset, output_shape=(rows, columns), order=1,
                mode="nearest", output=np.float32,
            )
            for plane in back
        ]
    )  # fmt: skip
    return np.asarray(np.clip(out, -45.0, 30.0), np.float32)


_SCALE = 18.0  # makes the band between petrous bones 10 to 20 HU deep without any correction


def _noise(picture: Field, protocol: CtProtocol, rng: np.random.Generator) -> Field:
    """Noise of filtered backprojection, more of it behind more bone."""
    _, rows, columns = picture.shape
    fy = fft.fftfreq(rows, protocol.pixel_mm).astype(np.float32)[:, None]
    fx = fft.rfftfreq(columns, protocol.pixel_mm).astype(np.float32)[None, :]
    radius = np.hypot(fy, fx)
    cut = float(rng.uniform(0.22, 0.5))
    spectrum = np.sqrt(radius + 0.02) * np.exp(-((radius / cut) ** 2))
    spectrum /= np.sqrt(np.mean(spectrum**2))
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    grain = fft.irfft2(fft.rfft2(grain) * spectrum, s=(rows, columns))
    share = float(rng.uniform(0.0, 0.35))  # neighbouring slices share detector rows
    grain = np.sqrt(1 - share**2) * grain + share * np.roll(grain, 1, axis=0)
    heavy = np.clip(picture, -1000.0, 1500.0).mean(axis=(1, 2)) + 1000.0
    usual = float(np.median(heavy))
    level = protocol.noise_hu * np.clip(heavy / max(usual, 1.0), 0.6, 1.8)
    return np.asarray(grain * level[:, None, None].astype(np.float32), np.float32)
