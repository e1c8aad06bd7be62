"""Views turned together: at right angles for ever, about the crosshair, back by one command."""

from __future__ import annotations

import numpy as np
import pytest

from tests.viewer.images import GRIDS, volume_of
from workstation.domain.plane import PlaneKind
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import Viewport

KINDS = (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)


def three(name: str = "axial") -> tuple[CrosshairLink, list[Viewport]]:
    link = CrosshairLink()
    volume = volume_of(GRIDS[name])
    views = []
    for kind in KINDS:
        view = Viewport()
        view.show(volume, kind)
        link.add(view)
        views.append(view)
    views[0].move_focus(GRIDS[name].to_lps((12.0, 17.0, 5.0)))
    return link, views


@pytest.mark.parametrize("name", ["axial", "negated", "tilted oblique"])
def test_planes_stay_at_right_angles(name: str) -> None:
    """Complaint 10, second half: 600 turns in any view leave the three planes perpendicular."""
    link, views = three(name)
    rng = np.random.default_rng(5)
    for _ in range(600):
        link.orientation.turn(views[rng.integers(3)], float(rng.uniform(-40, 40)))
    normals = np.array([v.axes.normal for v in views])
    assert np.abs(normals @ normals.T - np.eye(3)).max() < 1e-12
    assert np.array_equal(views[0].rotation, views[1].rotation)
    assert np.array_equal(views[0].rotation, views[2].rotation)
    link.orientation.reset(views[1])
    for view, kind in zip(views, KINDS, strict=True):
        assert view.kind is kind
        assert np.allclose(view.axes.normal, view.home_axes.normal, atol=0)


def test_turning_in_one_view_turns_the_others_about_the_crosshair() -> None:
    link, views = three()
    axial, coronal, sagittal = views
    before, focus = axial.axes, axial.focus_mm.copy()
    link.orientation.turn(axial, 30.0)
    assert (axial.axes, axial.kind) == (before, PlaneKind.AXIAL)  # its picture does not move
    wanted = np.array([[np.cos(np.pi / 6), -0.5, 0], [0.5, np.cos(np.pi / 6), 0], [0, 0, 1]])
    for view in (coronal, sagittal):
        assert np.allclose(view.axes.normal, wanted @ view.home_axes.normal)
        assert view.turned_deg == pytest.approx(30.0)
        assert abs(view.raster(300, 300).to_picture(focus)[2]) < 1e-9  # still through the point
    link.orientation.turn(coronal, -20.0)  # double oblique
    assert [v.kind for v in (axial, coronal, sagittal)] == [PlaneKind.OBLIQUE] * 3
    assert np.degrees(np.arccos(axial.axes.normal @ axial.home_axes.normal)) == pytest.approx(20.0)
    assert np.allclose(axial.focus_mm, focus)


def test_the_crosshair_keeps_its_place_on_screen_and_the_picture_its_size() -> None:
    link, views = three("oblique")
    views[1].pan(7.0, -3.0)
    views[1].zoom_by(1.7)
    before = [v.raster(400, 300) for v in views]
    places = [r.to_picture(views[0].focus_mm) for r in before]
    link.orientation.turn(views[0], 17.0)
    link.orientation.turn(views[2], 31.0)
    for view, old, place in zip(views, before, places, strict=True):
        now = view.raster(400, 300)
        assert now.mm_per_pixel == old.mm_per_pixel
        assert np.allclose(now.to_picture(view.focus_mm), place, atol=1e-6)


def test_a_view_that_is_filled_later_is_turned_like_the_others() -> None:
    link, views = three()
    link.orientation.turn(views[0], 25.0)
    late = Viewport()
    late.show(volume_of(GRIDS["axial"]), PlaneKind.CORONAL)
    link.add(late)
    link.join(late)
    assert np.array_equal(late.rotation, views[1].rotation)
    assert np.allclose(late.axes.normal, views[1].axes.normal)
    stored = Viewport()  # stored slices stay as they were acquired
    stored.show(volume_of(GRIDS["axial"]))
    link.add(stored)
    link.join(stored)
    assert stored.turned_deg == 0
    link.orientation.set_plane(late, PlaneKind.SAGITTAL)
    assert np.allclose(late.axes.normal, views[2].axes.normal)


def test_another_frame_of_reference_is_not_turned() -> None:
    link, views = three()
    other = Viewport()
    other.show(volume_of(GRIDS["axial"], frame_of_reference_uid="9.9"), PlaneKind.CORONAL)
    link.add(other)
    link.orientation.turn(views[0], 25.0)
    assert other.turned_deg == 0
