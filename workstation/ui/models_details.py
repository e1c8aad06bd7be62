"""What is known of one model: card, performance, facts, files and the last check, as tabs."""

from __future__ import annotations

import html
from typing import Any, Protocol, runtime_checkable

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextDocument, QTextFrame, QTextFrameFormat, QTextTable
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QHeaderView,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QTextBrowser,
    QWidget,
)

from workstation.ai.card import card_in, read_card
from workstation.ai.check import CheckReport
from workstation.ai.shelf import Entry
from workstation.ai.sums import SIGNATURE, SUMS, files_in, is_data, sha256_of
from workstation.domain.errors import N_, BadInput
from workstation.text import language, say, tr
from workstation.ui import theme
from workstation.ui.named import named
from workstation.viewing.model_words import facts, performance_rows

_MARKDOWN = QTextDocument.MarkdownFeature
CARD, PERFORMANCE, FACTS, FILES, CHECK = (
    N_("Card"), N_("Performance"), N_("Facts and limits"), N_("Files"), N_("Check"),
)  # fmt: skip


@runtime_checkable
class Section(Protocol):
    """A further tab that follows the chosen model."""

    def show_model(self, package_id: str) -> None:
        """Show what is known of this package."""


class CardView(QTextBrowser):
    """Words of a package: no picture, no link and no HTML of it is ever followed."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing: a card may not reach for files of this computer."""
        return None

    def show_card(self, text: str) -> None:
        """Markdown as a page; HTML in it is shown as letters."""
        self.document().setDefaultFont(theme.font())
        features = _MARKDOWN.MarkdownDialectGitHub.value | _MARKDOWN.MarkdownNoHTML.value
        self.document().setMarkdown(text, _MARKDOWN(features))
        self._dress(self.document().rootFrame())

    def _dress(self, frame: QTextFrame) -> None:
        for child in frame.childFrames():
            if isinstance(child, QTextTable):
                look = child.format()
                look.setBorder(1)
                look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                look.setBorderBrush(theme.palette().mid())
                look.setBorderCollapse(True)
                look.setCellPadding(theme.scaled(4))
                child.setFormat(look)
            self._dress(child)


def _table(name: str) -> QTableWidget:
    table = named(QTableWidget(), name)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    table.horizontalHeader().setDefaultAlignment(left)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.setWordWrap(True)
    return table


def _fill(table: QTableWidget, heads: list[str], rows: list[tuple[str, ...]], wide: int) -> None:
    table.clear()
    table.setColumnCount(len(heads))
    table.setRowCount(len(rows))
    table.setHorizontalHeaderLabels(heads)
    for y, row in enumerate(rows):
        for x, words in enumerate(row):
            item = QTableWidgetItem(words)
            item.setToolTip(words)
            table.setItem(y, x, item)
    head = table.horizontalHeader()
    for x in range(len(heads)):
        mode = QHeaderView.ResizeMode.Stretch if x == wide else QHeaderView.ResizeMode.Interactive
        head.setSectionResizeMode(x, mode)
        if x != wide:
            table.resizeColumnToContents(x)
            table.setColumnWidth(x, min(table.columnWidth(x) + 8, theme.scaled(260)))


def read_details(entry: Entry) -> tuple[str, list[tuple[str, int, str]]]:
    """(the card, (file, bytes, SHA-256) of each): reads the package's files, not for the GUI
    thread."""
    try:
        card = read_card(entry.folder, entry.id)
    except BadInput as error:
        card = say(error.message)
    names = [n for n in files_in(entry.folder) if is_data(n)] if entry.folder.is_dir() else []
    names += [n for n in (SUMS, SIGNATURE) if (entry.folder / n).is_file()]
    rows = []
    for name in names:
        path = entry.folder / name
        if not path.is_symlink():
            rows.append((name, path.stat().st_size, sha256_of(path)))
    return card, rows


class ModelDetails(QTabWidget):
    """The tabs of one model; ``add_section`` puts further ones after them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card = named(CardView(), "modelCard")
        self.performance = _table("modelPerformance")
        self.facts = named(CardView(), "modelFacts")
        self.files = _table("modelFiles")
        self.check = _table("modelCheck")
        self._titles: list[str] = []
        self.sections: list[Section] = []
        self._card_text = ""
        self._rows: list[tuple[str, int, str]] = []
        self.entry: Entry | None = None
        self.report: CheckReport | None = None
        for title, panel in (
            (CARD, self.card), (PERFORMANCE, self.performance), (FACTS, self.facts),
            (FILES, self.files), (CHECK, self.check),
        ):  # fmt: skip
            self._add(title, panel)

    def _add(self, title: str, panel: QWidget) -> None:
        self._titles.append(title)
        if not isinstance(panel, QAbstractScrollArea):
            area = named(QScrollArea(), "sideScroll")
            area.setWidgetResizable(True)
            area.setWidget(panel)
            panel = area
        self.addTab(panel, tr(title))

    def add_section(self, title: str, panel: QWidget) -> None:
        """A further tab; ``title`` is English, a catalogue key. A panel with ``show_model`` is
        told which model is chosen."""
        self._add(title, panel)
        if isinstance(panel, Section):
            self.sections.append(panel)
            if self.entry is not None:
                panel.show_model(self.entry.id)

    def show_entry(self, entry: Entry | None) -> None:
        """Show what needs no file; ``show_details`` brings the rest."""
        self.entry = entry
        self.report = None
        self._card_text, self._rows = "", []
        self.retranslate()
        if entry is not None:
            for section in self.sections:
                section.show_model(entry.id)

    def show_details(self, card: str, rows: list[tuple[str, int, str]]) -> None:
        """The card and the files, as ``read_details`` found them."""
        self._card_text, self._rows = card, rows
        self.retranslate()

    def show_report(self, report: CheckReport) -> None:
        """What a check found, in front."""
        self.report = report
        self.retranslate()
        self.setCurrentWidget(self.check)

    def retranslate(self) -> None:
        """Everything in the language of now."""
        for number, title in enumerate(self._titles):
            self.setTabText(number, tr(title))
        self.card.show_card(card_in(self._card_text, language()) or self._card_text)
        entry = self.entry
        said = entry.package.manifest if entry is not None and entry.package is not None else None
        rows = performance_rows(said) if said is not None else []
        _fill(
            self.performance,
            [tr("Metric"), tr("Value"), "n", tr("Data"), tr("Evidence"), tr("Note")],
            [(r.metric, r.value, r.n, r.dataset, r.evidence, r.note) for r in rows],
            3,
        )
        self.facts.setHtml(_facts_page(entry) if entry is not None else "")
        sizes = [(n, f"{size / 1000:,.1f} kB", digest) for n, size, digest in self._rows]
        _fill(self.files, [tr("File"), tr("Size"), "SHA-256"], [*sizes], 2)
        steps = self.report.steps if self.report is not None else []
        _fill(
            self.check,
            ["", tr("Step"), tr("Result")],
            [("✓" if step.ok else "✗", tr(step.name), say(step.said)) for step in steps],
            2,
        )


def _facts_page(entry: Entry) -> str:
    """Headings and plain text; every letter of the package is escaped."""
    rows = "".join(
        f'<tr><td style="color:{theme.DIM}; padding:4px 14px 4px 2px; white-space:nowrap">'
        f'{html.escape(head)}</td><td style="padding:4px">'
        f"{html.escape(text).replace(chr(10), '<br/>')}</td></tr>"
        for head, text in facts(entry)
    )
    return f"<table>{rows}</table>"
