"""Segment tools by real mouse and keys in a real window, stored, undone, reported, exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.segment.conftest import GRID, Reading, balls, open_reading, voxels
from workstation import text
from workstation.archive.verify import verify
from workstation.dicom.segment_reader import read_segment_set, read_segments
from workstation.dicom.segmentation import read_seg
from workstation.domain.finding import Action, Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import format_value
from workstation.domain.segment import KINDS, Segment
from workstation.domain.voxel_set import VoxelSet
from workstation.reading.intake import intake
from workstation.reading.segments_taken import take
from workstation.viewing.paint import Brush, Painting
from workstation.viewing.segment_fill import Combination
from workstation.viewing.segment_islands import Islands
from workstation.viewing.segment_scissors import Cut
from workstation.viewing.segment_shape import Smoothing, margin, smooth
from workstation.wiring import open_services

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
RIGHT = Qt.MouseButton.RightButton


def test_a_stroke_makes_a_segment_and_is_stored_and_undone(reading: Reading) -> None:
    reading.tool("segment_brush")
    places = [reading.at(30, 40), reading.at(40, 40), reading.at(60, 44)]
    reading.stroke(*places)
    painted = reading.mask().copy()
    assert painted[11, 40, 30:58].all() and not painted[10].any()
    alone = np.zeros(GRID.shape, dtype=np.bool_)
    by_hand = Painting(alone, GRID)
    by_hand.begin(reading.view.lps_at(QPointF(places[0])), np.array([0, 0, 1.0]), Brush(5.0))
    for place in places[1:]:
        by_hand.draw_to(reading.view.lps_at(QPointF(place)))
    assert np.array_equal(painted, alone)
    reading.idle()
    archive = reading.services.archive
    stored = archive.all(Segment)[0]
    assert np.array_equal(archive.load_mask(stored.mask_id), painted)
    assert stored.volume_ml == pytest.approx(painted.sum() * 0.002)
    item = reading.area.panel.rows.topLevelItem(0)
    assert item is not None and item.text(2) == format_value(painted.sum() * 0.002, "mL")
    reading.stroke(reading.at(30, 20), reading.at(50, 20))
    both = reading.mask().copy()
    assert both.sum() > painted.sum()
    window = reading.window
    reading.key(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(reading.mask(), painted)
    reading.key(Qt.Key.Key_Y, CTRL)
    assert np.array_equal(reading.mask(), both)
    reading.key(Qt.Key.Key_Z, CTRL)
    reading.idle()
    stored = archive.all(Segment)[0]
    assert np.array_equal(archive.load_mask(stored.mask_id), painted)
    reading.click(reading.at(40, 40), RIGHT)  # the right button takes away
    assert not reading.mask()[11, 40, 40]
    assert not window.notice.isVisible(), window.notice.text.text()
    reading.idle()
    assert verify(archive).ok


def test_brush_and_scissors_by_keys_alone(reading: Reading) -> None:
    view = reading.view
    reading.tool("segment_brush")
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Return):  # the pointer, then the brush is down
        reading.key(key)
    start = GRID.to_index(view.pointer.on_plane())
    for _ in range(12):
        reading.key(Qt.Key.Key_Right)
    reading.key(Qt.Key.Key_Return)
    end = GRID.to_index(view.pointer.on_plane())
    mask, z = reading.mask(), round(float(start[2]))
    assert mask[z, round(float(start[1])), round(float(start[0]))]
    assert mask[z, round(float(end[1])), round(float(end[0]))]
    assert abs(end[0] - start[0]) > 5 and not view.pointer.held
    reading.tool("segment_scissors")
    painted = int(mask.sum())
    reading.key(Qt.Key.Key_Left, SHIFT)
    for key, times in ((Qt.Key.Key_Up, 3), (Qt.Key.Key_Right, 3), (Qt.Key.Key_Down, 6)):
        reading.key(Qt.Key.Key_Return)
        for _ in range(times):
            reading.key(key, SHIFT)
    reading.key(Qt.Key.Key_Return)
    reading.key(Qt.Key.Key_Return)  # twice at one place closes the outline
    reading.idle()
    assert painted > 0 and int(reading.mask().sum()) < painted


def test_what_was_painted_comes_back_after_a_crash(reading: Reading) -> None:
    """Nothing is saved by closing: a second program on the same home sees every stroke."""
    reading.tool("segment_brush")
    reading.stroke(reading.at(30, 40), reading.at(40, 40))
    first = reading.mask().copy()
    reading.stroke(reading.at(30, 50), reading.at(40, 50))
    second = reading.mask().copy()
    reading.idle()
    home = reading.services.archive.home
    with open_services(home, "en") as services:
        other = open_reading(services)
        again = next(other)
        again.wait(lambda: bool(again.desk.list.sheets))
        segment = again.desk.list.segments[0]
        again.desk.activate(segment.id)
        assert np.array_equal(again.mask(), second)
        again.area.panel.undo.click()
        again.idle()
        again.wait(lambda: np.array_equal(again.mask(), first))
        reading.window.jobs.poll()  # and the first program follows
        reading.wait(lambda: np.array_equal(reading.mask(), first))
        again.window.shut()


def test_threshold_brush_picks_its_range_from_the_image(reading: Reading) -> None:
    image, (first, _) = voxels(), balls()
    reading.tool("segment_threshold")
    reading.desk.set_brush(Brush(6.0, ball=True))
    reading.click(reading.at(28, 40), keys=CTRL)
    assert reading.desk.range is not None
    low, high = reading.desk.range
    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.shape), indexing="ij")
    place = reading.view.lps_at(QPointF(reading.at(28, 40)))
    away = GRID.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64)) - place
    under = ((away[..., :2] ** 2).sum(axis=-1) <= 36.0) & (z == 11)
    values = image[under].astype(np.float64)
    assert low == pytest.approx(values.mean() - 2 * values.std())
    assert high == pytest.approx(values.mean() + 2 * values.std())
    reading.desk.set_brush(Brush(16.0, ball=True))
    reading.click(reading.at(28, 40))
    around = (away**2).sum(axis=-1) <= 16.0**2
    assert np.array_equal(reading.mask(), around & (image >= low) & (image <= high))
    assert reading.mask()[first].mean() > 0.9 and not reading.mask()[~first].any()


def test_growing_islands_and_scissors(reading: Reading) -> None:
    first, second = balls()
    numbers = reading.area.effects.numbers
    reading.tool("segment_grow")
    reading.desk.set_range(60, 140)
    numbers.by_tolerance = False
    for x in (28, 68):
        reading.click(reading.at(x, 40))
        reading.idle()
    assert np.array_equal(reading.mask(), first | second)
    reading.tool("segment_islands")
    numbers.islands = Islands.REMOVE_CLICKED
    reading.click(reading.at(28, 40))
    reading.idle()
    assert np.array_equal(reading.mask(), second)
    reading.key(Qt.Key.Key_Z, CTRL)
    reading.idle()
    assert np.array_equal(reading.mask(), first | second)
    # A polygon of four clicks, closed by clicking its first corner again.
    reading.tool("segment_scissors")
    numbers.cut, numbers.through = Cut.ERASE_INSIDE, False
    corners = [reading.at(10.5, 20.5), reading.at(45.5, 20.5), reading.at(45.5, 60.5),
               reading.at(10.5, 60.5)]  # fmt: skip
    for corner in [*corners, corners[0] + QPoint(2, 2)]:
        reading.click(corner)
    reading.idle()
    wanted = first | second
    wanted[11, :, :46] = False
    assert np.array_equal(reading.mask(), wanted)
    assert reading.layer.corners == []
    # Freehand around the second ball, through all slices, keeps only that.
    numbers.cut, numbers.through = Cut.ERASE_OUTSIDE, True
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reading.stroke(*(reading.at(68 + 15 * np.cos(t), 40 + 15 * np.sin(t)) for t in turns))
    reading.idle()
    assert np.array_equal(reading.mask(), second)
    reading.click(corners[0])
    reading.click(corners[1])
    assert len(reading.layer.corners) == 2
    reading.key(Qt.Key.Key_Escape)
    assert reading.layer.corners == [] and reading.window.grid_.tool == "segment_scissors"


def test_operations_of_the_panel_are_the_pure_ones(reading: Reading) -> None:
    first, second = balls()
    desk, effects, panel = reading.desk, reading.area.effects, reading.area.panel
    stack = reading.view.viewport.volume
    assert stack is not None
    ids = []
    for mask in (first, second):
        ids.append(desk.create(stack.stack))
        painting = desk.painting
        assert painting is not None
        painting.tell(painting.step_to(VoxelSet.of(mask, GRID)))
    reading.idle()
    combine = panel.operations
    combine.how.setCurrentIndex(combine.how.findData(Combination.ADD))
    combine.other.setCurrentIndex(combine.other.findData(ids[0]))
    press(panel, "Combine")
    reading.idle()
    assert np.array_equal(reading.mask(), first | second)
    press(panel, "Keep largest")
    reading.idle()
    assert reading.mask().sum() in (first.sum(), second.sum())
    only = VoxelSet.of(reading.mask(), GRID)
    combine.margin_mm.setValue(3.0)
    press(panel, "Grow margin")
    reading.idle()
    larger = margin(only, 3.0)
    assert np.array_equal(reading.mask(), larger.full())
    combine.smoothing.setCurrentIndex(combine.smoothing.findData(Smoothing.GAUSSIAN))
    combine.smooth_mm.setValue(2.5)
    press(panel, "Smooth")
    reading.idle()
    assert np.array_equal(reading.mask(), smooth(larger, Smoothing.GAUSSIAN, 2.5).full())
    # Numbers of the panel against numpy on the same voxels.
    reading.wait(lambda: panel.numbers is not None)
    values = voxels()[reading.mask()].astype(np.float64)
    assert panel.numbers is not None and panel.numbers.mean == pytest.approx(values.mean())
    assert panel.numbers.sd == pytest.approx(values.std())
    assert f"mean {values.mean():.4g} HU" in panel.told.text()
    effects.numbers.combination = Combination.INVERT
    before = reading.mask().copy()
    effects.combine()
    reading.idle()
    assert np.array_equal(reading.mask(), ~before)
    for _ in range(5):  # all five steps back
        reading.key(Qt.Key.Key_Z, CTRL)
        reading.idle()
    assert np.array_equal(reading.mask(), second)


def press(panel: object, words: str) -> None:
    from PySide6.QtWidgets import QPushButton

    assert hasattr(panel, "findChildren")
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == words)
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_fill_between_slices_in_the_view(reading: Reading) -> None:
    reading.tool("segment_brush")
    for z, radius in ((6, 8.0), (14, 4.0)):
        reading.view.viewport.go_to_slice(z)
        reading.desk.set_brush(Brush(radius))
        reading.click(reading.at(48, 40))
    reading.area.effects.fill_between()
    reading.idle()
    areas = reading.mask().sum(axis=(1, 2))
    assert areas[5] == 0 and areas[15] == 0
    assert (np.diff(areas[6:15]) <= 0).all() and areas[10] > 0


def test_locked_and_hidden(reading: Reading) -> None:
    reading.tool("segment_brush")
    reading.stroke(reading.at(30, 40), reading.at(60, 40))
    first = reading.mask().copy()
    first_id = reading.desk.active_id
    reading.idle()
    item = reading.area.panel.rows.topLevelItem(0)
    assert item is not None
    item.setCheckState(4, Qt.CheckState.Checked)  # as a click on the box does
    reading.idle()
    assert reading.desk.list.sheets[first_id].segment.locked
    reading.stroke(reading.at(30, 20), reading.at(60, 20))
    assert np.array_equal(reading.mask(), first) and "locked" in reading.window.notice.text.text()
    reading.window.commands.run("segment_add")
    reading.stroke(reading.at(45, 25), reading.at(45, 55))  # across the locked one
    assert reading.mask().any() and not (reading.mask() & first).any()
    second = reading.desk.active
    assert second is not None and second.number == 2
    place = reading.at(45, 52)
    seen = QColor(reading.view.grab().toImage().pixelColor(place))
    reading.desk.list.describe(second.id, visible=False)
    hidden = QColor(reading.view.grab().toImage().pixelColor(place))
    assert seen.name() != hidden.name()
    reading.key(Qt.Key.Key_J, SHIFT)
    assert reading.desk.active_id == first_id


def test_wheel_and_keys_change_the_brush_in_every_view(reading: Reading) -> None:
    reading.tool("segment_brush")
    view = reading.view
    shown = view.viewport.slice_number
    place = QPointF(view.width() / 2, view.height() / 2)
    event = QWheelEvent(place, QPointF(view.mapToGlobal(place.toPoint())), QPoint(),
                        QPoint(0, 120), Qt.MouseButton.NoButton, SHIFT,
                        Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(view, event)
    assert reading.desk.brush.radius_mm == 6.0 and view.viewport.slice_number == shown
    assert reading.area.panel.tools.diameter.value() == 12.0
    reading.key(Qt.Key.Key_BracketLeft)
    assert reading.desk.brush.radius_mm == 4.0
    reading.key(Qt.Key.Key_B)
    assert reading.desk.brush.ball and reading.area.panel.tools.ball.isChecked()
    reading.key(Qt.Key.Key_E)
    assert reading.window.grid_.tool == "segment_eraser"
    reading.key(Qt.Key.Key_2, CTRL)
    reading.key(Qt.Key.Key_1, CTRL)
    assert reading.window.grid_.tool == "segment_brush"


def test_a_segment_becomes_a_finding_that_tools_work_on(reading: Reading) -> None:
    reading.desk.list.kind = KINDS[4]
    reading.tool("segment_brush")
    reading.desk.set_brush(Brush(6.0, ball=True))
    reading.click(reading.at(28, 40))
    painted = reading.mask().copy()
    reading.idle()
    reading.area.panel.finding.click()
    archive = reading.services.archive

    def added() -> list[Finding]:
        return [f for f in archive.all(Finding) if f.state is FindingState.ADDED]

    reading.wait(lambda: bool(added()))
    finding = added()[0]
    assert finding.label.en == "Nodule" and finding.code.value == "27925004"
    assert np.array_equal(archive.load_mask(finding.mask_id), painted)
    assert finding.value == pytest.approx(painted.sum() * 0.002)
    window = reading.window
    reading.wait(lambda: window.desk.contents is not None
                 and window.desk.contents.finding(finding.id) is not None)  # fmt: skip
    reading.idle()
    assert reading.desk.list.segments[0].finding_id == finding.id
    # Effects act on the finding's mask while it is edited; each is a step of its review.
    window.decisions.act(finding.id, Action.EDIT)
    reading.wait(lambda: window.grid_.is_painting)
    reading.area.effects.numbers.margin_mm = 2.0
    reading.area.effects.grow_margin()
    wanted = margin(VoxelSet.of(painted, GRID), 2.0).full()

    def edited() -> bool:
        mask_id = archive.get(Finding, finding.id).mask_id
        return np.array_equal(archive.load_mask(mask_id), wanted)

    reading.wait(edited)
    assert np.array_equal(reading.mask(), painted)  # the segment itself stays as it was
    assert archive.get(Finding, finding.id).value == pytest.approx(wanted.sum() * 0.002)


def test_dicom_round_trip_is_bit_exact(reading: Reading, tmp_path: Path) -> None:
    """Complaints 16 and 24: nothing flipped, Chinese labels come back as they were written."""
    first, second = balls()
    rng = np.random.default_rng(3)
    noise = rng.random(GRID.shape) < 0.03
    volume = reading.view.viewport.volume
    assert volume is not None
    desk, archive = reading.desk, reading.services.archive
    for number, mask in enumerate((first, second, noise)):
        desk.list.kind = KINDS[number + 3]
        desk.create(volume.stack)
        painting = desk.painting
        assert painting is not None
        painting.tell(painting.step_to(VoxelSet.of(mask, GRID)))
    reading.idle()
    text.set_language("zh_CN")
    reading.area.export(tmp_path)
    reading.wait(
        lambda: bool(list(tmp_path.glob("segments-*.dcm"))) and not reading.window.jobs.busy
    )
    path = next(tmp_path.glob("segments-*.dcm"))
    made = sorted(archive.all(Segment), key=lambda s: s.number)
    read = read_seg(path, GRID)
    for one, segment, mask in zip(read, made, (first, second, noise), strict=True):
        assert np.array_equal(one.mask, mask)
        assert one.label == segment.name.zh and one.tracking_id == segment.id
    told = read_segment_set(path)
    for info, segment in zip(told.segments, made, strict=True):
        assert info.type is not None and info.category is not None
        assert (info.type.value, info.category.value) == (
            segment.kind.value,
            segment.category.value,
        )
        wanted = [int(segment.colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert info.colour is not None and np.abs(np.array(info.colour) - wanted).max() <= 1
    pieces = read_segments(path)
    for number, mask in enumerate((first, second, noise), start=1):
        block = pieces.block(number)
        assert block is not None and np.array_equal(block.on_grid(GRID), mask)
    # Read back as segments that can be painted on.
    actor = archive.user("li").actor
    intake(archive, [path])
    uid = str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
    back = take(archive, actor, uid).segments
    for segment, mask in zip(back, (first, second, noise), strict=True):
        assert np.array_equal(archive.load_mask(segment.mask_id), mask)
        assert archive.get(MaskInfo, segment.mask_id).grid == GRID
    assert [s.name.zh for s in back] == [s.name.zh for s in made]
