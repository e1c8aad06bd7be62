"""The findings list: one card each, A / E / X on the focused one, refusals said below."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.errors import N_
from workstation.domain.finding import Action, Finding, FindingState
from workstation.domain.measurement import Refusal, format_value
from workstation.domain.study import StudyState
from workstation.text import language, say, tr
from workstation.ui.desk import Desk
from workstation.ui.named import named

EVIDENCE = {
    "none": N_("evidence: none"),
    "synthetic": N_("evidence: synthetic data"),
    "public": N_("evidence: public data"),
    "clinical": N_("evidence: clinical"),
}
STATE_MARK = {
    FindingState.PROPOSED: "?",
    FindingState.ACCEPTED: "✓",
    FindingState.EDITED: "✎",
    FindingState.REJECTED: "✕",
    FindingState.ADDED: "+",
}


class Card(QFrame):
    """One finding: what, how much, by which model, and what a person said of it."""

    pressed = Signal(str)
    acted = Signal(str, object)

    def __init__(self, finding: Finding, focused: bool, editing: bool, signed: bool) -> None:
        super().__init__()
        self.finding_id = finding.id
        self.setObjectName("card")
        self.setProperty("state", finding.state.value)
        self.setProperty("focused", focused)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 7, 10, 7)
        column.setSpacing(2)
        top = QHBoxLayout()
        title = named(QLabel(finding.label.in_language(language())), "cardTitle")
        title.setWordWrap(True)
        top.addWidget(title, 1)
        if finding.value is not None:
            top.addWidget(named(QLabel(format_value(finding.value, finding.unit)), "cardValue"))
        column.addLayout(top)
        site = finding.site.in_language(language())
        state = f"{STATE_MARK[finding.state]} {tr(finding.state.value)}"
        original = finding.original_value
        if finding.state is FindingState.EDITED and original is not None:
            state += " " + tr("(model said {value})", value=format_value(original, finding.unit))
        column.addWidget(named(QLabel(" · ".join(p for p in (state, site) if p)), "cardLine"))
        made = [str(finding.made_by)]
        if finding.evidence in EVIDENCE:
            made.append(tr(EVIDENCE[finding.evidence]))
        if finding.confidence is not None:
            sure = f"{finding.confidence:.2f}" if finding.confidence < 0.995 else "> 0.99"
            made.append(tr("confidence {p}", p=sure))
        line = named(QLabel(" · ".join(made)), "cardDim")
        line.setWordWrap(True)
        column.addWidget(line)
        if focused and not signed:
            column.addLayout(self._buttons(finding, editing))
        self.setAccessibleName(f"{title.text()} {state}")

    def _buttons(self, finding: Finding, editing: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        labels = (
            ("A", tr("Accept"), Action.ACCEPT, "accept"),
            ("↵", tr("Finish"), Action.EDIT, "edit")
            if editing
            else ("E", tr("Edit"), Action.EDIT, "edit"),
            ("X", tr("Reject"), Action.REJECT, "reject"),
        )
        for key, words, action, name in labels:
            button = named(QPushButton(f"{key}  {words}"), name)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the views
            button.setEnabled(action is not Action.EDIT or bool(finding.mask_id))
            button.clicked.connect(lambda _=False, a=action: self.acted.emit(self.finding_id, a))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit(self.finding_id)


class FindingsPanel(QScrollArea):
    """All findings of the study, then what could not be judged and why."""

    acted = Signal(str, object)  # finding id, Action

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("findings")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cards: dict[str, Card] = {}
        # A click on a card must not delete the card under it: the list is drawn a moment later.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.rebuild)
        desk.study_opened.connect(lambda _: self._soon.start())
        desk.contents_changed.connect(self._soon.start)
        desk.study_closed.connect(self._soon.start)
        desk.finding_focused.connect(lambda _: self._soon.start())

    def rebuild(self) -> None:
        """Draw the list from what the desk holds."""
        place = self.verticalScrollBar().value()
        body = named(QWidget(), "panelBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(6)
        self.cards = {}
        contents = self.desk.contents
        signed = contents is not None and contents.study.state is StudyState.SIGNED
        for finding in contents.findings if contents else ():
            focused = finding.id == self.desk.state.finding_id
            editing = focused and self.desk.state.editing
            card = Card(finding, focused, editing, signed)
            card.pressed.connect(self.desk.focus_finding)
            card.acted.connect(self.acted)
            self.cards[finding.id] = card
            column.addWidget(card)
        if contents is not None and not contents.findings:
            column.addWidget(self._words(tr("No findings. This does not mean normal.")))
        silent = [o for o in contents.outcomes if o.found == 0] if contents else []
        if silent:
            column.addSpacing(6)
            column.addWidget(
                named(QLabel(tr("Looked at, nothing proposed (not a normal result)")), "panelHead")
            )
            for outcome in silent:
                name = outcome.name.in_language(language())
                column.addWidget(self._words(f"– {name} · {outcome.made_by}"))
        if contents is not None and contents.refusals:
            column.addSpacing(6)
            column.addWidget(named(QLabel(tr("Not judged, and why")), "panelHead"))
            for refusal in contents.refusals:
                column.addWidget(self._refusal(refusal))
        column.addStretch(1)
        self.setWidget(body)
        self.verticalScrollBar().setValue(place)

    def _refusal(self, refusal: Refusal) -> QLabel:
        name = refusal.name.in_language(language())
        return self._words(f"⊘ {name}: {say(refusal.reason)}")

    def _words(self, words: str) -> QLabel:
        label = named(QLabel(words), "refusal")
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return label
