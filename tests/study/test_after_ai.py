"""What a reader drew after AI was shown says so: in the list, the report, its SR and the marks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pypdfium2
import pytest
from pydicom.dataset import Dataset
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest

from tests.ai.packages import trust_maker
from tests.command_line import CommandLine
from tests.gestures import drag
from tests.objects.study import write_study
from tests.objects.vendor import parametric_map
from tests.pictures import keep_picture
from tests.study.material import write_flair
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.dicom.finding_groups import AFTER_AI
from workstation.documents.signatures import make_key
from workstation.domain.artefact import canonical_json, new_id, new_uid, now
from workstation.domain.errors import NotAllowed
from workstation.domain.finding import Finding
from workstation.domain.first_read import FirstRead, after_ai
from workstation.domain.mark import Mark, MarkEdit, MarkKind
from workstation.domain.mark_waiting import Waiting
from workstation.domain.people import MACHINE, Role, User
from workstation.domain.readiness import read_case
from workstation.domain.volume import Stack
from workstation.reading.annotate import store
from workstation.reading.export import export
from workstation.reading.intake import intake
from workstation.reading.line import read_study, walk_forward
from workstation.reading.objects import masks_of, objects_of, open_study_object
from workstation.reading.second_reader import lock_first_read, will_hide
from workstation.reading.segments_taken import take
from workstation.reading.sign import sign
from workstation.settings import Settings, load_settings
from workstation.text import set_language
from workstation.wiring import open_services

from workstation.ui.marks_area import MarksArea  # isort: skip - after wiring
from workstation.ui.marks_panel import VALUE  # isort: skip
from workstation.ui.objects_area import ObjectsArea  # isort: skip
from workstation.ui.program import application, wait_until  # isort: skip
from workstation.ui.window import Window  # isort: skip

PASSWORD = "long enough 1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "家"
    home.mkdir()
    trust_maker(home)
    (home / "settings.toml").write_text(
        f"models = '{(tmp_path / '模型').as_posix()}'\nai_threads = 1\n"
        'ai_reading = "second_reader"\n',
        encoding="utf-8",
    )
    return load_settings(home)


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = Archive(settings.home)
    yield opened
    opened.close()


def reader(archive: Archive) -> User:
    return add_user(archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)


def length(stack: Stack, x: float, *, words: str) -> Mark:
    """A line of 40 mm in the image z 5."""
    ends = [stack.grid.to_lps((x, y, 5.0)) for y in (10.0, 20.0)]
    frame = stack.frame(0, 5)
    points = tuple((float(p[0]), float(p[1]), float(p[2])) for p in ends)
    return Mark(
        new_id(), stack.study_uid, stack.series_uid, stack.id, stack.frame_of_reference_uid,
        MarkKind.LENGTH, points, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), "li", now(),
        frame.sop_instance_uid, frame.number, words=words, in_report=True,
    )  # fmt: skip


def keep(archive: Archive, user: User, mark: Mark, before: Mark | None = None) -> Mark:
    store(archive, user.actor, Waiting(mark.study_uid, MarkEdit(before, mark)))
    return archive.get(Mark, mark.id)


def late_groups(report: Dataset) -> dict[str, bool]:
    """Tracking identifier of each measurement group to whether it says "after AI"."""
    (measurements,) = [
        item for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    ]  # fmt: skip
    found = {}
    for group in measurements.ContentSequence:
        name, said = "", False
        for item in group.ContentSequence:
            if item.ConceptNameCodeSequence[0].CodeMeaning == "Tracking Identifier":
                name = str(item.TextValue)
            if item.ValueType == "CODE":
                said = said or item.ConceptCodeSequence[0].CodeMeaning == AFTER_AI
        found[name] = said
    return found


def test_report_sr_and_marks_say_what_came_after_ai(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    uid = write_flair(tmp_path / "片子", 1, "Test^One=测试", bright=True)
    intake(archive, [tmp_path / "片子"])
    read_study(archive, settings, uid)
    user = reader(archive)
    (stack,) = archive.all(Stack, uid)
    early = keep(archive, user, length(stack, 8.0, words="早线"))
    moved = keep(archive, user, length(stack, 12.0, words="改线"))
    read = lock_first_read(archive, user, uid)
    late = keep(archive, user, length(stack, 16.0, words="晚线"))
    # Taking it into the report, or where its words stand, is no change of an early measurement.
    early = keep(archive, user, replace(early, in_report=False), early)
    early = keep(archive, user, replace(early, in_report=True, at=now(), label_mm=(1.0, 2.0, 3.0)))
    changed = replace(moved, points_mm=length(stack, 20.0, words="").points_mm)
    moved = keep(archive, user, changed, moved)
    assert [after_ai(read, mark) for mark in (early, moved, late)] == [False, True, True]
    assert not after_ai(None, late)
    assert not after_ai(replace(read, study_uid="2.25.1"), late)  # another study's read

    drafted = walk_forward(archive, uid, language="zh_CN", actor=user.actor)
    lines = [s.text for section in drafted.sections for s in section.sentences]
    said = {word: next(line for line in lines if word in line) for word in ("早", "改", "晚")}
    assert [("看过 AI 之后" in said[word]) for word in ("早", "改", "晚")] == [False, True, True]
    assert any("李医生" in line and "首次阅片" in line for line in lines)

    report = sign(archive, uid, user="li", password=PASSWORD)
    assert report.first_read == archive.all(FirstRead, uid)[0]
    blobs = {d.kind: archive.read_blob(d.sha256) for d in report.documents}
    told = late_groups(pydicom.dcmread(io.BytesIO(blobs["sr"])))
    assert {id: told[id] for id in (early.id, moved.id, late.id)} == {
        early.id: False, moved.id: True, late.id: True,
    }  # fmt: skip
    page = pypdfium2.PdfDocument(blobs["pdf"])
    words = "".join(p.get_textpage().get_text_range() for p in page)
    words = words.replace("\r\n", "").replace("\n", "").replace(" ", "")
    assert words.count("看过AI之后") == 2 * 2 + 1  # two marks in sentence and table; the rule once
    files = export(archive, uid, tmp_path / "out")
    (marks,) = [file.path for file in files if file.kind == "sr_marks"]
    assert late_groups(pydicom.dcmread(marks)) == {early.id: False, moved.id: True, late.id: True}


def foreign(folder: Path) -> str:
    """A CT with everything that others make of it; what surely tells no result among it."""
    files = write_study(folder)
    sources = [pydicom.dcmread(path) for path in files.images]
    parametric_map(sources).save_as(folder / "map.dcm", enforce_file_format=True)
    paper = pydicom.dcmread(folder / "pdf.dcm")
    paper.SOPInstanceUID = paper.file_meta.MediaStorageSOPInstanceUID = new_uid()
    paper.ConversionType, paper.DocumentTitle = "SD", "申请单"
    paper.save_as(folder / "paper.dcm", enforce_file_format=True)
    state = pydicom.dcmread(folder / "pr.dcm")
    state.SOPInstanceUID = state.file_meta.MediaStorageSOPInstanceUID = new_uid()
    del state.GraphicAnnotationSequence, state.GraphicLayerSequence
    state.ContentLabel = "WINDOW"
    state.save_as(folder / "window.dcm", enforce_file_format=True)
    dose = pydicom.dcmread(folder / "sr.dcm")
    dose.SOPInstanceUID = dose.file_meta.MediaStorageSOPInstanceUID = new_uid()
    title = dose.ConceptNameCodeSequence[0]
    title.CodeValue, title.CodingSchemeDesignator = "113701", "DCM"
    title.CodeMeaning = "X-Ray Radiation Dose Report"
    dose.save_as(folder / "dose.dcm", enforce_file_format=True)
    return files.study_uid


HARMLESS = ["申请单", "WINDOW · 会诊", "X-Ray Radiation Dose Report"]


def test_results_of_other_systems_wait_too(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    uid = foreign(tmp_path / "外院")
    intake(archive, [tmp_path / "外院"])
    every = {one.title: one.sop_instance_uid for one in objects_of(archive, uid)}
    assert len(every) == 9
    assert will_hide(archive, settings, uid)  # before anything has looked at it
    shown = [one.title for one in objects_of(archive, uid, hidden=True)]
    assert all(any(word in title for title in shown) for word in HARMLESS)
    assert len(shown) == len(HARMLESS)
    # Others' findings come in first of all: the study is settled before.
    reading = read_study(archive, settings, uid)
    assert reading.hidden
    assert reading.findings == ()
    assert [f for f in archive.all(Finding, uid) if f.origin is not None]
    assert [one.title for one in objects_of(archive, uid)] == shown
    user = reader(archive)
    for title, object_uid in every.items():
        if title in shown:
            open_study_object(archive, object_uid)
            continue
        with pytest.raises(NotAllowed, match="first read"):
            open_study_object(archive, object_uid)
        with pytest.raises(NotAllowed, match="first read"):
            take(archive, user.actor, object_uid)
        with pytest.raises(NotAllowed, match="first read"):
            masks_of(archive, object_uid)
    assert [stack.modality for stack in reading.stacks] == ["CT"]  # the map waits too
    assert "ECV" not in canonical_json(reading.draft)
    cli = CommandLine(settings.home)
    said = json.loads(cli("--json", "objects", uid).out)
    assert said["held_back"]
    assert [one["title"] for one in said["objects"]] == shown
    told = cli("--lang", "en", "objects", uid).out
    assert "hidden too until you lock" in told
    assert "器官分割" not in told

    lock_first_read(archive, user, uid)
    assert {one.title for one in objects_of(archive, uid)} == set(every)
    assert [f for f in read_case(archive, uid).findings if f.origin is not None]
    assert len(json.loads(cli("--json", "objects", uid).out)["objects"]) == 9


def test_the_window_before_and_after_the_first_read(settings: Settings, tmp_path: Path) -> None:
    uid = foreign(tmp_path / "外院")

    def until(condition: Callable[[], bool], seconds: float = 90) -> None:
        assert wait_until(application(), condition, seconds), "it did not come about in time"

    with open_services(settings.home, "zh_CN") as services:
        archive = services.archive
        user = reader(archive)
        intake(archive, [tmp_path / "外院"])
        application()
        window = Window(services.settings, archive)
        try:
            window.resize(1600, 900)
            window.show()
            QTest.qWaitForWindowActive(window)
            window.actions_.open_study(uid)
            area, objects = window.findChild(MarksArea), window.findChild(ObjectsArea)
            assert isinstance(area, MarksArea)
            assert isinstance(objects, ObjectsArea)
            until(lambda: len(window.strip.entries) == len(HARMLESS))
            until(lambda: window.settled and window.findings.lock is not None)
            contents = window.desk.contents
            assert contents is not None
            assert [stack.modality for stack in contents.stacks] == ["CT"]  # and no map
            assert len(objects.panel.objects) == len(HARMLESS)
            window.tabs.setCurrentWidget(objects.panel)
            assert objects.panel.nothing.isVisible()
            assert "其他系统的结果同样隐藏" in objects.panel.nothing.text()
            keep_picture(window, "hidden_zh")
            window.desk.sign_in(user)
            window.grid_.set_layout("single")
            until(lambda: window.settled)
            view, table = window.grid_.active_pane.slices, area.panel.table

            def draw(at: int) -> None:
                window.commands.run("distance")
                middle = view.rect().center()
                drag(view, [middle + QPoint(at, -40), middle + QPoint(at, 0),
                            middle + QPoint(at, 40)])  # fmt: skip
                window.commands.run("distance")

            def values() -> list[str]:
                rows = range(table.rowCount())
                return [item.text() for row in rows if (item := table.item(row, VALUE))]

            draw(-30)
            until(lambda: len(values()) == 1)
            window.jobs.flush()
            lock_first_read(archive, user, uid)
            window.desk.reload()
            until(lambda: window.desk.contents is not None and not window.desk.contents.hidden)
            until(lambda: len(window.strip.entries) == 9)
            assert not objects.panel.nothing.isVisible()
            draw(30)
            until(lambda: ["看过 AI 之后" in said for said in values()] == [False, True])
            item = table.item(1, VALUE)
            assert item is not None
            assert "看过 AI 之后" in item.toolTip()
            window.tabs.setCurrentWidget(area.panel)
            keep_picture(window, "marks_zh")
            window.actions_.switch_language()
            until(lambda: ["after AI" in said for said in values()] == [False, True])
            keep_picture(window, "marks_en")
        finally:
            window.shut()
            set_language("zh_CN")
