"""The tab "Segments": the label list, numbers of the chosen one, tools and operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QBrush, QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.artefact import Wording
from workstation.domain.measurement import format_value
from workstation.domain.segment import KINDS, Segment, pattern_of
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.flow import Flow
from workstation.ui.named import named
from workstation.ui.segment_controls import OperationControls, ToolControls
from workstation.ui.segment_effects import SegmentEffects
from workstation.ui.slice_overlay import unit_sign
from workstation.viewing.segment_numbers import SegmentNumbers, segment_numbers

if TYPE_CHECKING:
    from workstation.ui.segment_desk import SegmentDesk

NUMBER, NAME, VOLUME, SHOWN, LOCKED = range(5)
CHIP = QSize(30, 18)
_PATTERN = {
    "plain": Qt.BrushStyle.SolidPattern,
    "stripes": Qt.BrushStyle.BDiagPattern,
    "dots": Qt.BrushStyle.Dense4Pattern,
}


def chip(segment: Segment) -> QIcon:
    """A segment's number on its colour and pattern."""
    picture = QPixmap(CHIP * 2)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    area = QRectF(1, 1, CHIP.width() * 2 - 2, CHIP.height() * 2 - 2)
    painter.setPen(QColor(segment.colour))
    painter.setBrush(QColor(segment.colour).darker(260))
    painter.drawRoundedRect(area, 6, 6)
    painter.setBrush(QBrush(QColor(segment.colour), _PATTERN[pattern_of(segment.number)]))
    painter.drawRoundedRect(area, 6, 6)
    painter.setFont(theme.font(15, bold=True))
    plain = pattern_of(segment.number) == "plain"
    if not plain:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.drawEllipse(area.center(), 16.0, 16.0)
    painter.setPen(QColor("#000000" if plain else "#ffffff"))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, str(segment.number))
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # its colour says which it is, chosen or not
    return icon


def origin_words(segment: Segment) -> str:
    """Whose segment it was before it was taken to be edited; empty where it was begun here."""
    origin = segment.origin
    if origin is None:
        return ""
    maker = origin.algorithm or origin.algorithm_type.lower()
    return tr("taken from {origin}", origin=" · ".join(w for w in (origin.words, maker) if w))


