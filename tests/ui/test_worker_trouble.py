"""Models that die, eat memory, are damaged, altered or never answer: said plainly, window alive.

A real window on a real home with one small FLAIR series, a bad model package and a good one
beside it: the good one must judge all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from tests.ai.packages import MAKER, hog, identity, sleeper, trust_maker, write_package
from tests.ui.test_story import CTRL, LEFT, press, wheel
from workstation.ai.package import MODEL
from workstation.ai.trust import sign_package
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.finding import FindingState
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.measurement import Refusal
from workstation.domain.study import StudyState
from workstation.reading.intake import intake
from workstation.ui.findings_panel import FindingsPanel
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window
from workstation.wiring import open_services

Until = Callable[..., None]
GRID = Grid((12, 48, 40), as_matrix(np.diag([4.0, 4.0, 5.0, 1.0])))
TURNED = 3  # slices that the reader turns
GOOD = {"id": "whole", "name": {"en": "Whole model", "zh": "完好模型"}}


def write_flair(folder: Path) -> None:
    """One FLAIR series with a bright spot of 2 x 3 x 3 voxels."""
    array = np.zeros(GRID.shape, dtype=np.uint16)
    array[5:7, 20:23, 15:18] = 1
    header = SeriesHeader(
        modality="MR", patient_name="Test^One=测试", patient_id="T1", birth_date="19600101",
        sex="F", age="064Y", study_uid="2.25.7001", study_date="20240506", study_time="101112",
        study_description="头颅", accession="A1", series_uid="2.25.7002", series_number=3,
        series_description="AX FLAIR", series_time="101500", frame_of_reference_uid="2.25.7003",
        body_part="BRAIN", window=(1.0, 2.0), slice_thickness_mm=5.0,
    )  # fmt: skip
    write_series(folder, array, GRID, header)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@contextmanager
def room(tmp_path: Path, bad: Callable[[Path], object], settings: str = "") -> Iterator[Window]:
    """A window on a new home, whose models folder has the package ``bad`` writes and a good one."""
    home, models = tmp_path / "家 home", tmp_path / "模型"
    home.mkdir()
    trust_maker(home)
    bad(models)
    write_package(models, identity(), **GOOD)
    lines = f"models = '{models.as_posix()}'\nai_threads = 1\n{settings}"
    (home / "settings.toml").write_text(lines, encoding="utf-8")
    write_flair(tmp_path / "片子")
    before = {child.pid for child in children()}
    with open_services(home, "zh_CN") as services:
        intake(services.archive, [tmp_path / "片子"])
        application()
        window = Window(services.settings, services.archive)
        try:
            window.resize(1600, 900)
            window.show()
            window.activateWindow()
            QTest.qWaitForWindowActive(window)
            yield window
        finally:
            window.shut()
    assert not {child.pid for child in children()} - before


def open_study(window: Window, until: Until) -> None:
    """Open the only study by keyboard and wait until its images are on screen."""
    until(lambda: len(window.worklist.model.rows) == 1)
    QTest.keyClick(window.worklist.search, Qt.Key.Key_Return)
    until(lambda: bool(window.grid_.panes[0].content.stack_id))
    until(lambda: all(pane.settled for pane in window.grid_.panes))


def is_alive(window: Window, until: Until) -> None:
    """The reader turns slices, opens another layout and goes back; each is answered at once."""
    view = window.grid_.panes[0].slices
    before = view.viewport.slice_number
    step = TURNED if before + TURNED < GRID.shape[0] else -TURNED
    wheel(view, step)
    assert view.viewport.slice_number == before + step
    window.grid_.set_layout("single")
    until(lambda: not window.grid_.panes[1].isVisible(), 2)
    window.grid_.set_layout("grid")
    until(lambda: window.grid_.panes[1].isVisible(), 2)


def not_judged(panel: FindingsPanel) -> list[str]:
    """The lines of "not judged, and why" that are on screen."""
    said = [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]
    return [text for text in said if text.startswith("⊘")]


def said_in_both_languages(window: Window, until: Until, chinese: str, english: str) -> None:
    """The one refusal is on screen in Chinese and, after Ctrl+L, in English."""
    until(lambda: window.settled, 120)
    (refusal,) = window.desk.archive.all(Refusal, window.desk.study_uid)
    assert refusal.made_by.name == refusal.what
    for sentence in (chinese, english):

        def is_said(sentence: str = sentence) -> bool:
            lines = not_judged(window.findings)
            return len(lines) == 1 and lines[0].startswith(f"⊘ {sentence}")

        wait_until(application(), is_said, 10)
        assert is_said(), not_judged(window.findings)
        press(window, Qt.Key.Key_L, CTRL)
    assert not window.notice.isVisible(), "nothing failed but the model, which said so"


def the_good_model_judged(window: Window, until: Until) -> None:
    """What the sound package proposes is in the list, can be focused and nothing is decided."""
    contents = window.desk.contents
    assert contents is not None
    (finding,) = contents.findings
    assert finding.made_by.name == "whole"
    assert finding.state is FindingState.PROPOSED
    assert finding.value == pytest.approx(18 * GRID.voxel_ml)
    QTest.mouseClick(window.findings.cards[finding.id], LEFT, pos=QPoint(20, 12))
    until(lambda: window.desk.state.finding_id == finding.id, 10)
    assert window.desk.archive.study(finding.study_uid).state is StudyState.ANALYSED
    assert contents.draft is not None, "the line went on to its end"


def wait_for_child(until: Until) -> psutil.Process:
    """The worker, once it is inside the network."""
    found: list[psutil.Process] = []

    def inside() -> bool:
        with suppress(psutil.NoSuchProcess):
            found[:] = [
                child
                for child in children()
                if "workstation.ai.worker" in child.cmdline() and child.cpu_times().user > 0.3
            ]
        return bool(found)

    until(inside, 60)
    return found[0]


def test_worker_killed(tmp_path: Path, until: Until) -> None:
    with room(tmp_path, lambda models: write_package(models, sleeper())) as window:
        open_study(window, until)
        worker = wait_for_child(until)
        is_alive(window, until)
        worker.kill()
        windows = sys.platform == "win32"
        said_in_both_languages(
            window,
            until,
            "微型模型: 模型 tiny：运行进程意外结束"
            + ("（退出码 15）。" if windows else "（信号 9）。"),
            "Tiny model: Model tiny: the worker process ended unexpectedly "
            + ("(exit code 15)." if windows else "(signal 9)."),
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_model_out_of_memory(tmp_path: Path, until: Until) -> None:
    limits = "ai_memory_mb = 600\n"
    with room(tmp_path, lambda models: write_package(models, hog()), limits) as window:
        open_study(window, until)
        is_alive(window, until)
        said_in_both_languages(
            window,
            until,
            "微型模型: 模型 tiny 占用内存超过 600 MB，已被停止。",
            "Tiny model: Model tiny was stopped because it used more than 600 MB of memory.",
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_model_that_sleeps(tmp_path: Path, until: Until) -> None:
    limits = "ai_timeout_s = 5\n"
    with room(tmp_path, lambda models: write_package(models, sleeper()), limits) as window:
        open_study(window, until)
        wait_for_child(until)
        is_alive(window, until)
        said_in_both_languages(
            window,
            until,
            "微型模型: 模型 tiny 运行超过 5 秒，已被停止。",
            "Tiny model: Model tiny was stopped because it took longer than 5 s.",
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_model_with_a_wrong_hash(tmp_path: Path, until: Until) -> None:
    def altered(models: Path) -> None:
        network = write_package(models, identity()) / MODEL
        network.write_bytes(network.read_bytes() + b"\x00")

    with room(tmp_path, altered) as window:
        open_study(window, until)
        said_in_both_languages(
            window,
            until,
            "tiny: 模型 tiny：model.onnx 已被改动（SHA-256 与清单不符）。",
            "tiny: Model tiny: model.onnx was altered (its SHA-256 is not the one listed).",
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_corrupt_model(tmp_path: Path, until: Until) -> None:
    def scrambled(models: Path) -> None:
        folder = write_package(models, identity())
        noise = np.random.default_rng(5).integers(0, 256, 4000, dtype=np.uint8)
        (folder / MODEL).write_bytes(b"\xff" + noise.tobytes())
        sign_package(folder, MAKER)  # the hash is right: whoever built it built rubbish

    with room(tmp_path, scrambled) as window:
        open_study(window, until)
        said_in_both_languages(
            window,
            until,
            "tiny: model.onnx 不是可读取的 ONNX 网络（wire type 7）。",
            "tiny: model.onnx is not a readable ONNX network (wire type 7).",
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_network_that_cannot_be_loaded(tmp_path: Path, until: Until) -> None:
    def unknown_operator(models: Path) -> None:
        network = identity()
        network.graph.node[0].op_type = "NoSuchOperator"
        write_package(models, network)

    with room(tmp_path, unknown_operator) as window:
        open_study(window, until)
        said_in_both_languages(
            window,
            until,
            "微型模型: 模型 tiny 无法加载：This is an invalid model.",
            "Tiny model: Model tiny cannot be loaded: This is an invalid model.",
        )
        is_alive(window, until)
        the_good_model_judged(window, until)


def test_the_reader_stops_a_model(tmp_path: Path, until: Until) -> None:
    with room(tmp_path, lambda models: write_package(models, sleeper())) as window:
        open_study(window, until)
        worker = wait_for_child(until)
        until(window.status.stop.isVisible)
        QTest.mouseClick(window.status.stop, LEFT)
        until(lambda: not window.jobs.busy, 20)
        assert not worker.is_running()
        is_alive(window, until)
        assert window.notice.isVisible()
        assert "已按要求停止" in window.notice.text.text()
        assert not window.desk.archive.all(Refusal, window.desk.study_uid), "it was not judged yet"


def test_window_closed_while_a_model_runs(tmp_path: Path, until: Until) -> None:
    with room(tmp_path, lambda models: write_package(models, sleeper())) as window:
        open_study(window, until)
        worker = wait_for_child(until)
        window.decisions.walk_forward_soon()
    assert not worker.is_running()
    late = window.jobs.read(lambda: "late", lambda _: None)
    assert late.cancelled(), "timers that ring after the end begin nothing"
    QTest.qWait(300)  # the draft that was asked for would have been due: no error
