"""Signs of an acute aortic syndrome on unenhanced CT, along the aorta.

Bright crescent in the wall, calcification displaced inwards, a flap's band across the lumen, and
the diameter. It looks at what the mask of the aorta holds, proposes and shows what triggered it;
an aorta without a sign is not thereby normal. Thresholds are data. Sensitivity and specificity
are known on generated aortas only (see the tests), not on patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workstation.analyses.vessel._aorta_phantom import aorta
from workstation.analyses.vessel._aorta_signs import (
    HALF_MM,
    PIXEL_MM,
    STEP_MM,
    Along,
    Image,
    bands_shown,
    displaced_calcium,
    lasting,
    looked_along,
    widest_over,
)
from workstation.domain.acquisition import Acquisition
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
    Quantity,
    ResultCurve,
    ResultLine,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.mask import bounding_block, centre_lps
from workstation.domain.mask_block import part_of
from workstation.domain.volume import Volume, generated_volume
from workstation.guidelines import load_numbers
from workstation.imaging.sections import Planes, planes_across, resampled, run_of
from workstation.imaging.tube_line import line_through

HU = "[hnsf'U]"
MARGIN_MM = 8.0
ENHANCED_HU = 100.0
"""Blood of an unenhanced CT is darker."""

DIAMETER = Wording("Largest aortic diameter (circle of equal area)", "主动脉最大直径（等面积圆）")
CRESCENT = Wording("Bright crescent in the aortic wall, thickness", "主动脉壁高密度新月形影厚度")
DEPTH = Wording("Calcification displaced from the aortic wall, depth", "内移钙化距主动脉外缘深度")
FLAP = Wording("Band across the aortic lumen, contrast", "主动脉腔内线样影密度差")
COUNT = Wording("Acute aortic signs", "急性主动脉征象数")
_CODES = {
    DIAMETER: Code("AORTADIAMETER", "99ONESCAN", DIAMETER.en),
    CRESCENT: Code("AORTACRESCENT", "99ONESCAN", CRESCENT.en),
    DEPTH: Code("AORTACALCIUMDEPTH", "99ONESCAN", DEPTH.en),
    FLAP: Code("AORTAFLAP", "99ONESCAN", FLAP.en),
    COUNT: Code("AORTASIGNS", "99ONESCAN", COUNT.en),
}
_LABELS = {
    CRESCENT: Wording("Bright crescent in the aortic wall", "主动脉壁高密度新月形影"),
    DEPTH: Wording("Displaced calcification in the aorta", "主动脉内移钙化"),
    FLAP: Wording("Band across the aortic lumen, as of a flap", "主动脉腔内线样影（疑内膜片）"),
}
_SITE = Wording("Thoracic aorta", "胸主动脉")
CT = InputSpec(
    "ct", Kind.IMAGE, Wording("Unenhanced chest CT", "胸部平扫 CT"), unit=HU, roles=("CT chest",)
)
AORTA = InputSpec(
    "aorta", Kind.MASK, Wording("Aorta with its wall", "主动脉（含管壁）"), code="15825003"
)
LINE = InputSpec(
    "centreline",
    Kind.LINE,
    Wording("Centreline of the aorta (else through the outline)", "主动脉中心线（缺省取轮廓中线）"),
    optional=True,
)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Urgent candidates, one a sign, with the numbers that triggered them; profiles as curves."""
    volume = inputs.image(CT).volumes[0]
    _refuse_enhanced(volume)
    whole = inputs.mask(AORTA)
    if whole.shape != volume.array.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    if not whole.any():
        raise BadInput(N_("The mask of the aorta is empty."))
    numbers = load_numbers("acute-aorta")
    box, grid = _around(whole, volume.grid)
    array, mask = np.asarray(volume.array[box], dtype=np.float32), whole[box]
    if float(np.median(array[mask])) > ENHANCED_HU:
        raise BadInput(N_("The blood is as bright as with contrast agent; this looks at plain CT."))
    given = inputs.lines.get(LINE.key)
    line = line_through(whole, volume.grid) if given is None else given
    if len(line) < 2 or run_of(line)[-1] < numbers["least_length_mm"]:
        raise BadInput(
            N_("Less than {length} mm of the aorta can be followed; that is too little to judge."),
            length=f"{numbers['least_length_mm']:.0f}",
        )
    planes = planes_across(resampled(line, STEP_MM, 4.0), HALF_MM, PIXEL_MM)
    along = looked_along(array, mask.astype(np.float32), planes, numbers, grid)
    seen_mm3 = float(np.nansum(np.pi / 4.0 * along.diameter**2)) * STEP_MM
    covered = seen_mm3 / (mask.sum() * grid.voxel_ml * 1000.0)
    whole_share = np.isfinite(along.diameter).mean()
    if min(whole_share, covered) < numbers["least_followed_share"]:
        raise BadInput(
            N_("The outline of the aorta is broken or does not follow the line; correct it first.")
        )
    found = [
        replace(one, mask=_back(one.mask, box, whole.shape))
        for one in _signs(array, mask, planes, along, numbers, grid)
    ]
    widest = widest_over(along, numbers["widest_over_mm"])
    said = [
        Quantity(DIAMETER, _CODES[DIAMETER], widest, "mm"),
        Quantity(COUNT, _CODES[COUNT], float(len(found)), "1"),
        Quantity(CRESCENT, _CODES[CRESCENT], float(np.nanmax(along.crescent)), "mm"),
        Quantity(FLAP, _CODES[FLAP], float(np.nanmax(along.flap)), HU),
    ]
    cautions = [
        Message(
            N_("Made on generated aortas, not tested on patients. No sign does not mean normal.")
        )
    ]
    if round(widest, 1) >= numbers["dilated_mm"]:
        cautions.append(
            Message(N_("The aorta is {size} mm wide: dilated."), {"size": f"{widest:.0f}"})
        )
    curves = []
    for key, name, values, unit in (
        ("diameter", DIAMETER, along.diameter, "mm"),
        ("crescent", CRESCENT, along.crescent, "mm"),
        ("flap", FLAP, along.flap, HU),
    ):
        known = np.isfinite(values)
        curves.append(ResultCurve(key, name, Curve(along.run[known], values[known], "mm", unit)))
    return AnalysisResult(
        quantities=tuple(said),
        candidates=tuple(found),
        curves=tuple(curves),
        lines=(ResultLine("centreline", Wording("Centreline", "中心线"), planes.points_mm),),
        cautions=tuple(cautions),
    )


