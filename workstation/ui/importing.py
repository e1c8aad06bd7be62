"""Files come in from a dialog or by drag and drop; what was refused is listed with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.people import MACHINE
from workstation.reading.intake import IntakeReport, Refused, intake
from workstation.text import say, tr
from workstation.ui.asking import ask
from workstation.ui.desk import Desk


class RefusedDialog(QDialog):
    """Every file that did not come in, and why."""

    def __init__(self, refused: Sequence[Refused], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Files that were not imported"))
        self.resize(860, 420)
        column = QVBoxLayout(self)
        column.addWidget(QLabel(tr("{n} files were refused; everything else came in.",
                                   n=len(refused))))  # fmt: skip
        table = QTableWidget(len(refused), 2)
        table.setHorizontalHeaderLabels([tr("File"), tr("Why")])
        table.verticalHeader().hide()
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        for row, entry in enumerate(refused):
            table.setItem(row, 0, QTableWidgetItem(str(entry.path)))
            table.setItem(row, 1, QTableWidgetItem(say(entry.reason)))
        table.setColumnWidth(0, 420)
        table.horizontalHeader().setStretchLastSection(True)
        column.addWidget(table)
        buttons = QDialogButtonBox()
        buttons.addButton(tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)


class Importing(QObject):
    """Starts intakes in the background and says what came in."""

    came_in = Signal(str)  # a sentence
    refused = Signal(object)  # Sequence[Refused]

    def __init__(self, desk: Desk, window: QWidget) -> None:
        super().__init__(window)
        self.desk = desk
        self.window = window

    def ask(self) -> None:
        """Let the reader choose a folder; files and ZIPs can be dropped."""
        dialog = QFileDialog(self.window, tr("Import a folder of images"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self.start([Path(path)]))
        ask(dialog)

    def ask_files(self) -> None:
        """Let the reader choose ZIP files, a DICOMDIR or single images."""
        dialog = QFileDialog(self.window, tr("Import files"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda paths: self.start([Path(p) for p in paths]))
        ask(dialog)

    def start(self, paths: Sequence[Path]) -> None:
        """Take files in, in the background; the worklist grows while they come."""
        actor = self.desk.actor or MACHINE
        archive = self.desk.archive
        self.desk.jobs.room(
            lambda progress, cancel: intake(
                archive, paths, actor=actor, progress=progress, cancel=cancel
            ),
            self._done,
        )

    def _done(self, report: IntakeReport) -> None:
        self.came_in.emit(
            tr(
                "{new} images came in, {known} were here already, {refused} files were refused.",
                new=report.instances,
                known=report.already,
                refused=len(report.refused),
            )
        )
        if report.refused:
            self.refused.emit(report.refused)

    @staticmethod
    def accepts(event: QDragEnterEvent) -> bool:
        """Whether what is dragged is files."""
        return any(url.isLocalFile() for url in event.mimeData().urls())

    def drop(self, event: QDropEvent) -> None:
        """Import what was dropped."""
        paths = [Path(u.toLocalFile()) for u in event.mimeData().urls() if u.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.start(paths)
