"""A vendor's report and segmentation in a real window: decided by hand, signed, exported."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from tests.gestures import drag
from tests.objects import vendor
from tests.objects.material import dsrdump, errors_of
from tests.objects.study import _images as write_images
from workstation import text
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.dicom.report_content import read_report
from workstation.dicom.segmentation import read_seg
from workstation.documents.signatures import make_key
from workstation.domain.finding import Finding, FindingState
from workstation.domain.people import MACHINE, Role
from workstation.reading.export import export, verify_folder
from workstation.reading.intake import intake
from workstation.ui.dialogs import SignInDialog
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window
from workstation.wiring import open_services

LEFT = Qt.MouseButton.LeftButton
PASSWORD = "long enough 1"


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    assert wait_until(application(), condition, seconds), "it did not come about in time"


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    files = write_images(tmp_path / "外院" / "ct")
    sources = vendor.sources_of(files)
    seg = vendor.segmentation(sources)
    vendor.save(seg, tmp_path / "外院" / "seg.dcm")
    vendor.save(vendor.report(sources, seg), tmp_path / "外院" / "sr.dcm")
    before = text.language()
    with open_services(tmp_path / "家", "zh_CN") as services:
        add_user(services.archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
        intake(services.archive, [tmp_path / "外院"])
        application()
        made = Window(services.settings, services.archive)
        made.resize(1600, 900)
        made.show()
        made.activateWindow()
        QTest.qWaitForWindowActive(made)
        made.actions_.open_study(services.archive.last_study_uid())
        wait(lambda: made.settled, 120)
        yield made
        made.shut()
    text.set_language(before)


def by_tracking(window: Window) -> dict[str, Finding]:
    found = window.desk.archive.all(Finding, window.desk.study_uid)
    return {(f.origin.tracking_id or f.label.en) if f.origin else f.id: f for f in found}


def words_of(window: Window, finding: Finding) -> str:
    wait(lambda: finding.id in window.findings.cards)
    return "\n".join(
        label.text() for label in window.findings.cards[finding.id].findChildren(QLabel)
    )


def choose(window: Window, finding: Finding) -> None:
    wait(lambda: finding.id in window.findings.cards)
    QTest.mouseClick(window.findings.cards[finding.id], LEFT)
    wait(lambda: window.desk.state.finding_id == finding.id)


def key(window: Window, pressed: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    held = modifier or Qt.KeyboardModifier.NoModifier
    if not window.isActiveWindow():  # a window manager would have done so when a dialog closed
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
    QTest.keyClick(window.grid_.active_pane.slices, pressed, held)


def state_of(window: Window, finding: Finding) -> FindingState:
    return window.desk.archive.get(Finding, finding.id).state


def is_rejected(window: Window, finding: Finding) -> bool:
    return state_of(window, finding) is FindingState.REJECTED


def test_a_vendors_findings_are_decided_signed_and_exported(window: Window, tmp_path: Path) -> None:
    found = by_tracking(window)
    assert set(found) == {"RY-1", "Lesion", "Nodule A", "Lesion B", "whole image"}
    assert {f.state for f in found.values()} == {FindingState.PROPOSED}
    mass, cyst, area = found["RY-1"], found["Lesion B"], found["Lesion"]
    choose(window, mass)
    said = words_of(window, mass)
    for part in ("肿块", "24.125 mm", "-612.75 HU", "左肺",
                 "Ruiying Imaging AI · LungSight · 软件 5.2.1", "算法 nodule-net 4.0.3",
                 "证据：制造方未说明", "重要程度: 不重要"):  # fmt: skip
        assert part in said, part
    pane = window.grid_.active_pane
    assert pane.content.stack_id == mass.stack_id and pane.viewport.stored_z == 12

    key(window, Qt.Key.Key_A)  # nobody is signed in
    wait(lambda: window.people.dialog is not None)
    dialog = window.people.dialog
    assert isinstance(dialog, SignInDialog)
    dialog.name.setCurrentIndex(dialog.name.findData("li"))
    QTest.keyClicks(dialog.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(dialog.ok, LEFT)
    wait(lambda: window.desk.user is not None)
    assert state_of(window, mass) is FindingState.PROPOSED

    key(window, Qt.Key.Key_A)
    wait(lambda: state_of(window, mass) is FindingState.ACCEPTED)
    choose(window, cyst)
    key(window, Qt.Key.Key_E)
    wait(lambda: window.decisions.painted_id == cyst.id)
    view = window.grid_.active_pane.slices
    middle = QPoint(view.width() // 2, view.height() // 2)
    drag(view, [middle + QPoint(5 * step, 2 * step) for step in range(10)])
    wait(lambda: state_of(window, cyst) is FindingState.EDITED)
    key(window, Qt.Key.Key_Return)
    wait(lambda: not window.decisions.painted_id)
    for other in (area, found["Nodule A"], found["whole image"]):
        choose(window, other)
        key(window, Qt.Key.Key_X)
        wait(partial(is_rejected, window, other))

    wait(lambda: window.desk.contents is not None and not window.desk.contents.obstacles)
    key(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: window.people.dialog is not None)
    signing = window.people.dialog
    assert signing is not None
    QTest.keyClicks(signing.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(signing.ok, LEFT)
    wait(lambda: window.desk.contents is not None and bool(window.desk.contents.reports), 90)
    archive = window.desk.archive
    assert verify(archive).ok

    out = tmp_path / "出"
    files = {f.kind: f.path for f in export(archive, window.desk.study_uid, out)}
    assert verify_folder(out).ok
    for kind in ("sr", "seg", "sr_ai"):
        assert errors_of(files[kind]) == [], kind
    _who_made_what(files["sr"], mass, cyst)
    _segments(files["seg"].read_bytes(), archive.get(Finding, cyst.id), archive)
    # Exported objects coming back are known: nothing is found twice.
    report = intake(archive, [out])
    assert report.instances > 0
    assert set(by_tracking(window)) == set(found)


def _who_made_what(path: Path, mass: Finding, cyst: Finding) -> None:
    written = pydicom.dcmread(path)
    assert written.VerificationFlag == "VERIFIED"
    assert "李医生" in str(written.VerifyingObserverSequence[0].VerifyingObserverName)
    read = read_report(path.read_bytes())
    numbers = {(n.tracking_id, n.name): (n.printed, n.unit) for n in read.numbers}
    assert numbers["RY-1", "Diameter"] == ("24.125", "mm")
    assert numbers["RY-1", "Attenuation Coefficient"] == ("-612.75", "[hnsf'U]")
    assert numbers["RY-1", "Suspicion"] == ("3.5", "pts")
    assert numbers["Lesion B", "Volume"][1] == "mL"
    assert {tracking for tracking, _ in read.findings} == {"RY-1", "Lesion B"}
    groups = {_value(group, "112039"): group for group in _containers(written, "125007")}
    for name, finding, decision in (
        ("RY-1", mass, "Accepted as proposed"),
        ("Lesion B", cyst, "Accepted after the reader's edit"),
    ):
        group = groups[name]
        assert finding.origin is not None
        assert _value(group, "112040") == finding.origin.tracking_uid
        assert (_value(group, "111001"), _value(group, "111003")) == vendor.ALGORITHM
        assert _value(group, "122405") == vendor.MAKER
        assert _value(group, "121014") == vendor.MAKER and _value(group, "121015") == vendor.MODEL
        assert finding.origin.sop_instance_uid in {
            str(item.UID) for item in group.ContentSequence if item.ValueType == "UIDREF"
        }
        said = {
            str(item.ConceptCodeSequence[0].CodeMeaning)
            for item in group.ContentSequence
            if item.ValueType == "CODE"
        }
        assert decision in said and "Not stated" in said
    shown = dsrdump(path)
    assert not shown or ("nodule-net" in shown and "Ruiying Imaging AI" in shown)


def _segments(data: bytes, cyst: Finding, archive: Archive) -> None:
    read = {segment.label: segment for segment in read_seg(data)}
    kinds = sorted(segment.algorithm_type for segment in read.values())
    assert kinds == ["AUTOMATIC", "SEMIAUTOMATIC"]
    written = hd.seg.segread(io.BytesIO(data))
    assert written.ContentQualification == "RESEARCH"
    for segment in written.SegmentSequence:
        identified = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert identified.AlgorithmName == vendor.ALGORITHM[0]
        assert identified.AlgorithmVersion == vendor.ALGORITHM[1]
    edited = next(s for s in read.values() if s.algorithm_type == "SEMIAUTOMATIC")
    stored = archive.load_mask(cyst.mask_id)
    assert int(edited.mask.sum()) == int(np.count_nonzero(stored))


def _containers(item: Dataset, code: str) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        name = child.get("ConceptNameCodeSequence")
        if name and name[0].CodeValue == code:
            yield child
        yield from _containers(child, code)


def _value(group: Dataset, code: str) -> str:
    for item in group.ContentSequence:
        if item.ConceptNameCodeSequence[0].CodeValue == code:
            return str(item.get("TextValue", item.get("UID", "")))
    return ""
