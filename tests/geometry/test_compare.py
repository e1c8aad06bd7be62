"""An earlier study beside this one: which, how linked, what is said, what can be taken back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.geometry.test_rigid import apart, brain_points, turned
from tests.pictures import keep_picture
from tests.viewer.events import wheel
from tests.viewer.images import GRIDS, grid_of, stack_of, volume_of
from workstation import text
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.demo.head import HeadShape
from workstation.demo.lesions import LesionLoad
from workstation.demo.scans import FlairScan, Frame3, flair_scan
from workstation.dicom.write import SeriesHeader, derived_uid, write_series
from workstation.documents.signatures import make_key
from workstation.domain.alignment import Alignment, How
from workstation.domain.errors import BadInput, Cancelled, NotFound
from workstation.domain.geometry import Floats, Grid
from workstation.domain.people import MACHINE, Role
from workstation.domain.plane import PlaneKind
from workstation.domain.study import Patient, Study
from workstation.domain.volume import Flag, Stack
from workstation.domain.work import Cancel
from workstation.reading import align
from workstation.reading.assemble import assemble
from workstation.reading.draft import draft, write_free_text
from workstation.reading.intake import intake
from workstation.reading.priors import doubts, earlier
from workstation.reading.sign import sign
from workstation.settings import load_settings
from workstation.ui.compare_area import CompareArea
from workstation.ui.compare_layer import link_words
from workstation.ui.compare_words import label_of, time_between
from workstation.ui.slice_view import SliceView
from workstation.viewing.hanging import Pane
from workstation.viewing.links import CrosshairLink
from workstation.viewing.priors import laid_out, match, pairs, side_by_side, together
from workstation.viewing.viewport import Viewport
from workstation.wiring import open_services

from workstation.ui.program import application, wait_until  # isort: skip - after wiring
from workstation.ui.window import Window  # isort: skip

PASSWORD = "long enough 1"
NOW = Frame3(turned((-7.0, 1.0, 1.5)), np.array([2.0, -6.0, 11.0]))
THEN = Frame3(turned((3.0, -4.0, 4.5)), np.array([-9.0, 14.0, -5.0]))


# --- rules, without a window


def person(**changes: str) -> Patient:
    values = {
        "patient_id": "P1", "name": "王小明", "name_dicom": "Wang^Xiao Ming=王^小明",
        "birth_date": "19610203", "sex": "M",
    }  # fmt: skip
    return Patient(**(values | changes))


def study(date: str = "20240506", **changes: str) -> Study:
    return Study("1", person(**changes), date, "101112", "", "")


def test_who_may_be_someone_else() -> None:
    assert doubts(study(), study("20230101")) == []
    spelt = {"name": "WANG Xiaoming", "name_dicom": "WANG^XIAO MING"}
    assert doubts(study(), study("20230101", **spelt)) == []
    said = [m.template for m in doubts(study(), study("", birth_date="", name="李", name_dicom="李",
                                                       sex="F"))]  # fmt: skip
    assert len(said) == 4
    assert "birth date is missing" in said[0] and "names differ" in said[1]
    assert "sex differs" in said[2] and "no date" in said[3]


def test_series_are_matched_by_what_they_show() -> None:
    flair = stack_of(GRIDS["axial"], id="flair", role="FLAIR", description="t2 flair tra")
    t1 = stack_of(GRIDS["axial"], id="t1", role="T1", description="t1 tra")
    sagittal = stack_of(GRIDS["sagittal"], id="sag", role="FLAIR", description="t2 flair sag")
    chest = stack_of(
        GRIDS["axial"], id="chest", role="CT chest", modality="CT", region="chest", description="x"
    )
    scout = stack_of(GRIDS["axial"], id="scout", role="FLAIR", flags=(Flag.LOCALISER,))
    found = match(flair, [chest, t1, sagittal, scout, replace(flair, id="old flair")])
    assert found is not None and found.before.id == "old flair"
    found = match(flair, [chest, t1, sagittal, scout])
    assert found is not None and found.before.id == "sag"
    assert match(flair, [chest, scout]) is None
    both = pairs([flair, t1], [replace(t1, id="old t1"), replace(flair, id="old flair")])
    assert {(m.now.id, m.before.id) for m in both} == {("flair", "old flair"), ("t1", "old t1")}
    # Another plane of the same: the earlier volume is cut like the one of now.
    found = match(flair, [sagittal])
    assert found is not None
    left, right = side_by_side(found, Pane("flair"))
    assert (left.kind, right.kind) == (PlaneKind.ACQUIRED, PlaneKind.AXIAL)
    left, right = side_by_side(found, Pane("flair", PlaneKind.CORONAL))
    assert (left.kind, right.kind) == (PlaneKind.CORONAL, PlaneKind.CORONAL)


def test_several_pairs_stand_below_one_another() -> None:
    """Every role that both studies have: those of now above, the earlier ones below."""
    roles = ("T1", "FLAIR", "T1+Gd")
    now = [stack_of(GRIDS["axial"], id=f"now {r}", role=r, description=r) for r in roles]
    before = [stack_of(GRIDS["axial"], id=f"then {r}", role=r, description=r) for r in roles[::-1]]
    other = stack_of(GRIDS["axial"], id="then other", role="", description="loc")
    found = match(now[1], [*before, other])
    assert found is not None
    others = [m for m in pairs(now, [*before, other]) if m.now.id != found.now.id]
    rows, columns, panes = laid_out(together(found, others, 4), Pane("now FLAIR"))
    assert (rows, columns) == (2, 3)
    assert panes[0].stack_id == "now FLAIR" and panes[3].stack_id == "then FLAIR"
    for above, below in zip(panes[:3], panes[3:], strict=True):
        assert above.stack_id.removeprefix("now ") == below.stack_id.removeprefix("then ")
    assert laid_out(together(found, others, 1), Pane())[:2] == (1, 2)


def test_what_is_written_over_an_image() -> None:
    text.set_language("en")
    now, before = study("20240506"), replace(study("20210304"), study_uid="2")
    assert label_of(now, now) == ("2024-05-06　current", False)
    assert label_of(before, now) == ("2021-03-04　prior, 3 y 2 mo earlier", True)
    assert time_between(now, study("20240430")) == "6 d"
    assert time_between(now, study("20240106")) == "4 mo"
    assert time_between(now, study("")) == ""
    text.set_language("zh_CN")
    assert label_of(before, now)[0] == "2021-03-04　既往，3 年 2 个月前"


def test_views_follow_each_other_through_an_alignment() -> None:
    """Each in its own millimetres, there and back without drifting; not before it was set."""
    rotation, shift = turned((5.0, -8.0, 20.0)), np.array([12.0, -30.0, 7.0])
    to_moving = np.eye(4)
    to_moving[:3, :3], to_moving[:3, 3] = rotation, shift
    grid = GRIDS["oblique"]
    other = grid_of(grid.shape, rotation @ grid.matrix[:3, :3],
                    tuple(rotation @ grid.matrix[:3, 3] + shift))  # fmt: skip
    link, views = CrosshairLink(), [Viewport() for _ in range(4)]
    shown = [(grid, "1.2.9"), (grid, "1.2.9"), (other, "1.2.77"), (grid, "1.2.5")]
    for view, (placed, frame) in zip(views, shown, strict=True):
        view.show(volume_of(placed, frame_of_reference_uid=frame, id=frame))
        link.add(view)
    a, peer, follower, stranger = views
    place = grid.to_lps((11.0, 7.5, 5.0))
    before = follower.focus_mm.copy()
    a.move_focus(place)
    assert np.array_equal(follower.focus_mm, before)
    link.set_alignments({("1.2.9", "1.2.77"): to_moving})
    alone = stranger.focus_mm.copy()
    moves: list[int] = []
    follower.focus_moved.connect(lambda _: moves.append(1))
    for step in range(1, 7):
        a.move_focus(place + step)
        assert np.allclose(follower.focus_mm, rotation @ (place + step) + shift, atol=1e-9)
        assert np.array_equal(peer.focus_mm, a.focus_mm)
    assert len(moves) == 6  # once for each move: nothing rings back and forth
    follower.scroll(1)
    assert np.allclose(rotation @ a.focus_mm + shift, follower.focus_mm, atol=1e-9)
    assert np.allclose(other.to_index(follower.focus_mm), grid.to_index(a.focus_mm), atol=1e-6)
    assert np.array_equal(stranger.focus_mm, alone)
    assert link.peers(a) == [peer] and link.followers(a) == [follower]
    # Where nobody has confirmed it, both ends know; others, and a link that is off, do not.
    link.set_alignments({("1.2.9", "1.2.77"): to_moving}, {frozenset(("1.2.9", "1.2.77"))})
    assert [link.is_unconfirmed(view) for view in views] == [True, True, True, False]
    link.set_on(False)
    assert not any(link.is_unconfirmed(view) for view in views)
    link.set_on(True)
    link.set_alignments({("1.2.9", "1.2.77"): to_moving})
    assert not any(link.is_unconfirmed(view) for view in views)
    link.set_alignments({})
    a.move_focus(place)
    assert not np.allclose(follower.focus_mm, rotation @ place + shift)


# --- two real examinations in an archive


def header(name: str, date: str, **changes: str) -> SeriesHeader:
    who = {"patient_name": "Wang^Xiao Ming=王^小明", "patient_id": "P-7", "birth_date": "19610203"}
    who |= changes
    return SeriesHeader(
        modality="MR", age="063Y", sex="M", study_uid=derived_uid(name), study_date=date,
        study_time="101112", study_description="头颅磁共振", accession="A1",
        series_uid=derived_uid(name, "flair"), series_number=3, series_description="t2_flair_tra",
        series_time="101112", frame_of_reference_uid=derived_uid(name, "frame"), body_part="HEAD",
        window=(400.0, 900.0), slice_thickness_mm=4.0, patient_name=who["patient_name"],
        patient_id=who["patient_id"], birth_date=who["birth_date"],
        extra={"InversionTime": 2500.0, "EchoTime": 120.0, "RepetitionTime": 9000.0,
               "ScanningSequence": "IR", "SequenceVariant": "SK", "ScanOptions": "",
               "MRAcquisitionType": "2D"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def heads() -> tuple[FlairScan, FlairScan, Floats]:
    """One head on two days, and the pose of the earlier in the later one's patient space."""
    scans = [
        flair_scan(HeadShape(seed=4), LesionLoad(), seed=seed, matrix=96, slices=slices,
                   slice_mm=mm, per_slice=2, lowest_mm=low, frame=frame)
        for frame, seed, slices, mm, low in ((NOW, 1, 28, 4.4, -44.0), (THEN, 2, 34, 3.8, -50.0))
    ]  # fmt: skip
    known = np.eye(4)
    known[:3, :3] = NOW.axes @ THEN.axes.T
    known[:3, 3] = NOW.origin_mm - known[:3, :3] @ THEN.origin_mm
    return scans[0], scans[1], known


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, heads: tuple[FlairScan, FlairScan, Floats]
         ) -> Path:  # fmt: skip
    """Two days of one patient, one of a namesake without a birth date; the earlier is signed."""
    folder = tmp_path_factory.mktemp("对比")
    now, then, _ = heads
    write_series(folder / "in" / "now", now.array, now.grid, header("now", "20240506"))
    write_series(folder / "in" / "then", then.array, then.grid, header("then", "20210304"))
    write_series(
        folder / "in" / "namesake",
        then.array[:6],
        first_of(then, 6),
        header("namesake", "20200101", birth_date="", patient_name="Li^Hong=李^红"),
    )
    write_series(folder / "in" / "stranger", then.array[:6], first_of(then, 6),
                 header("stranger", "20200201", birth_date="19900101"))  # fmt: skip
    # One visit with two frames of reference, the second of which shows nothing but noise.
    write_series(
        folder / "in" / "two a",
        then.array[4:20],
        first_of(then, 16),
        header("two", "20240601", patient_id="P-8"),
    )
    noise = np.random.default_rng(1).integers(0, 900, (16, *then.array.shape[1:]))
    other = replace(
        header("two", "20240601", patient_id="P-8"),
        series_number=4,
        series_uid=derived_uid("two", "noise"),
        series_description="t1_tra",
        frame_of_reference_uid=derived_uid("two", "other frame"),
    )
    write_series(folder / "in" / "two b", noise, first_of(then, 16), other)
    made = folder / "home"
    with open_services(made, "zh_CN") as services:
        archive = services.archive
        add_user(archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
        assert intake(archive, [folder / "in"]).refused == ()
        prior = derived_uid("then")
        assemble(archive, prior)
        reader = archive.user("li").actor
        draft(archive, prior, language="zh_CN", actor=reader)
        write_free_text(archive, reader, prior, "impression", "脑白质高信号，建议随访。")
        draft(archive, prior, language="zh_CN", actor=reader)
        sign(archive, prior, user="li", password=PASSWORD)
        assemble(archive, derived_uid("now"))
    return made


def first_of(scan: FlairScan, slices: int) -> Grid:
    return replace(scan.grid, shape=(slices, *scan.grid.shape[1:]))


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def stack_named(archive: Archive, name: str) -> Stack:
    (stack,) = archive.all(Stack, derived_uid(name))
    return stack


def test_earlier_studies_and_how_sure_they_are(archive: Archive) -> None:
    found = earlier(archive, derived_uid("now"))
    assert [p.study.study_uid for p in found] == [derived_uid("then"), derived_uid("namesake")]
    assert found[0].sure and found[0].impression == "脑白质高信号，建议随访。"
    assert not found[1].sure and len(found[1].doubts) == 2 and found[1].impression == ""
    assert earlier(archive, derived_uid("namesake")) == []


def test_alignment_is_stored_judged_and_taken_back(
    archive: Archive, heads: tuple[FlairScan, FlairScan, Floats]
) -> None:
    fixed, moving = stack_named(archive, "now"), stack_named(archive, "then")
    reader = archive.user("li").actor
    made = align.align(archive, fixed, moving, actor=reader)
    off = apart(made.to_fixed, heads[2], brain_points(heads[1]))
    print(f"through files and archive: {off.mean():.2f} mm mean, {off.max():.2f} mm worst")
    assert off.max() < 1.0
    assert made.how is How.AUTOMATIC and made.by == "li" and not made.accepted
    assert archive.all(Alignment, fixed.study_uid) == [made]
    assert align.accept(archive, reader, made.id).accepted
    with pytest.raises(BadInput, match="share a frame of reference"):
        align.align(archive, fixed, fixed, actor=reader)
    # By hand, later: that one counts; taken back, the registration counts again.
    by_hand = align.store(archive, reader, align.by_hand(fixed, moving, np.eye(4), "li"))
    assert align.current(archive, fixed.study_uid) == [by_hand]
    align.undo(archive, reader, by_hand.id)
    assert [a.how for a in align.current(archive, fixed.study_uid)] == [How.AUTOMATIC]
    assert not align.is_stale(archive, made)
    assert align.is_stale(archive, replace(made, moving_stack="gone"))
    align.undo(archive, reader, made.id)
    assert align.current(archive, fixed.study_uid) == []
    with pytest.raises(NotFound):
        archive.get(Alignment, made.id)
    assert verify(archive).ok


def test_cancelling_kills_the_child(archive: Archive) -> None:
    """Nothing half-made is kept, and no process goes on in the background."""
    fixed, moving = stack_named(archive, "now"), stack_named(archive, "then")
    cancel, me = Cancel(), psutil.Process(os.getpid())
    before = {child.pid for child in me.children()}
    told: list[float] = []

    def progress(fraction: float, doing: object) -> None:
        told.append(fraction)
        cancel.cancel()  # as soon as the child has said anything

    with pytest.raises(Cancelled):
        align.align(archive, fixed, moving, progress=progress, cancel=cancel)
    assert told and max(told) < 0.5
    assert {child.pid for child in me.children()} <= before
    assert archive.all(Alignment, fixed.study_uid) == []


# --- in the window


@pytest.fixture
def room(home: Path) -> Iterator[Window]:
    with open_services(home, "zh_CN") as services:
        application()
        nothing = home / "no models"
        nothing.mkdir(exist_ok=True)
        settings = replace(load_settings(home), models=nothing)
        window = Window(settings, services.archive, remembers=False)
        window.resize(1500, 860)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.desk.sign_in(services.archive.user("li"))
        window.desk.open_study(derived_uid("now"))
        assert wait_until(application(), lambda: window.settled, 60)
        yield window
        window.shut()


def press(window: Window, key: Qt.Key, keys: Qt.KeyboardModifier) -> None:
    QTest.keyClick(window.grid_.active_pane.slices, key, keys)


def said(area: CompareArea, number: int) -> str:
    return " | ".join(words for words, _ in link_words(area, area.grid.panes[number]))


def area_of(window: Window) -> CompareArea:
    (area,) = [child for child in window.children() if isinstance(child, CompareArea)]
    return area


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    assert wait_until(application(), condition, seconds), "it did not come about in time"


ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier


def test_a_prior_beside_the_study_from_key_to_undo(
    room: Window, heads: tuple[FlairScan, FlairScan, Floats]
) -> None:
    """Complaint 23: priors side by side by one key, said so on the image, never linked unasked."""
    area, grid = area_of(room), room.grid_
    until(lambda: len(area.priors) == 2)
    press(room, Qt.Key.Key_P, SHIFT)
    until(lambda: bool(area.compared) and room.settled)
    now, then = grid.panes[0], grid.panes[1]
    assert (grid.rows, grid.columns) == (1, 2)
    assert area.label(now) == ("2024-05-06　本次", False, "")
    assert area.label(then) == ("2021-03-04　既往，3 年 2 个月前", True, "")
    # Not linked: scrolling one leaves the other.
    assert "未联动" in said(area, 0) and "[Alt+R] 配准" in said(area, 1)
    before = then.viewport.slice_number
    wheel(now.slices, -360)
    assert then.viewport.slice_number == before

    # Registered in the background: the window goes on painting, then both follow.
    press(room, Qt.Key.Key_R, ALT)
    until(lambda: area.alignments.percent > 0)
    assert "正在配准" in said(area, 0)
    until(lambda: not area.alignments.busy and area.linked_state() == "aligned", 90)
    assert "⚠ 自动配准，未确认，互信息" in said(area, 0) and "[Alt+U] 撤销" in said(area, 1)
    assert grid.link.is_unconfirmed(now.viewport)
    assert grid.link.is_unconfirmed(then.viewport)
    keep_picture(room, "unconfirmed_zh")
    brain = brain_points(heads[1])
    known = np.linalg.inv(heads[2])
    place = brain[len(brain) // 2] @ heads[2][:3, :3].T + heads[2][:3, 3]
    now.viewport.move_focus(place)
    wanted = known[:3, :3] @ place + known[:3, 3]
    assert np.linalg.norm(then.viewport.focus_mm - wanted) < 1.0
    wheel(now.slices, -240)
    assert (
        np.linalg.norm(
            then.viewport.focus_mm - (known[:3, :3] @ now.viewport.focus_mm + known[:3, 3])
        )
        < 1.0
    )
    # The same scale, and the place at the same spot of both panes.
    now.viewport.zoom_by(1.7)
    assert then.slices.raster().mm_per_pixel == pytest.approx(now.slices.raster().mm_per_pixel)
    spots = [p.slices.to_view(p.viewport.focus_mm) for p in (now, then)]
    assert abs(spots[0].x() - spots[1].x()) < 1.5 and abs(spots[0].y() - spots[1].y()) < 1.5
    # In the plane of now: the earlier images are cut like these.
    press(room, Qt.Key.Key_P, ALT)
    aligned = area.alignments.known[area.frames(now, then)]
    assert np.allclose(
        then.viewport.axes.normal, aligned.to_moving[:3, :3] @ now.viewport.axes.normal, atol=1e-6
    )
    press(room, Qt.Key.Key_P, ALT)
    assert then.viewport.turned_deg == 0
    # The reader keeps it, then shifts it by hand, then takes both back.
    press(room, Qt.Key.Key_A, ALT)
    until(lambda: area.linked_state() == "accepted")
    assert "已配准并采纳" in said(area, 0)
    assert not grid.link.is_unconfirmed(now.viewport)
    alone(then.slices, 1)
    until(lambda: area.linked_state() == "by hand")
    assert "手动平移" in said(area, 0)
    shifted = area.alignments.known[area.frames(now, then)]
    assert np.allclose(
        shifted.to_moving[:3, :3] @ now.viewport.focus_mm + shifted.to_moving[:3, 3],
        then.viewport.focus_mm, atol=1e-6,
    )  # fmt: skip
    until(lambda: len(room.desk.archive.all(Alignment, derived_uid("now"))) == 2)
    press(room, Qt.Key.Key_U, ALT)
    until(lambda: area.linked_state() == "accepted")
    press(room, Qt.Key.Key_U, ALT)
    until(lambda: area.linked_state() == "apart")
    assert "未联动" in said(area, 0)
    before = then.viewport.slice_number
    wheel(now.slices, 360)
    assert then.viewport.slice_number == before
    press(room, Qt.Key.Key_P, SHIFT)
    until(lambda: not area.compared and room.settled)
    assert all(p.viewport.volume is None
               or p.viewport.volume.stack.study_uid == derived_uid("now")
               for p in grid.panes)  # fmt: skip


def alone(view: SliceView, slices: int) -> None:
    """Alt and wheel over one view; Qt turns Alt+wheel into a sideways one."""
    place = QPointF(view.width() / 2, view.height() / 2)
    event = QWheelEvent(
        place, QPointF(view.mapToGlobal(place.toPoint())), QPoint(), QPoint(-120 * slices, 0),
        Qt.MouseButton.NoButton, ALT, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def test_a_manual_offset_is_kept_and_shown(room: Window) -> None:
    area, grid = area_of(room), room.grid_
    until(lambda: len(area.priors) == 2)
    room.desk.sign_in(None)  # a view may be linked by anyone; nothing is stored in nobody's name
    press(room, Qt.Key.Key_P, SHIFT)
    until(lambda: bool(area.compared) and room.settled)
    now, then = grid.panes[0].viewport, grid.panes[1].viewport
    now.go_to_slice(12)
    then.go_to_slice(20)
    press(room, Qt.Key.Key_L, ALT)
    assert area.linked_state() == "by hand"
    shift = float(np.linalg.norm(then.focus_mm - now.focus_mm))
    assert f"手动联动，偏移 {shift:.1f} mm" in said(area, 0)
    gap = then.focus_mm - now.focus_mm
    wheel(grid.panes[0].slices, -360)
    assert now.slice_number == 15
    assert np.allclose(then.focus_mm - now.focus_mm, gap, atol=1e-6)
    alone(grid.panes[1].slices, 2)
    assert now.slice_number == 15
    wider = then.focus_mm - now.focus_mm
    step = then.steps.step_mm  # from between two slices to the middle of one
    assert 1.4 * step < np.linalg.norm(wider - gap) < 2.6 * step
    wheel(grid.panes[0].slices, 120)
    assert np.allclose(then.focus_mm - now.focus_mm, wider, atol=1e-6)
    press(room, Qt.Key.Key_U, ALT)
    until(lambda: area.linked_state() == "apart")
    assert room.desk.archive.all(Alignment, derived_uid("now")) == []


def test_the_tab_tells_and_compares(room: Window) -> None:
    area = area_of(room)
    panel = area.panel
    until(lambda: panel.list.count() == 2)
    room.tabs.setCurrentWidget(panel)
    assert panel.impression.toPlainText() == "脑白质高信号，建议随访。"
    assert "李医生" in panel.head.text()
    first, second = (panel.list.item(n).text() for n in range(2))
    assert "2021-03-04" in first and "头颅磁共振" in first and "已签署报告" in first
    assert "患者身份待核对" in second and "姓名不一致" in second
    text.set_language("en")
    room.actions_.speak()
    assert "3 y 2 mo earlier" in panel.list.item(0).text()
    assert "patient uncertain" in panel.list.item(1).text()
    spot = panel.list.visualItemRect(panel.list.item(1)).center()
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    until(lambda: area.compared == derived_uid("namesake") and room.settled)
    label = area.label(room.grid_.panes[1])
    assert label is not None and label[1] and "birth date is missing" in label[2]


def test_two_frames_in_one_study_are_offered_and_never_linked(room: Window) -> None:
    """As in PET/CT: said on both images; a registration that makes no sense is refused aloud."""
    text.set_language("en")
    room.desk.open_study(derived_uid("two"))
    until(lambda: room.settled and room.desk.study_uid == derived_uid("two"))
    area, grid = area_of(room), room.grid_
    assert room.desk.contents is not None
    grid.show_panes(1, 2, [Pane(stack.id) for stack in room.desk.contents.stacks])
    until(lambda: room.settled)
    a, b = grid.panes
    assert area.linked_state() == "apart" and area.partner(a) is b
    assert said(area, 0) == (
        "Not linked: another frame of reference | [Alt+R] register　[Alt+L] link here"
    )
    assert area.label(a) is None  # of one day: no date to tell apart
    before = b.viewport.focus_mm.copy()
    wheel(a.slices, -240)
    assert np.array_equal(b.viewport.focus_mm, before)
    press(room, Qt.Key.Key_R, ALT)
    until(lambda: not area.alignments.busy, 90)
    assert "nothing in common" in said(area, 0) and area.linked_state() == "apart"
    assert room.desk.archive.all(Alignment, derived_uid("two")) == []
    wheel(a.slices, -240)
    assert np.array_equal(b.viewport.focus_mm, before)
