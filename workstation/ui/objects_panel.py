"""The objects of a study: a list, and below it what the chosen one holds."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.document import ObjectKind, StudyObject
from workstation.reading.held_back import HELD_BACK
from workstation.text import say, tr
from workstation.ui.named import named
from workstation.viewing.shown_objects import ShownObjects, ShownSegments

_UID, _NUMBER = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole
_DRAWN = {ObjectKind.SEGMENTATION, ObjectKind.CONTOURS, ObjectKind.PRESENTATION, ObjectKind.REPORT}
_SWATCH = 12


class ObjectsPanel(QWidget):
    """Lists objects; what a reader wants of one is told by signals."""

    listed = Signal(object)  # the objects that it shows
    opened = Signal(str)
    open_wanted = Signal(str)  # SOP instance UID
    read_wanted = Signal(str)  # show it over the active view
    take_wanted = Signal(str)  # take its marks or segments as ours
    segment_wanted = Signal(str, int)  # take this segment of it
    jump_wanted = Signal(str, int)  # object, segment number or image of the list
    link_clicked = Signal(str)

    def __init__(self, shown: ShownObjects, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("objectsPanel")
        self.shown = shown
        self.objects: Sequence[StudyObject] = ()
        self.current = ""
        self.held_back = False  # results of others wait for the first read
        self.list = named(QTreeWidget(), "objects")
        self.list.setColumnCount(2)
        self.list.setRootIsDecorated(False)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setStretchLastSection(False)
        self.list.itemClicked.connect(self._chosen)
        self.list.itemActivated.connect(self._chosen)
        self.list.itemChanged.connect(self._checked)
        self.nothing = named(QLabel(wordWrap=True), "dim")
        self.heading = named(QLabel(wordWrap=True), "strong")
        self.rows = named(QTreeWidget(), "segments")
        self.rows.setRootIsDecorated(False)
        self.rows.setColumnCount(3)
        self.rows.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.rows.header().setStretchLastSection(False)
        self.rows.itemChanged.connect(self._segment_checked)
        self.rows.itemClicked.connect(self._row_clicked)
        self.rows.itemActivated.connect(self._row_clicked)
        self.rows.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.rows.customContextMenuRequested.connect(self._row_menu)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._link)
        self.details = QStackedWidget()
        for page in (QWidget(), self.rows, self.text):
            self.details.addWidget(page)
        self.read = QPushButton()
        self.take = QPushButton()
        self.read.clicked.connect(lambda: self.read_wanted.emit(self.current))
        self.take.clicked.connect(lambda: self.take_wanted.emit(self.current))
        buttons = QHBoxLayout()
        buttons.addWidget(self.read)
        buttons.addWidget(self.take)
        buttons.addStretch(1)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.heading)
        column.addLayout(buttons)
        column.addWidget(self.details, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.list)
        split.addWidget(below)
        split.setSizes([180, 320])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(8, 8, 8, 8)
        whole.addWidget(self.nothing)
        whole.addWidget(split, 1)
        self.retranslate()

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self.list.setHeaderLabels([tr("Object"), tr("Made")])
        self.hold_back(self.held_back)
        self.read.setText(tr("Read in the view"))
        self.show_objects(self.objects)

    # --- the list

    def hold_back(self, held_back: bool) -> None:
        """Say whether results of other systems wait for the first read."""
        self.held_back = held_back
        words = tr("Reports, segmentations, key images and other objects of the study appear here.")
        self.nothing.setText("◌ " + tr(HELD_BACK) if held_back else words)
        self.nothing.setVisible(held_back or not self.objects)

    def show_objects(self, objects: Sequence[StudyObject]) -> None:
        """List the objects of the open study."""
        self.objects = objects
        self.listed.emit(objects)
        self.nothing.setVisible(self.held_back or not objects)
        self.list.blockSignals(True)
        self.list.clear()
        for one in objects:
            row = QTreeWidgetItem([f"{tr(one.kind.value)} · {one.title}", _day(one.made)])
            row.setData(0, _UID, one.sop_instance_uid)
            words = [tr(one.kind.value), one.title, one.sop_class]
            if one.why is not None:
                words.append(say(one.why))
                row.setForeground(0, QColor("#8b939d"))
            elif one.kind in _DRAWN:
                on = self.shown.is_on(one.sop_instance_uid)
                row.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            row.setToolTip(0, "\n".join(w for w in words if w))
            self.list.addTopLevelItem(row)
            if one.sop_instance_uid == self.current:
                self.list.setCurrentItem(row)
        self.list.resizeColumnToContents(1)
        self.list.blockSignals(False)
        if self.current not in {o.sop_instance_uid for o in objects}:
            self.show_nothing()

    def object(self, sop_instance_uid: str) -> StudyObject | None:
        """One of the listed objects."""
        return next((o for o in self.objects if o.sop_instance_uid == sop_instance_uid), None)

    def choose(self, sop_instance_uid: str) -> None:
        """Go to one of the listed objects, as a click on its line does."""
        for number in range(self.list.topLevelItemCount()):
            row = self.list.topLevelItem(number)
            if row is not None and row.data(0, _UID) == sop_instance_uid:
                self.list.setCurrentItem(row)
                self._chosen(row)

    def _chosen(self, row: QTreeWidgetItem) -> None:
        uid = str(row.data(0, _UID))
        if uid != self.current:
            self.current = uid
            self.open_wanted.emit(uid)
        self.opened.emit(uid)

    def _checked(self, row: QTreeWidgetItem, column: int) -> None:
        uid = str(row.data(0, _UID))
        on = row.checkState(0) is Qt.CheckState.Checked
        known = uid in self.shown.segments or uid in self.shown.states or uid in self.shown.lines
        if known:
            self.shown.switch(uid, on)
        elif on:
            self.current = uid
            self.open_wanted.emit(uid)

    def refresh_checks(self) -> None:
        """Boxes as the objects are drawn now."""
        self.list.blockSignals(True)
        for number in range(self.list.topLevelItemCount()):
            row = self.list.topLevelItem(number)
            one = self.object(str(row.data(0, _UID))) if row is not None else None
            if row is not None and one is not None and one.kind in _DRAWN and one.why is None:
                on = self.shown.is_on(one.sop_instance_uid)
                row.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.list.blockSignals(False)

    # --- what the chosen one holds

    def show_nothing(self) -> None:
        """Nothing is chosen."""
        self.current = ""
        self.heading.setText("")
        self.read.hide()
        self.take.hide()
        self.details.setCurrentIndex(0)

    def show_text(self, heading: str, page: str, *, read: bool, take: bool) -> None:
        """A report, a state, or a sentence why there is nothing."""
        self.heading.setText(heading)
        self.text.setHtml(page)
        self.read.setVisible(read)
        self.take.setText(tr("Take as my marks"))
        self.take.setVisible(take)
        self.details.setCurrentWidget(self.text)

    def show_segments(self, heading: str, shown: ShownSegments) -> None:
        """The segments of a segmentation or structure set."""
        self.heading.setText(heading)
        self.read.hide()
        self.take.setText(tr("Take as segments to edit"))
        self.take.setVisible(bool(shown.volumes_ml))
        self.rows.blockSignals(True)
        self.rows.clear()
        self.rows.setHeaderLabels([tr("Segment"), tr("Code"), tr("mL")])
        for segment in shown.about.segments:
            volume = shown.volumes_ml.get(segment.number)
            code = segment.type.meaning if segment.type is not None else segment.algorithm
            number = "–" if volume is None else f"{volume:.2f}" if volume < 10 else f"{volume:.1f}"
            row = QTreeWidgetItem([segment.label or str(segment.number), code, number])
            row.setTextAlignment(2, Qt.AlignmentFlag.AlignRight)
            row.setData(0, _NUMBER, segment.number)
            row.setIcon(0, _swatch(shown.colour(segment.number)))
            visible = segment.number not in shown.hidden
            row.setCheckState(0, Qt.CheckState.Checked if visible else Qt.CheckState.Unchecked)
            made = " ".join(w for w in (segment.algorithm_type, segment.algorithm) if w)
            row.setToolTip(0, "\n".join(w for w in (segment.label, code, made) if w))
            self.rows.addTopLevelItem(row)
        for column in (1, 2):
            self.rows.resizeColumnToContents(column)
        self.rows.setColumnWidth(1, min(self.rows.columnWidth(1), 130))
        self.rows.blockSignals(False)
        self.details.setCurrentWidget(self.rows)

    def show_images(self, heading: str, rows: Sequence[tuple[str, str]]) -> None:
        """Images of a selection: (what it is, where); a click jumps there."""
        self.heading.setText(heading)
        self.read.hide()
        self.take.hide()
        self.rows.blockSignals(True)
        self.rows.clear()
        self.rows.setHeaderLabels([tr("Image"), tr("Slice"), ""])
        for number, (what, where) in enumerate(rows):
            row = QTreeWidgetItem([what, where, ""])
            row.setData(0, _NUMBER, number)
            self.rows.addTopLevelItem(row)
        self.rows.blockSignals(False)
        self.details.setCurrentWidget(self.rows)

    def _segment_checked(self, row: QTreeWidgetItem, column: int) -> None:
        if self.current in self.shown.segments and column == 0:
            number = int(row.data(0, _NUMBER))
            visible = row.checkState(0) is Qt.CheckState.Checked
            self.shown.show_segment(self.current, number, visible)

    def _row_clicked(self, row: QTreeWidgetItem, column: int = 0) -> None:
        self.jump_wanted.emit(self.current, int(row.data(0, _NUMBER)))

    def _row_menu(self, place: QPoint) -> None:
        row = self.rows.itemAt(place)
        if row is None or self.current not in self.shown.segments:
            return
        uid, number = self.current, int(row.data(0, _NUMBER))
        menu = QMenu(self)
        taking = menu.addAction(tr("Take this segment to edit"))
        taking.triggered.connect(lambda: self.segment_wanted.emit(uid, number))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.rows.viewport().mapToGlobal(place))

    def _link(self, url: QUrl) -> None:
        self.link_clicked.emit(url.toString())


def _swatch(colour: tuple[int, int, int]) -> QIcon:
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(*colour))
    return QIcon(pixmap)


def _day(made: str) -> str:
    return f"{made[:4]}-{made[4:6]}-{made[6:8]}" if made[:8].isdigit() else made
