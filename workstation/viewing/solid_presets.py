"""Named looks of volume rendering, as data in ``resources/volume_presets``.

A preset says for which values the volume is opaque and in which colour. CT presets count in HU;
MR and PET have no fixed scale, so theirs count from 0 to 1 between two percentiles.
"""

from __future__ import annotations

import enum
import functools
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput
from workstation.domain.volume import Stack
from workstation.text import RESOURCES, language

FOLDER = RESOURCES / "volume_presets"


class Blend(enum.Enum):
    """What a ray makes of the samples it meets."""

    SURFACE = "surface"  # colours and opacities in depth
    MIP = "MIP"  # the brightest
    MINIP = "MinIP"  # the darkest


@dataclass(frozen=True)
class Knot:
    """One corner of a transfer function: opacity is that of a layer ``unit_mm`` thick."""

    value: float
    red: float
    green: float
    blue: float
    opacity: float


@dataclass(frozen=True)
class SolidPreset:
    """One look.

    modalities: DICOM modalities it is meant for; empty: any. roles: stacks that open with it.
    percentiles: None where knots are modality values (HU); else the two percentiles of all voxels
    between which knots count 0 to 1. body_only: air around the patient is left out. peel_mm: so
    much of the body's outside is left out (skin and skull before a brain). background: value
    given to what is cut away, in the unit of the knots; None: the lowest of the volume, or for
    MinIP the highest. backdrop: red, green, blue behind the volume.
    """

    id: str
    name: str
    name_zh: str
    order: int
    modalities: tuple[str, ...]
    roles: tuple[str, ...]
    blend: Blend
    percentiles: tuple[float, float] | None
    unit_mm: float
    shaded: bool
    ambient: float
    diffuse: float
    specular: float
    power: float
    body_only: bool
    peel_mm: float
    background: float | None
    backdrop: tuple[float, float, float]
    knots: tuple[Knot, ...]

    @property
    def words(self) -> str:
        """Its name in the reader's language."""
        return self.name_zh if language().startswith("zh") else self.name

    def fits(self, modality: str) -> bool:
        """Whether it is meant for a modality."""
        return not self.modalities or modality in self.modalities


def _colour(words: Any) -> tuple[float, float, float]:
    if not (isinstance(words, str) and len(words) == 7 and words[0] == "#"):
        raise ValueError("colour")
    red, green, blue = (int(words[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _knot(row: Any) -> Knot:
    value, colour, opacity = row
    red, green, blue = _colour(colour)
    if not 0.0 <= float(opacity) <= 1.0:
        raise ValueError("opacity")
    return Knot(float(value), red, green, blue, float(opacity))


_KEYS = frozenset(
    (
        "name", "name_zh", "order", "modalities", "roles", "blend", "percentiles", "unit_mm",
        "shaded", "ambient", "diffuse", "specular", "power", "body_only", "peel_mm", "background",
        "backdrop", "knots",
    )
)  # fmt: skip


def read_preset(path: Path) -> SolidPreset:
    """One preset file. Errors: BadInput that names the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if set(table) - _KEYS:
            raise ValueError("unknown key")
        knots = tuple(_knot(row) for row in table["knots"])
        values = [knot.value for knot in knots]
        if len(knots) < 2 or any(a >= b for a, b in pairwise(values)):
            raise ValueError("knots")
        spread = table.get("percentiles")
        background = table.get("background")
        return SolidPreset(
            path.stem,
            str(table["name"]),
            str(table["name_zh"]),
            int(table["order"]),
            tuple(str(m) for m in table.get("modalities", ())),
            tuple(str(r) for r in table.get("roles", ())),
            Blend(table.get("blend", "surface")),
            None if spread is None else (float(spread[0]), float(spread[1])),
            float(table.get("unit_mm", 1.0)),
            bool(table.get("shaded", True)),
            float(table.get("ambient", 0.18)),
            float(table.get("diffuse", 0.85)),
            float(table.get("specular", 0.25)),
            float(table.get("power", 18.0)),
            bool(table.get("body_only", False)),
            float(table.get("peel_mm", 0.0)),
            None if background is None else float(background),
            _colour(table.get("backdrop", "#000000")),
            knots,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInput(
            N_("The 3D preset {file} cannot be read: {why}."),
            file=path.name, why=str(error) or type(error).__name__,
        ) from error  # fmt: skip


@functools.cache
def presets() -> tuple[SolidPreset, ...]:
    """All presets in menu order."""
    return tuple(sorted(map(read_preset, FOLDER.glob("*.toml")), key=lambda p: (p.order, p.id)))


def preset(preset_id: str) -> SolidPreset:
    """One preset; the first of all where the id is not known (a desk of another version)."""
    return next((p for p in presets() if p.id == preset_id), presets()[0])


def presets_for(stack: Stack) -> tuple[SolidPreset, ...]:
    """Presets meant for a series, in menu order."""
    return tuple(p for p in presets() if p.fits(stack.modality))


def preset_for(stack: Stack) -> SolidPreset:
    """The look a series opens with: that of its role, else the first of its modality."""
    fitting = presets_for(stack)
    return next((p for p in fitting if stack.role and stack.role in p.roles), fitting[0])


def knots_in_values(look: SolidPreset, sampled: NDArray[np.float64]) -> tuple[Knot, ...]:
    """Knots of a preset in modality values; ``sampled``: voxel values of the volume, any number."""
    low, scale = value_scale(look, sampled)
    return tuple(Knot(low + k.value * scale, k.red, k.green, k.blue, k.opacity) for k in look.knots)


def value_scale(look: SolidPreset, sampled: NDArray[np.float64]) -> tuple[float, float]:
    """(offset, factor) from a preset's own counting to modality values."""
    if look.percentiles is None:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(sampled, look.percentiles))
    return low, max(high - low, 1e-6)


def shifted(knots: tuple[Knot, ...], shift: float, stretch: float) -> tuple[Knot, ...]:
    """Knots moved by ``shift`` (value units) and stretched about their middle."""
    middle = (knots[0].value + knots[-1].value) / 2
    return tuple(
        Knot(middle + (k.value - middle) * stretch + shift, k.red, k.green, k.blue, k.opacity)
        for k in knots
    )
