"""Thick slabs: how much of the patient one picture shows, and how it becomes one picture."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from workstation.domain.errors import N_


class Projection(enum.Enum):
    """How a thick slab becomes one picture."""

    MAX = "MIP"
    MIN = "MinIP"
    MEAN = N_("mean")


@dataclass(frozen=True)
class Slab:
    """A thick slab centred on the plane; 0 mm is a thin slice."""

    thickness_mm: float = 0.0
    projection: Projection = Projection.MAX
