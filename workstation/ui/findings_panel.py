"""The findings panel: one row for each model and measure, findings first, A / E / X on a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from workstation.domain.compared import compared
from workstation.domain.errors import N_
from workstation.domain.finding import Finding, is_by_hand
from workstation.domain.first_read import FirstRead, after_ai
from workstation.domain.judge import JudgeRow, RowState
from workstation.domain.measurement import Refusal
from workstation.domain.received import RECEIVED
from workstation.domain.study import StudyState
from workstation.text import language, say, tr
from workstation.ui.alert_times import AlertTimes, clock
from workstation.ui.desk import Contents, Desk
from workstation.ui.finding_card import Card
from workstation.ui.judge_row import Row
from workstation.ui.named import named
from workstation.viewing.judge_rows import rows_of

HEADS = {
    RowState.FOUND: N_("Found"),
    RowState.UNCERTAIN: N_("Could not judge with confidence"),
    RowState.NOT_JUDGED: N_("Not judged, and why"),
    RowState.RUNNING: N_("Still being read"),
    RowState.WAITING: N_("Still being read"),
    RowState.NOT_FOUND: N_("Looked at, nothing proposed (not a normal result)"),
    RowState.NOT_APPLICABLE: N_("No series for it in this study"),
    RowState.NOT_INSTALLED: N_("Known, not installed here"),
}


def _head_of(row: JudgeRow) -> str:
    if row.findings and row.findings[0].origin is not None:
        return N_("Found by other systems")
    return HEADS[row.state]


def _beside(findings: Sequence[Finding], finding: Finding) -> str:
    """Which of two proposals for one number this is; empty where there is one."""
    pairs = compared(findings)
    names = {one.id: str(one.made_by) for one in findings}
    if finding.id in pairs:
        record = names[pairs[finding.id]]
        return tr("Comparison only; not in the report while {name} is not rejected", name=record)
    others = [names[id] for id, record in pairs.items() if record == finding.id]
    if others:
        return tr("Proposal of record, beside {name}", name=", ".join(others))
    return ""


class FindingsPanel(QScrollArea):
    """Emergencies, findings with their cards, then what could not be judged, and all the rest."""

    acted = Signal(str, object)  # finding id, Action
    row_opened = Signal(str, bool)  # judge id, and whether it was opened or closed
    lock_wanted = Signal()  # the reader has read without AI

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("findings")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cards: dict[str, Card] = {}
        self.rows: dict[str, Row] = {}
        self.lock: QPushButton | None = None
        self._opened: set[str] = set()  # rows whose evidence is shown
        # A click on a card must not delete the card under it: the list is drawn a moment later.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.rebuild)
        desk.study_opened.connect(lambda _: self._begin())
        desk.contents_changed.connect(self._soon.start)
        desk.study_closed.connect(self._begin)
        desk.finding_focused.connect(lambda _: self._soon.start())
        desk.judge_begun.connect(lambda _: self._soon.start())
        desk.ai_state.connect(lambda *_: self._soon.start())

    def is_open(self, judge_id: str) -> bool:
        """Whether what stands behind a row is shown."""
        return judge_id in self._opened

    def _begin(self) -> None:
        self._opened.clear()
        self._soon.start()

    def rebuild(self) -> None:
        """Draw the list from what the desk holds."""
        place = self.verticalScrollBar().value()
        body = named(QWidget(), "panelBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(6)
        self.cards, self.rows, self.lock = {}, {}, None
        contents = self.desk.contents
        if contents is not None:
            self._fill(column, contents)
        column.addStretch(1)
        self.setWidget(body)
        self.verticalScrollBar().setValue(place)

    def _fill(self, column: QVBoxLayout, contents: Contents) -> None:
        if contents.alerts:
            column.addWidget(AlertTimes(contents.alerts))
        if contents.hidden:
            self._hidden(column, contents)
            return
        if contents.first_read is not None:
            self._locked(column, contents, contents.first_read)
        rows = rows_of(
            contents.judges,
            contents.stacks,
            contents.findings,
            contents.measurements,
            contents.refusals,
            contents.outcomes,
            reading=self.desk.reading,
            running=self.desk.running,
        )
        by_hand = [one for one in contents.findings if is_by_hand(one)]
        if not contents.findings and not any(row.state is RowState.FOUND for row in rows):
            column.addWidget(self._words(tr("No findings. This does not mean normal.")))
        for head, group in groupby(rows, key=_head_of):
            if head != HEADS[RowState.FOUND]:
                self._people(column, contents, by_hand)
                by_hand = []
                self._head(column, tr(head))
            for row in group:
                self._row(column, contents, row)
        self._people(column, contents, by_hand)
        known = {row.judge.id for row in rows}
        others = [one for one in contents.refusals if one.what not in {*known, RECEIVED}]
        if others:
            self._head(column, tr("Series that nothing installed looks at"))
        for refusal in others:
            column.addWidget(self._refusal(refusal))
        not_taken = [one for one in contents.refusals if one.what == RECEIVED]
        if not_taken:
            self._head(column, tr("Objects of other systems: not taken, and why"))
        for refusal in not_taken:
            column.addWidget(self._refusal(refusal))

    def _hidden(self, column: QVBoxLayout, contents: Contents) -> None:
        """What stands here while AI waits for the first read: nothing that AI found."""
        words = tr("AI is hidden until you lock your first read.")
        column.addWidget(named(QLabel("◌ " + words, wordWrap=True), "panelHead"))
        more = tr("What you found and drew is kept as it is then; later changes are marked.")
        column.addWidget(self._words(more))
        self.lock = named(QPushButton(tr("Lock first read, show AI")), "accept")
        self.lock.clicked.connect(self.lock_wanted)
        column.addWidget(self.lock)
        column.addSpacing(6)
        self._people(column, contents, list(contents.findings))

    def _locked(self, column: QVBoxLayout, contents: Contents, read: FirstRead) -> None:
        """Who read before AI and when, and what he changed after it."""
        words = tr(
            "First read locked by {name}, {when}", name=read.reader_name, when=clock(read.at)
        )
        counts = Counter(one.kind for one in contents.after_ai)
        if counts:
            words += " · " + tr(
                "after AI: {findings} findings, {marks} marks",
                findings=counts["finding"],
                marks=counts["mark"],
            )
        column.addWidget(self._words(words))

    def _head(self, column: QVBoxLayout, words: str) -> None:
        column.addSpacing(6)
        column.addWidget(named(QLabel(words, wordWrap=True), "panelHead"))

    def _row(self, column: QVBoxLayout, contents: Contents, row: JudgeRow) -> None:
        shown = Row(row, contents.stacks, opened=row.judge.id in self._opened)
        shown.pressed.connect(self._toggle)
        self.rows[row.judge.id] = shown
        column.addWidget(shown)
        for finding in row.findings:
            self._card(column, contents, finding)

    def _people(self, column: QVBoxLayout, contents: Contents, findings: list[Finding]) -> None:
        if findings:
            self._head(column, tr("Added by readers"))
        for finding in findings:
            self._card(column, contents, finding)

    def _card(self, column: QVBoxLayout, contents: Contents, finding: Finding) -> None:
        focused = finding.id == self.desk.state.finding_id
        stack = contents.stack(finding.stack_id)
        card = Card(
            finding,
            focused,
            focused and self.desk.state.editing,
            contents.study.state is StudyState.SIGNED,
            after_ai=after_ai(contents.first_read, finding),
            beside=_beside(contents.findings, finding),
            measurements=contents.measurements,
            images=stack.acquisition.reconstruction if stack is not None else None,
        )
        card.pressed.connect(self.desk.focus_finding)
        card.acted.connect(self.acted)
        self.cards[finding.id] = card
        column.addWidget(card)

    def _toggle(self, judge_id: str) -> None:
        """Show or hide what stands behind a row; the views go to its first finding or series."""
        self._opened ^= {judge_id}
        row = self.rows[judge_id].row
        self.row_opened.emit(judge_id, judge_id in self._opened)
        if judge_id in self._opened:
            if row.findings:
                self.desk.focus_finding(row.findings[0].id)
            else:
                sources = [o.made_from for o in row.outcomes] + [r.made_from for r in row.refusals]
                stacks = [id for made_from in sources for id in made_from]
                if stacks:
                    self.desk.series_wanted.emit(stacks[0])
        self._soon.start()

    def _refusal(self, refusal: Refusal) -> QLabel:
        name = refusal.name.in_language(language())
        return self._words(f"⊘ {name}: {say(refusal.reason)}")

    def _words(self, words: str) -> QLabel:
        label = named(QLabel(words), "refusal")
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return label
