"""White matter hyperintensity near the ventricles and deep, and proposed Fazekas grades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.analyses.brain._series import VOLUME, local_code, longest_mm, mask_on, volume_ml
from workstation.analyses.brain.wmh_load import LEAST_VOXELS
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    InputSpec,
    Kind,
    KnownAnswer,
    Quantity,
    ResultMask,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.guidelines import load_numbers

WMH = InputSpec("wmh", Kind.MASK, Wording("White matter hyperintensity", "脑白质高信号"))
VENTRICLES = InputSpec("ventricles", Kind.MASK, Wording("Lateral ventricles", "侧脑室"))
HEAD = InputSpec("head", Kind.MASK, Wording("Inside of the skull", "颅腔"), optional=True)

TOTAL = Wording("White matter hyperintensity volume", "脑白质高信号体积")
NEAR = Wording("Periventricular white matter hyperintensity", "脑室旁白质高信号体积")
DEEP = Wording("Deep white matter hyperintensity", "深部白质高信号体积")
PART = Wording(
    "White matter hyperintensity, part of the intracranial volume", "脑白质高信号占颅腔容积比例"
)
NEAR_GRADE = Wording("Fazekas grade, periventricular (proposed)", "Fazekas 脑室旁分级（建议）")
DEEP_GRADE = Wording("Fazekas grade, deep (proposed)", "Fazekas 深部分级（建议）")
REACH = Wording("Reach of periventricular hyperintensity", "脑室旁高信号最大延伸距离")
LONGEST = Wording("Longest diameter of a deep lesion", "深部病灶最大径")
_TOUCHES_MM = 3.0  # from the ventricle: what begins here belongs to it
_ALL = np.ones((3, 3, 3))


def split(
    wmh: NDArray[np.bool_], ventricles: NDArray[np.bool_], grid: Grid, near_mm: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """Periventricular and deep part of ``wmh`` (z, y, x), and the distance of every voxel's centre
    from the nearest centre of a ventricle voxel in mm."""
    away = np.asarray(
        ndimage.distance_transform_edt(~ventricles, sampling=grid.spacing_mm[::-1]),
        dtype=np.float64,
    )
    near = wmh & (away <= near_mm)
    return near, wmh & ~near, away


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Volumes of both parts and, from millimetres that stand for the scale's words, both grades."""
    wmh, ventricles = inputs.mask(WMH), inputs.mask(VENTRICLES)
    grid = inputs.grid
    assert grid is not None
    if not ventricles.any():
        raise BadInput(N_("The mask of the ventricles is empty."))
    limits = load_numbers("fazekas-proposal")
    wmh = _without_noise(wmh & ~ventricles)
    near, deep, away = split(wmh, ventricles, grid, limits["periventricular_mm"])
    reach = _reach(wmh, away, grid)
    labels, count = ndimage.label(deep, structure=_ALL)
    pieces = ndimage.find_objects(labels)
    longest = max(
        (longest_mm(labels[p] == k + 1, grid) for k, p in enumerate(pieces[:count]) if p),
        default=0.0,
    )
    near_grade = _grade(reach, limits["halo_from_mm"], limits["irregular_from_mm"])
    deep_grade = _grade(
        longest, limits["beginning_confluence_from_mm"], limits["confluent_from_mm"]
    )
    total = volume_ml(wmh, grid)
    said = [
        Quantity(TOTAL, VOLUME, total, "mL"),
        Quantity(NEAR, local_code("WMHPV", NEAR), volume_ml(near, grid), "mL"),
        Quantity(DEEP, local_code("WMHDEEP", DEEP), volume_ml(deep, grid), "mL"),
        Quantity(NEAR_GRADE, local_code("FAZEKASPV", NEAR_GRADE), float(near_grade), "1"),
        Quantity(DEEP_GRADE, local_code("FAZEKASDEEP", DEEP_GRADE), float(deep_grade), "1"),
        Quantity(REACH, local_code("WMHREACH", REACH), reach, "mm"),
        Quantity(LONGEST, local_code("WMHDIAMETER", LONGEST), longest, "mm"),
    ]
    head = mask_on(inputs, HEAD, grid)
    if head is not None and head.any():
        part = 100.0 * total / volume_ml(head, grid)
        said.append(Quantity(PART, local_code("WMHPART", PART), part, "%"))
    return AnalysisResult(
        quantities=tuple(said),
        masks=(
            ResultMask("periventricular", NEAR, near, grid),
            ResultMask("deep", DEEP, deep, grid),
        ),
        cautions=(
            Message(
                N_("The Fazekas scale is visual: these grades are proposals from millimetres.")
            ),
        ),
    )


