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

from workstation.ui.bench_viewer import VIEW, index

FRAMES = 60
Cosines = tuple[float, ...]


def bare(folder: Path) -> dict[str, Any]:
    """Median milliseconds of a frame of three pictures, straight and oblique."""
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QImage, QPainter, QPaintEvent
    from PySide6.QtWidgets import QApplication, QWidget
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkImagingCore import vtkImageReslice

    from workstation.dicom.volumes import read_volume

    stack, locate = index(folder)
    array = read_volume(stack, locate).array
    flat = numpy_to_vtk(array.reshape(-1), deep=0)
    image = vtkImageData()
    image.SetDimensions(array.shape[2], array.shape[1], array.shape[0])
    image.GetPointData().SetScalars(flat)
    reslice = vtkImageReslice()
    reslice.SetInputData(image)
    reslice.SetOutputDimensionality(2)
    reslice.SetOutputExtent(0, VIEW - 1, 0, VIEW - 1, 0, 0)
    reslice.SetOutputSpacing(0.8, 0.8, 1)
    reslice.SetInterpolationModeToLinear()

    app = QApplication.instance() or QApplication([])

    class View(QWidget):
        cosines: Cosines = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
        place = 200.0
        painted = 0

        def paintEvent(self, event: QPaintEvent) -> None:
            reslice.SetResliceAxesDirectionCosines(*self.cosines)
            reslice.SetResliceAxesOrigin(0, 0, self.place)
            reslice.Update()
            cut = vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars())
            grey = np.clip((cut.astype(np.float32) + 160) * (255 / 400), 0, 255).astype(np.uint8)
            painter = QPainter(self)
            kind = QImage.Format.Format_Grayscale8
            painter.drawImage(QPointF(0, 0), QImage(grey.data, VIEW, VIEW, VIEW, kind))
            painter.end()
            self.painted += 1

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
