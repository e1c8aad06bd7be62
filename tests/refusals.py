"""What measures refuse and what they say, in both languages: ``python -m tests.refusals``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from workstation.analyses import analysis
from workstation.analyses.brain import ct_perfusion, dsc_perfusion
from workstation.analyses.heart import calcium_score, perfusion_upslope, ventricles
from workstation.analyses.vessel import acute_aorta
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import AnalysisInputs, Images
from workstation.domain.errors import BadInput, Message
from workstation.text import say, set_language


def _frames(given: AnalysisInputs, first: int, last: int) -> AnalysisInputs:
    """The only series of a run, cut to some of its frames."""
    ((key, images),) = given.images.items()
    part = Images(images.volumes[first:last], images.positions[first:last], images.axis)
    return replace(given, images={key: part})


def _without_bolus(given: AnalysisInputs) -> AnalysisInputs:
    """The first image again and again, with noise that differs."""
    ((key, images),) = given.images.items()
    still = np.asarray(images.volumes[0].array, dtype=np.float32)
    noise = np.random.default_rng(5)
    volumes = tuple(
        replace(v, array=still + noise.normal(0.0, 0.5, still.shape).astype(np.float32))
        for v in images.volumes
    )
    return replace(given, images={key: Images(volumes, images.positions, images.axis)})


def _acquired(given: AnalysisInputs, scan: Acquisition) -> AnalysisInputs:
    """As if the headers of the first image said something else."""
    key, images = next(iter(given.images.items()))
    (volume,) = images.volumes
    other = replace(volume, stack=replace(volume.stack, acquisition=scan))
    return replace(given, images={**given.images, key: replace(images, volumes=(other,))})


def _without_base(given: AnalysisInputs) -> AnalysisInputs:
    """The heart's stack, cut off through the widest part of the ventricle."""
    assert given.grid is not None
    wide = next(mask for key, mask in given.masks.items() if key.startswith("lv_endo"))
    areas = wide.sum(axis=(1, 2))
    keep = slice(0, int(areas.argmax()) - 1)
    shape = (keep.stop, *given.grid.shape[1:])
    grid = replace(given.grid, shape=shape)
    return replace(given, grid=grid, masks={key: m[keep] for key, m in given.masks.items()})


def _made(id: str) -> AnalysisInputs:
    return analysis(id)[0].known_answers[0].make()


Case = Callable[[], AnalysisInputs]
DSC, CTP = dsc_perfusion.SPEC.id, ct_perfusion.SPEC.id
CASES: dict[str, tuple[str, Case]] = {
    "DSC, too few frames": (DSC, lambda: _frames(_made(DSC), 0, 12)),
    "DSC, no contrast bolus": (DSC, lambda: _without_bolus(_made(DSC))),
    "CT perfusion, too few frames": (CTP, lambda: _frames(_made(CTP), 0, 5)),
    "CT perfusion, no contrast bolus": (CTP, lambda: _without_bolus(_made(CTP))),
    "heart perfusion, too few frames": (
        perfusion_upslope.SPEC.id, lambda: _frames(_made(perfusion_upslope.SPEC.id), 0, 14)
    ),
    "heart perfusion, no contrast bolus": (
        perfusion_upslope.SPEC.id, lambda: _frames(_made(perfusion_upslope.SPEC.id), 20, 40)
    ),
    "cine without slices at the base": (
        ventricles.SPEC.id, lambda: _without_base(_made(ventricles.SPEC.id))
    ),
    "calcium on contrast CT (headers)": (
        calcium_score.SPEC.id,
        lambda: _acquired(_made(calcium_score.SPEC.id), Acquisition(kvp=120, contrast="enhanced")),
    ),
    "calcium at 100 kV": (
        calcium_score.SPEC.id,
        lambda: _acquired(_made(calcium_score.SPEC.id), Acquisition(kvp=100.0)),
    ),
    "acute aorta on contrast CT (headers)": (
        acute_aorta.SPEC.id,
        lambda: _acquired(_made(acute_aorta.SPEC.id), Acquisition(kvp=120, contrast="enhanced")),
    ),
}  # fmt: skip


def refusal(name: str) -> Message:
    """What is said; raises ``AssertionError`` where it is not refused."""
    id, make = CASES[name]
    try:
        analysis(id)[1](make())
    except BadInput as error:
        return error.message
    raise AssertionError(f"{name} was not refused")


if __name__ == "__main__":
    for case in CASES:
        message = refusal(case)
        print(case)
        for language in ("en", "zh_CN"):
            set_language(language)
            print(f"    {say(message)}")
