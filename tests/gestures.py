"""Mouse gestures as a hand makes them: a drag holds its button down on the way."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


def drag(widget: QWidget, places: Sequence[QPoint], button: Qt.MouseButton = LEFT) -> None:
    """Press at the first place, move over all others, release at the last."""

    def send(kind: QEvent.Type, at: QPoint, held: Qt.MouseButton) -> None:
        where, shown = QPointF(at), QPointF(widget.mapToGlobal(at))
        pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
        QApplication.sendEvent(widget, QMouseEvent(kind, where, shown, pressed, held, NONE))

    send(QEvent.Type.MouseButtonPress, places[0], button)
    for place in places[1:]:
        send(QEvent.Type.MouseMove, place, button)
    send(QEvent.Type.MouseButtonRelease, places[-1], Qt.MouseButton.NoButton)
