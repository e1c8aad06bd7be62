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
class ScarAnswer:
    """A scar in one AHA segment. depth_percent: of the wall, from the cavity outwards; mass_g: in
    closed form; extent_percent: of the segment's area, voxel_percent: of the muscle, by counting
    voxels; muscle, scar, blood: signals before blur and noise."""

    segment: int
    depth_percent: float
    mass_g: float
    extent_percent: float
    voxel_percent: float
    muscle: float
    scar: float
    blood: float


@dataclass(frozen=True)
class FirstPassAnswer:
    """Steepest rise in per cent of the blood's: of healthy muscle, and of the slow segments."""

    remote_percent: float
    slow_percent: float
    slow_segments: tuple[int, ...]


@dataclass(frozen=True)
class T1Answer:
    """T1 in ms of healthy muscle, scar and blood."""

    muscle_ms: float
    scar_ms: float
    blood_ms: float


@dataclass(frozen=True)
class DiffusionAnswer:
    """An acute infarct: its volume by counting voxels, its ADC and that of white matter, um2/s."""

    voxel_ml: float
    adc: float
    white_adc: float
    centre_mm: Place


@dataclass(frozen=True)
class BolusAnswer:
    """Tissue that blood reaches late: volume by counting voxels, delay and mean transit time in s,
    blood volume in mL/100 g; the same of healthy white matter, which blood reaches at once."""

    voxel_ml: float
    delay_s: float
    mtt_s: float
    cbv: float
    white_mtt_s: float
    white_cbv: float


@dataclass(frozen=True)
class KnownAnswers:
    """The answers of one series; None or empty where the series does not bear on them."""

    series_uid: str
    lesions: LesionAnswer | None = None
    stenosis: StenosisAnswer | None = None
    ventricle: VentricleAnswer | None = None
    nodules: tuple[NoduleAnswer, ...] = ()
    scar: ScarAnswer | None = None
    first_pass: FirstPassAnswer | None = None
    t1: T1Answer | None = None
    diffusion: DiffusionAnswer | None = None
    bolus: BolusAnswer | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def place(point: Floats | Place) -> Place:
    """Three floats, rounded to a hundredth of a millimetre."""
    return round(float(point[0]), 2), round(float(point[1]), 2), round(float(point[2]), 2)