class SegmentPanel(QScrollArea):
    """Nothing is decided here: rows and buttons speak to the desk and its effects."""

    new_wanted = Signal()
    finding_wanted = Signal(str)
    export_wanted = Signal()

    def __init__(self, effects: SegmentEffects, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.effects = effects
        self.desk: SegmentDesk = effects.desk
        self.setObjectName("findings")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.numbers: SegmentNumbers | None = None
        body = named(QWidget(), "panelBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(6)
        column.addLayout(self._head())
        self.rows = QTreeWidget()
        self.rows.setRootIsDecorated(False)
        self.rows.setIconSize(CHIP)
        self.rows.setColumnCount(5)
        self.rows.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.rows.customContextMenuRequested.connect(self._menu)
        header = self.rows.header()
        header.setStretchLastSection(False)
        fitted = QHeaderView.ResizeMode.ResizeToContents
        for part in range(5):
            header.setSectionResizeMode(
                part,
                QHeaderView.ResizeMode.Stretch if part == NAME else fitted,
            )  # fmt: skip
        self.rows.itemChanged.connect(self._edited)
        self.rows.currentItemChanged.connect(lambda item, _: self._chosen(item))
        column.addWidget(self.rows)
        self.told = named(QLabel(), "dim")
        self.told.setWordWrap(True)
        column.addWidget(self.told)
        self.tools = ToolControls(effects)
        column.addWidget(self.tools)
        self.operations = OperationControls(effects)
        column.addWidget(self.operations)
        column.addLayout(self._foot())
        column.addStretch(1)
        # Fusion draws no box that can be seen on this dark ground.
        body.setStyleSheet(
            "QTreeView::indicator:unchecked, QCheckBox::indicator:unchecked"
            " { width: 12px; height: 12px; border: 1px solid #6b7580; border-radius: 2px; }"
        )
        self.setWidget(body)
        self._count = QTimer(self)  # numbers a moment after the last stroke
        self._count.setSingleShot(True)
        self._count.setInterval(200)
        self._count.timeout.connect(self._measure)
        self.desk.listed.connect(self.refresh)
        self.desk.painted.connect(self._painted)
        self.desk.busy_changed.connect(self._busy)
        self.desk.desk.jobs.progressed.connect(self._progress)
        self.retranslate()

    def _head(self) -> Flow:
        row = Flow(grows=True)
        self.kind = QComboBox()
        self.kind.setMaxVisibleItems(24)
        for _ in KINDS:
            self.kind.addItem("")
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        self.new = named(QPushButton(), "accept")
        self.new.clicked.connect(self.new_wanted)
        self.remove = QPushButton()
        self.remove.clicked.connect(lambda: self.desk.list.remove(self.desk.active_id))
        row.addWidget(self.kind)
        row.addWidget(self.new)
        row.addWidget(self.remove)
        return row

    def _foot(self) -> QVBoxLayout:
        column = QVBoxLayout()
        buttons = Flow(grows=True)
        self.undo, self.redo, self.finding, self.seg = (QPushButton() for _ in range(4))
        self.undo.clicked.connect(self.desk.undo)
        self.redo.clicked.connect(self.desk.redo)
        self.finding.clicked.connect(lambda: self.finding_wanted.emit(self.desk.active_id))
        self.seg.clicked.connect(self.export_wanted)
        for button in (self.undo, self.redo, self.finding, self.seg, self.new, self.remove):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the views
        for button in (self.undo, self.redo, self.finding, self.seg):
            buttons.addWidget(button)
        column.addLayout(buttons)
        row = QHBoxLayout()
        self.bar, self.stop = QProgressBar(), QPushButton()
        self.bar.setTextVisible(False)
        self.stop.clicked.connect(self.desk.stop)
        row.addWidget(self.bar, 1)
        row.addWidget(self.stop)
        column.addLayout(row)
        self._busy()
        return column

    # --- the list

    def refresh(self) -> None:
        """The list from what the desk holds."""
        blocked = QSignalBlocker(self.rows)
        segments = self.desk.list.segments
        while self.rows.topLevelItemCount() > len(segments):
            self.rows.takeTopLevelItem(self.rows.topLevelItemCount() - 1)
        while self.rows.topLevelItemCount() < len(segments):
            self.rows.addTopLevelItem(QTreeWidgetItem())
        for number, segment in enumerate(segments):
            item = self.rows.topLevelItem(number)
            assert item is not None
            self._fill(item, segment)
            if segment.id == self.desk.active_id:
                self.rows.setCurrentItem(item)
        if not self.desk.active_id:
            self.rows.clearSelection()
        del blocked
        shown = min(max(len(segments), 2), 6)  # rows beside the header; scrolls beyond six
        self.rows.setFixedHeight(theme.scaled(34 + 27 * shown))
        active = self.desk.active
        for button in (self.remove, self.finding):
            button.setEnabled(active is not None)
        self.seg.setEnabled(bool(segments))
        self.numbers = None
        self._tell()
        self._count.start()

    def _fill(self, item: QTreeWidgetItem, segment: Segment) -> None:
        item.setData(NUMBER, Qt.ItemDataRole.UserRole, segment.id)
        look = (segment.number, segment.colour)
        if item.data(NUMBER, Qt.ItemDataRole.UserRole + 1) != look:
            item.setIcon(NUMBER, chip(segment))
            item.setData(NUMBER, Qt.ItemDataRole.UserRole + 1, look)
        item.setText(NAME, segment.name.in_language(language()))
        code = segment.kind
        told = [f"{code.meaning} ({code.value}, {code.scheme})", origin_words(segment)]
        item.setToolTip(NAME, "\n".join(w for w in told if w))
        item.setText(VOLUME, format_value(self.desk.volume_ml(segment), "mL"))
        item.setTextAlignment(VOLUME, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        on, off = Qt.CheckState.Checked, Qt.CheckState.Unchecked
        item.setCheckState(SHOWN, on if segment.visible else off)
        item.setCheckState(LOCKED, on if segment.locked else off)
        flags = item.flags() | Qt.ItemFlag.ItemIsUserCheckable
        item.setFlags(flags | Qt.ItemFlag.ItemIsEditable)

    def _segment(self, item: QTreeWidgetItem | None) -> Segment | None:
        chosen = item.data(NUMBER, Qt.ItemDataRole.UserRole) if item is not None else ""
        sheet = self.desk.list.sheets.get(str(chosen))
        return sheet.segment if sheet is not None else None

    def _chosen(self, item: QTreeWidgetItem | None) -> None:
        segment = self._segment(item)
        if segment is not None:
            self.desk.activate(segment.id)

    def _edited(self, item: QTreeWidgetItem, column: int) -> None:
        segment = self._segment(item)
        if segment is None:
            return
        checked = item.checkState(column) is Qt.CheckState.Checked
        words = item.text(NAME).strip()
        if column == SHOWN and checked != segment.visible:
            self.desk.list.describe(segment.id, visible=checked)
        elif column == LOCKED and checked != segment.locked:
            self.desk.list.describe(segment.id, locked=checked)
        elif column == NAME and words and words != segment.name.in_language(language()):
            self.desk.list.describe(segment.id, name=Wording(words, words))
        else:
            QTimer.singleShot(0, self.refresh)  # what may not be edited stands as it was

    def _menu(self, place: QPoint) -> None:
        segment = self._segment(self.rows.itemAt(place))
        if segment is None:
            return
        menu = QMenu(self)
        kinds = menu.addMenu(tr("Kind"))
        for kind in KINDS:
            action = kinds.addAction(f"{kind.name.in_language(language())}  ({kind.kind.value})")
            action.triggered.connect(
                lambda _=False, k=kind: self.desk.list.describe(segment.id, kind=k)
            )
        remove = menu.addAction(tr("Remove"))
        remove.triggered.connect(lambda: self.desk.list.remove(segment.id))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.rows.viewport().mapToGlobal(place))

    def _kind_chosen(self, index: int) -> None:
        if 0 <= index < len(KINDS):
            self.desk.list.kind = KINDS[index]

    # --- numbers

    def _painted(self) -> None:
        active = self.desk.active
        for number in range(self.rows.topLevelItemCount()):
            item = self.rows.topLevelItem(number)
            segment = self._segment(item)
            if item is not None and active is not None and segment == active:
                blocked = QSignalBlocker(self.rows)
                item.setText(VOLUME, format_value(self.desk.volume_ml(active), "mL"))
                del blocked
        self.numbers = None
        self._tell()
        self._count.start()

    def _measure(self) -> None:
        active, painting = self.desk.active, self.desk.painting
        if active is None or painting is None or self.desk.job or painting.painting:
            return
        image, count = self.desk.image_of(active), painting.count

        def measured(numbers: SegmentNumbers) -> None:
            now = self.desk.painting
            if now is painting and numbers.voxels == painting.count:
                self.numbers = numbers
                self._tell()
            elif now is painting:
                self._count.start()

        if count:
            self.desk.desk.jobs.read(lambda: segment_numbers(painting.block(), image), measured)

    def _tell(self) -> None:
        active = self.desk.active
        if active is None:
            self.told.setText(tr("Choose a tool and paint: a segment is made for you."))
            return
        parts = [format_value(self.desk.volume_ml(active), "mL")]
        stack, numbers = self.desk.stack_of(active), self.numbers
        if stack is not None and numbers is not None and numbers.mean is not None:
            sign = unit_sign(stack.unit)
            parts += [
                tr("{n} voxels", n=f"{numbers.voxels:,}"),
                tr("mean {mean} {unit}", mean=f"{numbers.mean:.4g}", unit=sign).strip(),
                tr("SD {sd}", sd=f"{numbers.sd:.4g}"),
                f"{numbers.low:.4g} … {numbers.high:.4g}",
            ]
        if active.origin is not None:
            parts.append(origin_words(active))
        if active.finding_id:
            parts.append(tr("is a finding"))
        self.told.setText(" · ".join(parts))
        # A column with too little room would press wrapped words together before it scrolls.
        self.told.setMinimumHeight(self.told.heightForWidth(self.told.width()))

    # --- long work

    def _busy(self) -> None:
        busy = bool(self.desk.job)
        self.bar.setVisible(busy)
        self.stop.setVisible(busy)
        if busy:
            self.bar.setValue(0)
        else:
            self._count_later()

    def _count_later(self) -> None:
        count = getattr(self, "_count", None)
        if count is not None:
            count.start()

    def _progress(self, job: str, fraction: float, _: str) -> None:
        if job == self.desk.job:
            self.bar.setValue(round(fraction * 100))

    def retranslate(self) -> None:
        """Every text in the language of now."""
        for number, kind in enumerate(KINDS):
            self.kind.setItemText(number, kind.name.in_language(language()))
        self.kind.setToolTip(tr("Kind of the next segment (SNOMED CT)"))
        self.new.setText("+ " + tr("New segment"))
        self.remove.setText(tr("Remove"))
        self.rows.setHeaderLabels(["#", tr("Label"), tr("Volume"), tr("Shown"), tr("Locked")])
        self.undo.setText(tr("Undo"))
        self.redo.setText(tr("Redo"))
        self.finding.setText(tr("Make finding"))
        self.seg.setText(tr("Export SEG ..."))
        self.stop.setText(tr("Stop"))
        self.tools.retranslate()
        self.operations.retranslate()
        self.refresh()
