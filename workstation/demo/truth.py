"""What is known of the demo studies without measuring: the answers a reading should come to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from workstation.domain.geometry import Floats

Place = tuple[float, float, float]


@dataclass(frozen=True)
class LesionAnswer:
    """exact_ml: of the shape painted. voxel_ml: of the voxels at least half covered."""

    exact_ml: float
    voxel_ml: float


@dataclass(frozen=True)
class StenosisAnswer:
    """Diameters of the lumen in mm; percent = 100 (1 - d_min / d_ref). position_mm: LPS."""

    vessel: str
    d_min_mm: float
    d_ref_mm: float
    percent: float
    position_mm: Place


@dataclass(frozen=True)
class VentricleAnswer:
    """Left ventricle, papillary muscles counted as cavity; voxel_*: by counting voxels."""

    edv_ml: float
    esv_ml: float
    ef_percent: float
    mass_g: float
    ed_phase: int
    es_phase: int
    voxel_edv_ml: float
    voxel_esv_ml: float


@dataclass(frozen=True)
class NoduleAnswer:
    """A solid sphere; centre_mm: LPS."""

    diameter_mm: float
    volume_mm3: float
    centre_mm: Place
    place: str


@dataclass(frozen=True)
class KnownAnswers:
    """The answers of one series; None or empty where the series does not bear on them."""

    series_uid: str
    lesions: LesionAnswer | None = None
    stenosis: StenosisAnswer | None = None
    ventricle: VentricleAnswer | None = None
    nodules: tuple[NoduleAnswer, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def place(point: Floats | Place) -> Place:
    """Three floats, rounded to a hundredth of a millimetre."""
    return round(float(point[0]), 2), round(float(point[1]), 2), round(float(point[2]), 2)
