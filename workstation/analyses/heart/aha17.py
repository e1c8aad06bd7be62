"""Wall thickness and thickening of the left ventricle in the 17 segments of the AHA.

Thickness is by 100 chords across the wall on each short-axis slice, from the outlines as they
are; the apex (segment 17) has no chords. Thickening needs the outline of the muscle at
end-systole too; segments are laid anew on it, so that the descent of the base moves no segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.heart._heart_phantom import insertions, right_ventricle, short_axis, wall
from workstation.analyses.heart._segments import (
    INSERTIONS,
    MYOCARDIUM,
    RIGHT,
    Mask,
    Model,
    by_segment,
    mean_by_segment,
    segment_map,
    segment_places,
    segmented,
)
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats

THICKNESS = Wording("Wall thickness at end-diastole", "舒张末期室壁厚度")
SYSTOLIC = Wording("Wall thickness at end-systole", "收缩末期室壁厚度")
THICKENING = Wording("Wall thickening", "室壁增厚率")
THICKEST = Wording("Largest wall thickness at end-diastole", "舒张末期最大室壁厚度")
_CODES = {
    THICKNESS: Code("LVWTED", "99ONESCAN", THICKNESS.en),
    SYSTOLIC: Code("LVWTES", "99ONESCAN", SYSTOLIC.en),
    THICKENING: Code("LVWTHICKENING", "99ONESCAN", THICKENING.en),
    THICKEST: Code("LVWTMAX", "99ONESCAN", THICKEST.en),
}
Wall = tuple[Floats, NDArray[np.int64]]
"""Of one slice: thickness (mm) of each chord and its segment."""

WALL = InputSpec(MYOCARDIUM.key, Kind.MASK, MYOCARDIUM.name, by_phase=True, code=MYOCARDIUM.code)
RIGHT_CAVITY = InputSpec(
    RIGHT.key, Kind.MASK, RIGHT.name, optional=True, by_phase=True, code="53085002"
)
DIASTOLE = Parameter(
    "diastole", Wording("Phase of end-diastole", "舒张末期所在时相"), None, low=0.0
)
SYSTOLE = Parameter("systole", Wording("Phase of end-systole", "收缩末期所在时相"), None, low=0.0)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Thickness (mm) by segment at end-diastole, and thickening (%) where systole is outlined."""
    walls = inputs.phases_of(WALL.key)
    if WALL.key in inputs.masks:
        walls.setdefault(0, inputs.masks[WALL.key])
    grid = inputs.grid
    if not walls or grid is None:
        raise BadInput(N_("There is no outline of the muscle of the left ventricle."))
    if any(mask.shape != grid.shape for mask in walls.values()):
        raise BadInput(N_("The mask does not fit the image grid."))
    diastole, systole = _phases(inputs, walls)
    model = _model(inputs, walls[diastole], diastole)
    at_rest = thickness(model)
    means = _means(at_rest)
    if not means:
        raise BadInput(N_("No wall thickness could be measured on these outlines."))
    said = [
        Quantity(THICKEST, _CODES[THICKEST], max(float(np.nanmax(mm)) for mm, _ in at_rest), "mm"),
        *by_segment(means, THICKNESS, _CODES[THICKNESS], "mm"),
    ]
    cautions = []
    if systole is None:
        cautions.append(
            Message(N_("Only one phase is outlined, so wall thickening is not stated."))
        )
    else:
        then = _means(thickness(_model(inputs, walls[systole], systole)))
        said += by_segment(then, SYSTOLIC, _CODES[SYSTOLIC], "mm")
        gain = {n: (then[n] / means[n] - 1.0) * 100.0 for n in means if n in then}
        said += by_segment(gain, THICKENING, _CODES[THICKENING], "%")
    return AnalysisResult(
        quantities=tuple(said),
        maps=(segment_map(model, grid),),
        lines=(segment_places(model, grid),),
        cautions=tuple(cautions),
    )


def thickness(model: Model) -> list[Wall]:
    """Of each slice with a cavity the thickness (mm) of its chords and their segments."""
    found = []
    for ring in model.rings:
        chords = ring.chords()
        if chords is not None and np.isfinite(chords.thickness_mm).any():
            found.append((chords.thickness_mm, model.frame.sector(ring.level, chords.angle)))
    return found


