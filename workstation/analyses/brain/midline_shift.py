"""How far the septum pellucidum stands from the midline of the skull."""

from __future__ import annotations

import numpy as np

from workstation.analyses.brain._head import Plane, midplane
from workstation.analyses.brain._series import local_code
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultLine,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, as_matrix

POINTS = InputSpec(
    "points", Kind.LINE,
    Wording("Front end of the falx, back end of the falx, septum at the foramen of Monro",
            "大脑镰前端、大脑镰后端、室间孔层面透明隔（依次三点）"),
    optional=True,
)  # fmt: skip
HEAD = InputSpec("head", Kind.MASK, Wording("Inside of the skull", "颅腔"), optional=True)
SEPTUM = InputSpec("septum", Kind.MASK, Wording("Septum pellucidum", "透明隔"), optional=True)
FLAG = Parameter("flag_mm", Wording("Say so from", "提示阈值"), 5.0, "mm", 1.0, 20.0)

SHIFT = Wording("Midline shift", "中线移位")
LEFT, RIGHT = Wording("to the left", "向左"), Wording("to the right", "向右")
_UP = np.array([0.0, 0.0, 1.0])


def falx_plane(front_mm: Floats, back_mm: Floats) -> Plane:
    """The plane through both ends of the falx and along the patient's long axis."""
    normal = np.cross(back_mm - front_mm, _UP)
    length = float(np.linalg.norm(normal))
    if length < 20.0:
        raise BadInput(N_("The ends of the falx lie too close together to show the midline."))
    # Front to back is +y, so that the cross product with "up" points to +x, the patient's left.
    return Plane(front_mm, normal / length)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The shift in mm and its side, from three points or from masks of skull and septum."""
    if POINTS.key in inputs.lines:
        points = inputs.line(POINTS)
        if len(points) != 3:
            raise BadInput(
                N_("Three points are needed: the front and the back end of the falx, the septum.")
            )
        plane, septum = falx_plane(points[0], points[1]), points[2]
        foot = septum - float(plane.side_mm(septum)) * plane.normal
        lines: tuple[ResultLine, ...] = (
            ResultLine("midline", Wording("Midline", "中线"), points[:2]),
            ResultLine("shift", SHIFT, np.stack([foot, septum])),
        )
    elif HEAD.key in inputs.masks and SEPTUM.key in inputs.masks:
        head, drawn = inputs.mask(HEAD), inputs.mask(SEPTUM)
        assert inputs.grid is not None
        if not drawn.any():
            raise BadInput(N_("The mask of the septum is empty."))
        plane = midplane(head, inputs.grid)
        places = inputs.grid.to_lps(np.argwhere(drawn)[:, ::-1].astype(np.float64))
        septum = np.asarray(places.mean(axis=0), dtype=np.float64)
        foot = septum - float(plane.side_mm(septum)) * plane.normal
        lines = (ResultLine("shift", SHIFT, np.stack([foot, septum])),)
    else:
        raise BadInput(N_("Give three points, or masks of the inside of the skull and the septum."))
    side = float(plane.side_mm(septum))
    where = LEFT if side > 0 else RIGHT
    flagged = abs(side) >= inputs.number(FLAG)
    cautions = (
        (Message(N_("Midline shift of {limit} mm or more."),
                 {"limit": f"{inputs.number(FLAG):g}"}),)
        if flagged
        else ()
    )  # fmt: skip
    return AnalysisResult(
        quantities=(Quantity(SHIFT, local_code("MIDSHIFT", SHIFT), abs(side), "mm", where),),
        lines=lines,
        cautions=cautions,
    )


def _points() -> AnalysisInputs:
    """A falx turned by 3-4-5: the septum stands 6 mm to the left of it."""
    front, back = np.array([0.0, -75.0, 20.0]), np.array([90.0, 45.0, 20.0])
    normal = np.array([0.8, -0.6, 0.0])
    septum = front + 0.45 * (back - front) + 6.0 * normal
    return AnalysisInputs(lines={POINTS.key: np.stack([front, back, septum])})


def _masks() -> AnalysisInputs:
    """An ellipsoid of a skull, 4 mm beside the middle of the image, and a septum 7 mm right of
    its plane of symmetry."""
    affine = np.diag([2.0, 2.0, 6.0, 1.0])
    affine[:3, 3] = (-99.0, -99.0, -57.0)
    grid = Grid((20, 100, 100), as_matrix(affine))
    z, y, x = np.indices(grid.shape)
    place = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64)) - (4.0, 0.0, 0.0)
    head = ((place / (68.0, 86.0, 56.0)) ** 2).sum(axis=-1) <= 1.0
    septum = (np.abs(place[..., 0] + 7.0) < 1.5) & (np.abs(place[..., 1] + 20.0) < 10.0)
    septum &= np.abs(place[..., 2]) < 4.0
    return AnalysisInputs(masks={HEAD.key: head, SEPTUM.key: septum}, grid=grid)


SPEC = AnalysisSpec(
    id="brain/midline_shift",
    version="1.0.0",
    name=Wording("Midline shift", "中线移位"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula="distance of the septum pellucidum from the line between both ends of the falx",
    source=(
        "Liao et al., Int J Biomed Imaging 2018:4303161, doi:10.1155/2018/4303161 (methods of "
        "measuring); 5 mm: Bullock et al., Neurosurgery 2006;58(3 Suppl):S16-S24"
    ),
    known_answers=(
        KnownAnswer(
            make=_points, expected={f"{SHIFT.en} @ {LEFT.en}": (6.0, 1e-9)},
            source="placed 6 mm along the normal of the line",
        ),
        KnownAnswer(
            make=_masks, expected={f"{SHIFT.en} @ {RIGHT.en}": (7.0, 1.0)},
            source="drawn 7 mm beside the plane of symmetry of an ellipsoid; voxels of 2 mm",
        ),
    ),
    cost_s=1.0,
    inputs=(POINTS, HEAD, SEPTUM),
    parameters=(FLAG,),
)  # fmt: skip
