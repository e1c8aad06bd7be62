"""Text over images: light with a dark halo, so that it stays readable on white."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPixmap,
)

_HALO = QColor(0, 0, 0, 225)
_AROUND = tuple(
    QPointF(x, y)
    for x, y in ((-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 1.2),
                 (-0.9, -0.9), (0.9, -0.9), (-0.9, 0.9), (0.9, 0.9))
)  # fmt: skip
_MOST = 400


class HaloText:
    """Draws short texts; each is laid out once and kept as a picture, for it is drawn often."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, float], QPixmap] = OrderedDict()

    def draw(
        self,
        painter: QPainter,
        place: QPointF,
        text: str,
        font: QFont,
        colour: str,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> QRectF:
        """Draw ``text`` with its top at ``place``; left, centre or right of it. What it covers."""
        if not text:
            return QRectF(place, place)
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        pixmap = self._pixmap(text, font, colour, ratio)
        width, height = pixmap.width() / ratio, pixmap.height() / ratio
        x = place.x()
        if align & Qt.AlignmentFlag.AlignRight:
            x -= width
        elif align & Qt.AlignmentFlag.AlignHCenter:
            x -= width / 2
        corner = QPointF(round(x), round(place.y()))
        painter.drawPixmap(corner, pixmap)
        return QRectF(corner.x(), corner.y(), width, height)

    def _pixmap(self, text: str, font: QFont, colour: str, ratio: float) -> QPixmap:
        key = (text, font.key(), colour, ratio)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        metrics = QFontMetricsF(font)
        width = metrics.horizontalAdvance(text) + 6
        pixmap = QPixmap(int(width * ratio) + 1, int((metrics.height() + 4) * ratio) + 1)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        base = QPointF(3, metrics.ascent() + 2)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font)
        # Shifted copies in the dark: a tenth of the time of stroking the outlines of the letters.
        painter.setPen(_HALO)
        for aside in _AROUND:
            painter.drawText(base + aside, text)
        painter.setPen(QColor(colour))
        painter.drawText(base, text)
        painter.end()
        self._kept[key] = pixmap
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return pixmap
