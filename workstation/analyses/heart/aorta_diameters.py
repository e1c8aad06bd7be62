"""Diameters of the thoracic aorta across its centreline, at landmarks and where it is widest.

The mask says what is measured: the lumen gives inner, the vessel with its wall outer diameters; no
number is made of the other. The line runs with the blood, from the valve on. A diameter is the
largest caliper width of the section across the line; a section that leaves the picture or the mask
is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Choice,
    Curve,
    InputSpec,
    Kind,
    KnownAnswer,
    Parameter,
    Quantity,
    ResultCurve,
    ResultLine,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.guidelines import load_guideline, load_numbers
from workstation.imaging.rings import contour_of, middle_of, widths
from workstation.imaging.sections import (
    Planes,
    middle_piece,
    nearest_on,
    planes_across,
    resampled,
    run_of,
)

STEP_MM = 2.0
HALF_MM, PIXEL_MM = 45.0, 0.75
OFF_MM = 40.0
"""A landmark further from the line than this is no place on this aorta."""

LARGEST = Wording("Largest diameter of the thoracic aorta", "胸主动脉最大直径")
MAXIMUM = Wording("Aortic diameter, largest", "主动脉最大径")
MINIMUM = Wording("Aortic diameter, smallest", "主动脉最小径")
AREA_HEIGHT = Wording("Aortic area / height", "主动脉截面积/身高")
HEIGHT_INDEX = Wording("Aortic height index", "主动脉身高指数（AHI）")
SIZE_INDEX = Wording("Aortic size index", "主动脉体表面积指数（ASI）")
_CODES = {
    LARGEST: Code("AORTALARGEST", "99ONESCAN", LARGEST.en),
    MAXIMUM: Code("AORTAMAX", "99ONESCAN", MAXIMUM.en),
    MINIMUM: Code("AORTAMIN", "99ONESCAN", MINIMUM.en),
    AREA_HEIGHT: Code("AORTAAREAHEIGHT", "99ONESCAN", AREA_HEIGHT.en),
    HEIGHT_INDEX: Code("AHI", "99ONESCAN", HEIGHT_INDEX.en),
    SIZE_INDEX: Code("ASI", "99ONESCAN", SIZE_INDEX.en),
}
AORTA = InputSpec("aorta", Kind.MASK, Wording("Aorta", "主动脉"), code="15825003")
LINE = InputSpec(
    "centreline", Kind.LINE, Wording("Centreline from the valve on", "自瓣环起的中心线")
)
LANDMARKS = {
    "sinuses": Wording("Sinuses of Valsalva", "主动脉窦"),
    "junction": Wording("Sinotubular junction", "窦管交界"),
    "ascending": Wording("Mid ascending aorta", "升主动脉中段"),
    "arch_start": Wording("Proximal arch", "主动脉弓近段"),
    "arch": Wording("Mid arch", "主动脉弓中段"),
    "descending_start": Wording("Proximal descending aorta", "降主动脉近段"),
    "descending": Wording("Mid descending aorta", "降主动脉中段"),
    "diaphragm": Wording("Aorta at the diaphragm", "膈肌水平主动脉"),
}
ROOT = ("sinuses", "junction", "ascending")
PLACES = {
    key: InputSpec(key, Kind.LINE, Wording(f"{n.en}: a point", f"{n.zh}：一个点"), optional=True)
    for key, n in LANDMARKS.items()
}
EDGE = Parameter(
    "edge",
    Wording("The mask is", "分割范围"),
    "inner",
    choices=(
        Choice("inner", Wording("the lumen (inner edges)", "管腔（内缘至内缘）")),
        Choice("outer", Wording("lumen and wall (outer edges)", "含管壁（外缘至外缘）")),
    ),
)
HEIGHT = Parameter("height_cm", Wording("Height", "身高"), None, "cm", 50.0, 250.0)
WEIGHT = Parameter("weight_kg", Wording("Weight", "体重"), None, "kg", 5.0, 400.0)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Largest and smallest diameter (mm) at each landmark given and at the widest place."""
    mask, line = inputs.mask(AORTA), inputs.line(LINE)
    assert inputs.grid is not None
    if len(line) < 2 or run_of(line)[-1] < 3 * STEP_MM:
        raise BadInput(N_("The centreline is too short."))
    planes = planes_across(resampled(line, STEP_MM, 4.0), HALF_MM, PIXEL_MM)
    sections = planes.sample(mask, inputs.grid)
    areas = np.array([_area(section) for section in sections])
    if not np.isfinite(areas).any():
        raise BadInput(N_("The centreline does not run inside the aorta."))
    widest = int(np.nanargmax(areas))
    largest = _widths(planes, sections, widest)
    said = [Quantity(LARGEST, _CODES[LARGEST], largest[0], "mm")]
    marks = [largest[2]]
    root: list[tuple[float, float]] = []
    for key, place in PLACES.items():
        if place.key not in inputs.lines:
            continue
        at = _place(planes, inputs.line(place), LANDMARKS[key])
        if not np.isfinite(areas[at]):
            name = LANDMARKS[key]
            raise BadInput(
                N_("The aorta has no whole section at: {name}."), **named(name.en, name.zh)
            )
        most, least, ends = _widths(planes, sections, at)
        said.append(Quantity(MAXIMUM, _CODES[MAXIMUM], most, "mm", LANDMARKS[key]))
        said.append(Quantity(MINIMUM, _CODES[MINIMUM], least, "mm", LANDMARKS[key]))
        marks.append(ends)
        if key in ROOT:
            root.append((most, float(areas[at])))
    edge = next(c.name for c in EDGE.choices if c.key == inputs.word(EDGE))
    cautions = [Message(N_("What was measured: {name}."), named(edge.en, edge.zh))]
    if root:
        indexed, notes = _against_the_body(inputs, max(root)[0], max(a for _, a in root))
        said += indexed
        cautions += notes
    run = np.arange(len(areas)) * STEP_MM
    known = np.isfinite(areas)
    profile = Curve(run[known], 2.0 * np.sqrt(areas[known] / np.pi), "mm", "mm")
    name = Wording("Diameter of the circle of the section's area", "等面积圆直径")
    return AnalysisResult(
        quantities=tuple(said),
        curves=(ResultCurve("profile", name, profile),),
        lines=tuple(ResultLine(f"diameter_{i}", MAXIMUM, ends) for i, ends in enumerate(marks)),
        cautions=tuple(cautions),
    )


