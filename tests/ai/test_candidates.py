"""Places that classical filters propose, judged one by one by a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.ai.packages import manifest, network, package
from workstation.ai.client import run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.manifest import Manifest
from workstation.analyses.chest._phantom import NODULES, chest
from workstation.domain.geometry import AxisMap

SPACING = (1.0, 1.0, 1.5)


def judging(sign: float) -> Any:
    """A network whose logit is how bright the middle of a box is, over -300 HU; ``sign`` -1 turns
    it round."""
    return network(
        [
            helper.make_node("Slice", ["image", "low", "high", "axes"], ["middle"]),
            helper.make_node("ReduceMean", ["middle"], ["mean"], axes=[2, 3, 4], keepdims=1),
            helper.make_node("Add", ["mean", "shift"], ["over"]),
            helper.make_node("Mul", ["over", "scale"], ["out"]),
        ],
        {
            "low": np.array([7, 7, 7]),
            "high": np.array([9, 9, 9]),
            "axes": np.array([2, 3, 4]),
            "shift": np.array(300.0, np.float32),
            "scale": np.array(0.05 * sign, np.float32),
        },
    )


def said(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "detection",
        "pre": {"orientation": "LPH", "spacing_mm": [1.0, 1.0, 1.0], "intensity": []},
        "infer": {"patch": [16, 16, 16], "batch": 8, "max_ram_mb": 2048, "timeout_s": 300},
        "post": {"activation": "sigmoid", "threshold": 0.5},
        "candidates": {"rule": "round_spots", "within": "lungs"},
        "labels": [manifest()["labels"][0] | {"proposes": "each"}],
    } | changes


def test_every_free_nodule_is_a_finding_of_its_size(tmp_path: Path) -> None:
    image, grid = chest(SPACING)
    # Stored backwards and to the feet: findings must still lie on the nodules.
    turn = AxisMap((0, 1, 2), (True, False, True))
    stored = np.ascontiguousarray(turn.apply(image))
    lying = turn.apply_grid(grid)
    result = run_package(
        package(tmp_path, judging(1.0), **said()), [stored], [lying], limits=Limits(threads=2)
    )
    for centre, diameter in NODULES[:3]:
        at = lying.voxel_at(centre)
        assert at is not None
        own = [one for one in result.pieces if one.whole(lying.shape)[at]]
        assert len(own) == 1
        ball_ml = np.pi / 6 * diameter**3 / 1000
        volume_ml = float(own[0].mask.sum()) * lying.voxel_ml
        assert volume_ml == pytest.approx(ball_ml, rel=0.5)  # a vessel may lead to it
        assert own[0].score > 0.9
    scores = [one.score for one in result.pieces]
    assert scores == sorted(scores, reverse=True)


def test_what_the_network_rejects_is_no_finding(tmp_path: Path) -> None:
    image, grid = chest(SPACING)
    model = package(tmp_path, judging(-1.0), **said())
    result = run_package(model, [image], [grid], limits=Limits(threads=2))
    assert result.pieces == ()
    assert not result.masks["spot"].any()


def test_an_image_without_lungs_is_refused(tmp_path: Path) -> None:
    image, grid = chest(SPACING)
    solid = np.where(image < -300, np.float32(40.0), image)
    with pytest.raises(Unsuitable, match="lungs"):
        run_package(package(tmp_path, judging(1.0), **said()), [solid], [grid])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "segmentation"}, "candidates"),
        ({"boxes": {"sides": [1, 2, 3, 4], "unit_mm": 1.0}}, "boxes"),
        ({"pre": {"orientation": "LPH", "spacing_mm": [1.0, 1.0, None], "intensity": []}}, "spac"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Manifest.model_validate(manifest(**said(**change)), strict=False)
