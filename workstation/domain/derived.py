"""Maps: pictures of numbers that an analysis made of images (perfusion, ADC, T1)."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.geometry import Grid


@dataclass(frozen=True)
class DerivedMap:
    """What is stored of a map beside its voxels.

    key: the analysis's name for it; unit: UCUM; window: the values shown as black and as white.
    voxels: SHA-256 of the blob with float32 values (z, y, x), NaN where nothing was judged.
    formula: id of the analysis. settings: its parameters as they were, in the order of its spec.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    key: str
    name: Wording
    unit: str
    window: tuple[float, float]
    grid: Grid
    voxels: str
    formula: str
    source: str
    made_from: tuple[str, ...]
    made_by: MadeBy
    settings: tuple[tuple[str, str], ...] = ()
