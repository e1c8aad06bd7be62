"""Takes the pictures of ``resources/screenshots`` from the generated demo studies.

    python -m tests.screenshots HOME      (a home with the demo imported and a user "li")
    python -m tests.screenshots --hanging (hanging protocols, on studies made for them)

Run it on a virtual screen after a change to any panel, look at every picture, then commit them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2
from PySide6.QtCore import QPoint

from tests.gestures import drag
from tests.room.hanging_studies import STUDIES
from workstation.archive.store import Archive
from workstation.domain.finding import Action, FindingState
from workstation.domain.report import SignedReport
from workstation.reading.draft import draft, offered, take_over
from workstation.reading.patient_page import page_file, release
from workstation.reading.sign import sign
from workstation.text import RESOURCES, set_language
from workstation.ui.models_area import ModelsArea
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window
from workstation.wiring import open_services

SHOTS = RESOURCES / "screenshots"
USER, PASSWORD = "li", "long enough 1"


def settle(window: Window, seconds: float = 180) -> None:
    app = application()
    assert wait_until(app, lambda: window.settled, seconds)
    wait_until(app, lambda: False, 1.5)
    wait_until(app, lambda: window.settled, seconds)


def shoot(window: Window, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    assert window.grab().save(str(SHOTS / f"{name}.png"))
    print(SHOTS / f"{name}.png")


def open_study(window: Window, modality: str) -> None:
    rows = window.desk.archive.worklist()
    study = next(s for s in rows if modality in s.modalities)
    window.desk.open_study(study.study_uid)
    settle(window)


def stroke(window: Window) -> None:
    """A stroke with the brush, as a hand would draw it."""
    view = window.grid_.active_pane.slices
    at = QPoint(view.width() * 455 // 1000, view.height() * 63 // 100)
    drag(view, [at + QPoint(-n, 3 * n) for n in range(12)])


def measure(window: Window) -> None:
    """Three planes and 3D, a region and a length drawn on the axial plane."""
    window.grid_.set_layout("mpr")
    settle(window)
    view = window.grid_.panes[0].slices
    wide, high = view.width(), view.height()

    def at(x: float, y: float) -> QPoint:
        return QPoint(int(wide * x), int(high * y))

    window.grid_.set_tool("ellipse")
    drag(view, [at(0.44, 0.42), at(0.48, 0.46), at(0.53, 0.5)])
    window.grid_.set_tool("distance")
    drag(view, [at(0.2, 0.3), at(0.5, 0.29), at(0.84, 0.28)])
    window.grid_.set_tool("")
    tabs = window.tabs
    tabs.setCurrentIndex(next(n for n in range(tabs.count()) if tabs.tabText(n).startswith("标记")))
    settle(window)
    shoot(window, "measure")
    tabs.setCurrentIndex(0)
    window.grid_.set_layout("grid")


def models(window: Window) -> None:
    """The page of the models, in both languages."""
    area = window.findChild(ModelsArea)
    assert area is not None
    area.toggle()
    assert wait_until(application(), lambda: area.page.list.count() > 0, 60)
    for name in ("models", "models_en"):
        wait_until(application(), lambda: False, 2.0)
        shoot(window, name)
        window.actions_.switch_language()
    area.toggle()


def brain_heart(window: Window) -> None:
    """Reading room as it opens, one finding accepted, then one being edited."""
    open_study(window, "MR")
    contents = window.desk.contents
    assert contents is not None
    first = next(one for one in contents.findings if one.area == "brain")
    other = next(one for one in contents.findings if one.area == "vessel")
    window.decisions.act(other.id, Action.ACCEPT)
    window.desk.focus_finding(first.id)
    settle(window)
    shoot(window, "reading_room")
    window.decisions.act(first.id, Action.EDIT)
    wait_until(application(), lambda: bool(window.decisions.painted_id), 20)
    window.grid_.set_layout("single")
    settle(window)
    stroke(window)
    settle(window)
    shoot(window, "edit")
    window.decisions.finish_editing()
    window.grid_.set_layout("grid")
    settle(window)


def heart(window: Window) -> None:
    """End-systole with what heart-sax outlined there, in both languages."""
    contents = window.desk.contents
    assert contents is not None
    found = next(one for one in contents.findings if one.made_by.name == "heart-sax")
    window.desk.focus_finding(found.id)
    settle(window)
    window.grid_.active_pane.show_phase(9)
    settle(window)
    for name in ("heart", "heart_en"):
        shoot(window, name)
        window.actions_.switch_language()
        settle(window)


def workspaces(window: Window) -> None:
    """Brain, vessel and heart of the visit as each hangs itself, in both languages."""
    for region in ("brain", "vessel", "heart"):
        window.grid_.show_workspace(region)
        settle(window)
        for ending in ("", "_en"):
            shoot(window, f"workspace_{region}{ending}")
            window.actions_.switch_language()
            settle(window)


def report_page(window: Window) -> None:
    """The combined report and the patient page of the study that is open, in both languages."""
    archive, study_uid = window.desk.archive, window.desk.study_uid
    contents = window.desk.contents
    assert contents is not None
    for finding in contents.findings:
        if finding.state is FindingState.PROPOSED:
            window.decisions.act(finding.id, Action.ACCEPT)
    settle(window)
    window.jobs.flush()
    with TemporaryDirectory() as folder:
        # One study has one report in one language: the other is signed on a copy of the home.
        other = Path(shutil.copytree(archive.home, Path(folder) / "家"))
        signed_pages(archive, study_uid, "zh_CN")
        with open_services(other, "en") as services:
            signed_pages(services.archive, study_uid, "en")
        set_language("zh_CN")


def signed_pages(archive: Archive, study_uid: str, language: str) -> None:
    """Sign the report in one language, release the page for the patient, draw all pages."""
    actor = archive.user(USER).actor
    draft(archive, study_uid, language=language, actor=actor)
    for offer in offered(archive, study_uid):
        take_over(archive, actor, study_uid, offer.rule.id, said=True)
    draft(archive, study_uid, language=language, actor=actor)
    sign(archive, study_uid, user=USER, password=PASSWORD)
    report = archive.all(SignedReport, study_uid)[-1]
    page = release(archive, study_uid, user=USER, password=PASSWORD)
    ending = "" if language == "zh_CN" else f"_{language}"
    signed = next(d for d in report.documents if d.kind == "pdf")
    draw(archive.read_blob(signed.sha256), f"report{ending}")
    draw(page_file(archive, page, language, "pdf"), f"patient_page{ending}")


def draw(pdf: bytes, name: str) -> None:
    """Every page of a PDF: NAME.png, NAME_2.png ..."""
    with pypdfium2.PdfDocument(pdf) as document:
        for number in range(len(document)):
            path = SHOTS / (f"{name}_{number + 1}.png" if number else f"{name}.png")
            document[number].render(scale=1.3).to_pil().save(path)
            print(path)


def hanging_protocols() -> None:
    """Each protocol that the demo studies do not show, in both languages."""
    with TemporaryDirectory() as folder, open_services(Path(folder) / "家", "zh_CN") as services:
        made = {
            name: make(services.archive, Path(folder) / "files" / name, 2)
            for name, make in STUDIES.items()
        }
        application()
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        for name, study in made.items():
            window.actions_.open_study(study.study_uid)
            settle(window)
            assert window.grid_.hanging is not None
            assert window.grid_.hanging.protocol.id == name
            shoot(window, f"hanging_{name}")
            window.actions_.switch_language()
            settle(window)
            shoot(window, f"hanging_{name}_en")
            window.actions_.switch_language()
            window.desk.close_study()
        window.shut()


def main() -> None:
    """All pictures, in Chinese; the worklist in English too."""
    if sys.argv[1] == "--hanging":
        hanging_protocols()
        return
    with open_services(Path(sys.argv[1]), "zh_CN") as services:
        application()
        window = Window(services.settings, services.archive)
        window.resize(1920, 1080)
        window.show()
        window.desk.sign_in(services.archive.user(USER))
        wait_until(application(), lambda: bool(window.worklist.model.rows), 20)
        shoot(window, "worklist")
        models(window)
        open_study(window, "CT")
        contents = window.desk.contents
        assert contents is not None
        if contents.findings:
            window.desk.focus_finding(contents.findings[0].id)
        settle(window)
        shoot(window, "chest_ct")
        window.actions_.switch_language()
        settle(window)
        shoot(window, "chest_ct_en")
        window.actions_.switch_language()
        settle(window)
        measure(window)
        brain_heart(window)
        heart(window)
        workspaces(window)
        report_page(window)
        window.shut()


if __name__ == "__main__":
    main()
