"""Small charts of the curves that an analysis used or made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workstation.domain.analysis import ResultCurve
from workstation.text import language
from workstation.ui.slice_overlay import unit_sign
from workstation.ui.theme import ACCEPTED, DIM, FOCUS, LINE, PROPOSED

_COLOURS = (FOCUS, PROPOSED, ACCEPTED, "#c58af9")
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)


class CurvePicture(QWidget):
    """Curves of one result over one axis; told apart by dash as well as by colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: tuple[ResultCurve, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(150)
        self.hide()

    def show_curves(self, curves: Sequence[ResultCurve]) -> None:
        """Show these, or nothing where there are none."""
        self._curves = tuple(c for c in curves if c.curve.x.size > 1)
        self.setVisible(bool(self._curves))
        names = [c.name.in_language(language()) for c in self._curves]
        self.setAccessibleName(", ".join(names))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Axes with their ends written, one line for each curve, its name in its colour."""
        if not self._curves:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        x = np.concatenate([c.curve.x for c in self._curves])
        y = np.concatenate([c.curve.y for c in self._curves])
        low, high = float(min(y.min(), 0.0)), float(y.max())
        left, right = float(x.min()), float(x.max())
        wide = max(metrics.horizontalAdvance(f"{v:.3g}") for v in (low, high)) + 6
        names = metrics.height() * len(self._curves)
        box = QRectF(wide, names + 4, self.width() - wide - 8, self.height() - names - 24)
        painter.setPen(QPen(QColor(LINE)))
        painter.drawRect(box)
        painter.setPen(QColor(DIM))
        first = self._curves[0].curve
        painter.drawText(QPointF(2, box.top() + metrics.ascent()), f"{high:.3g}")
        painter.drawText(QPointF(2, box.bottom()), f"{low:.3g}")
        under = box.bottom() + metrics.height()
        painter.drawText(QPointF(box.left(), under), f"{left:.3g}")
        end = f"{right:.3g} {unit_sign(first.x_unit)}".strip()
        painter.drawText(QPointF(box.right() - metrics.horizontalAdvance(end), under), end)
        for at, one in enumerate(self._curves):
            pen = QPen(QColor(_COLOURS[at % len(_COLOURS)]), 1.6, _DASHES[at % len(_DASHES)])
            painter.setPen(pen)
            words = f"{one.name.in_language(language())} {unit_sign(one.curve.y_unit)}".strip()
            painter.drawText(QPointF(box.left(), metrics.ascent() + at * metrics.height()), words)
            across = (one.curve.x - left) / max(right - left, 1e-12)
            up = (one.curve.y - low) / max(high - low, 1e-12)
            painter.drawPolyline(
                QPolygonF(
                    [
                        QPointF(box.left() + a * box.width(), box.bottom() - b * box.height())
                        for a, b in zip(across.tolist(), up.tolist(), strict=True)
                    ]
                )
            )
        painter.end()
