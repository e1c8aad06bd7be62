"""Stenosis of a carotid artery by NASCET, ECST and WASID, with the places that were compared.

From diameters that a reader gives, or along a centreline that runs with the blood (common to
internal carotid), from an angiogram or a mask of the lumen. The distal reference is where, beyond
the stenosis, the walls run parallel; a reader may put it elsewhere. A near-occlusion is stated by
the reader and then has no percentage, for the artery beyond it has shrunk; measures that suggest
one are said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.vessel._phantom import box, curved, narrowing, straight, tube
from workstation.analyses.vessel._side import SIDE, side_of
from workstation.analyses.vessel.stenosis import ecst, nascet, wasid
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Candidate,
    Curve,
    Images,
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
from workstation.domain.geometry import Floats
from workstation.domain.volume import generated_volume
from workstation.guidelines import load_guideline, load_numbers
from workstation.imaging.lumen import STEP_MM, Levels, Profile, levels_along, profile
from workstation.imaging.sections import run_of

STRETCH_MM = 8.0
"""A reference is the median over so much of the vessel."""
AWAY_MM = 6.0
"""A reference begins at least so far from the narrowest place."""
PARALLEL = 0.12
"""Walls are parallel where the width varies by no more than this part of itself."""
COARSEST_MM = 1.5

NASCET = Wording("Stenosis by NASCET", "NASCET 法狭窄率")
ECST = Wording("Stenosis by ECST", "ECST 法狭窄率")
WASID = Wording("Stenosis by WASID", "WASID 法狭窄率")
NARROW = Wording("Minimal lumen diameter", "最小管腔直径")
DISTAL = Wording("Distal normal lumen diameter", "远端正常管腔直径")
ORIGINAL = Wording("Original diameter at the stenosis", "狭窄处原始管径")
PROXIMAL = Wording("Proximal normal lumen diameter", "近端正常管腔直径")
_CODES = {
    NASCET: Code("408715008", "SCT", "Lumen Diameter Stenosis"),
    ECST: Code("ECST", "99ONESCAN", ECST.en),
    WASID: Code("WASID", "99ONESCAN", "Diameter stenosis by proximal reference"),
    NARROW: Code("397413000", "SCT", "Vessel lumen diameter"),
    DISTAL: Code("DISTALREF", "99ONESCAN", DISTAL.en),
    ORIGINAL: Code("ORIGINALREF", "99ONESCAN", ORIGINAL.en),
    PROXIMAL: Code("PROXIMALREF", "99ONESCAN", PROXIMAL.en),
}

IMAGE = InputSpec(
    "image",
    Kind.IMAGE,
    Wording("Angiogram", "血管成像"),
    roles=("TOF", "CE-MRA", "CTA"),
    optional=True,
)
LUMEN = InputSpec("lumen", Kind.MASK, Wording("Lumen", "管腔"), optional=True)
LINE = InputSpec(
    "centreline",
    Kind.LINE,
    Wording(
        "Centreline with the blood (common to internal)", "顺血流方向的中心线（颈总至颈内动脉）"
    ),
    optional=True,
)


def _mm(key: str, en: str, zh: str) -> Parameter:
    return Parameter(key, Wording(en, zh), None, "mm", 0.0, 60.0)


D_MIN = _mm("d_min", "Narrowest diameter", "最窄处直径")
D_DISTAL = _mm("d_distal", "Distal normal diameter", "远端正常直径")
D_ORIGINAL = _mm("d_original", "Original diameter at the stenosis", "狭窄处原始直径")
D_PROXIMAL = _mm("d_proximal", "Proximal normal diameter", "近端正常直径")
D_OTHER = _mm("d_other_side", "Distal diameter of the other side", "对侧颈内动脉远端直径")
D_EXTERNAL = _mm("d_external", "Diameter of the external carotid artery", "同侧颈外动脉直径")
AT_DISTAL = Parameter(
    "distal_at", Wording("Place of the distal reference on the line", "远端参考部位（沿中心线）"),
    None, "mm", 0.0, 1000.0,
)  # fmt: skip
AT_PROXIMAL = Parameter(
    "proximal_at",
    Wording("Place of the proximal reference on the line", "近端参考部位（沿中心线）"),
    None, "mm", 0.0, 1000.0,
)  # fmt: skip
NEAR_OCCLUSION = Parameter(
    "near_occlusion", Wording("It is a near-occlusion", "判定为次全闭塞"), False
)
SITES = {
    "": Wording("Carotid artery", "颈动脉"),
    "left": Wording("Left carotid artery", "左侧颈动脉"),
    "right": Wording("Right carotid artery", "右侧颈动脉"),
}
NEAR = Wording("Near-occlusion", "次全闭塞")


@dataclass(frozen=True)
class Widths:
    """Diameters in mm, None where not known. marks: places of them, (3,) LPS, by name."""

    narrow: float
    distal: float | None = None
    original: float | None = None
    proximal: float | None = None
    marks: tuple[tuple[str, Wording, Floats], ...] = ()
    estimated: bool = False  # the original diameter lies between those on either side
    profile: Profile | None = None
    side: str = ""


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Percentages of every method whose reference is known, and the diameters (mm)."""
    found = _with_given(inputs, _measured(inputs))
    stated = inputs.word(SIDE)
    side = found.side if stated == "auto" else stated
    said = [
        Quantity(name, _CODES[name], value, "mm")
        for name, value in (
            (NARROW, found.narrow),
            (DISTAL, found.distal),
            (PROXIMAL, found.proximal),
            (ORIGINAL, found.original),
        )
        if value is not None
    ]
    cautions: list[Message] = []
    near: tuple[Candidate, ...] = ()
    if not side:
        cautions.append(Message(N_("The side is not stated.")))
    if inputs.flag(NEAR_OCCLUSION):
        why = N_("Near-occlusion, as stated by the reader: no percentage is computed.")
        cautions.append(Message(why))
        near, said = (_near_occlusion(found, inputs, SITES[side], said),), []
    else:
        said = _percentages(found) + said
        said[0] = replace(said[0], site=SITES[side])
        cautions += _suggesting(found, inputs)
        words = load_guideline("carotid-nascet").grade(said[0].value, "%")
        if words is not None and said[0].name == NASCET:
            cautions.append(Message(N_("By NASCET: {name}."), named(words.en, words.zh)))
        if found.estimated:
            why = N_("The original diameter of ECST was estimated between both sides of it.")
            cautions.append(Message(why))
    curves: tuple[ResultCurve, ...] = ()
    if found.profile is not None:
        known = np.isfinite(found.profile.diameter_mm)
        curve = Curve(found.profile.run_mm[known], found.profile.diameter_mm[known], "mm", "mm")
        curves = (ResultCurve("diameter", Wording("Lumen diameter", "管腔直径"), curve),)
    lines = tuple(ResultLine(key, name, place[None]) for key, name, place in found.marks)
    return AnalysisResult(
        quantities=tuple(said), candidates=near, curves=curves, lines=lines,
        cautions=tuple(cautions),
    )  # fmt: skip