def _means(slices: list[Wall]) -> dict[int, float]:
    if not slices:
        return {}
    mm, segments = (np.concatenate(part) for part in zip(*slices, strict=True))
    return mean_by_segment(mm, segments)


def _model(inputs: AnalysisInputs, muscle: Mask, phase: int) -> Model:
    assert inputs.grid is not None
    rights = inputs.phases_of(RIGHT_CAVITY.key)
    right = rights.get(phase, inputs.masks.get(RIGHT_CAVITY.key))
    return segmented(muscle, inputs.grid, inputs.lines.get(INSERTIONS.key), right)


def _phases(inputs: AnalysisInputs, walls: dict[int, Mask]) -> tuple[int, int | None]:
    """End-diastole and end-systole: as given, else the widest and the narrowest cavity."""

    def cavity(mask: Mask) -> int:
        return sum(int((ndimage.binary_fill_holes(p) & ~p).sum()) for p in mask)

    size = {phase: cavity(mask) for phase, mask in walls.items()}
    asked = [inputs.number_or_none(parameter) for parameter in (DIASTOLE, SYSTOLE)]
    for number in asked:
        if number is not None and int(number) not in walls:
            raise BadInput(
                N_("The left ventricle is not outlined on phase {phase}."), phase=int(number)
            )
    diastole = max(size, key=lambda p: size[p]) if asked[0] is None else int(asked[0])
    rest = [phase for phase in size if phase != diastole]
    if asked[1] is not None:
        return diastole, int(asked[1])
    return diastole, min(rest, key=lambda p: size[p]) if rest else None


def _beat() -> AnalysisInputs:
    """A wall of 10 mm that thickens to 15 mm; insertions are marked."""
    grid = short_axis(turn_deg=25.0)
    return AnalysisInputs(
        masks={
            f"{WALL.key}:0": wall(grid, 20.0, 30.0, tip_mm=9.0),
            f"{WALL.key}:8": wall(grid, 12.5, 27.5, tip_mm=9.0),
        },
        grid=grid,
        lines={INSERTIONS.key: insertions(30.0)},
    )


def _with_right() -> AnalysisInputs:
    """The same wall, its insertions found from the right ventricle."""
    grid = short_axis(turn_deg=205.0, base_first=False, mirrored=True)
    masks = {
        f"{WALL.key}:0": wall(grid, 20.0, 30.0, tip_mm=9.0),
        f"{RIGHT_CAVITY.key}:0": right_ventricle(grid, 30.0),
    }
    return AnalysisInputs(masks=masks, grid=grid)


_WALL_MM = {
    f"{THICKNESS.en} @ {s}": (10.0, 0.3) for s in ("2 basal anteroseptal", "16 apical lateral")
}

SPEC = AnalysisSpec(
    id="heart/aha17",
    version="1.0.0",
    name=Wording("Wall thickness and thickening by segment", "节段室壁厚度与增厚率"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(WALL, INSERTIONS, RIGHT_CAVITY),
    parameters=(DIASTOLE, SYSTOLE),
    formula=(
        "100 chords across the line midway between inner and outer contour; thickening = (ES - "
        "ED) / ED; septum between the insertions halved, free wall in four, apex in quarters"
    ),
    source=(
        "Cerqueira et al., Circulation 2002;105:539-542, doi:10.1161/hc0402.102975; centreline "
        "method: Sheehan et al., Circulation 1986;74:293-305, doi:10.1161/01.CIR.74.2.293"
    ),
    known_answers=(
        KnownAnswer(
            make=_beat,
            expected={
                **_WALL_MM,
                f"{SYSTOLIC.en} @ 9 mid inferoseptal": (15.0, 0.3),
                f"{THICKENING.en} @ 10 mid inferior": (50.0, 4.0),
            },
            source="cylinder wall of 10 mm at end-diastole and 15 mm at end-systole",
        ),
        KnownAnswer(
            make=_with_right,
            expected=_WALL_MM,
            source="the same wall turned, mirrored, insertions from the right ventricle",
        ),
    ),
    cost_s=1.0,
)
