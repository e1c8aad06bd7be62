"""The window: makes the panels; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from workstation.archive.store import Archive
from workstation.domain.errors import N_
from workstation.settings import Settings
from workstation.ui.actions import Actions
from workstation.ui.alignments import Alignments
from workstation.ui.areas import AREAS
from workstation.ui.banner import Banner
from workstation.ui.command_map import CommandMap
from workstation.ui.decisions import Decisions
from workstation.ui.desk import Desk
from workstation.ui.findings_panel import FindingsPanel
from workstation.ui.importing import Importing
from workstation.ui.jobs import Jobs
from workstation.ui.layout import lay_out
from workstation.ui.loading import VolumeLibrary
from workstation.ui.memory import Collector
from workstation.ui.notice import Notice
from workstation.ui.people import People
from workstation.ui.report_panel import ReportPanel
from workstation.ui.series_strip import SeriesStrip
from workstation.ui.side_tabs import SideTabs
from workstation.ui.status_bar import StatusBar
from workstation.ui.study_tabs import MeasurementsTab, PatientTab
from workstation.ui.toolbar import Toolbar
from workstation.ui.undo_order import UndoOrder
from workstation.ui.view_grid import ViewGrid
from workstation.ui.worklist import Worklist


class Window(QMainWindow):
    """Worklist and reading room of one workstation."""

    def __init__(self, settings: Settings, archive: Archive, *, remembers: bool = True) -> None:
        super().__init__()
        self.setWindowTitle("OneScan")
        self.setAcceptDrops(True)
        self.collector = Collector(self)
        self.jobs = Jobs(archive, self)
        self.desk = Desk(settings, self.jobs, self, remembers=remembers)
        self.decisions = Decisions(self.desk, self)
        self.people = People(self.desk, self)
        self.importing = Importing(self.desk, self)
        self.library = VolumeLibrary(archive.blob_path, self)

        self.banner = Banner(self.desk)
        self.notice = Notice()
        self.worklist = Worklist(archive, self.jobs)
        self.strip = SeriesStrip(self.desk)
        self.grid_ = ViewGrid(self.library)
        self.findings = FindingsPanel(self.desk)
        self.measurements = MeasurementsTab(self.desk)
        self.patient = PatientTab(self.desk)
        self.report = ReportPanel(self.desk)
        self.status = StatusBar(self.jobs)
        self.commands = CommandMap(self)
        self.toolbar = Toolbar(self.commands)
        self._retranslated: list[Callable[[], None]] = []
        self.undo = UndoOrder()
        self.tabs = SideTabs(self.desk)
        self.tabs.add(self.findings, N_("Findings"))
        self.tabs.add(self.measurements, N_("Measurements"))
        self.tabs.add(self.patient, N_("Patient"))
        self.pages, whole = lay_out(self)
        self.setCentralWidget(whole)
        self.actions_ = Actions(self)
        self.alignments = Alignments(self)
        for install in AREAS:
            install(self)
        self.retranslate()
        self.resize(1600, 900)
        self.worklist.reload()

    def retranslate(self) -> None:
        """Every text of every panel in the language of now."""
        self.tabs.retranslate()
        self.toolbar.refresh()
        for refresh in self._retranslated:
            refresh()

    def add_tab(self, panel: QWidget, title: str) -> None:
        """A tab at the right; ``title`` is English, a catalogue key."""
        self.tabs.add(panel, title)

    def add_retranslate(self, refresh: Callable[[], None]) -> None:
        """Call ``refresh`` whenever the language or the open study's contents change."""
        self._retranslated.append(refresh)

    @property
    def settled(self) -> bool:
        """Whether the open study is shown, read by the machine and nothing is under way."""
        loaded = all(pane.settled for pane in self.grid_.panes)
        return self.desk.contents is not None and loaded and not self.jobs.busy

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.importing.accepts(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.importing.drop(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.report.save_texts()
        self.desk.close()
        super().closeEvent(event)

    def shut(self) -> None:
        """Save the desk, stop threads, let VTK go before Qt does."""
        self.close()
        self.grid_.close_scenes()
        self.grid_.clear()
        self.library.close()
        self.jobs.close()
        self.collector.end()
        for timer in self.findChildren(QTimer):
            timer.stop()  # nobody is there any more for what they would do