def _refuse_enhanced(volume: Volume) -> None:
    scan = volume.stack.acquisition
    if scan.contrast == "enhanced" or scan.phase in {"arterial", "venous", "delayed"}:
        raise BadInput(N_("This CT was made with contrast agent; this looks at plain CT."))


Box = tuple[slice, slice, slice]


def _around(mask: NDArray[np.bool_], grid: Grid) -> tuple[Box, Grid]:
    """The part of the image with the aorta and what planes across it reach, and its grid."""
    low, size = bounding_block(mask)
    margin = [int(np.ceil(MARGIN_MM / s)) for s in grid.spacing_mm[::-1]]
    start = [max(a - m, 0) for a, m in zip(low, margin, strict=True)]
    stop = [a + n + m for a, n, m in zip(low, size, margin, strict=True)]
    stop = [min(b, n) for b, n in zip(stop, mask.shape, strict=True)]
    z, y, x = (slice(a, b) for a, b in zip(start, stop, strict=True))
    low, high = (z.start, y.start, x.start), (z.stop, y.stop, x.stop)
    return (z, y, x), part_of(grid, low, high)


def _back(
    shown: NDArray[np.bool_] | None, box: Box, shape: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """A mask of the part on the whole image."""
    if shown is None:
        return None
    whole = np.zeros(shape, dtype=bool)
    whole[box] = shown
    return whole


def _signs(
    array: Image,
    mask: NDArray[np.bool_],
    planes: Planes,
    along: Along,
    numbers: Mapping[str, float],
    grid: Grid,
) -> list[Candidate]:
    found = []
    thick = np.nan_to_num(along.crescent)
    crescent = lasting(thick >= numbers["crescent_mm"], numbers["run_mm"])
    if crescent.any():
        at = int(np.argmax(np.where(crescent, thick, -1.0)))
        blood = float(np.nanmedian(along.blood))
        rim = mask & (array >= blood + numbers["crescent_above_blood_hu"])
        rim &= array <= numbers["crescent_below_hu"]
        shown = rim & _near(planes.points_mm[crescent], grid)
        here = shown & _near(planes.points_mm[at : at + 1], grid)
        place = centre_lps(here, grid) if here.any() else planes.points_mm[at]
        found.append(_candidate(CRESCENT, thick[at], "mm", place, shown))
    deep, depth = displaced_calcium(array, mask, grid, numbers)
    if deep.any():
        voxels = np.argwhere(deep)
        most = voxels[int(np.argmax(depth[deep]))]
        place = grid.to_lps(most[::-1].astype(np.float64))
        found.append(_candidate(DEPTH, float(depth[deep].max()), "mm", place, deep))
    contrast = np.nan_to_num(along.flap)
    noise = np.nan_to_num(along.flap_noise, nan=np.inf)
    band = (contrast >= numbers["flap_hu"]) & (contrast >= numbers["flap_times_noise"] * noise)
    # A crescent is an edge too: where there is one, a band beside it says nothing more.
    band = lasting(band & ~crescent, numbers["run_mm"])
    if band.any():
        at = int(np.argmax(np.where(band, contrast, -1.0)))
        shown = bands_shown(mask, grid, planes, along, band)
        here = shown & _near(planes.points_mm[at : at + 1], grid)
        place = centre_lps(here, grid) if here.any() else planes.points_mm[at]
        found.append(_candidate(FLAP, contrast[at], HU, place, shown))
    return found


def _near(points_mm: Floats, grid: Grid) -> NDArray[np.bool_]:
    """Voxels no further from these points of the line than a plane reaches."""
    nothing = np.zeros(grid.shape, dtype=bool)
    for point in points_mm:
        index = grid.to_index(point)[::-1]
        reach = 30.0 / np.asarray(grid.spacing_mm[::-1])
        reach[0] = max(STEP_MM / grid.spacing_mm[2], 1.0)
        low = np.maximum(np.floor(index - reach), 0).astype(int)
        high = np.maximum(np.ceil(index + reach).astype(int) + 1, 0)
        nothing[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return nothing


def _candidate(
    name: Wording, value: float, unit: str, place: Floats, shown: NDArray[np.bool_]
) -> Candidate:
    x, y, z = (float(v) for v in place)
    return Candidate(
        label=_LABELS[name],
        code=Code(_CODES[name].value, "99ONESCAN", _LABELS[name].en),
        site=_SITE,
        location_mm=(x, y, z),
        mask=shown if shown.any() else None,
        quantity=Quantity(name, _CODES[name], float(value), unit),
        template_key="acute_aorta",
        urgent=True,
    )


def inputs_of(
    sign: str, seed: int, *, wide_mm: float = 33.0, noise: float = 12.0
) -> AnalysisInputs:
    """A generated aorta as the inputs of this analysis, its line to be found."""
    array, mask, grid, _ = aorta(sign, seed, wide_mm=wide_mm, noise=noise)
    made = generated_volume(array, grid, modality="CT", unit=HU, role="CT chest", region="chest")
    volume = replace(made, stack=replace(made.stack, acquisition=Acquisition(kvp=120.0)))
    return AnalysisInputs(
        images={CT.key: Images((volume,))},
        masks={AORTA.key: mask},
        grid=grid,
    )


SPEC = AnalysisSpec(
    id="vessel/acute_aorta",
    version="1.1.0",
    name=Wording("Signs of an acute aorta on plain CT", "平扫 CT 急性主动脉征象"),
    area="vessel",
    accepts=("CT chest",),
    needs_mask="",
    inputs=(CT, AORTA, LINE),
    stat=True,
    formula=(
        "planes across the centreline: bright rim against the inner lumen, calcium deeper than "
        "the wall, straight band against the lumen beside it; thresholds in acute-aorta.toml"
    ),
    source=(
        "Erbel et al., 2014 ESC guidelines on aortic diseases, Eur Heart J 2014;35:2873-2926, "
        "doi:10.1093/eurheartj/ehu281; signs on plain CT as in iAorta, Hu et al., arXiv 2406.15222 "
        "(2024)"
    ),
    known_answers=(
        KnownAnswer(
            make=lambda: inputs_of("none", 1),
            expected={COUNT.en: (0.0, 0.0), DIAMETER.en: (33.0, 1.5)},
            source="a generated aorta of 33 mm without a sign",
        ),
        KnownAnswer(
            make=lambda: inputs_of("crescent", 2),
            expected={COUNT.en: (1.0, 0.0), CRESCENT.en: (8.0, 2.0)},
            source="a generated crescent of 8 mm",
        ),
        KnownAnswer(
            make=lambda: inputs_of("calcium", 3),
            expected={COUNT.en: (1.0, 0.0), DEPTH.en: (9.0, 3.0)},
            source="generated calcium 9 mm deep",
        ),
        KnownAnswer(
            make=lambda: inputs_of("flap", 4),
            expected={COUNT.en: (1.0, 0.0)},
            source="a generated flap of 2.4 mm",
        ),
    ),
    cost_s=10.0,
)
