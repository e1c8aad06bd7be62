"""The series strip: every stack of the study, grouped by region, with its recognised role."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QImage, QMouseEvent, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.dicom.volumes import read_frame
from workstation.domain.volume import Flag, Stack
from workstation.text import say, tr
from workstation.ui.desk import Desk
from workstation.ui.named import named
from workstation.ui.pane import MIME_STACK

THUMB = 118
REGIONS = ("brain", "vessel", "heart", "chest", "abdomen", "other")


def thumbnail(frame: NDArray[Any], photometric: str) -> QImage:
    """A grey or colour slice (y, x[, 3]) as a small picture, 1st to 99th percentile."""
    step = max(1, max(frame.shape[:2]) // (THUMB * 2))
    small = np.asarray(frame[::step, ::step], dtype=np.float32)
    if small.ndim == 3:
        colour = np.ascontiguousarray(small.clip(0, 255).astype(np.uint8))
        height, width = colour.shape[:2]
        return QImage(colour.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    low, high = np.percentile(small, (1, 99.5))
    grey = ((small - low) / max(float(high - low), 1e-6)).clip(0, 1) * 255
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    pixels = np.ascontiguousarray(grey.astype(np.uint8))
    height, width = pixels.shape
    image = QImage(pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return image.copy()


class Thumb(QFrame):
    """One stack: picture, role, name; click shows it, drag puts it into a view."""

    chosen = Signal(str)

    def __init__(self, stack: Stack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack_id = stack.id
        self.setObjectName("thumb")
        self.setFixedWidth(THUMB)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 3)
        column.setSpacing(1)
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedSize(THUMB - 2, 78)
        column.addWidget(self.picture)
        role = tr(stack.role) if stack.role else stack.modality
        count = stack.grid.shape[0]
        size = f"{stack.phases}×{count}" if stack.phases > 1 else str(count)
        warn = " ⚠" if any(f is not Flag.MULTI_PHASE for f in stack.flags) else ""
        title = named(QLabel(f"{role}  {size}{warn}"), "thumbTitle")
        column.addWidget(title)
        name = named(QLabel(), "thumbName")
        name.setText(name.fontMetrics().elidedText(
            stack.description or tr("No description"), Qt.TextElideMode.ElideRight, THUMB - 8
        ))  # fmt: skip
        column.addWidget(name)
        notes = [stack.description, *(say(note) for note in stack.notes)]
        self.setToolTip("\n".join(n for n in notes if n))
        self.setAccessibleName(f"{role} {stack.description}")
        self._pressed: QPoint | None = None

    def show_picture(self, image: QImage) -> None:
        """Put the picture in."""
        self.picture.setPixmap(
            QPixmap.fromImage(image).scaled(
                self.picture.size(),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )

    def mark(self, shown: bool) -> None:
        """Frame the stack that the active view shows."""
        self.setProperty("shown", shown)
        self.style().unpolish(self)
        self.style().polish(self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() < 12:
            return
        self._pressed = None
        data = QMimeData()
        data.setData(MIME_STACK, self.stack_id.encode("ascii"))
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None:
            self._pressed = None
            self.chosen.emit(self.stack_id)

    def keyPressEvent(self, event: Any) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.stack_id)
        else:
            super().keyPressEvent(event)


class SeriesStrip(QScrollArea):
    """All stacks of the open study in the order of the regions."""

    chosen = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("strip")
        self.setFixedWidth(THUMB + 30)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.thumbs: dict[str, Thumb] = {}
        self._pictures: dict[str, QImage] = {}
        self._shown = ""
        desk.study_opened.connect(lambda _: self.refresh())
        desk.contents_changed.connect(self.refresh)
        desk.study_closed.connect(self.clear)

    def clear(self) -> None:
        """Empty the strip."""
        self.thumbs = {}
        self._pictures = {}
        self.setWidget(QWidget())

    def refresh(self) -> None:
        """Show the stacks of now; nothing is redrawn when they are the same."""
        contents = self.desk.contents
        if contents is None:
            return
        wanted = [s.id for s in contents.stacks]
        if wanted and sorted(self.thumbs) == sorted(wanted):
            return
        self.rebuild()

    def rebuild(self) -> None:
        """Draw the strip anew (also in a new language)."""
        contents = self.desk.contents
        if contents is None:
            return
        body = named(QWidget(), "stripBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 6, 4, 6)
        column.setSpacing(5)
        self.thumbs = {}
        for region in REGIONS:
            stacks = [s for s in contents.stacks if (s.region or "other") == region]
            if not stacks:
                continue
            column.addWidget(named(QLabel(f"{tr(region)}  {len(stacks)}"), "stripHead"))
            for stack in stacks:
                thumb = Thumb(stack)
                thumb.chosen.connect(self.chosen)
                thumb.mark(stack.id == self._shown)
                self.thumbs[stack.id] = thumb
                column.addWidget(thumb)
                self._draw(stack, thumb)
        column.addStretch(1)
        self.setWidget(body)

    def _draw(self, stack: Stack, thumb: Thumb) -> None:
        if stack.id in self._pictures:
            thumb.show_picture(self._pictures[stack.id])
            return
        middle = stack.grid.shape[0] // 2
        locate = self.desk.archive.blob_path

        def arrived(image: QImage) -> None:
            self._pictures[stack.id] = image
            current = self.thumbs.get(stack.id)
            if current is not None:
                current.show_picture(image)

        self.desk.jobs.read(
            lambda: thumbnail(read_frame(stack, 0, middle, locate), stack.photometric),
            arrived,
            lambda _: thumb.picture.setText("⚠"),
        )

    def mark_shown(self, stack_id: str) -> None:
        """Mark the stack of the active view."""
        self._shown = stack_id
        for key, thumb in self.thumbs.items():
            thumb.mark(key == stack_id)
