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
    QStaticText,
)

_HALO = QColor(0, 0, 0, 225)
_AROUND = tuple(
    QPointF(x, y)
    for x, y in ((-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 1.2),
                 (-0.9, -0.9), (0.9, -0.9), (-0.9, 0.9), (0.9, 0.9))
)  # fmt: skip
_MOST = 400
_Face = tuple[float, bool]
_Key = tuple[str, _Face, str, float]
_Kept = tuple[QPixmap, float, float]  # and its size in logical pixels


class HaloText:
    """Draws short texts; each is laid out once and kept as a picture, for it is drawn often."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._metrics: dict[_Face, QFontMetricsF] = {}

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
        pixmap, width, height = self._picture(text, font, colour, ratio)
        x, y = place.x(), round(place.y())
        if align & Qt.AlignmentFlag.AlignRight:
            x -= width
        elif align & Qt.AlignmentFlag.AlignHCenter:
            x -= width / 2
        x = round(x)
        painter.drawPixmap(QPointF(x, y), pixmap)
        return QRectF(x, y, width, height)

    def _picture(self, text: str, font: QFont, colour: str, ratio: float) -> _Kept:
        face = font.pointSizeF(), font.bold()  # all text is in the one family of the program
        key = text, face, colour, ratio
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        metrics = self._metrics.get(face)
        if metrics is None:
            metrics = self._metrics[face] = QFontMetricsF(font)
        width = metrics.horizontalAdvance(text) + 6
        pixmap = QPixmap(int(width * ratio) + 1, int((metrics.height() + 4) * ratio) + 1)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        base = QPointF(3, 2)
        words = QStaticText(text)  # shaped once for all the copies
        words.setTextFormat(Qt.TextFormat.PlainText)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font)
        # Shifted copies in the dark: a tenth of the time of stroking the outlines of the letters.
        painter.setPen(_HALO)
        for aside in _AROUND:
            painter.drawStaticText(base + aside, words)
        painter.setPen(QColor(colour))
        painter.drawStaticText(base, words)
        painter.end()
        kept = pixmap, pixmap.width() / ratio, pixmap.height() / ratio
        self._kept[key] = kept
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return kept