def _near_occlusion(
    found: Widths, inputs: AnalysisInputs, site: Wording, said: list[Quantity]
) -> Candidate:
    """A finding of that name, so that no report calls it by a diameter alone."""
    middle = inputs.grid.centre_lps if inputs.grid is not None else np.zeros(3)
    x, y, z = (float(v) for v in (found.marks[0][2] if found.marks else middle))
    code = Code("NEAROCCLUSION", "99ONESCAN", "Near-occlusion of the carotid artery")
    return Candidate(NEAR, code, site, (x, y, z), None, said[0], tuple(said[1:]))


def _percentages(found: Widths) -> list[Quantity]:
    said = []
    for name, rule, normal in (
        (NASCET, nascet, found.distal),
        (ECST, ecst, found.original),
        (WASID, wasid, found.proximal),
    ):
        if normal is not None:
            said.append(Quantity(name, _CODES[name], rule(found.narrow, normal), "%"))
    if not said:
        raise BadInput(
            N_("A stenosis needs a reference diameter: d_distal, d_original or d_proximal.")
        )
    return said


def _suggesting(found: Widths, inputs: AnalysisInputs) -> list[Message]:
    """That measures suggest a near-occlusion, which then must not be computed."""
    if found.distal is None:
        return []
    limits = load_numbers("carotid-near-occlusion")
    other, external = (inputs.number_or_none(p) for p in (D_OTHER, D_EXTERNAL))
    signs = [found.narrow <= limits["stenosis_mm"], found.distal <= limits["distal_mm"]]
    if other:
        signs.append(found.distal / other <= limits["to_other_side"])
    if external:
        signs.append(found.distal / external <= limits["to_external"])
    if sum(signs) < 2 or not signs[0]:
        return []
    return [
        Message(
            N_(
                "{count} measures suggest a near-occlusion: look at the artery beyond the stenosis "
                "before you use the percentage."
            ),
            {"count": sum(signs)},
        )
    ]


