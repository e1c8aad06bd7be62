"""T1, extracellular volume, T2*, late enhancement and first pass: beyond their known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.heart import ecv_map, lge, perfusion_upslope, t1_map, t2star
from workstation.analyses.heart._decay import fit_decay
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.guidelines import load_guideline


def said(result: AnalysisResult) -> dict[str, float]:
    return {f"{q.name.en} @ {q.site.en}".removesuffix(" @ "): q.value for q in result.quantities}


def test_decays_are_recovered() -> None:
    t = np.linspace(1.0, 30.0, 9)
    tau = np.array([2.0, 7.5, 31.0, 90.0])
    signals = 12.0 + 300.0 * np.exp(-t / tau[:, None])
    found = fit_decay(t, signals, offset=True, low=0.5, high=300.0)
    assert found.tau == pytest.approx(tau, rel=1e-4)
    assert found.c0 == pytest.approx(np.full(4, 12.0), rel=1e-2)
    plain = fit_decay(t, signals - 12.0, offset=False, low=0.5, high=300.0)
    assert plain.tau == pytest.approx(tau, rel=1e-5)
    assert plain.left.max() < 1e-6


@pytest.mark.parametrize("signed", [True, False])
def test_t1_over_the_range_of_hearts_and_with_noise(signed: bool) -> None:
    truth = np.array([250.0, 300.0, 450.0, 700.0, 1000.0, 1250.0, 1550.0, 1900.0])
    grid = Grid((1, 30, 8), as_matrix(np.eye(4)))
    t1 = np.broadcast_to(truth, grid.shape)
    series = t1_map.series_of(t1, grid, signed=signed)
    times = np.asarray(series.positions)
    clean, judged = t1_map.t1_of(series.array(), times, signed=signed)
    assert judged.all()
    assert clean[0, 0] == pytest.approx(truth, rel=2e-3)
    noise = np.random.default_rng(2).normal(0.0, 5.0, (len(times), *grid.shape))
    noisy = series.array() + noise
    if not signed:
        noisy = np.abs(noisy)
    values, _ = t1_map.t1_of(noisy.astype(np.float32), times, signed=signed)
    assert np.nanmedian(values[0], axis=0) == pytest.approx(truth, rel=0.03)


def test_what_is_no_recovery_is_left_out_and_said() -> None:
    given = t1_map.SPEC.known_answers[0].make()
    images = given.images["molli"]
    random = np.random.default_rng(1)
    volumes = []
    for volume in images.volumes:
        array = np.array(volume.array)
        array[0, :6, :3] = random.uniform(-500, 500, (6, 3))
        volumes.append(replace(volume, array=array))
    result = t1_map.analyse(
        replace(given, images={"molli": replace(images, volumes=tuple(volumes))})
    )
    assert np.isnan(result.maps[0].values[0, :6, :3]).mean() > 0.8
    assert any("fit no recovery" in str(m) for m in result.cautions)
    few = replace(images, volumes=images.volumes[:4], positions=images.positions[:4])
    with pytest.raises(BadInput, match="too few for T1"):
        t1_map.analyse(replace(given, images={"molli": few}))
    with pytest.raises(BadInput, match="inversion times"):
        t1_map.analyse(replace(given, images={"molli": replace(images, positions=())}))


def test_ecv_wants_a_haematocrit_and_maps_in_ms() -> None:
    given = ecv_map.SPEC.known_answers[0].make()
    assert ecv_map.ecv(1000, 450, 1550, 300, 0.42) == pytest.approx(26.37, abs=0.005)
    with pytest.raises(BadInput, match="haematocrit has to be given"):
        ecv_map.analyse(replace(given, values={}))
    result = ecv_map.analyse(replace(given, values={"synthetic": True}))
    assert said(result)["Haematocrit used"] == pytest.approx((866.0 / 1550 - 0.1232) * 100)
    assert any("estimated" in str(m) for m in result.cautions)
    swapped = {"native": given.images["after"], "after": given.images["native"]}
    with pytest.raises(BadInput, match="a map in ms has"):
        ecv_map.analyse(replace(given, images=swapped))
    same = {"native": given.images["native"], "after": given.images["native"]}
    with pytest.raises(BadInput, match="not shorter"):
        ecv_map.analyse(replace(given, images=same))


@pytest.mark.parametrize(("truth", "noise"), [(5.0, 40.0), (15.0, 30.0), (30.0, 20.0)])
def test_t2star_above_a_floor_of_noise(truth: float, noise: float) -> None:
    found = said(t2star.analyse(t2star.echoes_of(truth, noise)))
    assert found["T2* of the septum"] == pytest.approx(truth, rel=0.06)


def test_truncation_leaves_the_noise_of_late_echoes_out() -> None:
    given = t2star.echoes_of(4.0, 120.0)
    found = said(t2star.analyse(given))
    signal = given.images["echoes"].array()[:, 0, 5, 5][None].astype(float)
    times = np.asarray(t2star.TIMES_MS)
    whole = fit_decay(times, signal, offset=False, low=1.0, high=200.0)
    assert found["Echoes used"] < 8
    assert abs(found["T2* of the septum"] - 4.0) < 0.6 * abs(float(whole.tau[0]) - 4.0)


def test_an_offset_takes_a_constant() -> None:
    given = t2star.echoes_of(8.0, 0.0)
    images = given.images["echoes"]
    raised = tuple(replace(v, array=np.asarray(v.array) + 50.0) for v in images.volumes)
    given = replace(given, images={"echoes": replace(images, volumes=raised)})
    found = said(t2star.analyse(replace(given, values={"way": "offset"})))
    assert found["T2* of the septum"] == pytest.approx(8.0, rel=1e-3)


def test_iron_is_said_at_its_field_strength_only() -> None:
    three = t2star.analyse(t2star.echoes_of(15.0, 0.0, field_t=3.0))
    assert "Myocardial iron concentration" not in said(three)
    assert any("3 T" in str(m) for m in three.cautions)
    unknown = t2star.analyse(t2star.echoes_of(15.0, 0.0, field_t=None))
    assert any("not stated" in str(m) for m in unknown.cautions)
    assert t2star.iron_mg_g(20.0) == pytest.approx(1.164, abs=5e-4)
    assert t2star.iron_mg_g(10.0) == pytest.approx(2.712, abs=5e-4)
    with pytest.raises(BadInput, match="does not fall"):
        flat = t2star.echoes_of(15.0, 0.0)
        images = flat.images["echoes"]
        volumes = tuple(replace(v, array=np.asarray(v.array) * 0 + 7) for v in images.volumes)
        t2star.analyse(replace(flat, images={"echoes": replace(images, volumes=volumes)}))


@pytest.mark.parametrize(
    ("id", "value", "unit", "band"),
    [
        ("cardiac-iron-t2star", 9.94, "ms", 0), ("cardiac-iron-t2star", 10.0, "ms", 1),
        ("cardiac-iron-t2star", 19.94, "ms", 1), ("cardiac-iron-t2star", 20.0, "ms", 2),
        ("lge-transmurality", 0.0, "%", 0), ("lge-transmurality", 1.0, "%", 1),
        ("lge-transmurality", 25.0, "%", 1), ("lge-transmurality", 25.1, "%", 2),
        ("lge-transmurality", 50.0, "%", 2), ("lge-transmurality", 75.0, "%", 3),
        ("lge-transmurality", 75.1, "%", 4), ("lge-transmurality", 100.0, "%", 4),
    ],
)  # fmt: skip
def test_bands_at_their_edges(id: str, value: float, unit: str, band: int) -> None:
    table = load_guideline(id)
    assert table.number(value) == band
    assert table.grade(value, unit) == table.bands[band].words


def test_late_enhancement_by_segment_with_and_without_its_dark_core() -> None:
    given = lge.SPEC.known_answers[0].make()
    whole = said(lge.analyse(given))
    extent = {n: v for n, v in whole.items() if n.startswith(lge.EXTENT.en)}
    assert max(extent, key=lambda n: extent[n]).endswith("10 mid inferior")
    assert extent[f"{lge.EXTENT.en} @ 10 mid inferior"] > 25.0
    assert whole[f"{lge.GRADE.en} @ 10 mid inferior"] >= 2.0
    assert sum(v > 0 for v in extent.values()) <= 3
    without = said(lge.analyse(replace(given, values={"obstruction": False})))
    lost = whole[lge.SCAR.en] - without[lge.SCAR.en]
    assert lost == pytest.approx(whole[lge.OBSTRUCTION.en])
    assert lost > 0
    large = said(lge.analyse(replace(given, values={"least_ml": 1.0, "n": 6.0})))
    assert large[lge.SCAR.en] == pytest.approx(whole[lge.SCAR.en])


def test_late_enhancement_needs_remote_muscle_or_fwhm() -> None:
    given = lge.SPEC.known_answers[0].make()
    masks = {k: v for k, v in given.masks.items() if k != "remote"}
    with pytest.raises(BadInput, match="Draw remote muscle"):
        lge.analyse(replace(given, masks=masks))
    found = lge.analyse(replace(given, masks=masks, lines={}, values={"way": "fwhm"}))
    assert any("nothing is said by segment" in str(m) for m in found.cautions)
    with pytest.raises(BadInput, match="must lie from 2 to 6"):
        lge.analyse(replace(given, values={"n": 7.0}))


def perfusion(first: int, last: int) -> AnalysisInputs:
    """The known answer's series, cut."""
    given = perfusion_upslope.SPEC.known_answers[0].make()
    images = given.images["perfusion"]
    part = Images(images.volumes[first:last], images.positions[first:last], "time")
    return replace(given, images={"perfusion": part})


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (0, 14, "too few"),
        (0, 16, "end before"),
        (9, 40, "first images on"),
        (20, 40, "No contrast"),
    ],
)
def test_series_without_a_whole_bolus_are_refused(first: int, last: int, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        perfusion_upslope.analyse(perfusion(first, last))


def test_slow_segments_are_told_from_fast_ones() -> None:
    found = said(perfusion_upslope.analyse(perfusion(0, 40)))
    slow = {n.split(" @ ")[1] for n, v in found.items() if " @ " in n and v < 12.0}
    assert slow == {"4 basal inferior", "10 mid inferior"}
    # A quarter of the apex holds the sixth that is slow.
    assert 12.0 < found["Relative upslope @ 15 apical inferior"] < 18.0
