"""Evans index: how wide the frontal horns are against the inside of the skull."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

HORNS = InputSpec(
    "horns", Kind.LINE, Wording("Largest width of the frontal horns", "侧脑室额角最大宽度"),
    optional=True,
)  # fmt: skip
SKULL = InputSpec(
    "skull", Kind.LINE, Wording("Largest inner width of the skull", "颅腔最大内径"), optional=True
)
VENTRICLES = InputSpec(
    "ventricles", Kind.MASK, Wording("Lateral ventricles", "侧脑室"), optional=True
)
HEAD = InputSpec("head", Kind.MASK, Wording("Inside of the skull", "颅腔"), optional=True)
FLAG = Parameter("flag", Wording("Say so above", "提示阈值"), 0.30, "1", 0.1, 0.6)

INDEX = Wording("Evans index", "Evans 指数")
WIDTH = Wording("Width of the frontal horns", "侧脑室额角宽度")
INNER = Wording("Inner width of the skull", "颅腔内径")
_FRONT = 0.4  # of the ventricles' length from the front: where frontal horns are
_LEAST_MM = 60.0


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """The index from two drawn lines, or from masks of the ventricles and the inside of the
    skull."""
    if HORNS.key in inputs.lines and SKULL.key in inputs.lines:
        horns, skull = _two(inputs.line(HORNS)), _two(inputs.line(SKULL))
    elif VENTRICLES.key in inputs.masks and HEAD.key in inputs.masks:
        assert inputs.grid is not None
        horns, skull = _widths(inputs.mask(VENTRICLES), inputs.mask(HEAD), inputs.grid)
    else:
        raise BadInput(
            N_("Give two lines, or masks of the lateral ventricles and the inside of the skull.")
        )
    width, inner = (float(np.linalg.norm(line[1] - line[0])) for line in (horns, skull))
    if inner < _LEAST_MM or width >= inner:
        raise BadInput(N_("The inside of the skull must be wider than the frontal horns."))
    index, limit = width / inner, inputs.number(FLAG)
    cautions = (
        (Message(N_("The Evans index is above {limit}: the ventricles are enlarged."),
                 {"limit": f"{limit:g}"}),)
        if index > limit
        else ()
    )  # fmt: skip
    return AnalysisResult(
        quantities=(
            Quantity(INDEX, local_code("EVANS", INDEX), index, "{ratio}"),
            Quantity(WIDTH, local_code("HORNWIDTH", WIDTH), width, "mm"),
            Quantity(INNER, local_code("SKULLWIDTH", INNER), inner, "mm"),
        ),
        lines=(ResultLine("horns", WIDTH, horns), ResultLine("skull", INNER, skull)),
        cautions=cautions,
    )


def _two(line: Floats) -> Floats:
    if len(line) != 2:
        raise BadInput(N_("A width is a line of two points."))
    return line


def _widths(
    ventricles: NDArray[np.bool_], head: NDArray[np.bool_], grid: Grid
) -> tuple[Floats, Floats]:
    """The widest frontal horns and, at the same height, the widest skull: lines (2, 3), LPS mm.

    Widths lie along the patient's left-right axis, in layers as thick as the voxels are high;
    frontal horns are the front two fifths of the ventricles at that height. Edge to edge.
    """
    if not ventricles.any() or not head.any():
        raise BadInput(N_("The mask of the ventricles or of the skull is empty."))
    matrix = np.abs(grid.matrix[:3, :3])
    high, wide = float(matrix[2].max()), float(matrix[0].max())
    parts = [
        grid.to_lps(np.argwhere(mask)[:, ::-1].astype(np.float64)) for mask in (ventricles, head)
    ]
    inner, outer = parts
    layers = np.rint(inner[:, 2] / high).astype(int)
    front, back = float(inner[:, 1].min()), float(inner[:, 1].max())
    frontal = inner[:, 1] <= front + _FRONT * (back - front)
    best: tuple[float, Floats, int] | None = None
    for layer in np.unique(layers[frontal]):
        line = _widest(inner[frontal & (layers == layer)], wide)
        width = float(np.linalg.norm(line[1] - line[0]))
        if best is None or width > best[0]:
            best = (width, line, int(layer))
    assert best is not None  # the front of the ventricles holds voxels
    there = outer[np.rint(outer[:, 2] / high).astype(int) == best[2]]
    if not len(there):
        raise BadInput(N_("The mask of the skull does not reach the frontal horns."))
    return best[1], _widest(there, wide)


def _widest(points: Floats, voxel_mm: float) -> Floats:
    """From the rightmost to the leftmost edge of points (n, 3) in one layer, as a level line."""
    right, left = float(points[:, 0].min()), float(points[:, 0].max())
    y, z = points[int(points[:, 0].argmax()), 1:]
    return np.array([[right - voxel_mm / 2, y, z], [left + voxel_mm / 2, y, z]])


def _lines() -> AnalysisInputs:
    """42 mm against 126 mm: one third."""
    horns = np.array([[-21.0, -40.0, 10.0], [21.0, -40.0, 10.0]])
    skull = np.array([[-63.0, 10.0, 10.0], [63.0, 10.0, 10.0]])
    return AnalysisInputs(lines={HORNS.key: horns, SKULL.key: skull})


def _masks() -> AnalysisInputs:
    """Boxes: frontal horns 36 mm wide, wider (60 mm) at the back, skull 120 mm."""
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:3, 3] = (-99.0, -99.0, -45.0)
    grid = Grid((18, 100, 100), as_matrix(affine))
    ventricles, head = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    head[1:17, 10:90, 20:80] = True
    ventricles[7:12, 30:50, 41:59] = True
    ventricles[7:12, 50:72, 35:65] = True
    return AnalysisInputs(masks={VENTRICLES.key: ventricles, HEAD.key: head}, grid=grid)


SPEC = AnalysisSpec(
    id="brain/evans_index",
    version="1.0.0",
    name=Wording("Evans index", "Evans 指数"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula="largest width of the frontal horns / largest inner width of the skull on that slice",
    source=(
        "Evans, Arch Neurol Psychiatry 1942;47:931-937; above 0.3: Relkin et al., Neurosurgery "
        "2005;57(3 Suppl):S4-S16; limits: Toma et al., Neurosurgery 2011;68:939-944, "
        "doi:10.1227/NEU.0b013e318208f5e0"
    ),
    known_answers=(
        KnownAnswer(
            make=_lines, expected={INDEX.en: (1.0 / 3.0, 1e-9), WIDTH.en: (42.0, 1e-9)},
            source="42 mm / 126 mm",
        ),
        KnownAnswer(
            make=_masks,
            expected={INDEX.en: (0.3, 1e-9), WIDTH.en: (36.0, 1e-9), INNER.en: (120.0, 1e-9)},
            source="boxes of 18 and 60 voxels of 2 mm",
        ),
    ),
    cost_s=1.0,
    inputs=(HORNS, SKULL, VENTRICLES, HEAD),
    parameters=(FLAG,),
)  # fmt: skip
