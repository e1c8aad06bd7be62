"""The draft under the findings: text from findings is marked, the reader's own words around it."""

from __future__ import annotations

import html
from collections import Counter

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.finding import REPORTED, FindingState
from workstation.domain.report import Section
from workstation.domain.study import StudyState
from workstation.text import say, tr
from workstation.ui.desk import Contents, Desk
from workstation.ui.named import named
from workstation.ui.synthesis_rows import SynthesisRows

MOST_REASONS = 4  # the draft stays readable; the tool tip of the button lists them all


class FreeTextBox(QPlainTextEdit):
    """The reader's own words for one section, saved while typing."""

    written = Signal(str, str)  # section key, text

    def __init__(self, section: str, words: str) -> None:
        super().__init__(words)
        self.section = section
        self.setObjectName("freeText")
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(1)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setPlaceholderText(tr("Your own words …"))
        self._saved = words
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self.save)
        self.textChanged.connect(self._changed)
        self._fit()

    def _changed(self) -> None:
        self._fit()
        self._timer.start()

    def _fit(self) -> None:
        # Wrapped lines count too: what the reader wrote is never hidden behind an edge.
        lines = max(1, round(self.document().size().height()))
        margins = 2 * round(self.document().documentMargin()) + 2 * self.frameWidth() + 2
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + margins)

    def save(self) -> None:
        """Hand over what was typed since the last time."""
        self._timer.stop()
        words = self.toPlainText()
        if words != self._saved:
            self._saved = words
            self.written.emit(self.section, words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.save()
        super().focusOutEvent(event)


class _Low(QScrollArea):
    """A label as high as its words need, but no more than a third of the panel: then it scrolls."""

    def __init__(self, label: QLabel) -> None:
        super().__init__()
        self.setObjectName("reportScroll")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # arrows scroll it
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(label)
        self._label = label

    def fit(self) -> None:
        """After other words or another width."""
        panel = self.parentWidget()
        most = panel.height() // 3 if panel is not None else 0
        self.setVisible(bool(self._label.text()))
        needed = self._label.heightForWidth(self.viewport().width())
        self.setFixedHeight(max(min(needed, most), 0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()


class ReportPanel(QFrame):
    """Draft, what stands in the way of signing, and the button that signs."""

    sign_wanted = Signal()
    written = Signal(str, str)
    taken_over = Signal(str, bool)  # a rule: say its sentence, or take it out
    finding_clicked = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("report")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        self.head = named(QLabel(), "panelHead")
        self.head.setWordWrap(True)
        column.addWidget(self.head)
        self.area = named(QScrollArea(), "reportScroll")
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self.area, 1)
        self.obstacles = named(QLabel(), "obstacles")
        self.obstacles.setWordWrap(True)
        self.reasons = _Low(self.obstacles)
        column.addWidget(self.reasons)
        row = QHBoxLayout()
        row.addStretch(1)
        self.sign = named(QPushButton(), "sign")
        self.sign.clicked.connect(self.sign_wanted)
        row.addWidget(self.sign)
        column.addLayout(row)
        self.boxes: dict[str, FreeTextBox] = {}
        desk.study_opened.connect(lambda _: self.refresh())
        desk.contents_changed.connect(self.refresh)
        desk.study_closed.connect(self.refresh)
        desk.user_changed.connect(self.refresh)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A third of another height."""
        super().resizeEvent(event)
        self.reasons.fit()

    def save_texts(self) -> None:
        """Hand over what is still being typed."""
        for box in self.boxes.values():
            box.save()

    def refresh(self) -> None:
        """Show the draft of now; a box that is being typed in is left alone."""
        contents = self.desk.contents
        self.setVisible(contents is not None)
        if contents is None:
            self.boxes = {}
            self.area.setWidget(QWidget())
            return
        reported = sum(f.state in REPORTED for f in contents.findings)
        waiting = sum(f.state is FindingState.PROPOSED for f in contents.findings)
        title = contents.draft.title if contents.draft else tr("No draft yet")
        signed = contents.study.state is StudyState.SIGNED
        if signed:
            last = contents.reports[-1]
            state = tr("signed by {name}", name=last.signer_name)
        else:
            state = tr("{accepted} accepted · {open} to decide", accepted=reported, open=waiting)
        what = tr("Report") if signed else tr("Report draft")
        self.head.setText(f"{what} · {title}　{state}")
        if not any(box.hasFocus() for box in self.boxes.values()):
            self._fill(contents, signed)
        self._bar(contents, signed)

    def _fill(self, contents: Contents, signed: bool) -> None:
        place = self.area.verticalScrollBar().value()
        body = named(QWidget(), "panelBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(3)
        self.boxes = {}
        for section in contents.draft.sections if contents.draft else ():
            column.addWidget(named(QLabel(section.title), "reportSection"))
            if section.sentences:
                column.addWidget(self._sentences(section))
            if section.key == "synthesis" and not signed:
                nobody = self.desk.user is None
                rows = SynthesisRows(contents.offers, contents.agreed, contents.lapsed, nobody)
                rows.taken_over.connect(self.taken_over)
                column.addWidget(rows)
            box = FreeTextBox(section.key, section.free_text)
            box.setReadOnly(signed or self.desk.user is None)
            box.written.connect(self.written)
            if signed and not section.free_text:
                box.hide()  # nothing can be written here any more
            self.boxes[section.key] = box
            column.addWidget(box)
        column.addStretch(1)
        self.area.setWidget(body)
        self.area.verticalScrollBar().setValue(place)

    def _sentences(self, section: Section) -> QLabel:
        parts = []
        for sentence in section.sentences:
            words = html.escape(sentence.text).replace("\n", "<br>")
            if sentence.finding_ids:
                link = sentence.finding_ids[0]
                style = "color:#d5d9de;text-decoration:underline"
                words = f'<a href="{link}" style="{style}">{words}</a>'
            parts.append(words)
        label = named(QLabel("<br>".join(parts)), "reportText")
        label.setTextFormat(Qt.TextFormat.RichText)
        label.setWordWrap(True)
        label.setOpenExternalLinks(False)
        label.linkActivated.connect(self.finding_clicked)
        return label

    def _bar(self, contents: Contents, signed: bool) -> None:
        reasons = [say(o.why) for o in contents.obstacles]
        if self.desk.user is None:
            reasons.insert(0, tr("Nobody is signed in."))
        counted = Counter(reasons)
        lines = [f"• {r}" + (f"　×{n}" if n > 1 else "") for r, n in counted.items()]
        if len(lines) > MOST_REASONS:
            lines[MOST_REASONS - 1 :] = ["• " + tr("and {n} more", n=len(lines) - MOST_REASONS + 1)]
        self.obstacles.setText("" if signed else "\n".join(lines))
        self.reasons.fit()
        self.sign.setText((tr("Addendum …") if signed else tr("Sign")) + "  Ctrl+Enter")
        blocked = bool(contents.obstacles) and not signed
        self.sign.setEnabled(not blocked)
        self.sign.setToolTip("\n".join(reasons))