def _area(section: NDArray[np.float32]) -> float:
    """mm2 of the section at the line; NaN where it leaves the picture or there is none."""
    piece = _piece(section)
    if piece is None:
        return np.nan
    return float(np.where(_around(piece), section, 0.0).sum()) * PIXEL_MM**2


def _piece(section: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    inside = section >= 0.5
    middle = len(section) // 2
    near = round(5.0 / PIXEL_MM)
    part = slice(middle - near, middle + near + 1)
    if not inside[part, part].any():
        return None
    piece = middle_piece(inside)
    edge = piece[0].any() or piece[-1].any() or piece[:, 0].any() or piece[:, -1].any()
    return None if edge else piece


def _around(piece: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The piece and the voxels at its edge that it fills in part."""
    return np.asarray(ndimage.binary_dilation(piece, iterations=2))


def _widths(planes: Planes, sections: NDArray[np.float32], at: int) -> tuple[float, float, Floats]:
    """Largest and smallest caliper width (mm) of a section, and the ends (2, 3) of the largest."""
    piece = _piece(sections[at])
    assert piece is not None
    shares = np.where(_around(piece), sections[at], 0.0).astype(np.float32)
    pixel = (PIXEL_MM, PIXEL_MM)
    contour = contour_of(shares, pixel, middle_of(piece, pixel))
    most, least = widths(contour.points)
    half = planes.half * PIXEL_MM
    away = np.linalg.norm(contour.points[:, None] - contour.points[None], axis=2)
    one, other = np.unravel_index(int(np.nanargmax(away)), away.shape)
    ends = contour.points[[int(one), int(other)]] - half
    return most, least, planes.place(at, ends[:, 0], ends[:, 1])


def _place(planes: Planes, point: Floats, name: Wording) -> int:
    if len(point) != 1:
        raise BadInput(N_("Mark one point at: {name}."), **named(name.en, name.zh))
    at = nearest_on(planes.points_mm, point[0])
    if float(np.linalg.norm(planes.points_mm[at] - point[0])) > OFF_MM:
        raise BadInput(
            N_("This point does not lie at the aorta: {name}."), **named(name.en, name.zh)
        )
    return at


def _against_the_body(
    inputs: AnalysisInputs, most_mm: float, area_mm2: float
) -> tuple[list[Quantity], list[Message]]:
    """Indices of the root or ascending aorta, its band, and which limits it reaches."""
    notes = []
    table = load_guideline("aorta-ascending")
    words = table.grade(most_mm, "mm")
    if words is not None:
        notes.append(
            Message(
                N_("Root and ascending aorta: {name} ({table} {version})."),
                {**named(words.en, words.zh), "table": table.id, "version": table.version},
            )
        )
    height = inputs.number_or_none(HEIGHT)
    if height is None:
        return [], notes
    limits = load_numbers("aorta-indexed")
    metres, cm = height / 100.0, most_mm / 10.0
    found = [
        (AREA_HEIGHT, area_mm2 / 100.0 / metres, "cm2/m", limits["area_height_cm2_m"]),
        (HEIGHT_INDEX, cm / metres, "cm/m", limits["height_index_cm_m"]),
    ]
    weight = inputs.number_or_none(WEIGHT)
    if weight is not None:
        body_m2 = float(np.sqrt(height * weight / 3600.0))  # Mosteller 1987
        found.append((SIZE_INDEX, cm / body_m2, "cm/m2", limits["size_index_cm_m2"]))
    for name, value, _, limit in found:
        if round(value, 2) >= limit:
            notes.append(
                Message(
                    N_("{name} reaches its limit of {limit}."),
                    {**named(name.en, name.zh), "limit": f"{limit:g}"},
                )
            )
    return [Quantity(name, _CODES[name], value, unit) for name, value, unit, _ in found], notes


BEND_MM = 38.0


def arch(
    spacing_mm: tuple[float, float, float], wide_mm: float, bulge_mm: float
) -> tuple[NDArray[np.bool_], Grid, Floats]:
    """An aorta: up one leg, over a half circle in the x-z plane, down the other.

    wide_mm: its diameter; bulge_mm: that of the widest place, 30 mm below the arch on the way up.
    Mask (z, y, x), grid, centreline (n, 3).
    """
    reach = BEND_MM + max(bulge_mm, wide_mm) / 2 + 6.0
    size = (2 * reach, bulge_mm + 16.0, reach + 75.0)
    shape = [round(s / d) + 1 for s, d in zip(size, spacing_mm, strict=True)]
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-reach, -size[1] / 2, -75.0]
    grid = Grid((shape[2], shape[1], shape[0]), as_matrix(affine))
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij")
    points = grid.to_lps(np.stack([x, y, z], axis=-1))
    px, py, pz = points[..., 0], points[..., 1], points[..., 2]
    over = np.hypot(np.hypot(px, pz) - BEND_MM, py)
    leg = np.hypot(np.abs(px) - BEND_MM, py)
    wide = wide_mm + (bulge_mm - wide_mm) * np.exp(-(((pz + 30.0) / 12.0) ** 2)) * (px > 0)
    mask = np.where(pz >= 0, over <= wide_mm / 2, leg <= wide / 2)
    angle = np.linspace(0.0, np.pi, 60)
    bend = np.stack([BEND_MM * np.cos(angle), np.zeros(60), BEND_MM * np.sin(angle)], axis=1)
    up = np.stack([np.full(30, BEND_MM), np.zeros(30), np.linspace(-62.0, -1.0, 30)], axis=1)
    down = up[::-1] * (-1.0, 1.0, 1.0)
    return np.asarray(mask), grid, np.concatenate([up, bend, down])


def _known() -> AnalysisInputs:
    mask, grid, line = arch((1.0, 1.0, 1.5), 30.0, 46.0)
    points = {
        "ascending": [[BEND_MM + 5.0, 3.0, -30.0]],
        "arch": [[0.0, 0.0, BEND_MM]],
        "descending": [[-BEND_MM, 0.0, -30.0]],
    }
    lines = {key: np.asarray(place) for key, place in points.items()}
    return AnalysisInputs(
        masks={AORTA.key: mask},
        grid=grid,
        lines={LINE.key: line, **lines},
        values={HEIGHT.key: 170.0, WEIGHT.key: 70.0},
    )


SPEC = AnalysisSpec(
    id="heart/aorta_diameters",
    version="1.0.0",
    name=Wording("Diameters of the thoracic aorta", "胸主动脉直径"),
    area="heart",
    accepts=(),
    needs_mask="",
    inputs=(AORTA, LINE, *PLACES.values()),
    parameters=(EDGE, HEIGHT, WEIGHT),
    formula=(
        "largest caliper width of the section across the centreline; AHI = d / height, ASI = d / "
        "BSA (Mosteller), area / height"
    ),
    source=(
        "Isselbacher et al., 2022 ACC/AHA guideline, Circulation 2022;146:e334-e482, "
        "doi:10.1161/CIR.0000000000001106; BSA: Mosteller, N Engl J Med 1987;317:1098"
    ),
    known_answers=(
        KnownAnswer(
            make=_known,
            expected={
                LARGEST.en: (46.0, 1.0),
                f"{MAXIMUM.en} @ {LANDMARKS['ascending'].en}": (46.0, 1.0),
                f"{MAXIMUM.en} @ {LANDMARKS['arch'].en}": (30.0, 1.0),
                f"{MINIMUM.en} @ {LANDMARKS['descending'].en}": (30.0, 1.0),
                HEIGHT_INDEX.en: (4.6 / 1.7, 0.06),
                AREA_HEIGHT.en: (np.pi * 2.3**2 / 1.7, 0.3),
            },
            source="a bent tube of 30 mm with a bulge of 46 mm on voxels of 1 x 1 x 1.5 mm",
        ),
    ),
    cost_s=3.0,
)
