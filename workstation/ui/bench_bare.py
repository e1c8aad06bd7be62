"""The reference of ``bench viewer``: three vtkImageReslice, grey levels, pictures drawn by Qt.

Run in a process of its own, on the files that the reading room is measured with.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from workstation.dicom.volumes import read_volume
from workstation.render.bare import BareReslice, Cosines
from workstation.ui.bench_viewer import VIEW, index

FRAMES = 60


def bare(folder: Path) -> dict[str, Any]:
    """Median milliseconds of a frame of three pictures, straight and oblique."""
    stack, locate = index(folder)
    reslice = BareReslice(read_volume(stack, locate).array, VIEW)
    app = QApplication.instance() or QApplication([])

    class View(QWidget):
        cosines: Cosines = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
        place = 200.0

        def paintEvent(self, event: QPaintEvent) -> None:
            grey = reslice.grey(self.cosines, self.place)
            painter = QPainter(self)
            kind = QImage.Format.Format_Grayscale8
            painter.drawImage(QPointF(0, 0), QImage(grey.data, VIEW, VIEW, VIEW, kind))
            painter.end()

    views = [View() for _ in range(3)]
    for view in views:
        view.setFixedSize(VIEW, VIEW)
        view.show()
    app.processEvents()

    def run(cosines: tuple[Cosines, ...]) -> float:
        times = []
        for number in range(FRAMES):
            begun = time.perf_counter()
            for view, way in zip(views, cosines, strict=True):
                view.cosines, view.place = way, 150.0 + number
                view.repaint()
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times)

    straight = ((1.0, 0, 0, 0, 1, 0, 0, 0, 1), (1.0, 0, 0, 0, 0, 1, 0, -1, 0),
                (0.0, 1, 0, 0, 0, 1, 1, 0, 0))  # fmt: skip
    s = float(np.sqrt(0.5))
    oblique = ((s, s, 0, -s, s, 0, 0, 0, 1), (s, 0, s, 0, 1, 0, -s, 0, s),
               (1.0, 0, 0, 0, s, s, 0, -s, s))  # fmt: skip
    return {"straight": run(straight), "oblique": run(oblique)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bare(Path(sys.argv[2]))) + "\n")
