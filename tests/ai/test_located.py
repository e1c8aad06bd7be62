"""Boxes found by registration: a moved head is found again, left is left, and what cannot be is
refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper
from scipy import ndimage

from tests.ai.packages import MAKER, manifest, network, write_package
from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.trust import sign_package
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix

STEP_MM, TEMPLATE_MM = 3.0, 4.0
SPOTS = {"left": (30.0, 12.0, -8.0), "right": (-30.0, 12.0, -8.0)}  # LPS mm of the template
RADIUS_MM = 7.0


def head(step_mm: float, move: NDArray[np.float64], spots: bool) -> tuple[NDArray[Any], Grid]:
    """A lumpy ellipsoid of about a head's size with a bright ball on either side of its middle.

    move: template LPS mm to patient LPS mm; the grid lies straight in the patient.
    """
    reach = np.array([80.0, 100.0, 80.0])
    x, y, z = (int(n) for n in np.ceil(2 * reach / step_mm))
    matrix = np.diag([step_mm, step_mm, step_mm, 1.0])
    matrix[:3, 3] = move[:3, 3] - reach
    grid = Grid((z, y, x), as_matrix(matrix))
    places = np.moveaxis(np.indices(grid.shape)[::-1], 0, -1).reshape(-1, 3).astype(float)
    back = np.linalg.inv(move)
    there = grid.to_lps(places) @ back[:3, :3].T + back[:3, 3]
    field = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(40, 50, 40)), 2.0)
    field /= field.std()
    lumps = ndimage.map_coordinates(
        field, (there[:, ::-1] / 5.0 + np.array([20, 25, 20])).T, order=1, mode="nearest"
    )
    inside = ((there / np.array([62.0, 82.0, 66.0])) ** 2).sum(axis=1) < 1
    image = np.where(inside, 2.0 + 0.35 * lumps, 0.0)
    for spot in SPOTS.values() if spots else ():
        image[np.linalg.norm(there - spot, axis=1) < RADIUS_MM] = 6.0
    return image.reshape(grid.shape).astype(np.float32), grid


def turned(degrees: float, shift: tuple[float, float, float]) -> NDArray[np.float64]:
    move = np.eye(4)
    angle = np.deg2rad(degrees)
    move[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    move[:3, 3] = shift
    return move


def label(side: str) -> dict[str, Any]:
    return {
        "index": 1,
        "key": f"spot_{side}",
        "place": side,
        "name": {"en": f"Spot {side}", "zh": f"斑点 {side}"},
        "code": {"value": "SPOT", "scheme": "99ONESCAN", "meaning": "Spot"},
        "site": {"en": "brain", "zh": "脑"},
        "area": "brain",
        "template_key": "other",
    }


def said(**locate: Any) -> dict[str, Any]:
    """What the manifest of a package that looks at boxes has of its own."""
    return {
        "pre": {
            "orientation": "LPH",
            "spacing_mm": [1.5, 1.5, 1.5],
            "intensity": [{"op": "standardise", "mean": 4.5, "deviation": 1.0}],
            "locate": {
                "file": "template.npz",
                "places": [
                    {"key": "left", "centre_mm": [26.0, 15.0, -10.0], "axes": "RAH"},
                    {"key": "right", "centre_mm": [-26.0, 15.0, -10.0], "axes": "LAH"},
                ],
                "agreement": [0.6, 0.4],
                "recentre": 1,
            }
            | locate,
        },
        "infer": {"patch": [24, 24, 24], "batch": 2, "max_ram_mb": 2048, "timeout_s": 300},
        "post": {"activation": "softmax", "decide": "argmax", "keep_largest": True},
        "labels": [label("left"), label("right")],
    }


def bright() -> Any:
    """Two channels: how dark and how bright a voxel is."""
    return network(
        [
            helper.make_node("Neg", ["image"], ["dark"]),
            helper.make_node("Concat", ["dark", "image"], ["out"], axis=1),
        ]
    )


def located(folder: Path, with_template: bool = True, **locate: Any) -> ModelPackage:
    place = write_package(folder, bright(), **said(**locate))
    if with_template:
        image, grid = head(TEMPLATE_MM, np.eye(4), spots=False)
        np.savez(place / "template.npz", image=image, mask=image > 0.5, affine=grid.matrix)
    sign_package(place, MAKER)
    return load_package(place)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return located(tmp_path_factory.mktemp("located"))


MOVE = turned(10.0, (18.0, -25.0, 40.0))


@pytest.fixture(scope="module")
def found(package: ModelPackage) -> tuple[ModelResult, Grid]:
    image, grid = head(STEP_MM, MOVE, spots=True)
    return run_package(package, [image], [grid], limits=Limits(threads=2)), grid


@pytest.mark.parametrize("side", ["left", "right"])
def test_each_side_is_found_where_it_is(found: tuple[ModelResult, Grid], side: str) -> None:
    result, grid = found
    mask = result.masks[f"spot_{side}"]
    where = MOVE[:3, :3] @ np.array(SPOTS[side]) + MOVE[:3, 3]
    middle = grid.to_lps(np.argwhere(mask)[:, ::-1].astype(float)).mean(axis=0)
    assert np.linalg.norm(middle - where) < 1.0
    ball_ml = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
    assert float(mask.sum()) * grid.voxel_ml == pytest.approx(ball_ml, rel=0.15)


def test_what_was_never_proven_is_said_to_be_uncertain(found: tuple[ModelResult, Grid]) -> None:
    assert any("never measured on whole images" in one.template for one in found[0].doubts)


def test_noise_holds_no_place(package: ModelPackage) -> None:
    grid = head(STEP_MM, np.eye(4), spots=False)[1]
    noise = np.random.default_rng(2).normal(3.0, 1.0, grid.shape).astype(np.float32)
    with pytest.raises(Unsuitable, match="template"):
        run_package(package, [noise], [grid], limits=Limits(threads=2))


def test_a_template_that_is_absent_or_altered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"template\.npz"):
        located(tmp_path / "absent", with_template=False)
    package = located(tmp_path / "altered")
    image, grid = head(TEMPLATE_MM, turned(0.0, (9.0, 0.0, 0.0)), spots=False)
    np.savez(package.folder / "template.npz", image=image, mask=image > 0.5, affine=grid.matrix)
    array, own = head(STEP_MM, np.eye(4), spots=True)
    with pytest.raises(BadInput, match="altered"):
        run_package(package, [array], [own], limits=Limits(threads=2))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"places": [{"key": "left", "centre_mm": [0, 0, 0], "axes": "RLH"}]}, "axes"),
        ({"agreement": [0.3, 0.5]}, "agreement"),
        ({"file": "../template.npz"}, "file"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Manifest.model_validate(manifest(**said(**change)), strict=False)
