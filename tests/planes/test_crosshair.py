"""The crosshair under the mouse: what is grabbed, what it does in every view, in one frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QApplication, QHBoxLayout, QInputDialog, QWidget
from pytestqt.qtbot import QtBot

from tests.viewer.events import LEFT, drag
from tests.viewer.images import grid_of, volume_of
from workstation.domain.plane import PlaneKind
from workstation.ui import theme
from workstation.ui.slice_view import SliceView
from workstation.viewing.crosshair import Grab, grab_at, lines_of
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import Projection, Slab, Viewport

KINDS = (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)


@pytest.fixture
def views(qtbot: QtBot) -> Iterator[list[SliceView]]:
    theme.load_fonts()
    link, window = CrosshairLink(), QWidget()
    row = QHBoxLayout(window)
    grid = grid_of((60, 60, 60), np.eye(3), (-30.0, -30.0, -30.0))
    made = []
    for kind in KINDS:
        view = SliceView(Viewport(), link)
        view.setFixedSize(300, 300)
        view.viewport.show(volume_of(grid), kind)
        link.add(view.viewport)
        row.addWidget(view)
        made.append(view)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    made[0].viewport.move_focus(np.array([2.0, -3.0, 4.0]))
    yield made


def line(view: SliceView, peer: SliceView) -> tuple[QPointF, QPointF]:
    """Focus and direction of a peer's line in a view, from the planes themselves."""
    at = view.to_view(view.viewport.focus_mm)
    along = np.cross(peer.viewport.axes.normal, view.viewport.axes.normal)
    on = view.to_view(view.viewport.focus_mm + along)
    way = on - at
    return at, way / np.hypot(way.x(), way.y())


def at(focus: QPointF, way: QPointF, along: float, aside: float = 0.0) -> QPoint:
    return (focus + way * along + QPointF(-way.y(), way.x()) * aside).toPoint()


def test_what_lies_where() -> None:
    link = CrosshairLink()
    grid = grid_of((60, 60, 60), np.eye(3), (-30.0, -30.0, -30.0))
    axial, coronal = Viewport(), Viewport()
    axial.show(volume_of(grid), PlaneKind.AXIAL)
    coronal.show(volume_of(grid), PlaneKind.CORONAL)
    coronal.set_slab(Slab(12.0))
    link.add(axial)
    link.add(coronal)
    raster = axial.raster(300, 300)  # 5 pixels a mm
    lines = lines_of(axial, link.peers(axial), raster, 1.0)
    assert len(lines) == 1
    (x, y), found = lines[0].focus, lines[0]
    assert found.way == (1.0, 0.0) and found.half_px == pytest.approx(30.0)
    for place, wanted in (
        ((x + 4, y - 5), Grab.CENTRE),
        ((x + 50, y + 2), Grab.SHIFT),
        ((x + 108, y), Grab.ROTATE),
        ((x - 130, y + 1), Grab.ROTATE),
        ((x + 60, y + 30), Grab.SLAB),
        ((x - 100, y - 31), Grab.SLAB),
        ((x + 50, y + 15), None),
    ):
        grabbed = grab_at(lines, place)
        assert (grabbed[0] if grabbed else None) is wanted
    assert grab_at([], (x, y)) is None


def test_dragging_the_outer_part_turns_the_peers(views: list[SliceView], qtbot: QtBot) -> None:
    """Complaint 10: after turning by mouse in two views the planes are still perpendicular."""
    axial, coronal, sagittal = views
    focus, way = line(axial, coronal)
    start = focus + way * 108.0
    turned = way * np.cos(np.radians(20)) + QPointF(-way.y(), way.x()) * np.sin(np.radians(20))
    frames = [v.frames for v in views]
    drag(axial, LEFT, start.toPoint(), (focus + turned * 108.0).toPoint())
    QApplication.processEvents()
    assert all(v.frames > n for v, n in zip(views, frames, strict=True))
    assert coronal.viewport.turned_deg == pytest.approx(20.0, abs=0.6)
    assert sagittal.viewport.kind is PlaneKind.OBLIQUE
    assert axial.viewport.kind is PlaneKind.AXIAL
    # The line follows the mouse: it now lies where the drag ended.
    again, now = line(axial, coronal)
    assert abs(now.x() * turned.x() + now.y() * turned.y()) > 0.9999
    assert (again - focus).manhattanLength() < 0.5
    focus, way = line(coronal, axial)
    drag(coronal, LEFT, at(focus, way, 108.0), at(focus, way, 95.0, 50.0))
    normals = np.array([v.viewport.axes.normal for v in views])
    assert np.abs(normals @ normals.T - np.eye(3)).max() < 1e-12
    assert axial.viewport.turned_deg > 20
    assert sagittal.do("straighten")
    assert [v.viewport.kind for v in views] == list(KINDS)


