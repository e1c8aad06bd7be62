"""One finding as a card: what, how much, by which model, and what a person said of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from workstation.documents.reconstruction_words import reconstruction_words
from workstation.domain.acquisition import Reconstruction
from workstation.domain.errors import N_
from workstation.domain.finding import Action, Finding, FindingState, shown_value
from workstation.domain.measurement import Measurement, format_value
from workstation.text import language, tr
from workstation.ui.named import named
from workstation.viewing.foreign_words import (
    caution_lines,
    cautions_of,
    made_lines,
    stated_lines,
)

EVIDENCE = {
    "none": N_("evidence: none"),
    "synthetic": N_("evidence: synthetic data"),
    "public": N_("evidence: public data"),
    "clinical": N_("evidence: clinical"),
    "unknown": N_("evidence: not stated by its maker"),
}
STATE_MARK = {
    FindingState.PROPOSED: "?",
    FindingState.ACCEPTED: "✓",
    FindingState.EDITED: "✎",
    FindingState.REJECTED: "✕",
    FindingState.ADDED: "+",
}


def _wrapped(words: str, name: str) -> QLabel:
    label = named(QLabel(words), name)
    label.setTextFormat(Qt.TextFormat.PlainText)  # others' words are no markup
    label.setWordWrap(True)
    return label


class Card(QFrame):
    """One finding: what, how much, by which model, and what a person said of it."""

    pressed = Signal(str)
    acted = Signal(str, object)

    def __init__(
        self,
        finding: Finding,
        focused: bool,
        editing: bool,
        signed: bool,
        *,
        after_ai: bool = False,
        beside: str = "",
        measurements: Sequence[Measurement] = (),
        images: Reconstruction | None = None,
    ) -> None:
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
            top.addWidget(named(QLabel(shown_value(finding)), "cardValue"))
        column.addLayout(top)
        site = finding.site.in_language(language())
        state = f"{STATE_MARK[finding.state]} {tr(finding.state.value)}"
        original = finding.original_value
        if finding.state is FindingState.EDITED and original is not None and not finding.origin:
            state += " " + tr("(model said {value})", value=format_value(original, finding.unit))
        if finding.urgent:
            site = " · ".join(p for p in ("‼ " + tr("STAT"), site) if p)
        if after_ai:
            site = " · ".join(p for p in (site, tr("after AI")) if p)
        column.addWidget(named(QLabel(" · ".join(p for p in (state, site) if p)), "cardLine"))
        if beside:
            column.addWidget(_wrapped(beside, "cardLine"))
        made = [str(finding.made_by)] if finding.origin is None else []
        if finding.evidence in EVIDENCE:
            made.append(tr(EVIDENCE[finding.evidence]))
        if finding.confidence is not None:
            sure = f"{finding.confidence:.2f}" if finding.confidence < 0.995 else "> 0.99"
            made.append(tr("confidence {p}", p=sure))
        if finding.value is not None and images is not None:
            made.append(reconstruction_words(images, language()))
        lines = [" · ".join(made)]
        if finding.origin is not None:
            by = made_lines(finding.origin)
            lines = [*stated_lines(finding, measurements), *(by + lines if focused else by[:1])]
        for words in lines:
            column.addWidget(_wrapped(words, "cardDim"))
        for words in cautions_of(finding) + caution_lines(finding):
            column.addWidget(_wrapped(words, "caution"))
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
            possible = action is not Action.EDIT or bool(finding.mask_id)
            done = action is Action.ACCEPT and finding.state is FindingState.ACCEPTED
            button.setEnabled(possible and not done)
            button.clicked.connect(lambda _=False, a=action: self.acted.emit(self.finding_id, a))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit(self.finding_id)
