"""Bleeding inside the skull, of five kinds, with a known truth.

Each kind is made by its own rule: a clot within the brain pushes it aside (incompressible flow
from a point) and has a dark rim; blood in the ventricles sinks to their back or fills them; blood
in the subarachnoid space mixes with its fluid around a source; a subdural crescent lies on one
hemisphere or along falx and tentorium; an epidural lens bulges from the inner table. Acute clot
has 50 to 85 HU, less in anaemia and in the first hour; blood that does not clot settles into a
fluid level (after Parizel 2001, Eur Radiol 11:1770, in round numbers).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.demo.head import tentorium
from workstation.demo.head_ct import CtHead
from workstation.demo.shapes import Field, Noise, Point, cover, ellipsoid, join, ramp
from workstation.demo.tissue import Tissue

_SITES: tuple[tuple[Point, float], ...] = (
    ((26.0, -1.0, 3.0), 4.0),  # putamen
    ((13.0, 17.0, 7.0), 3.0),  # thalamus
    ((20.0, 55.0, -33.0), 7.0),  # cerebellum
    ((0.0, 22.0, -30.0), 3.0),  # pons
)


class BleedKind(enum.StrEnum):
    """Where the blood is."""

    PARENCHYMAL = "intraparenchymal"
    VENTRICULAR = "intraventricular"
    SUBARACHNOID = "subarachnoid"
    SUBDURAL = "subdural"
    EPIDURAL = "epidural"


@dataclass(frozen=True)
class BledHead:
    """A head with blood in it. hounsfield (z, y, x). blood: part of each voxel that is blood, by
    kind, 0..1, on the same voxels."""

    head: CtHead
    hounsfield: Field
    blood: dict[BleedKind, Field]

    def volume_ml(self, kind: BleedKind) -> float:
        """What was painted."""
        sizes = np.prod(self.head.step_mm)
        return float(self.blood[kind].sum()) * float(sizes) / 1000.0 if kind in self.blood else 0.0


def healthy(head: CtHead) -> BledHead:
    """The head as it is."""
    return BledHead(head, head.hounsfield, {})


def add_bleed(bled: BledHead, kind: BleedKind, ml: float, rng: np.random.Generator) -> BledHead:
    """One more bleeding of about ``ml``; where there is no room for it, less."""
    made = _MAKERS[kind](bled, ml, rng)
    blood = {k: np.asarray(f * (1.0 - made.part), np.float32) for k, f in bled.blood.items()}
    before = blood.get(kind)
    blood[kind] = made.part if before is None else np.maximum(before, made.part)
    picture = made.beneath + (made.tone - made.beneath) * made.part
    return BledHead(bled.head, np.asarray(picture, np.float32), blood)


@dataclass(frozen=True)
class _Clot:
    """part: covered by blood, 0..1. tone: its HU. beneath: the head around it, pushed aside."""

    part: Field
    tone: Field
    beneath: Field


def _tone(head: CtHead, rng: np.random.Generator, part: Field) -> Field:
    """HU of blood at each voxel: an even or a mottled clot, or a fluid level."""
    w = head.canvas.all()
    kind = rng.choice(["clot", "mottled", "level", "thin"], p=[0.52, 0.22, 0.13, 0.13])
    dense = float(rng.uniform(52.0, 80.0))
    if kind == "thin":  # anaemia, or the first hour
        dense = float(rng.uniform(head.grey + 8.0, 54.0))
    grain = Noise(rng, float(rng.uniform(2.5, 7.0))).on(w)
    tone = dense + float(rng.uniform(0.5, 3.0)) * grain
    if kind == "mottled":  # clot and blood that still flows
        pale = float(rng.uniform(head.grey - 2.0, 48.0))
        swirl = ramp(grain + 0.8 * Noise(rng, 9.0).on(w), 0.2, 1.3)
        tone = tone + (pale - dense) * swirl * float(rng.uniform(0.4, 1.0))
    elif kind == "level" and part.max() > 0.5:  # supine: what is heavy lies behind
        held = np.flatnonzero((part > 0.5).any(axis=(0, 2)))
        y = head.canvas.y
        at = y[held[0]] + float(rng.uniform(0.25, 0.6)) * (y[held[-1]] - y[held[0]])
        pale = float(rng.uniform(head.fluid + 18.0, head.grey + 4.0))
        tone = pale + (tone - pale) * ramp(w.y, at - 1.5, at + 1.5)
    return np.asarray(tone, np.float32)


def _moved(head: CtHead, value: Field, shift: tuple[Field, Field, Field]) -> Field:
    """``value`` taken from ``shift`` (x, y, z, mm) away: tissue that was pushed."""
    at = [
        (np.arange(n, dtype=np.float32).reshape([-1 if a == k else 1 for a in range(3)]))
        + shift[2 - k] / np.float32(head.canvas.voxel_mm[k])
        for k, n in enumerate(value.shape)
    ]
    points = np.stack(np.broadcast_arrays(*at))
    out = ndimage.map_coordinates(value, points, order=1, mode="nearest", output=np.float32)
    return np.asarray(out, np.float32)


_Part = tuple[slice, slice, slice]
_ALL: _Part = (slice(None), slice(None), slice(None))
_SOME: _Part = (slice(None, None, 2), slice(None, None, 2), slice(None, None, 2))


def _to_volume(
    make: Callable[[float, _Part], Field], ml: float, head: CtHead, least: float, most: float
) -> Field:
    """A growing shape at the size where it has the wanted volume, by bisection on every second
    voxel along each axis."""
    voxel_ml = 8.0 * _voxel_ml(head)
    for _ in range(7):
        middle = float(np.sqrt(least * most))
        if float(make(middle, _SOME).sum()) * voxel_ml < ml:
            least = middle
        else:
            most = middle
    return make(most, _ALL)


def _voxel_ml(head: CtHead) -> float:
    return float(np.prod(head.step_mm)) / 1000.0


def _parenchymal(bled: BledHead, ml: float, rng: np.random.Generator) -> _Clot:
    head = bled.head
    radius = (
        1.08
        * (3.0 * ml * 1000.0 / (4.0 * np.pi)) ** (1 / 3)
        / float(np.mean([s / v for s, v in zip(head.step_mm, head.canvas.voxel_mm, strict=True)]))
    )
    centre = _place_in_brain(head, radius, rng)
    reach = 3.0 * radius + 12.0
    w = head.canvas.near([c - reach for c in centre], [c + reach for c in centre])
    assert w is not None, "a clot lies in the brain"
    shape: Field | None = None
    for k in range(int(rng.integers(1, 5))):
        off = rng.normal(0.0, 0.45 * radius, 3) * (k > 0)
        semi = radius * rng.uniform(0.75, 1.25, 3) * (0.75 if k else 1.0)
        blob = ellipsoid(w, [c + o for c, o in zip(centre, off, strict=True)], semi.tolist())
        shape = blob if shape is None else join(shape, blob, 0.3 * radius)
    assert shape is not None
    shape = shape + float(rng.uniform(0.0, 0.18)) * radius * Noise(rng, 0.6 * radius + 1.5).on(w)
    inside = head.vault_mm[w.at] + np.float32(2.0)
    shape = np.asarray(np.maximum(shape, inside), np.float32)

    # Tissue at distance r from the middle came from (r^3 - a^3)^(1/3), less far from the clot.
    away = [w.x - centre[0], w.y - centre[1], w.z - centre[2]]
    far = np.sqrt(sum(np.square(a) for a in away)).astype(np.float32)
    push = float(rng.uniform(0.35, 0.8)) * radius
    source = np.cbrt(np.maximum(far**3 - push**3, 0.0))
    fade = ramp(-inside, 0.0, 9.0) * ramp(far, reach, 1.3 * radius)
    part = (source / np.maximum(far, 0.5) - 1.0) * fade
    beneath = bled.hounsfield.copy()
    x, y, z = (np.asarray(a * part, np.float32) for a in away)
    beneath[w.at] = _moved(head, bled.hounsfield[w.at], (x, y, z))
    rim = float(rng.uniform(0.0, 8.0))
    if rim > 1.0:
        oedema = cover(shape - np.float32(rim), 3.0) * ramp(-inside, 0.0, 3.0)
        dark = float(rng.uniform(14.0, 24.0))
        block = beneath[w.at]
        block += np.minimum(dark - block, 0.0) * oedema * (block < 60.0)
    whole = np.zeros_like(beneath)
    whole[w.at] = cover(shape, float(rng.uniform(1.0, 3.0)))
    return _Clot(whole, _tone(head, rng, whole), beneath)


def _place_in_brain(head: CtHead, radius: float, rng: np.random.Generator) -> Point:
    if rng.random() < 0.55:
        spot, spread = _SITES[int(rng.integers(len(_SITES)))]
        side = float(rng.choice([-1.0, 1.0]))
        x, y, z = (float(c + rng.normal(0.0, spread)) for c in spot)
        return side * x, y, z
    w = head.brain.window
    deep = -head.vault_mm[w.at]
    room = head.brain.white & (deep > min(radius + 3.0, 0.8 * float(deep.max())))
    k, j, i = np.unravel_index(rng.choice(np.flatnonzero(room)), room.shape)
    return float(w.x.ravel()[i]), float(w.y.ravel()[j]), float(w.z.ravel()[k])


def _ventricular(bled: BledHead, ml: float, rng: np.random.Generator) -> _Clot:
    head = bled.head
    w = head.canvas.all()
    wet = np.isin(head.label, [int(Tissue.VENTRICLE), int(Tissue.CHOROID)])
    if rng.random() < 0.35:  # one side alone
        wet &= np.broadcast_to(w.x * float(rng.choice([-1.0, 1.0])) > -1.0, wet.shape)
    room = wet.astype(np.float32)
    whole_ml = float(room.sum()) * _voxel_ml(head)
    if ml < 0.8 * whole_ml:
        order = np.broadcast_to(w.y, room.shape)
        if rng.random() < 0.3:  # a cast around one place instead of a level
            at = np.argwhere(room > 0)[int(rng.integers(int(room.sum())))]
            spot = [float(a[k]) for a, k in zip((w.z.ravel(), w.y.ravel(), w.x.ravel()), at,
                                                strict=True)]  # fmt: skip
            order = -np.hypot(np.hypot(w.z - spot[0], w.y - spot[1]), w.x - spot[2])
            order = np.asarray(order + 2.0 * Noise(rng, 5.0).on(w))
        level = float(np.quantile(order[room > 0], 1.0 - ml / whole_ml))
        room *= ramp(order, level - 1.0, level + 1.0)
    part = np.asarray(ndimage.gaussian_filter(room, 0.35), np.float32)
    return _Clot(part, _tone(head, rng, part), bled.hounsfield)


def _subarachnoid(bled: BledHead, ml: float, rng: np.random.Generator) -> _Clot:
    head = bled.head
    w = head.canvas.all()
    wide = float(rng.uniform(0.0, 1.2))
    fluid = (head.label == int(Tissue.CSF)) & (head.vault_mm < 0.5)
    inner = head.brain.window.at
    cleft = cover(head.brain.fluid_mm - np.float32(wide), 1.2)
    near = np.isin(head.label[inner], [int(Tissue.CSF), int(Tissue.GREY), int(Tissue.VESSEL)])
    part = ndimage.gaussian_filter(fluid.astype(np.float32), 0.35)
    part[inner] = np.maximum(part[inner], cleft * near * (head.vault_mm[inner] < 0.0))
    if rng.random() < 0.55:  # from the circle of Willis
        spot = (rng.normal(0.0, 9.0), rng.normal(-4.0, 7.0), rng.normal(-14.0, 5.0))
        flat = (1.0, 1.0, 1.35)
    else:  # over the convexity, as after trauma
        spot = _on_table(head, rng)
        flat = (1.0, 1.0, 1.0)
    far = np.sqrt(sum(np.square((a - c) * f) for a, c, f in
                      zip((w.x, w.y, w.z), spot, flat, strict=True)))  # fmt: skip
    far = far + 5.0 * Noise(rng, 9.0).on(w)

    def grown(size: float, at: _Part) -> Field:
        return np.asarray(part[at] * ramp(far[at], size + 4.0, size - 4.0), np.float32)

    found = _to_volume(grown, ml, head, 4.0, 95.0)
    return _Clot(found, _tone(head, rng, found), bled.hounsfield)


def _on_table(head: CtHead, rng: np.random.Generator) -> Point:
    """A place on the inner table above the base of the skull."""
    w = head.canvas.all()
    edge = (np.abs(head.vault_mm) < 1.0) & (w.z > -22.0) & (np.abs(w.x) > 12.0)
    k, j, i = np.unravel_index(rng.choice(np.flatnonzero(edge)), edge.shape)
    return float(w.x.ravel()[i]), float(w.y.ravel()[j]), float(w.z.ravel()[k])


def _pushed_in(bled: BledHead, thick: Field, rng: np.random.Generator) -> Field:
    """The head with what lies under a collection of ``thick`` mm moved inwards."""
    head = bled.head
    reach, share = float(rng.uniform(18.0, 45.0)), float(rng.uniform(0.5, 1.0))
    if float(thick.max()) < 1.0:
        return bled.hounsfield
    at = head.brain.window.at
    depth, thick = -head.vault_mm[at], thick[at]
    # Only the brain gives way: nothing moves at the table itself, and least on the far side.
    amount = thick * np.exp(-np.maximum(depth - thick, 0.0) / reach) * (depth > 0.0)
    amount = np.minimum(amount, np.maximum(depth - 0.5, 0.0)) * share
    x, y, z = (np.asarray(amount * out, np.float32) for out in head.outwards)
    beneath = bled.hounsfield.copy()
    beneath[at] = _moved(head, bled.hounsfield[at], (x, y, z))
    return beneath


def _subdural(bled: BledHead, ml: float, rng: np.random.Generator) -> _Clot:
    head = bled.head
    w = head.canvas.all()
    side = float(rng.choice([-1.0, 1.0]))
    depth = -head.vault_mm
    above = np.asarray(w.z - tentorium(w), np.float32)
    uneven = np.asarray(1.0 + 0.25 * Noise(rng, 14.0).on(w), np.float32)
    form = rng.choice(["convexity", "falx", "tentorium"], p=[0.72, 0.16, 0.12])
    own = ramp(w.x * side, 0.5, 3.0)
    if form == "convexity":
        # A wide patch around a direction; thick in its middle, thin at its ends.
        angle, rise = float(rng.uniform(-60.0, 70.0)), float(rng.uniform(-5.0, 45.0))
        middle = (side * 60.0, 17.0 + angle, 8.0 + rise)
        far = _away(head, middle)
        # Blood spreads until it is some 3 mm thick: a small one covers little.
        reach = min(float(rng.uniform(38.0, 85.0)), float(np.sqrt(ml * 1000.0 / 4.5)))
        if reach < 38.0:
            far = _away(head, _nearest_table(head, middle))
        shape = np.sqrt(np.clip(1.0 - (far / reach) ** 2, 0.0, 1.0)) * own * ramp(above, 0.0, 4.0)
        shape = np.asarray(shape * uneven * (np.abs(w.x) > 4.0), np.float32)
        gap = depth - np.float32(0.3)
    else:
        if form == "falx":
            bent = np.full(head.canvas.shape, 99.0, dtype=np.float32)
            bent[head.brain.window.at] = head.brain.bent.x * np.float32(side)
            gap = bent
            dy, dz = (w.y - 5.0) / 39.0, (w.z + 1.0) / 33.0
            room = ramp(np.sqrt(dy * dy + dz * dz), 1.0, 1.15)
        else:
            gap = np.asarray(above * (w.x * side > 0) + 99.0 * (w.x * side <= 0), np.float32)
            room = ramp(w.y, 28.0, 36.0) * ramp(np.abs(w.x), 14.0, 18.0)
        where = float(rng.uniform(-40.0, 80.0))
        span = ramp(np.abs(w.y - where), float(rng.uniform(25.0, 70.0)), 12.0)
        shape = np.asarray(room * span * uneven * (depth > 0.5), np.float32)

    limit = 28.0 if form == "convexity" else 9.0
    return _on_surface(bled, (gap, shape), (ml, 0.6, limit), form == "convexity", rng)


def _on_surface(
    bled: BledHead,
    surface: tuple[Field, Field],
    size: tuple[float, float, float],
    push: bool,
    rng: np.random.Generator,
) -> _Clot:
    """A layer on a surface. surface: distance from it, and where the layer is thick (0..1). size:
    mL, least and largest thickness, mm. push: the brain gives way."""
    gap, shape = surface
    ml, least, most = size

    def grown(thickest: float, at: _Part) -> Field:
        thick = thickest * shape[at]
        lies = cover(np.maximum(gap[at] - thick, -gap[at]), 1.2) * (thick > 0.3)
        return np.asarray(lies * cover(bled.head.vault_mm[at], 1.2), np.float32)

    part = _to_volume(grown, ml, bled.head, least, most)
    beneath = bled.hounsfield
    if push:
        inside = np.where(part > 0.5, gap, 0.0)
        thickest = float(inside.max()) / max(float(shape[part > 0.5].max(initial=0.0)), 0.2)
        beneath = _pushed_in(bled, np.asarray(min(thickest, most) * shape, np.float32), rng)
    return _Clot(part, _tone(bled.head, rng, part), beneath)


def _away(head: CtHead, spot: Point) -> Field:
    """Distance to a place, standard mm."""
    w = head.canvas.all()
    squares = (np.square(a - c) for a, c in zip((w.x, w.y, w.z), spot, strict=True))
    return np.asarray(np.sqrt(sum(squares)), np.float32)


def _nearest_table(head: CtHead, spot: Point) -> Point:
    """The place on the inner table that is nearest to ``spot``."""
    w = head.canvas.all()
    far = np.where(np.abs(head.vault_mm) < 1.0, _away(head, spot), 1e3)
    k, j, i = np.unravel_index(int(far.argmin()), far.shape)
    return float(w.x.ravel()[i]), float(w.y.ravel()[j]), float(w.z.ravel()[k])


def _epidural(bled: BledHead, ml: float, rng: np.random.Generator) -> _Clot:
    head = bled.head
    w = head.canvas.all()
    far = _away(head, _on_table(head, rng))
    flat = float(rng.uniform(0.28, 0.7))  # thickness over radius
    depth = -head.vault_mm
    wavy = 1.0 + 0.08 * Noise(rng, 10.0).on(w)

    def lens(radius: float, at: _Part) -> Field:
        thick = flat * radius * np.clip(1.0 - (far[at] / radius) ** 2, 0.0, 1.0) * wavy[at]
        return np.asarray(thick, np.float32)

    def grown(radius: float, at: _Part) -> Field:
        thick = lens(radius, at)
        lies = cover(np.maximum(depth[at] - thick, -depth[at]), 1.2) * (thick > 0.3)
        return np.asarray(lies, np.float32)

    part = _to_volume(grown, ml, head, 4.0, 62.0)
    reach = float(far[part > 0.05].max(initial=4.0))
    return _Clot(part, _tone(head, rng, part), _pushed_in(bled, lens(reach, _ALL), rng))


_MAKERS: dict[BleedKind, Callable[[BledHead, float, np.random.Generator], _Clot]] = {
    BleedKind.PARENCHYMAL: _parenchymal,
    BleedKind.VENTRICULAR: _ventricular,
    BleedKind.SUBARACHNOID: _subarachnoid,
    BleedKind.SUBDURAL: _subdural,
    BleedKind.EPIDURAL: _epidural,
}


def truth_of(blood: dict[BleedKind, Field]) -> NDArray[np.float32]:
    """Part of each voxel that is blood of any kind."""
    total: Field | None = None
    for part in blood.values():
        total = part if total is None else np.maximum(total, part)
    assert total is not None, "no bleeding was painted"
    return np.asarray(total, np.float32)
