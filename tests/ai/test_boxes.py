"""Detectors: peaks of heat become boxes, boxes of slices become findings, each with its chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.ai.packages import manifest, network, package
from workstation.ai.boxes import Flat, boxes_in, linked, overlap_of
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.manifest import Manifest
from workstation.ai.results import ResultCache
from workstation.ai.vocabulary import Boxes
from workstation.domain.geometry import Grid, as_matrix

SAID = Boxes(sides=(2, 3, 4, 5), unit_mm=2.0, apart_mm=3.0, most_overlap=0.3, link=0.2)


def plane(*spots: tuple[int, int, int, float, float]) -> NDArray[np.float32]:
    """(6, 40, 50): heat of two labels, then reaches; spots: label, y, x, chance, half size."""
    out = np.zeros((6, 40, 50), dtype=np.float32)
    for kind, y, x, chance, half in spots:
        out[kind, y, x] = chance
        out[2:, y, x] = half / 2.0  # units of 2 mm, pixels of 1 mm
    return out


def test_a_peak_becomes_its_box() -> None:
    (flat,) = boxes_in(plane((1, 20, 30, 0.8, 6.0)), [0, 1], [0.5, 0.5], SAID, 1.0)
    assert flat.label == 1
    assert flat.score == pytest.approx(0.8)
    assert flat.sides == pytest.approx((24.5, 14.5, 36.5, 26.5))


def test_weak_near_and_overlapping_peaks_are_dropped() -> None:
    given = plane((0, 20, 20, 0.9, 6.0), (0, 20, 25, 0.6, 6.0), (1, 8, 40, 0.4, 3.0))
    assert len(boxes_in(given, [0, 1], [0.5, 0.5], SAID, 1.0)) == 1
    assert len(boxes_in(given, [0, 1], [0.5, 0.3], SAID, 1.0)) == 2


def test_a_box_ends_where_the_image_ends() -> None:
    (flat,) = boxes_in(plane((0, 2, 47, 0.9, 9.0)), [0], [0.5], SAID, 1.0)
    assert flat.sides == pytest.approx((38.5, 0.0, 50.0, 11.5))


def test_boxes_of_neighbouring_slices_are_one_finding() -> None:
    one = Flat(0, 0.6, (10.0, 10.0, 20.0, 20.0))
    other = Flat(1, 0.9, (12.0, 11.0, 21.0, 22.0))
    away = Flat(0, 0.7, (30.0, 30.0, 40.0, 40.0))
    found = linked(iter([(0, [one]), (1, [other, away]), (2, [other]), (4, [other])]), SAID, 3.0)
    assert [[z for z, _ in solid.flats] for solid in found] == [[0, 1, 2], [4], [1]]
    assert found[0].label == 1
    assert found[0].score == pytest.approx(0.9)
    assert overlap_of(one.sides, away.sides) == 0.0
    thick = SAID.model_copy(update={"min_mm": 5.0})
    only = linked(iter([(0, [one]), (1, [other, away]), (2, [other])]), thick, 3.0)
    assert [len(solid.flats) for solid in only] == [3]


def label(index: int, key: str) -> dict[str, Any]:
    return {
        "index": index,
        "key": key,
        "name": {"en": key, "zh": key},
        "code": {"value": key.upper(), "scheme": "99ONESCAN", "meaning": key},
        "site": {"en": "brain", "zh": "脑"},
        "area": "brain",
        "template_key": "other",
        "proposes": "each",
        "quantity": "none",
    }


def detection(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "detection",
        "pre": {"orientation": "LPH", "spacing_mm": [1.0, 1.0, None], "intensity": []},
        "io": {"input": "image", "output": "out", "layout": "NCHW", "opset": 17},
        "infer": {"patch": [40, 50], "batch": 3, "max_ram_mb": 1024, "timeout_s": 60},
        "post": {"activation": "none", "threshold": 0.5},
        "boxes": {"sides": [2, 3, 4, 5], "unit_mm": 2.0},
        "labels": [label(0, "dim"), label(1, "bright")],
    } | changes


def painter() -> Any:
    """Heat of "bright" is what is over 1, of "dim" what is left up to 1; every reach is 3 mm."""
    return network(
        [
            helper.make_node("Clip", ["image", "zero", "one"], ["all"]),
            helper.make_node("Sub", ["image", "one"], ["over"]),
            helper.make_node("Clip", ["over", "zero", "one"], ["bright"]),
            helper.make_node("Sub", ["all", "bright"], ["dim"]),
            helper.make_node("Mul", ["image", "zero"], ["none"]),
            helper.make_node("Add", ["none", "reach"], ["far"]),
            helper.make_node(
                "Concat", ["dim", "bright", "far", "far", "far", "far"], ["out"], axis=1
            ),
        ],
        {
            "zero": np.array(0.0, np.float32),
            "one": np.array(1.0, np.float32),
            "reach": np.array(1.5, np.float32),
        },
        rank=4,
    )


def test_findings_come_back_on_the_original_grid(tmp_path: Path) -> None:
    # Stored with rows to the front and slices to the feet: boxes must still lie on their spots.
    grid = Grid((5, 40, 50), as_matrix(np.diag([1.0, -1.0, -4.0, 1.0])))
    image = np.zeros(grid.shape, dtype=np.float32)
    image[1, 10, 12], image[2, 11, 12] = 0.7, 0.9
    image[4, 30, 35] = 1.8
    model = package(tmp_path, painter(), **detection())
    result = run_package(model, [image], [grid], limits=Limits(threads=1))
    found = [(one.label, round(one.score, 2)) for one in result.pieces]
    assert found == [("dim", 0.9), ("bright", 0.8)]
    for place in ((1, 10, 12), (2, 11, 12), (4, 30, 35)):
        assert sum(one.whole(grid.shape)[place] for one in result.pieces) == 1
    first = next(one for one in result.pieces if one.whole(grid.shape)[1, 10, 12])
    assert first.mask.shape[0] == 2
    assert first.mask.shape[1:] == (8, 7)  # boxes of 7 x 7 in rows 10 and 11
    cache = ResultCache(tmp_path / "kept")
    cache.put("0" * 64, result)
    again = cache.get("0" * 64)
    assert again is not None
    for one, other in zip(result.pieces, again.pieces, strict=True):
        assert (one.label, one.origin, one.score) == (other.label, other.origin, other.score)
        np.testing.assert_array_equal(one.mask, other.mask)


def test_an_image_without_peaks_has_no_findings(tmp_path: Path) -> None:
    grid = Grid((3, 40, 50), as_matrix(np.diag([1.0, 1.0, 4.0, 1.0])))
    model = package(tmp_path, painter(), **detection())
    result = run_package(model, [np.zeros(grid.shape, np.float32)], [grid])
    assert result.pieces == ()
    assert not result.masks["dim"].any()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "segmentation"}, "boxes"),
        ({"infer": {"patch": [40, 50], "flips": ["x"], "max_ram_mb": 64, "timeout_s": 9}}, "flips"),
        ({"boxes": None}, "boxes"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Manifest.model_validate(manifest(**detection(**change)), strict=False)
