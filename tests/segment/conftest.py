"""A real window on a small CT with two bright balls, and hands for its tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.gestures import drag
from tests.viewer.images import grid_of
from workstation import text
from workstation.archive.people import add_user
from workstation.dicom.write import SeriesHeader, write_series
from workstation.documents.signatures import make_key
from workstation.domain.people import MACHINE, Role
from workstation.domain.segment import KINDS
from workstation.domain.voxel_set import Bools
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.ui.program import application, wait_until
from workstation.ui.segment_area import SegmentArea
from workstation.ui.segment_desk import SegmentDesk
from workstation.ui.segment_effects import EffectNumbers
from workstation.ui.segment_layer import SegmentLayer
from workstation.ui.slice_view import SliceView
from workstation.viewing.paint import Brush
from workstation.wiring import Services, open_services

from workstation.ui.window import Window  # isort: skip - after wiring

GRID = grid_of((24, 80, 96), np.diag([1.0, 1.0, 2.0]), (-48.0, -40.0, 10.0))
BALL_MM = 11.0


def balls() -> tuple[Bools, Bools]:
    """Two balls of 11 mm radius, 40 mm apart."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.shape), indexing="ij")
    places = GRID.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    first, second = (
        ((places - np.array(centre)) ** 2).sum(axis=-1) <= BALL_MM**2
        for centre in ((-20.0, 0.0, 33.0), (20.0, 0.0, 33.0))
    )
    return np.asarray(first), np.asarray(second)


def voxels() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    array = np.random.default_rng(7).integers(-60, -20, GRID.shape).astype(np.int16)
    first, second = balls()
    array[first | second] += 140
    return array


def header() -> SeriesHeader:
    return SeriesHeader(
        "CT", "Test^Segments=测试", "S1", "19700101", "F", "056Y", "1.2.826.0.1.3680043.99.5",
        "20260101", "101010", "CT", "A5", "1.2.826.0.1.3680043.99.5.1", 2, "Balls", "101010",
        "1.2.826.0.1.3680043.99.5.9", "ABDOMEN", (0.0, 400.0), 2.0,
    )  # fmt: skip


@dataclass
class Reading:
    """The window with the study open and a reader signed in."""

    window: Window
    area: SegmentArea
    services: Services

    @property
    def desk(self) -> SegmentDesk:
        return self.area.desk

    @property
    def view(self) -> SliceView:
        return self.window.grid_.active_pane.slices

    @property
    def layer(self) -> SegmentLayer:
        return next(each for each in self.view.layers if isinstance(each, SegmentLayer))

    def at(self, x: float, y: float, z: float | None = None) -> QPoint:
        """Where a voxel is seen in the active view."""
        shown = self.view.viewport.slice_number if z is None else z
        return self.view.to_view(GRID.to_lps((x, y, float(shown)))).toPoint()

    def tool(self, name: str) -> None:
        self.window.commands.run(name)
        assert self.window.grid_.tool == name

    def stroke(self, *places: QPoint) -> None:
        drag(self.view, list(places))

    def click(self, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton,
              keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:  # fmt: skip
        QTest.mouseMove(self.view, place)
        QTest.mouseClick(self.view, button, keys, place)

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key in the view; the window is made active as a window manager would."""
        if not self.window.isActiveWindow():
            self.window.activateWindow()
            assert QTest.qWaitForWindowActive(self.window)
        self.view.setFocus()
        QTest.keyClick(self.view, key, keys)

    def mask(self) -> Bools:
        painting = self.desk.painting
        assert painting is not None
        return painting.mask

    def wait(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        assert wait_until(application(), condition, seconds), "it did not come about in time"

    def idle(self) -> None:
        """Until operations and writes are done."""
        sheets = self.desk.list.sheets
        self.wait(lambda: not self.desk.job and not any(s.waiting for s in sheets.values()))


def fill_home(home: Path, files: Path) -> None:
    """A home with the study imported and a reader."""
    with open_services(home, "en") as services:
        write_series(files, voxels(), GRID, header())
        archive = services.archive
        report = intake(archive, [files])
        assemble(archive, report.study_uids[0], actor=MACHINE)
        add_user(archive, MACHINE, "li", "李医生", Role.READER, "long enough 1", make_key)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segments")
    fill_home(folder / "home", folder / "files")
    return folder / "home"


@pytest.fixture(scope="module")
def opened(made_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    home = tmp_path_factory.mktemp("分割") / "home"
    shutil.copytree(made_home, home)
    with open_services(home, "en") as services:
        yield from open_reading(services)


@pytest.fixture
def reading(opened: Reading) -> Reading:
    """The window without segments, tools and brush as they are at first."""
    text.set_language("en")
    opened.window.decisions.finish_editing()
    opened.idle()
    for segment in opened.desk.list.segments:
        opened.desk.list.describe(segment.id, locked=False)
        opened.desk.list.remove(segment.id)
    opened.idle()
    opened.window.grid_.set_tool("")
    opened.window.undo.forget()
    opened.window.notice.hide()
    opened.desk.brush, opened.desk.range = Brush(5.0), None
    opened.desk.list.kind = KINDS[0]
    opened.area.effects.numbers.__dict__.update(EffectNumbers().__dict__)
    opened.view.viewport.go_to_slice(11)
    opened.view.setFocus()
    application().processEvents()
    return opened


def open_reading(services: Services) -> Iterator[Reading]:
    """A window with the only study open, in one large view."""
    application()
    window = Window(services.settings, services.archive)
    window.resize(1500, 950)
    window.show()
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    area = window.findChild(SegmentArea, "segmentArea")
    assert isinstance(area, SegmentArea)
    made = Reading(window, area, services)
    study = services.archive.study("last")
    window.desk.open_study(study.study_uid)
    made.wait(lambda: window.settled and window.desk.contents is not None, 60)
    window.desk.sign_in(services.archive.user("li"))
    window.grid_.set_layout("single")
    made.wait(lambda: window.settled)
    made.view.viewport.go_to_slice(11)
    application().processEvents()
    yield made
    window.shut()