def _with_given(inputs: AnalysisInputs, measured: Widths | None) -> Widths:
    """What was measured, replaced by what the reader gives."""
    given = [inputs.number_or_none(p) for p in (D_MIN, D_DISTAL, D_ORIGINAL, D_PROXIMAL)]
    narrow, distal, original, proximal = given
    if measured is None:
        if narrow is None:
            raise BadInput(
                N_(
                    "Give the narrowest diameter, or a centreline with an angiogram or a lumen "
                    "mask."
                )
            )
        return Widths(narrow, distal, original, proximal)
    return replace(
        measured,
        narrow=measured.narrow if narrow is None else narrow,
        distal=measured.distal if distal is None else distal,
        original=measured.original if original is None else original,
        proximal=measured.proximal if proximal is None else proximal,
        estimated=measured.estimated and original is None,
    )


def _measured(inputs: AnalysisInputs) -> Widths | None:
    """Diameters along the centreline; None where no line is given."""
    if LINE.key not in inputs.lines:
        return None
    line = inputs.line(LINE)
    if len(line) < 2 or run_of(line)[-1] < 2 * (AWAY_MM + STRETCH_MM):
        raise BadInput(N_("The centreline is too short."))
    if LUMEN.key in inputs.masks:
        mask, grid = inputs.mask(LUMEN), inputs.grid
        assert grid is not None
        array, levels = mask.astype(np.float32), Levels(1.0, 0.0)
    else:
        volume = inputs.image(IMAGE).volumes[0]
        array, grid = np.asarray(volume.array, dtype=np.float32), volume.grid
        levels = levels_along(array, grid, line)
    if max(grid.spacing_mm) > COARSEST_MM:
        raise BadInput(
            N_("The voxels are {size} mm wide; arteries can be measured up to {most} mm."),
            size=f"{max(grid.spacing_mm):.1f}", most=f"{COARSEST_MM:.1f}",
        )  # fmt: skip
    if levels.blood <= levels.tissue:
        raise BadInput(N_("No artery stands out along this line."))
    widths = _compared(profile(array, grid, line, levels), inputs)
    if LUMEN.key in inputs.masks:
        return widths  # a lumen alone does not show where the neck lies
    place = widths.marks[0][2]
    return replace(widths, side=side_of(float(place[0]), array, grid, levels.tissue))


