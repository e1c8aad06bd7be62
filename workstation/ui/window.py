"""The window: lays the panels out; nothing is decided here."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from workstation.archive.store import Archive
from workstation.settings import Settings
from workstation.text import tr
from workstation.ui.actions import Actions
from workstation.ui.banner import Banner
from workstation.ui.decisions import Decisions
from workstation.ui.desk import Desk
from workstation.ui.findings_panel import FindingsPanel
from workstation.ui.importing import Importing
from workstation.ui.jobs import Jobs
from workstation.ui.loading import VolumeLibrary
from workstation.ui.notice import Notice
from workstation.ui.people import People
from workstation.ui.report_panel import ReportPanel
from workstation.ui.series_strip import SeriesStrip
from workstation.ui.status_bar import StatusBar
from workstation.ui.study_tabs import MeasurementsTab, PatientTab
from workstation.ui.view_grid import ViewGrid
from workstation.ui.worklist import Worklist


class Window(QMainWindow):
    """Worklist and reading room of one workstation."""

    def __init__(self, settings: Settings, archive: Archive, *, remembers: bool = True) -> None:
        super().__init__()
        self.setWindowTitle("OneScan")
        self.setAcceptDrops(True)
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
        self.tabs = QTabWidget()
        for panel in (self.findings, self.measurements, self.patient):
            self.tabs.addTab(panel, "")
        self._lay_out()
        self.actions_ = Actions(self)
        self.retranslate()
        self.resize(1600, 900)
        self.worklist.reload()

    def _lay_out(self) -> None:
        side = QSplitter(Qt.Orientation.Vertical)
        side.addWidget(self.tabs)
        side.addWidget(self.report)
        side.setSizes([400, 460])
        side.setMinimumWidth(340)
        body = QSplitter(Qt.Orientation.Horizontal)
        body.addWidget(self.grid_)
        body.addWidget(side)
        body.setStretchFactor(0, 1)
        body.setSizes([1100, 430])
        body.setCollapsible(0, False)
        room = QWidget()
        row = QHBoxLayout(room)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.strip)
        row.addWidget(body, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.worklist)
        self.pages.addWidget(room)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.banner, self.notice):
            column.addWidget(part)
        column.addWidget(self.pages, 1)
        column.addWidget(self.status)
        self.setCentralWidget(whole)

    def retranslate(self) -> None:
        """Every text of every panel in the language of now."""
        contents = self.desk.contents
        found = len(contents.findings) if contents else 0
        numbers = len(contents.measurements) if contents else 0
        self.tabs.setTabText(0, tr("Findings") + f" ({found})")
        self.tabs.setTabText(1, tr("Measurements") + f" ({numbers})")
        self.tabs.setTabText(2, tr("Patient"))

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
        for pane in self.grid_.panes:
            if pane.solid is not None:
                pane.solid.close_scene()
        self.grid_.clear()
        self.library.close()
        self.jobs.close()
