"""Narrowed arteries on time-of-flight angiography, in percent of the normal diameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.vessel._phantom import box, curved, narrowing, straight, tube
from workstation.analyses.vessel._side import side_of
from workstation.analyses.vessel._tree import branches, lumen
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Candidate,
    Images,
    KnownAnswer,
    Quantity,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid
from workstation.domain.volume import Volume, generated_volume
from workstation.imaging.lumen import STEP_MM, Levels, Profile, profile

Floats = NDArray[np.float64]

PROPOSE_FROM_PERCENT = 30.0
"""Narrowings below this are within the scatter of normal vessels and are not proposed."""
COARSEST_MM = 1.2
"""A voxel wider than this cannot show how wide an intracranial artery is."""
_SMALLEST_NORMAL_MM = 1.9  # narrower arteries are not judged: too few voxels across
_REACH_MM = 14.0  # the normal vessel is looked for this far on either side
_PIECE_MM = 4.0  # a stretch of vessel counts as normal if it is this long
_LONGEST_MM = 8.0  # from the narrowest point to where the vessel is wide again
_KEPT_MM, _LEAST_KEPT_MM = 5.0, 1.6  # beyond that, this much of it is averaged; at least so much
_MOST = 5

STENOSIS = Wording("Diameter stenosis", "管径狭窄率")
NARROWEST = Wording("Minimal lumen diameter", "最小管腔直径")
NORMAL = Wording("Distal normal lumen diameter", "远端正常管腔直径")
BY_PROXIMAL = Wording("Diameter stenosis by proximal reference (WASID)", "近端参考狭窄率(WASID)")
_STENOSIS_CODE = Code("408715008", "SCT", "Lumen Diameter Stenosis")
_LABEL = Wording("Arterial stenosis", "动脉狭窄")


def nascet(d_min_mm: float, d_distal_mm: float) -> float:
    """Stenosis in percent of the normal diameter beyond it (NASCET, NEJM 1991;325:445-453)."""
    return _percent(d_min_mm, d_distal_mm)


def ecst(d_min_mm: float, d_original_mm: float) -> float:
    """Stenosis in percent of the estimated original diameter there (ECST, Lancet 1998;351)."""
    return _percent(d_min_mm, d_original_mm)


def wasid(d_min_mm: float, d_proximal_mm: float) -> float:
    """Intracranial stenosis in percent of the proximal normal diameter (Samuels, AJNR 2000)."""
    return _percent(d_min_mm, d_proximal_mm)


def _percent(narrow_mm: float, normal_mm: float) -> float:
    if not (normal_mm > 0 and narrow_mm >= 0):
        raise BadInput(N_("A stenosis needs a narrowest and a normal diameter above zero."))
    if narrow_mm > normal_mm:
        raise BadInput(N_("The narrowest diameter is larger than the normal one."))
    return (1.0 - narrow_mm / normal_mm) * 100.0


@dataclass(frozen=True)
class Narrowing:
    """A local minimum of a vessel's width. at: index into the profile; span: first, last index."""

    at: int
    span: tuple[int, int]
    narrow_mm: float
    distal_mm: float
    proximal_mm: float

    @property
    def percent(self) -> float:
        """Stenosis against the distal normal diameter."""
        return nascet(min(self.narrow_mm, self.distal_mm), self.distal_mm)


def narrowings(along: Profile) -> list[Narrowing]:
    """Every narrowing of a vessel that is wider again on both sides, worst first.

    Tapering, branching into smaller vessels and thin arteries between two wide ones (the
    communicating arteries) are no stenoses: on either side, before any branching, the vessel must
    come back to a width that it keeps, and the smaller of the two must exceed the minimum enough.
    """
    width, whole = _cleaned(along.diameter_mm)
    if not whole.any():
        return []
    smooth = ndimage.gaussian_filter1d(width, 0.4 / STEP_MM, mode="nearest")
    # Normal is what a whole stretch of vessel has: one bulge is not enough.
    stretch = ndimage.percentile_filter(width, 30, size=round(_PIECE_MM / STEP_MM) | 1)
    reach = round(_REACH_MM / STEP_MM)
    found: list[Narrowing] = []
    for at in (int(i) for i in np.argsort(smooth)):
        if any(n.span[0] <= at <= n.span[1] for n in found):
            continue
        before, after = stretch[max(at - reach, 0) : at], stretch[at + 1 : at + reach + 1]
        if not before.size or not after.size:
            continue
        target = min(float(before.max()), float(after.max()))
        if target < _SMALLEST_NORMAL_MM or smooth[at] > target * (1 - PROPOSE_FROM_PERCENT / 100):
            continue
        back = _shoulder(smooth, whole, at, -1, target)
        ahead = _shoulder(smooth, whole, at, +1, target)
        if back is None or ahead is None:
            continue
        proximal = float(np.median(width[back[1] : back[0] + 1]))
        distal = float(np.median(width[ahead[0] : ahead[1] + 1]))
        narrow = float(smooth[at])
        if narrow > min(proximal, distal) * (1 - PROPOSE_FROM_PERCENT / 100):
            continue
        found.append(Narrowing(at, (back[0], ahead[0]), narrow, distal, proximal))
    return sorted(found, key=lambda n: -n.percent)


