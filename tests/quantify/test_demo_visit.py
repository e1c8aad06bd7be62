"""The visit's series around the contrast agent: measured as a reader would, against their truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from workstation.analyses.brain import adc, dsc_perfusion
from workstation.analyses.heart import ecv_map, lge, perfusion_upslope
from workstation.demo.contrast_series import (
    MAP_SLICES,
    diffusion,
    first_pass,
    heart_of_visit,
    late,
    susceptibility,
    t1_maps,
)
from workstation.demo.heart_contrast import BEAT_S, SLICES
from workstation.demo.series import DEMO_SEED, FULL, DemoSeries
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images, Value
from workstation.domain.volume import generated_volume


def images(series: DemoSeries, positions: tuple[float, ...] = (), axis: str = "") -> Images:
    arrays = series.array if series.array.ndim == 4 else series.array[None]
    volumes = tuple(
        generated_volume(
            a.astype(np.float32), series.grid, modality="MR", unit=series.header.unit or "1",
            role="", region="heart",
        )
        for a in arrays
    )  # fmt: skip
    return Images(volumes, positions, axis)


def numbers(result: AnalysisResult) -> dict[tuple[str, str], float]:
    return {(q.name.en, q.site.en): q.value for q in result.quantities}


def test_the_infarct_has_its_volume_and_place() -> None:
    series = diffusion(DEMO_SEED, FULL)
    known = series.known.diffusion
    assert known is not None
    b = tuple(float(v) for v in series.header.of_phase["DiffusionBValue"])
    inputs = {adc.DWI.key: images(series, b, "b-value")}
    result = adc.analyse(AnalysisInputs(images=inputs, grid=series.grid))
    found = numbers(result)
    assert found[adc.CORE.en, ""] == pytest.approx(known.voxel_ml, rel=0.06)
    assert found[adc.CORE_MEAN.en, ""] == pytest.approx(known.adc, abs=30.0)
    away = np.subtract(result.candidates[0].location_mm, known.centre_mm)
    assert np.linalg.norm(away) < 3.0


def test_blood_comes_late_where_it_does() -> None:
    series = susceptibility(DEMO_SEED, FULL)
    known = series.known.bolus
    assert known is not None
    at = tuple(1.6 * n for n in range(len(series.array)))
    inputs: dict[str, Images] = {dsc_perfusion.DYNAMIC.key: images(series, at, "time")}
    values: dict[str, Value | None] = {"te_ms": 30.0}
    result = dsc_perfusion.analyse(AnalysisInputs(images=inputs, grid=series.grid, values=values))
    maps = {one.key: one.values for one in result.maps}
    late_here = maps["tmax"] > 6.0
    assert late_here.sum() * series.grid.voxel_ml == pytest.approx(known.voxel_ml, rel=0.08)
    inner = np.stack([ndimage.binary_erosion(plane, iterations=2) for plane in late_here])
    assert np.nanmedian(maps["cbv"][inner]) == pytest.approx(known.cbv, rel=0.15)
    assert np.nanmedian(maps["mtt"][inner]) > 1.5 * np.nanmedian(maps["mtt"][~late_here])


@pytest.mark.parametrize(("way", "tolerance"), [("fwhm", 2.0), ("nsd", 12.0)])
def test_the_scar_is_found_in_its_segment_alone(way: str, tolerance: float) -> None:
    series = late(DEMO_SEED, FULL)
    known = series.known.scar
    assert known is not None
    heart = heart_of_visit(tuple(range(SLICES)), FULL)
    remote = heart.muscle.copy()
    remote[:, :, 85:] = False  # the septal side of slices of the middle
    remote[:5] = remote[8:] = False
    masks = {"lv_myo": heart.muscle, "rv_endo": heart.right, "remote": remote}
    found = numbers(
        lge.analyse(
            AnalysisInputs(
                images={lge.LATE.key: images(series)}, masks=masks, grid=series.grid,
                values={"way": way},
            )
        )
    )  # fmt: skip
    extents = {site: v for (name, site), v in found.items() if name == lge.EXTENT.en}
    ill = next(site for site in extents if site.startswith(f"{known.segment} "))
    assert extents[ill] == pytest.approx(known.extent_percent, abs=tolerance)
    assert max(v for site, v in extents.items() if site != ill) < 1.0
    if way == "fwhm":
        assert found[lge.SCAR.en, ""] == pytest.approx(known.mass_g, rel=0.06)
        assert found[lge.SHARE.en, ""] == pytest.approx(known.voxel_percent, abs=0.1)
    inside = series.array[heart.cavity & ndimage.binary_erosion(heart.cavity, iterations=3)]
    assert float(np.median(inside)) == pytest.approx(known.blood, rel=0.05)
    assert float(np.median(series.array[remote])) == pytest.approx(known.muscle, rel=0.1)


def test_the_same_segment_brightens_slowly() -> None:
    series = first_pass(DEMO_SEED, FULL)
    known = series.known.first_pass
    assert known is not None
    heart = heart_of_visit(MAP_SLICES, FULL, 144)
    masks = {"lv_myo": heart.muscle, "rv_endo": heart.right, "blood": heart.cavity}
    at = tuple(BEAT_S * n for n in range(len(series.array)))
    inputs = {perfusion_upslope.PERFUSION.key: images(series, at, "time")}
    result = perfusion_upslope.analyse(AnalysisInputs(images=inputs, masks=masks, grid=series.grid))
    slopes = {
        int(site.split()[0]): value
        for (name, site), value in numbers(result).items()
        if name == perfusion_upslope.RELATIVE.en
    }
    assert set(slopes) == set(range(1, 17))
    for segment, value in slopes.items():
        slow = segment in known.slow_segments
        wanted = known.slow_percent if slow else known.remote_percent
        assert value == pytest.approx(wanted, abs=1.0), segment


def test_extracellular_volume_by_the_stated_t1() -> None:
    native, after = (t1_maps(DEMO_SEED, FULL, after=flag) for flag in (False, True))
    assert native.header.unit == "ms"
    heart = heart_of_visit(MAP_SLICES, FULL, 144)
    blood = np.stack([ndimage.binary_erosion(p, iterations=3) for p in heart.cavity])
    masks = {"lv_myo": heart.muscle, "rv_endo": heart.right, "blood": blood}
    inputs = {ecv_map.NATIVE.key: images(native), ecv_map.AFTER.key: images(after)}
    values: dict[str, Value | None] = {"hct": 0.42}
    found = numbers(
        ecv_map.analyse(AnalysisInputs(images=inputs, masks=masks, grid=native.grid, values=values))
    )
    pre, post = native.known.t1, after.known.t1
    assert pre is not None and post is not None
    healthy = ecv_map.ecv(pre.muscle_ms, post.muscle_ms, pre.blood_ms, post.blood_ms, 0.42)
    segments = {s: v for (name, s), v in found.items() if name == ecv_map.ECV.en and s}
    ill = next(s for s in segments if s.startswith("11 "))
    assert all(v == pytest.approx(healthy, abs=1.5) for s, v in segments.items() if s != ill)
    assert segments[ill] > healthy + 8.0
