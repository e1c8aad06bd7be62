"""The tab of earlier studies: when, what, what was reported; a click puts one beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.reading.priors import Prior
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.compare_words import day_of, time_between
from workstation.ui.flow import Flow
from workstation.ui.named import named

if TYPE_CHECKING:
    from workstation.ui.compare_area import CompareArea


class PriorsPanel(QWidget):
    """A list of earlier studies, the impression of the chosen one, and the buttons to compare."""

    def __init__(self, area: CompareArea, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = area
        self._shown: list[str] = []
        self.empty = named(QLabel(), "dim")
        self.empty.setWordWrap(True)
        self.list = named(QListWidget(), "priors")
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._chosen)
        self.list.itemClicked.connect(self._compare)
        self.list.itemActivated.connect(self._compare)
        self.head = named(QLabel(), "panelHead")
        self.head.setWordWrap(True)
        self.impression = named(QPlainTextEdit(), "priorImpression")
        self.impression.setReadOnly(True)
        self.together, self.register, self.accept, self.undo = (QPushButton() for _ in range(4))
        for button, command in (
            (self.together, "compare"), (self.register, "align"),
            (self.accept, "align_accept"), (self.undo, "align_undo"),
        ):  # fmt: skip
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=command: area.window.commands.run(name))
        rows = Flow(grows=True)
        for button in (self.together, self.register, self.accept, self.undo):
            rows.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.empty)
        column.addWidget(self.list, 2)
        column.addWidget(self.head)
        column.addWidget(self.impression, 2)
        column.addLayout(rows)
        self.refresh()

    def refresh(self) -> None:
        """Show the earlier studies of now, in the language of now."""
        area = self.area
        priors = area.priors
        row = self.list.currentRow()
        lines = [self._line(prior) for prior in priors]
        if lines != self._shown:
            self._shown = lines
            self.list.blockSignals(True)
            self.list.clear()
            for prior, line in zip(priors, lines, strict=True):
                item = QListWidgetItem(line)
                item.setData(Qt.ItemDataRole.UserRole, prior.study.study_uid)
                self.list.addItem(item)
            self.list.setCurrentRow(row if 0 <= row < len(lines) else 0)
            self.list.blockSignals(False)
        self.empty.setText(tr("There is no earlier study of this patient here."))
        self.empty.setVisible(not priors)
        for widget in (self.list, self.head, self.impression):
            widget.setVisible(bool(priors))
        self.list.setAccessibleName(tr("Earlier studies"))
        self._buttons()
        self._chosen(self.list.currentRow())

    def _buttons(self) -> None:
        area = self.area
        key = area.window.commands.key_of
        comparing = bool(area.compared)
        busy = area.alignments.busy
        state = area.linked_state()
        for button, words, command, on in (
            (self.together, tr("End comparison") if comparing else tr("Compare with the latest"),
             "compare", comparing or bool(area.priors)),
            (self.register, tr("Stop registering") if busy else tr("Register"), "align",
             busy or state in ("apart", "aligned", "accepted")),
            (self.accept, tr("Accept registration"), "align_accept", state == "aligned"),
            (self.undo, tr("Take alignment back"), "align_undo", state in ("aligned", "accepted",
                                                                           "by hand")),
        ):  # fmt: skip
            shortcut = key(command)
            button.setText(f"{words}  [{shortcut}]" if shortcut else words)
            button.setEnabled(on)

    def _line(self, prior: Prior) -> str:
        contents = self.area.desk.contents
        study = prior.study
        gap = time_between(contents.study, study) if contents is not None else ""
        first = "　".join(
            part for part in (
                day_of(study), "/".join(study.modalities), study.description,
                tr("{gap} earlier", gap=gap) if gap else "",
            ) if part
        )  # fmt: skip
        second = [tr("signed report") if prior.reports else tr("no signed report")]
        if study.study_uid == self.area.compared:
            second.insert(0, "▶ " + tr("beside this study"))
        second += ["⚠ " + tr("patient uncertain") + f": {say(doubt)}" for doubt in prior.doubts]
        mixed = ["⚠ " + say(message) for message in prior.mixed]
        return "\n".join([first, "　".join(second), *mixed])

    def _chosen(self, row: int) -> None:
        priors = self.area.priors
        if not 0 <= row < len(priors):
            self.head.setText("")
            self.impression.setPlainText("")
            return
        prior = priors[row]
        if prior.reports:
            report = prior.reports[-1]
            self.head.setText(tr("Impression, signed by {name}", name=report.signer_name))
            self.impression.setPlainText(prior.impression)
        else:
            self.head.setText(tr("No signed report of this study here."))
            self.impression.setPlainText("")
        self.impression.setVisible(bool(prior.reports))
        theme_colour = theme.TEXT if prior.sure else theme.PROPOSED
        self.head.setStyleSheet(f"color: {theme_colour};")

    def _compare(self, item: QListWidgetItem) -> None:
        self.area.compare(str(item.data(Qt.ItemDataRole.UserRole)))
