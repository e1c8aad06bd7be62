"""The centreline of a vessel between points that a reader clicks on it, and how it winds."""

from __future__ import annotations

import numpy as np

from workstation.analyses.vessel._path import path_between
from workstation.analyses.vessel._phantom import box, curved, narrowing, tube
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Images,
    InputSpec,
    Kind,
    KnownAnswer,
    Quantity,
    ResultLine,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.volume import generated_volume
from workstation.imaging.sections import run_of

HU = "[hnsf'U]"
LENGTH = Wording("Length along the centreline", "中心线长度")
DISTANCE = Wording("Distance of its ends", "两端直线距离")
TORTUOSITY = Wording("Tortuosity (length / distance)", "迂曲度（长度/直线距离）")
_CODES = {
    LENGTH: Code("LINELENGTH", "99ONESCAN", LENGTH.en),
    DISTANCE: Code("LINEDISTANCE", "99ONESCAN", DISTANCE.en),
    TORTUOSITY: Code("TORTUOSITY", "99ONESCAN", TORTUOSITY.en),
}
IMAGE = InputSpec(
    "image",
    Kind.IMAGE,
    Wording("Angiogram (TOF, CE-MRA or CTA)", "血管成像（TOF、CE-MRA 或 CTA）"),
    roles=("TOF", "CE-MRA", "CTA"),
)
POINTS = InputSpec(
    "points", Kind.LINE, Wording("Points on the vessel, in order", "血管上的点（按顺序）")
)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The line (LPS mm) from the first point to the last; ``BadInput`` where no vessel leads on."""
    volume = inputs.image(IMAGE).volumes[0]
    points = inputs.line(POINTS)
    if len(points) < 2:
        raise BadInput(N_("Click on two or more places of the vessel."))
    if np.linalg.norm(np.diff(points, axis=0), axis=1).min() < 2.0:
        raise BadInput(N_("Two of the points are less than 2 mm apart."))
    line = path_between(np.asarray(volume.array), volume.grid, points, bone=volume.stack.unit == HU)
    length = float(run_of(line)[-1])
    distance = float(np.linalg.norm(line[-1] - line[0]))
    said = [
        Quantity(LENGTH, _CODES[LENGTH], length, "mm"),
        Quantity(DISTANCE, _CODES[DISTANCE], distance, "mm"),
        Quantity(TORTUOSITY, _CODES[TORTUOSITY], length / max(distance, 1e-6), "1"),
    ]
    name = Wording("Centreline", "中心线")
    return AnalysisResult(quantities=tuple(said), lines=(ResultLine("centreline", name, line),))


def _helix() -> AnalysisInputs:
    """A 5 mm artery that winds over 60 mm and narrows to 2 mm; clicks 0.8 mm beside its middle."""
    grid = box((34.0, 34.0, 60.0), (0.5, 0.5, 0.6))
    array = tube(curved, narrowing(5.0, 2.0, 30.0, 6.0), 68.0, grid, blur_mm=0.35, noise=25.0)
    volume = generated_volume(array, grid, modality="MR", unit="1", role="TOF", region="vessel")
    ends = curved(np.array([4.0, 64.0])) + np.array([0.5, 0.5, 0.4])
    return AnalysisInputs(images={IMAGE.key: Images((volume,))}, lines={POINTS.key: ends})


SPEC = AnalysisSpec(
    id="vessel/centreline",
    version="1.0.0",
    name=Wording("Centreline between points", "两点间血管中心线"),
    area="vessel",
    accepts=(),
    needs_mask="",
    inputs=(IMAGE, POINTS),
    formula="minimal path: fast marching, fast where bright and deep; then the lumen's middle",
    source=(
        "Deschamps and Cohen, Med Image Anal 2001;5:281-299, doi:10.1016/S1361-8415(01)00046-9; "
        "fast marching: Sethian, Proc Natl Acad Sci USA 1996;93:1591-1595"
    ),
    known_answers=(
        KnownAnswer(
            make=_helix,
            expected={LENGTH.en: (60.0, 2.0)},
            source="a helix of radius 9 mm: 60 mm of arc between the clicks",
        ),
    ),
    cost_s=2.0,
)
