"""The benchmarks run on a small sample and say what they should."""

from __future__ import annotations

from workstation.ui.bench_room import BARS_MS, bench_viewer
from workstation.ui.bench_viewer import bench_first_image, bench_scroll


def test_benches_measure_against_their_references() -> None:
    first = {e["name"]: e for e in bench_first_image(slices=24, size=64)}
    reference = first["SimpleITK.ImageSeriesReader"]["value"]
    shown = first["first image on screen"]
    assert shown["reference"] == reference > 0
    assert 0 < shown["value"] <= first["all slices on screen"]["value"]
    assert first["peak memory against 2x voxels + 400 MB"]["ratio"] < 1
    scroll = bench_scroll(slices=24, size=64)
    assert {e["unit"] for e in scroll} == {"ms", "MB"}
    assert all(set(e) == {"name", "value", "unit", "reference", "ratio"} for e in scroll)
    assert all(e["value"] > 0 for e in scroll)


def test_the_room_is_measured_with_everything_installed() -> None:
    told = {e["name"]: e for e in bench_viewer(slices=40, size=64, large=60, count=3)}
    bars = [name for name in told if name.endswith("against its bar")]
    assert len(bars) == len(BARS_MS), bars
    assert all(told[name]["reference"] for name in bars)
    assert told["longest frame while a model runs"]["value"] > 0
    assert told["peak memory of 60 slices over voxels"]["value"] > 100
