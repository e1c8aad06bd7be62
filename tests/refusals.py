"""What measures refuse and what they say, in both languages: ``python -m tests.refusals``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from workstation.analyses import analysis
from workstation.analyses.brain import adc, ct_perfusion, dsc_perfusion, perfusion_curve
from workstation.analyses.heart import calcium_score, ecv_map, lge, perfusion_upslope, ventricles
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


def _placed(given: AnalysisInputs, factor: float) -> AnalysisInputs:
    """As if times or b-values had been written in another unit."""
    ((key, images),) = given.images.items()
    there = tuple(position * factor for position in images.positions)
    return replace(given, images={key: replace(images, positions=there)})


def _exchanged(given: AnalysisInputs, one: str, other: str) -> AnalysisInputs:
    """Two masks or two curves taken for each other."""
    names = {one: other, other: one}
    return replace(
        given,
        masks={names.get(key, key): mask for key, mask in given.masks.items()},
        curves={names.get(key, key): curve for key, curve in given.curves.items()},
    )


def _remote_on_scar(given: AnalysisInputs) -> AnalysisInputs:
    array = np.asarray(given.images["lge"].volumes[0].array)
    muscle = given.masks["lv_myo"]
    bright = muscle & (array > 300.0)
    some = given.masks["remote"].copy()
    some[np.cumsum(some.ravel()).reshape(some.shape) > 2 * bright.sum()] = False
    return replace(given, masks={**given.masks, "remote": some | bright})


def _without_scar(given: AnalysisInputs) -> AnalysisInputs:
    volume = given.images["lge"].volumes[0]
    array = np.asarray(volume.array, dtype=np.float32)
    muscle = given.masks["lv_myo"]
    even = np.where(muscle & ((array > 150.0) | (array < 80.0)), np.float32(100.0), array)
    images = {"lge": Images((replace(volume, array=even),))}
    return replace(given, images=images, values={"way": "fwhm"})


def _scaled(given: AnalysisInputs, key: str, factor: float) -> AnalysisInputs:
    (volume,) = given.images[key].volumes
    array = np.asarray(volume.array, dtype=np.float32) * np.float32(factor)
    return replace(given, images={**given.images, key: Images((replace(volume, array=array),))})


def _bright_blood(given: AnalysisInputs) -> AnalysisInputs:
    """A vessel's mask in a heart full of contrast agent that no header tells of."""
    (volume,) = given.images["ct"].volumes
    array = np.full(given.masks["rca"].shape, 320.0, dtype=np.float32)
    return replace(given, lines={}, images={"ct": Images((replace(volume, array=array),))})


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
    "calcium, a vessel's mask in bright blood": (
        calcium_score.SPEC.id, lambda: _bright_blood(_made(calcium_score.SPEC.id))
    ),
    "calcium, a vessel's mask empty": (
        calcium_score.SPEC.id,
        lambda: replace(
            _made(calcium_score.SPEC.id),
            masks={"rca": np.zeros_like(_made(calcium_score.SPEC.id).masks["rca"])},
        ),
    ),
    "ADC, b-values ten times too large": (adc.SPEC.id, lambda: _placed(_made(adc.SPEC.id), 10.0)),
    "DSC, times in milliseconds": (DSC, lambda: _placed(_made(DSC), 1000.0)),
    "one curve, tissue and artery exchanged": (
        perfusion_curve.SPEC.id,
        lambda: _exchanged(_made(perfusion_curve.SPEC.id), "tissue", "artery"),
    ),
    "ECV, muscle and blood exchanged": (
        ecv_map.SPEC.id, lambda: _exchanged(_made(ecv_map.SPEC.id), "lv_myo", "blood")
    ),
    "ECV, after contrast in seconds": (
        ecv_map.SPEC.id, lambda: _scaled(_made(ecv_map.SPEC.id), "after", 0.001)
    ),
    "late enhancement, remote muscle on scar": (
        lge.SPEC.id, lambda: _remote_on_scar(_made(lge.SPEC.id))
    ),
    "late enhancement, FWHM without scar": (
        lge.SPEC.id, lambda: _without_scar(_made(lge.SPEC.id))
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
