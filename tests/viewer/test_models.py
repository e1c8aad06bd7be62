"""Viewports, the crosshair link, windows, wheel, painting and hanging, without a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.viewer.images import GRIDS, PAGES, grid_of, stack_of, volume_of
from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack
from workstation.viewing.hanging import Pane, hang, three_planes
from workstation.viewing.hanging_files import installed
from workstation.viewing.links import CrosshairLink
from workstation.viewing.paint import Brush, Painting, Patch, next_size
from workstation.viewing.signal import Signal
from workstation.viewing.tools import WheelSteps, WindowDrag
from workstation.viewing.viewport import Projection, Slab, Viewport
from workstation.viewing.window_level import Window, percentile_window, to_grey, window_for_key


def test_signal_tells_in_order_and_survives_leaving() -> None:
    heard: list[str] = []
    signal: Signal[[str]] = Signal()
    leave_first = signal.connect(lambda word: heard.append("a" + word))

    def second(word: str) -> None:
        heard.append("b" + word)
        leave_first()

    signal.connect(second)
    signal.connect(lambda word: heard.append("c" + word))
    signal.emit("1")
    signal.emit("2")
    leave_first()
    assert heard == ["a1", "b1", "c1", "b2", "c2"]


# --- crosshair


def three_views(name: str) -> tuple[CrosshairLink, list[Viewport]]:
    volume = volume_of(GRIDS[name])
    link, views = CrosshairLink(), [Viewport() for _ in range(3)]
    for view, kind in zip(
        views, (PlaneKind.ACQUIRED, PlaneKind.CORONAL, PlaneKind.SAGITTAL), strict=True
    ):
        view.show(volume, kind)
        link.add(view)
    return link, views


@pytest.mark.parametrize("name", GRIDS)
def test_crosshair_agrees_in_all_planes_within_half_a_voxel(name: str) -> None:
    grid = GRIDS[name]
    _, views = three_views(name)
    # A place chosen in one view, by pixel, as the mouse does.
    raster = views[1].raster(300, 260)
    chosen = raster.to_lps(140.0, 121.0)
    views[1].move_focus(chosen)
    diagonal = float(np.linalg.norm(grid.matrix[:3, :3].sum(axis=1)))
    for view in views:
        assert np.allclose(view.focus_mm, chosen)
        column, row, depth = view.raster(300, 260).to_picture(view.focus_mm)
        # Acquired slices are shown on the nearest stored slice: half a step off at most.
        limit = grid.slice_distance_mm / 2 if view.kind is PlaneKind.ACQUIRED else 1e-6
        assert abs(depth) <= limit + 1e-6
        back = view.raster(300, 260).to_lps(column, row)
        assert np.linalg.norm(back - chosen) <= max(limit, 1e-6) + 1e-6 <= diagonal


def test_scrolling_one_plane_moves_only_lines_in_the_others() -> None:
    _, (axial, coronal, sagittal) = three_views("axial")
    before = coronal.plane_mm, sagittal.plane_mm, axial.plane_mm
    axial.scroll(3)
    assert (coronal.plane_mm, sagittal.plane_mm) == pytest.approx(before[:2])
    assert axial.plane_mm == pytest.approx(before[2] + 9.0)
    assert np.allclose(coronal.focus_mm, axial.focus_mm)


def test_other_frames_are_linked_only_through_an_alignment() -> None:
    grid = GRIDS["axial"]
    link, one, two, pages = CrosshairLink(), Viewport(), Viewport(), Viewport()
    one.show(volume_of(grid))
    two.show(volume_of(grid, frame_of_reference_uid="9.9", id="stack-2"))
    pages.show(volume_of(grid, id="stack-3", flags=PAGES))
    for view in (one, two, pages):
        link.add(view)
    still = two.focus_mm.copy(), pages.focus_mm.copy()
    one.scroll(2)
    assert np.array_equal(two.focus_mm, still[0])
    assert np.array_equal(pages.focus_mm, still[1])
    assert link.peers(one) == link.followers(one) == []
    shifted = np.eye(4)
    shifted[:3, 3] = 4.0, -3.0, 0.5
    link.set_alignments({(one.frame, two.frame): shifted})
    one.scroll(1)
    assert np.allclose(two.focus_mm, one.focus_mm + shifted[:3, 3])
    assert np.array_equal(pages.focus_mm, still[1])
    assert link.followers(one) == [two] and link.peers(one) == []
    link.set_alignments({})
    one.scroll(1)
    assert not np.allclose(two.focus_mm, one.focus_mm + shifted[:3, 3])


def test_a_series_without_frame_of_reference_links_with_itself_only() -> None:
    grid = GRIDS["axial"]
    link, views = CrosshairLink(), [Viewport(), Viewport(), Viewport()]
    for view, name in zip(views, ("a", "a", "b"), strict=True):
        view.show(volume_of(grid, id=name, frame_of_reference_uid=""))
        link.add(view)
    views[0].scroll(2)
    assert np.array_equal(views[1].focus_mm, views[0].focus_mm)
    assert not np.array_equal(views[2].focus_mm, views[0].focus_mm)


# --- viewport


def test_pages_stay_pages() -> None:
    view = Viewport()
    view.show(volume_of(GRIDS["tilted"], flags=PAGES), PlaneKind.CORONAL)
    assert view.kind is PlaneKind.ACQUIRED
    view.set_plane(PlaneKind.SAGITTAL)
    view.turn(np.array([1.0, 0.0, 0.0]), 20.0)
    assert view.kind is PlaneKind.ACQUIRED
    view.go_to_slice(0)
    view.scroll(200)
    assert (view.slice_number, view.steps.count) == (13, 14)
    view.set_slab(Slab(20.0))
    assert view.slab.thickness_mm == 0  # there is nothing between pages
    assert view.is_oriented
    view.show(volume_of(grid_of((2, 9, 9), np.eye(3), (0.0, 0.0, 0.0)), flags=PAGES))
    assert not view.is_oriented


def test_scroll_stops_at_the_ends_and_focus_outside_is_said() -> None:
    view = Viewport()
    view.show(volume_of(GRIDS["oblique"]))
    view.scroll(-500)
    assert view.slice_number == 0
    view.scroll(4)
    assert view.slice_number == 4
    assert view.focus_inside
    view.move_focus(np.array([900.0, 0.0, 0.0]))
    assert not view.focus_inside
    raster = view.raster(50, 50)  # still a picture of the volume, not black
    inside = view.steps.position_of(0) - 1e-6, view.steps.position_of(13) + 1e-6
    assert inside[0] <= float(np.asarray(raster.centre_mm) @ view.axes.normal) <= inside[1]


def test_zoom_pan_and_fit() -> None:
    view = Viewport()
    view.show(volume_of(GRIDS["axial"]))  # 32 x 33 mm
    whole = view.raster(400, 300)
    assert whole.mm_per_pixel == pytest.approx(33.0 / 300)
    view.zoom_by(2.0)
    view.pan(5.0, -3.0)
    near = view.raster(400, 300)
    assert near.mm_per_pixel == pytest.approx(33.0 / 600)
    # Pushed 5 mm to the right: the same place stands 5 mm further right.
    point = np.asarray(whole.centre_mm)
    column, row, _ = near.to_picture(point)
    assert (column - 199.5) * near.mm_per_pixel == pytest.approx(5.0)
    assert (row - 149.5) * near.mm_per_pixel == pytest.approx(-3.0)
    view.fit()
    assert view.raster(400, 300) == whole


def test_oblique_turns_about_the_crosshair() -> None:
    view = Viewport()
    view.show(volume_of(GRIDS["oblique"]), PlaneKind.AXIAL)
    view.move_focus(view.grid.to_lps((30.0, 8.0, 4.0)) if view.grid else np.zeros(3))
    for _ in range(5):
        view.turn(np.array([0.2, 1.0, 0.1]), 7.0)
    right, down = np.asarray(view.axes.right), np.asarray(view.axes.down)
    assert abs(float(right @ down)) < 1e-12
    assert abs(float(view.raster(80, 80).to_picture(view.focus_mm)[2])) < 1e-9


# --- window


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8])
def test_window_equals_the_dicom_formula(dtype: type) -> None:
    info = np.iinfo(dtype)
    values: NDArray[Any] = np.linspace(info.min, info.max, 5000).astype(dtype)
    for centre, width in ((40.0, 400.0), (100.5, 33.0), (0.0, 1.0), (128.0, 256.0)):
        expected = np.empty(values.size)
        for i, x in enumerate(values.astype(np.float64)):  # PS3.3 C.11.2.1.2.1, ymin 0, ymax 255
            if x <= centre - 0.5 - (width - 1) / 2:
                expected[i] = 0
            elif x > centre - 0.5 + (width - 1) / 2:
                expected[i] = 255
            else:
                expected[i] = ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255
        grey = to_grey(values, Window(centre, width)).astype(float)
        assert np.abs(grey - expected).max() <= 0.51
        inverted = to_grey(values, Window(centre, width), invert=True)
        assert np.array_equal(inverted, 255 - to_grey(values, Window(centre, width)))


def test_window_of_reals_and_background() -> None:
    values = np.array([[-1e30, 0.0, 2.5, 5.0, 9.0]], dtype=np.float32)
    window = Window(2.5, 5.0)
    assert to_grey(values, window, False, -1e30).tolist() == [[0, 0, 128, 255, 255]]
    assert to_grey(values, window, True, -1e30).tolist() == [[0, 255, 128, 0, 0]]
    outside = np.array([-32768, 0], dtype=np.int16)
    assert to_grey(outside, Window(0, 100), True, -32768.0).tolist()[0] == 0


def test_presets_by_key() -> None:
    ct = volume_of(GRIDS["axial"], modality="CT", window=(50.0, 350.0))
    assert window_for_key(1, ct) == (Window(50.0, 350.0), "The file's own window")
    brain = window_for_key(3, ct)
    lung = window_for_key(7, ct)
    assert brain is not None and brain[0] == Window(40, 80)
    assert lung is not None and lung[0] == Window(-600, 1500)
    assert window_for_key(2, ct) is None
    ramp = np.arange(GRIDS["axial"].shape[0] * 1200, dtype=np.int32).reshape(14, 30, 40)
    mr = volume_of(GRIDS["axial"], ramp.astype(np.int16))
    auto = window_for_key(0, mr)
    assert auto is not None
    low, high = np.percentile(ramp, (0.1, 99.9))
    assert auto[0].low == pytest.approx(low, abs=1.0)
    assert auto[0].high == pytest.approx(high, abs=1.0)
    assert all(window_for_key(key, mr) is not None for key in range(3, 10))
    assert percentile_window(np.zeros(50, np.int16), 0.1, 99.9).width >= 1


def test_window_drag() -> None:
    drag = WindowDrag(Window(100.0, 400.0))
    assert drag.at(0, 0, 1.0) == Window(100.0, 400.0)
    assert drag.at(100, 0, 1.0).width == pytest.approx(600.0)
    assert drag.at(0, 40, 1.0).centre == pytest.approx(140.0)
    assert drag.at(-9999, 0, 1.0).width == 1.0


# --- wheel


def test_wheel_loses_no_step() -> None:
    wheel = WheelSteps()
    assert wheel.add(120) == 1
    assert wheel.add(360) == 3  # a fast wheel sends several notches at once
    assert sum(wheel.add(15) for _ in range(80)) == 10  # a touchpad sends fractions
    assert [wheel.add(100), wheel.add(100), wheel.add(100)] == [0, 1, 1]
    assert wheel.add(-60) == 0  # turned back: the 60 left over do not count against it
    assert wheel.add(-60) == -1
    assert wheel.add(-240) == -2


# --- painting


def disc_by_hand(name: str, centre: Floats, normal: Floats, radius: float, ball: bool) -> Floats:
    """Voxels hit, computed one by one."""
    grid = GRIDS[name]
    matrix = np.array(grid.affine)
    layer = np.abs(normal @ matrix[:3, :3]).sum() / 2
    hit = np.zeros(grid.shape, dtype=np.bool_)
    for z, y, x in np.ndindex(grid.shape):
        apart = matrix[:3, :3] @ (x, y, z) + matrix[:3, 3] - centre
        height = float(apart @ normal)
        if ball:
            hit[z, y, x] = np.linalg.norm(apart) <= radius
        else:
            flat = np.linalg.norm(apart - height * normal)
            hit[z, y, x] = flat <= radius and abs(height) <= layer * (1 + 1e-9)
    return np.asarray(hit)


@pytest.mark.parametrize("name", ["axial", "negated", "oblique", "tilted oblique"])
@pytest.mark.parametrize("ball", [False, True])
def test_a_dab_covers_exactly_its_voxels(name: str, ball: bool) -> None:
    grid = GRIDS[name]
    view = Viewport()
    view.show(volume_of(grid))
    view.go_to_slice(6)
    centre = grid.to_lps((18.0, 12.0, 6.0))
    for normal in (view.axes.normal, view.axes.turned((1.0, 1.0, 0.0), 30.0).normal):
        mask = np.zeros(grid.shape, dtype=np.bool_)
        painting = Painting(mask, grid)
        painting.begin(centre, normal, Brush(4.7, ball=ball))
        painting.end()
        assert np.array_equal(mask, disc_by_hand(name, centre, normal, 4.7, ball))
    if not ball:
        mask[...] = False
        painting.begin(centre, view.axes.normal, Brush(4.7))
        painting.end()
        assert set(np.flatnonzero(mask.any(axis=(1, 2)))) == {6}  # the viewed slice only


def test_strokes_have_no_gaps_and_round_trip() -> None:
    grid = GRIDS["axial"]
    mask = np.zeros(grid.shape, dtype=np.bool_)
    painting = Painting(mask, grid)
    patches: list[Patch] = []
    changes: list[int] = []
    painting.finished.connect(patches.append)
    painting.changed.connect(lambda: changes.append(1))
    normal = np.array([0.0, 0.0, 1.0])
    painting.begin(grid.to_lps((5.0, 5.0, 7.0)), normal, Brush(1.2))
    painting.draw_to(grid.to_lps((34.0, 5.0, 7.0)))  # one quick move across the slice
    painting.draw_to(grid.to_lps((34.0, 25.0, 7.0)))
    painting.end()
    assert mask[7, 5, 5:35].all()
    assert mask[7, 5:26, 34].all()
    assert not mask[6].any() and not mask[8].any()
    drawn = mask.copy()
    assert len(patches) == 1 and len(changes) == 3
    painting.begin(grid.to_lps((20.0, 5.0, 7.0)), normal, Brush(2.0, erase=True))
    painting.end()
    assert not mask[7, 5, 20] and mask[7, 5, 10]
    patches[1].undo(mask)
    assert np.array_equal(mask, drawn)
    patches[0].undo(mask)
    assert not mask.any()
    patches[0].redo(mask)
    assert np.array_equal(mask, drawn)
    painting.begin(grid.to_lps((5.0, 5.0, 7.0)), normal, Brush(1.0))  # already painted there
    assert painting.end() is None


def test_small_brushes_hit_and_strokes_outside_do_nothing() -> None:
    grid = GRIDS["axial"]
    mask = np.zeros(grid.shape, dtype=np.bool_)
    painting = Painting(mask, grid)
    normal = np.array([0.0, 0.0, 1.0])
    painting.begin(grid.to_lps((10.45, 10.4, 7.2)), normal, Brush(0.05))
    painting.end()
    assert np.argwhere(mask).tolist() == [[7, 10, 10]]
    painting.begin(np.array([500.0, 0.0, 0.0]), normal, Brush(3.0))
    assert painting.end() is None
    with pytest.raises(ValueError, match="fit"):
        Painting(np.zeros((2, 2, 2), dtype=np.bool_), grid)


def test_brush_sizes() -> None:
    assert next_size(3.0, True) == 4.0
    assert next_size(3.0, False) == 2.0
    assert next_size(0.5, False) == 0.5
    assert next_size(32.0, True) == 32.0


# --- hanging


def stack(name: str, role: str, **changes: object) -> Stack:
    return stack_of(
        grid_of((24, 64, 64), np.diag([1.0, 1.0, 2.0]), (0.0, 0.0, 0.0)),
        id=name,
        role=role,
        **changes,
    )


def first_panes(stacks: list[Stack]) -> tuple[Pane, ...]:
    return hang(stacks, installed()).stages[0].panes


def test_protocols_hang_by_role() -> None:
    assert {p.name for p in installed()} >= {"Brain-heart MR", "Chest CT"}
    panes = first_panes(
        [
            stack("loc", "", flags=(Flag.LOCALISER, Flag.NOT_A_VOLUME)),
            stack("cine", "cine SAX"),
            stack("tof", "TOF"),
            stack("flair", "FLAIR"),
        ]
    )
    assert [p.stack_id for p in panes] == ["flair", "tof", "cine", "tof"]
    assert panes[1].kind is PlaneKind.CORONAL
    assert panes[1].slab.thickness_mm == 30.0
    assert panes[1].slab.projection is Projection.MAX
    assert [p.solid for p in panes] == [False, False, False, True]
    chest = first_panes([stack("ct", "CT chest", modality="CT")])
    assert [p.kind for p in chest[1:3]] == [PlaneKind.CORONAL, PlaneKind.SAGITTAL]
    assert chest[3].solid and chest[0].preset == 7


def test_generic_hanging_leaves_no_pane_empty_without_need() -> None:
    panes = first_panes([stack("a", "", series_number=2), stack("b", "T2", series_number=5)])
    assert [p.stack_id for p in panes][:2] == ["b", "a"]
    assert all(p.stack_id for p in panes)
    pages = first_panes([stack("p", "", flags=PAGES)])
    assert [p.stack_id for p in pages] == ["p"]
    assert first_panes([stack("only", "")])[3].solid
    assert [p.kind for p in three_planes("x")][:3] == [
        PlaneKind.AXIAL,
        PlaneKind.CORONAL,
        PlaneKind.SAGITTAL,
    ]
