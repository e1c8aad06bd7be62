"""The list of key images: what was seen, why, and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.mark import KEY_TITLES, KeyImage
from workstation.text import tr
from workstation.ui.named import named

if TYPE_CHECKING:
    from workstation.ui.key_images import KeyImages

_ICON = QSize(84, 84)


def _why(image: KeyImage) -> str:
    title = tr(KEY_TITLES[image.title]) if image.title in KEY_TITLES else ""
    return " · ".join(part for part in (title, image.words) if part)


class KeyImagesTab(QWidget):
    """A row for each key image; a click shows it again."""

    def __init__(self, model: KeyImages) -> None:
        super().__init__()
        self.model = model
        self._icons: dict[str, QIcon] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        self.empty = QLabel()
        self.empty.setProperty("tone", "dim")
        self.empty.setWordWrap(True)
        column.addWidget(self.empty)
        self.list = named(QListWidget(), "key_images")
        self.list.setIconSize(_ICON)
        self.list.setWordWrap(True)
        self.list.itemClicked.connect(self._clicked)
        self.list.currentRowChanged.connect(lambda _: self._chosen())
        column.addWidget(self.list, 1)
        self.title = named(QComboBox(), "key_image_title")
        self.title.activated.connect(lambda _: self._described())
        column.addWidget(self.title)
        row = QHBoxLayout()
        self.words = named(QLineEdit(), "key_image_words")
        self.words.setMaxLength(200)
        self.words.editingFinished.connect(self._described)
        self.remove = named(QPushButton(), "key_image_remove")
        self.remove.clicked.connect(self._remove)
        row.addWidget(self.words, 1)
        row.addWidget(self.remove)
        column.addLayout(row)
        model.changed.connect(self.refresh)
        self.retranslate()

    def retranslate(self) -> None:
        """Words in the language of now."""
        self.empty.setText(tr("No key images yet. K puts the image of the active view aside for "
                              "the report."))  # fmt: skip
        self.words.setPlaceholderText(tr("Why it was put aside"))
        self.remove.setText(tr("Remove"))
        self.title.clear()
        for code, meaning in KEY_TITLES.items():
            self.title.addItem(tr(meaning), code)
        self.refresh()

    def refresh(self) -> None:
        """Show what is stored; the chosen row stays chosen."""
        chosen = self.image
        self.list.blockSignals(True)
        self.list.clear()
        for number, image in enumerate(self.model.images, start=1):
            item = QListWidgetItem(self._icon(image), f"{number}. {image.caption}\n{_why(image)}")
            item.setData(Qt.ItemDataRole.UserRole, image.id)
            self.list.addItem(item)
            if chosen is not None and image.id == chosen.id:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        there = bool(self.model.images)
        self.empty.setVisible(not there)
        for part in (self.list, self.title, self.words, self.remove):
            part.setVisible(there)
        self._chosen()

    @property
    def image(self) -> KeyImage | None:
        """The chosen key image."""
        item = self.list.currentItem()
        if item is None:
            return None
        id = item.data(Qt.ItemDataRole.UserRole)
        return next((image for image in self.model.images if image.id == id), None)

    def _icon(self, image: KeyImage) -> QIcon:
        png = self.model.pictures.get(image.picture_sha256)
        if png is None:
            return QIcon()
        if image.picture_sha256 not in self._icons:
            ratio = self.devicePixelRatioF()
            picture = QImage.fromData(png).scaled(
                _ICON * ratio,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self._icons[image.picture_sha256] = QIcon(QPixmap.fromImage(picture))
        return self._icons[image.picture_sha256]

    def _chosen(self) -> None:
        image = self.image
        self.words.setEnabled(image is not None)
        self.remove.setEnabled(image is not None)
        self.title.setEnabled(image is not None)
        self.title.setCurrentIndex(self.title.findData(image.title if image else "113000"))
        if not self.words.hasFocus():
            self.words.setText(image.words if image is not None else "")

    def _clicked(self, item: QListWidgetItem) -> None:
        image = self.image
        if image is not None:
            self.model.jump(image)

    def _described(self) -> None:
        image = self.image
        if image is not None:
            self.model.describe(image, self.words.text(), str(self.title.currentData()))

    def _remove(self) -> None:
        image = self.image
        if image is not None:
            self.model.remove(image)