def _shoulder(
    smooth: Floats, whole: NDArray[np.bool_], at: int, way: int, target: float
) -> tuple[int, int] | None:
    """Where, from ``at`` on, the vessel is wide again, and how far it then keeps that width.

    None where it branches first, does not widen within ``_LONGEST_MM`` or does not keep it.
    """
    here = at
    while whole[here] and smooth[here] < 0.85 * target:
        here += way
        if not 0 <= here < len(smooth) or abs(here - at) * STEP_MM > _LONGEST_MM:
            return None
    last = here
    while (
        0 <= last < len(smooth)
        and abs(last - here) * STEP_MM < _KEPT_MM
        and whole[last]
        and 0.8 * target <= smooth[last] <= 1.35 * target
    ):
        last += way
    last -= way
    if abs(last - here) * STEP_MM < _LEAST_KEPT_MM:
        return None
    return here, last


def _cleaned(diameter: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Diameters with gaps filled, and where there is no gap: a branching makes sections jump."""
    good = np.isfinite(diameter) & (diameter > 0.2)
    if good.sum() * STEP_MM < 2 * _PIECE_MM:
        return diameter, np.zeros(len(diameter), dtype=bool)
    index = np.arange(len(diameter))
    filled = np.interp(index, index[good], diameter[good])
    usual = ndimage.median_filter(filled, size=round(8.0 / STEP_MM) | 1, mode="nearest")
    good &= filled < 1.5 * usual
    return np.asarray(np.interp(index, index[good], filled[good])), good


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Candidates for stenosis on one TOF volume, at most five, worst first."""
    if not inputs.volumes:
        raise BadInput(N_("There is no angiogram to look at."))
    grid = inputs.volumes[0].grid
    array = np.asarray(inputs.volumes[0].array, dtype=np.float32)
    return AnalysisResult(candidates=tuple(find(array, grid)))


def find(array: NDArray[np.float32], grid: Grid) -> list[Candidate]:
    """Stenosis candidates of a TOF array (z, y, x); ``BadInput`` where it is too coarse."""
    if max(grid.spacing_mm) > COARSEST_MM:
        raise BadInput(
            N_("The voxels are {size} mm wide; arteries can be measured up to {most} mm."),
            size=f"{max(grid.spacing_mm):.1f}",
            most=f"{COARSEST_MM:.1f}",
        )
    mask, blood, tissue = lumen(array, grid)
    if not mask.any() or blood <= tissue:
        raise BadInput(N_("No arteries stand out in this series."))
    found: list[tuple[Narrowing, Profile]] = []
    for whole in branches(mask, grid):
        branch = whole.from_before(2.0 * _REACH_MM)
        along = profile(array, grid, branch.points_mm, Levels(blood, tissue))
        # Earlier branches have spoken for the part that this one shares with them.
        fresh = branch.points_mm[branch.own_from :]
        for narrowing_ in narrowings(along):
            place = along.points_mm[narrowing_.at]
            known = any(np.linalg.norm(p.points_mm[n.at] - place) < 4.0 for n, p in found)
            if not known and np.linalg.norm(fresh - place, axis=1).min() < 2.0:
                found.append((narrowing_, along))
    found.sort(key=lambda pair: -pair[0].percent)
    sides = [side_of(float(p.points_mm[n.at][0]), array, grid, tissue) for n, p in found[:_MOST]]
    return [
        _candidate(n, p, mask, grid, _SITES[side])
        for (n, p), side in zip(found[:_MOST], sides, strict=True)
    ]


def _candidate(
    narrow: Narrowing, along: Profile, mask: NDArray[np.bool_], grid: Grid, site: Wording
) -> Candidate:
    place = along.points_mm[narrow.at]
    x, y, z = (float(v) for v in place)
    return Candidate(
        label=_LABEL,
        code=Code("415582006", "SCT", "Stenosis"),
        site=site,
        location_mm=(x, y, z),
        mask=_lesion(narrow, along, mask, grid),
        quantity=Quantity(STENOSIS, _STENOSIS_CODE, narrow.percent, "%"),
        others=(
            Quantity(
                NARROWEST,
                Code("397413000", "SCT", "Vessel lumen diameter"),
                narrow.narrow_mm,
                "mm",
            ),
            Quantity(NORMAL, Code("DISTALREF", "99ONESCAN", NORMAL.en), narrow.distal_mm, "mm"),
            Quantity(
                BY_PROXIMAL,
                Code("WASID", "99ONESCAN", "Diameter stenosis by proximal reference"),
                wasid(min(narrow.narrow_mm, narrow.proximal_mm), narrow.proximal_mm),
                "%",
            ),
        ),
        template_key="stenosis",
    )


def _lesion(
    narrow: Narrowing, along: Profile, mask: NDArray[np.bool_], grid: Grid
) -> NDArray[np.bool_]:
    """The lumen voxels of the narrowed stretch, half a millimetre beyond it on either side."""
    more = round(0.5 / STEP_MM)
    start, stop = max(narrow.span[0] - more, 0), narrow.span[1] + more + 1
    line = along.points_mm[start:stop]
    radius = max(narrow.distal_mm, narrow.proximal_mm) / 2.0 + 0.3
    result = np.zeros(grid.shape, dtype=bool)
    margin = radius + max(grid.spacing_mm)
    ends = grid.to_index(
        np.stack([c * margin + p for c in (-1.0, 1.0) for p in (line.min(0), line.max(0))])
    )
    low = np.maximum(np.floor(ends.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(ends.max(0)).astype(int) + 2, grid.shape[::-1])
    block = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    axes = np.meshgrid(*(np.arange(s.start, s.stop) for s in block), indexing="ij")
    places = grid.to_lps(np.stack(axes[::-1], axis=-1).reshape(-1, 3).astype(np.float64))
    away = np.linalg.norm(places[:, None, :] - line[None], axis=2)
    inside = (away.min(axis=1) <= radius).reshape(axes[0].shape)
    drawn = inside & mask[block]
    if not drawn.any():  # so narrow that no voxel reaches the threshold: mark the line itself
        drawn = (away.min(axis=1) <= max(grid.spacing_mm)).reshape(axes[0].shape)
    result[block] = drawn
    return result


_SITES = {
    "": Wording("Midline intracranial artery", "中线颅内动脉"),
    "left": Wording("Left intracranial artery", "左侧颅内动脉"),
    "right": Wording("Right intracranial artery", "右侧颅内动脉"),
}


def _phantom(curve: bool) -> AnalysisInputs:
    """A 5 mm artery that narrows to 2 mm, blurred by 0.35 mm, with noise."""
    grid = box((34.0, 34.0, 60.0), (0.5, 0.5, 0.6))
    width = narrowing(5.0, 2.0, 30.0, 6.0)
    line, length = (curved, 68.0) if curve else (straight, 60.0)
    array = tube(line, width, length, grid, blur_mm=0.35, noise=25.0)
    return AnalysisInputs(images={"image": Images((volume_of(array, grid),))})


def volume_of(array: NDArray[np.float32], grid: Grid) -> Volume:
    """An array as a TOF volume."""
    return generated_volume(array, grid, modality="MR", unit="1", role="TOF", region="vessel")


_EXPECTED = {STENOSIS.en: (60.0, 4.0), NARROWEST.en: (2.0, 0.2), NORMAL.en: (5.0, 0.2)}

SPEC = AnalysisSpec(
    id="vessel/stenosis",
    version="1.0.0",
    name=Wording("Arterial stenosis on TOF", "TOF 动脉狭窄"),
    area="vessel",
    accepts=("TOF",),
    needs_mask="",
    formula="(1 - d_min / d_distal) * 100; d of the circle with the lumen's area",
    source=(
        "NASCET, N Engl J Med 1991;325:445-453, doi:10.1056/NEJM199108153250701; WASID: Samuels "
        "et al., AJNR 2000;21:643-646; ECST, Lancet 1998;351:1379-1387"
    ),
    known_answers=(
        KnownAnswer(lambda: _phantom(False), _EXPECTED, "straight tube 5 mm to 2 mm: 60 %"),
        KnownAnswer(lambda: _phantom(True), _EXPECTED, "helical tube 5 mm to 2 mm: 60 %"),
    ),
)