def _without_noise(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask, structure=_ALL)
    kept = np.bincount(labels.ravel(), minlength=count + 1) >= LEAST_VOXELS
    kept[0] = False
    return np.asarray(kept[labels])


def _reach(wmh: NDArray[np.bool_], away: Floats, grid: Grid) -> float:
    """How far from the ventricle lesions reach that begin at it; 0 where none does. From its edge:
    half a voxel less than between centres at the near end and half more at the far end."""
    labels, _ = ndimage.label(wmh, structure=_ALL)
    touching = max(_TOUCHES_MM, 1.01 * min(grid.spacing_mm))
    own = np.unique(labels[wmh & (away <= touching)])
    inside = np.isin(labels, own[own > 0])
    return float(away[inside].max()) if inside.any() else 0.0


def _grade(size_mm: float, second: float, third: float) -> int:
    if size_mm <= 0:
        return 0
    return 1 + int(size_mm >= second) + int(size_mm >= third)


def boxes() -> AnalysisInputs:
    """On 1 x 1 x 2 mm: a rim 4 mm thick beside a ventricle, a deep box of 12 x 9 mm."""
    grid = Grid((20, 80, 80), as_matrix(np.diag([1.0, 1.0, 2.0, 1.0])))
    ventricles, wmh, head = (np.zeros(grid.shape, dtype=bool) for _ in range(3))
    ventricles[5:15, 30:50, 36:44] = True
    wmh[5:15, 32:48, 44:48] = True  # 10 * 16 * 4 = 640 voxels, to 4 mm
    wmh[8:10, 36:45, 60:72] = True  # 2 * 9 * 12 = 216 voxels, from 17 mm on
    wmh[2, 2, 2:4] = True  # too few voxels
    head[:, 5:75, 5:75] = True
    return AnalysisInputs(
        masks={WMH.key: wmh, VENTRICLES.key: ventricles, HEAD.key: head}, grid=grid
    )


SPEC = AnalysisSpec(
    id="brain/wmh_fazekas",
    version="1.0.0",
    name=Wording("White matter hyperintensity by place", "脑白质高信号分区与 Fazekas 分级"),
    area="brain",
    accepts=(),
    needs_mask="",
    formula="periventricular: voxels up to 10 mm from a lateral ventricle; deep: the others",
    source=(
        "Fazekas et al., AJR 1987;149:351-356, doi:10.2214/ajr.149.2.351; 10 mm: DeCarli et al., "
        "Stroke 2005;36:50-55, doi:10.1161/01.STR.0000150668.58689.f2; Griffanti et al., "
        "NeuroImage 2018;170:174-181; grades: resources/guidelines/fazekas-proposal.toml"
    ),
    known_answers=(
        KnownAnswer(
            make=boxes,
            expected={
                TOTAL.en: (0.002 * 856, 1e-9),
                NEAR.en: (0.002 * 640, 1e-9),
                DEEP.en: (0.002 * 216, 1e-9),
                REACH.en: (4.0, 1e-9),
                LONGEST.en: (float(np.hypot(11, 8)) + 1.0, 1e-9),
                NEAR_GRADE.en: (1.0, 0.0),
                DEEP_GRADE.en: (2.0, 0.0),
                PART.en: (100.0 * 856 / (20 * 70 * 70), 1e-9),
            },
            source="counted by hand; the diagonal of 12 x 9 voxels, edge to edge",
        ),
    ),
    cost_s=4.0,
    inputs=(WMH, VENTRICLES, HEAD),
)
