"""Whether 3D works on this computer: tried once in a process of its own."""

from __future__ import annotations

import os
import sys

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from workstation.text import RESOURCES

PROBE_MS = 20_000


class Probe(QObject):
    """Asks ``render.probe``; the answer holds for the life of the program."""

    answered = Signal(bool)

    works: bool | None = None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None

    def ask(self) -> None:
        """Answer by ``answered``, at once where it is known."""
        if Probe.works is not None:
            self.answered.emit(Probe.works)
            return
        if self._process is not None:
            return
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        paths = [str(RESOURCES.parent), *filter(None, [environment.value("PYTHONPATH")])]
        environment.insert("PYTHONPATH", os.pathsep.join(paths))
        process.setProcessEnvironment(environment)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._ended)
        process.start(sys.executable, ["-m", "workstation.render.probe"])
        QTimer.singleShot(PROBE_MS, process, process.kill)

    def stop(self) -> None:
        """Ask no more; a process that was stopped has not decided anything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.waitForFinished(2000)

    def _ended(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if Probe.works is None:
            Probe.works = b"works" in bytes(process.readAllStandardOutput().data())
        process.deleteLater()
        self.answered.emit(Probe.works)