def test_every_move_is_in_all_three_views_in_one_frame(views: list[SliceView]) -> None:
    axial = views[0]
    before = [v.frames for v in views]
    for step in range(5):
        axial.viewport.move_focus(np.array([2.0 + step, -3.0, 4.0]))
        axial.link.orientation.turn(axial.viewport, 3.0)
        QApplication.processEvents()
        assert [v.frames for v in views] == [n + step + 1 for n in before]


def test_centre_and_line_move_the_crosshair(views: list[SliceView]) -> None:
    axial, coronal, sagittal = views
    focus, way = line(axial, coronal)
    drag(axial, LEFT, focus.toPoint(), (focus + QPointF(30, 20)).toPoint())
    mm = axial.raster().mm_per_pixel
    assert np.allclose(axial.viewport.focus_mm, [2 + 30 * mm, -3 + 20 * mm, 4.0], atol=mm)
    for view in (coronal, sagittal):
        assert np.array_equal(view.viewport.focus_mm, axial.viewport.focus_mm)
    before = axial.viewport.focus_mm.copy()
    focus, way = line(axial, coronal)
    drag(axial, LEFT, at(focus, way, 45.0), at(focus, way, 60.0, 25.0))
    moved = axial.viewport.focus_mm - before
    assert abs(moved[0]) < 1e-9 and abs(moved[1]) == pytest.approx(25 * mm, abs=mm)


def test_elsewhere_the_left_button_stays_window_and_level(views: list[SliceView]) -> None:
    axial = views[0]
    window, focus = axial.viewport.window, axial.viewport.focus_mm.copy()
    place, way = line(axial, views[1])
    drag(axial, LEFT, at(place, way, 40.0, 60.0), at(place, way, 70.0, 60.0))
    assert axial.viewport.window != window
    assert np.array_equal(axial.viewport.focus_mm, focus)


def test_slab_by_handle_key_and_number(
    views: list[SliceView], monkeypatch: pytest.MonkeyPatch
) -> None:
    axial, coronal, _ = views
    focus, way = line(axial, coronal)
    per_px = axial.raster().mm_per_pixel
    drag(axial, LEFT, at(focus, way, 60.0, 9.0), at(focus, way, 60.0, 40.0))
    assert coronal.viewport.slab.thickness_mm == pytest.approx(80 * per_px, abs=1.1)
    thick = coronal.viewport.slab.thickness_mm
    drag(axial, LEFT, at(focus, way, 60.0, thick / 2 / per_px), at(focus, way, 60.0, 1.0))
    assert coronal.viewport.slab.thickness_mm == 0.0
    coronal.viewport.set_slab(Slab(9.0, Projection.MAX))
    assert coronal.do("slab_thicker") and coronal.viewport.slab.thickness_mm == 10.0
    assert coronal.do("slab_thicker") and coronal.viewport.slab.thickness_mm == 15.0
    assert coronal.do("slab_thinner") and coronal.do("slab_thinner")
    assert coronal.viewport.slab.thickness_mm == 9.0
    assert coronal.do("slab_kind") and coronal.viewport.slab.projection is Projection.MIN
    monkeypatch.setattr(QInputDialog, "getDouble", lambda *_: (17.5, True))
    assert coronal.do("slab_typed") and coronal.viewport.slab == Slab(17.5, Projection.MIN)


def test_a_hidden_crosshair_cannot_be_grabbed(views: list[SliceView]) -> None:
    axial = views[0]
    focus, _ = line(axial, views[1])
    axial.link.toggle_visible()
    before = axial.viewport.focus_mm.copy()
    drag(axial, LEFT, focus.toPoint(), (focus + QPointF(30, 0)).toPoint())
    assert np.array_equal(axial.viewport.focus_mm, before)
    axial.link.toggle_visible()
    axial.tool = "distance"  # a tool that has the button is not disturbed either
    drag(axial, LEFT, focus.toPoint(), (focus + QPointF(30, 0)).toPoint())
    assert np.array_equal(axial.viewport.focus_mm, before)


def test_a_thick_slab_is_sharp_soon_after_rest(views: list[SliceView], qtbot: QtBot) -> None:
    """The draft while moving gives way to the same picture that is cut at once elsewhere."""
    axial = views[0]
    axial.setFixedSize(700, 700)
    QApplication.processEvents()
    axial.viewport.set_slab(Slab(20.0, Projection.MAX))
    axial.repaint()
    assert not axial.sharp
    qtbot.waitUntil(lambda: axial.sharp, timeout=3000)
    from workstation.render.slice import SliceRenderer

    volume = axial.viewport.volume
    assert volume is not None
    exact = SliceRenderer(volume.array, volume.grid).cut(axial.raster(), axial.viewport.slab)
    assert np.array_equal(axial.picture._cut, exact)
