"""How often each value occurs within a region, drawn as bars."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from workstation.domain.geometry import Floats
from workstation.domain.mark_voxels import histogram
from workstation.text import tr
from workstation.ui import theme

_PAD = 8.0


class Histogram(QWidget):
    """Bars of one region; its mean as a line. Empty while no region is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogram")
        self.setMinimumHeight(110)
        self.counts, self.edges = histogram(np.zeros(0))
        self.mean = 0.0
        self.unit = ""
        self.setAccessibleName(tr("Histogram"))

    def show_values(self, values: Floats | None, unit: str) -> None:
        """Show values of a region in ``unit`` (as written), or nothing."""
        held = np.zeros(0) if values is None else values
        self.counts, self.edges = histogram(held, 48)
        self.mean = float(held.mean()) if len(held) else 0.0
        self.unit = unit
        self.update()

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(320, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bars from the smallest value at the left to the largest at the right."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.BACKGROUND))
        area = QRectF(self.rect()).adjusted(_PAD, _PAD, -_PAD, -theme.scaled(22))
        painter.setFont(theme.font(9))
        if not len(self.counts):
            painter.setPen(QColor(theme.DIM))
            words = tr("Choose a region to see its histogram")
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, words)
            painter.end()
            return
        width, most = area.width() / len(self.counts), float(self.counts.max())
        for number, count in enumerate(self.counts):
            height = area.height() * float(count) / most
            bar = QRectF(area.left() + number * width, area.bottom() - height, width, height)
            painter.fillRect(bar.adjusted(0, 0, -1.0 if width > 3 else 0, 0), QColor("#5b87b5"))
        low, high = float(self.edges[0]), float(self.edges[-1])
        x = area.left() + area.width() * (self.mean - low) / max(high - low, 1e-12)
        painter.setPen(QPen(QColor(theme.LETTER), 1.4))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setPen(QColor(theme.DIM))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        line = QRectF(area.left(), area.bottom() + 3, area.width(), 18)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, f"{low:.4g}")
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, f"{high:.4g} {self.unit}")
        mean = tr("mean {value}", value=f"{self.mean:.4g}")
        painter.setPen(QColor(theme.LETTER))
        painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, mean)
        painter.end()