def _compared(along: Profile, inputs: AnalysisInputs) -> Widths:
    known = np.isfinite(along.diameter_mm)
    if known.mean() < 0.8:
        raise BadInput(N_("No artery stands out along this line."))
    width = np.interp(along.run_mm, along.run_mm[known], along.diameter_mm[known])
    smooth = ndimage.gaussian_filter1d(width, 0.4 / STEP_MM, mode="nearest")
    edge = round(AWAY_MM / STEP_MM)
    at = edge + int(np.argmin(smooth[edge:-edge]))
    stretch = round(STRETCH_MM / STEP_MM)
    asked_distal, asked_proximal = (inputs.number_or_none(p) for p in (AT_DISTAL, AT_PROXIMAL))
    distal = _reference(width, at + edge, len(width), stretch, asked_distal, widest=False)
    proximal = _reference(width, 0, at - edge + 1, stretch, asked_proximal, widest=True)
    marks = [("narrowest", NARROW, along.points_mm[at])]
    values: dict[str, float] = {}
    for key, name, found in (("distal", DISTAL, distal), ("proximal", PROXIMAL, proximal)):
        if found is not None:
            values[key] = float(np.median(width[found[0] : found[1]]))
            marks.append((key, name, along.points_mm[(found[0] + found[1]) // 2]))
    if "distal" not in values:
        raise BadInput(
            N_("The line ends before the artery beyond the stenosis runs with parallel walls.")
        )
    original = None
    if "proximal" in values and proximal is not None and distal is not None:
        one, other = sum(proximal) / 2, sum(distal) / 2
        part = (at - one) / (other - one)
        original = values["proximal"] + part * (values["distal"] - values["proximal"])
    narrow = min(float(smooth[at]), values["distal"])
    return Widths(
        narrow, values["distal"], original, values.get("proximal"), tuple(marks),
        estimated=original is not None, profile=replace(along, diameter_mm=smooth),
    )  # fmt: skip


def _reference(
    width: Floats, start: int, stop: int, stretch: int, asked_mm: float | None, *, widest: bool
) -> tuple[int, int] | None:
    """First and last index of a stretch with parallel walls: the widest, or that nearest to the
    stenosis; around the place asked for where there is one."""
    if asked_mm is not None:
        middle = round(asked_mm / STEP_MM)
        if not 0 <= middle < len(width):
            raise BadInput(N_("The reference does not lie on the line."))
        return max(middle - stretch // 2, 0), min(middle + stretch // 2 + 1, len(width))
    found: list[tuple[float, int]] = []
    for first in range(start, stop - stretch + 1):
        part = width[first : first + stretch]
        spread = float(np.percentile(part, 90) - np.percentile(part, 10))
        if spread <= PARALLEL * float(np.median(part)):
            found.append((float(np.median(part)), first))
    if not found:
        return None
    # Just behind a stenosis walls may run parallel before the vessel is wide again.
    most = max(value for value, _ in found)
    if widest:
        first = next(f for value, f in reversed(found) if value >= 0.97 * most)
    else:
        first = next(f for value, f in found if value >= 0.9 * most)
    return first, first + stretch


def phantom(curve: bool, narrow_mm: float, *, as_mask: bool = False) -> AnalysisInputs:
    """A tube of 5 mm that narrows, on 0.5 x 0.5 x 0.6 mm: as an angiogram, or its lumen as mask."""
    grid = box((34.0, 34.0, 60.0), (0.5, 0.5, 0.6))
    line, length = (curved, 68.0) if curve else (straight, 60.0)
    noise, blur = (0.0, 0.1) if as_mask else (25.0, 0.35)
    width = narrowing(5.0, narrow_mm, length / 2, 6.0)
    array = tube(line, width, length, grid, blur_mm=blur, noise=noise)
    points = line(np.arange(2.0, length - 2.0, 2.0))
    if as_mask:
        mask: NDArray[np.bool_] = array > array.min() + 0.5 * (array.max() - array.min())
        return AnalysisInputs(masks={LUMEN.key: mask}, grid=grid, lines={LINE.key: points})
    volume = generated_volume(array, grid, modality="MR", unit="1", role="TOF", region="vessel")
    return AnalysisInputs(images={IMAGE.key: Images((volume,))}, lines={LINE.key: points})


_SIDES = {side: f"{NASCET.en} @ {site.en}" for side, site in SITES.items()}
_TUBE = {WASID.en: (60.0, 4.0), DISTAL.en: (5.0, 0.2)}

SPEC = AnalysisSpec(
    id="vessel/carotid_stenosis",
    version="1.1.0",
    name=Wording("Carotid stenosis", "颈动脉狭窄"),
    area="vessel",
    accepts=(),
    needs_mask="",
    inputs=(IMAGE, LUMEN, LINE),
    parameters=(
        D_MIN, D_DISTAL, D_ORIGINAL, D_PROXIMAL, D_OTHER, D_EXTERNAL, AT_DISTAL, AT_PROXIMAL,
        NEAR_OCCLUSION, SIDE,
    ),
    formula=(
        "NASCET (1 - d_min / d_distal), ECST (1 - d_min / d_original), WASID (1 - d_min / "
        "d_proximal), each * 100; d of the circle with the lumen's area"
    ),
    source=(
        "NASCET, N Engl J Med 1991;325:445-453, doi:10.1056/NEJM199108153250701; ECST, Lancet "
        "1998;351:1379-1387; WASID: Samuels et al., AJNR 2000;21:643-646; near-occlusion: Bartlett "
        "et al., AJNR 2006;27:632-637"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: AnalysisInputs(
                values={D_MIN.key: 2.0, D_DISTAL.key: 5.0, D_ORIGINAL.key: 8.0}
            ),
            expected={_SIDES[""]: (60.0, 1e-9), ECST.en: (75.0, 1e-9)},
            source="by hand: 2 of 5 mm is 60 %, 2 of 8 mm is 75 %",
        ),
        KnownAnswer(lambda: phantom(False, 2.0), {_SIDES[""]: (60.0, 4.0), **_TUBE},
                    "straight tube 5 mm to 2 mm: 60 %"),
        KnownAnswer(lambda: phantom(True, 2.0), {_SIDES["right"]: (60.0, 4.0), **_TUBE},
                    "helical tube 5 mm to 2 mm, its narrow place 8.8 mm to the right: 60 %"),
    ),
    cost_s=2.0,
)  # fmt: skip
