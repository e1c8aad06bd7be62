"""Sentences on several organs together: offered, taken over by the reader or left."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.documents.synthesis import Agreed, Offer, Rule, is_agreed
from workstation.text import language, tr
from workstation.ui.named import named


class SynthesisRows(QWidget):
    """One row for each sentence that the accepted findings allow, and for each that was taken over
    and is no longer said."""

    taken_over = Signal(str, bool)

    def __init__(
        self,
        offers: Sequence[Offer],
        agreed: Agreed,
        lapsed: Sequence[Rule],
        nobody: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        if not offers and not lapsed:
            nothing = named(QLabel(tr("No sentence is offered for what was accepted.")), "dim")
            nothing.setWordWrap(True)
            column.addWidget(nothing)
        self.buttons: dict[str, QPushButton] = {}
        self.gone: dict[str, QPushButton] = {}
        for rule in lapsed:
            said = rule.outline(language())
            words = tr("No longer said, for what it rests on was changed: {text}", text=said)
            self.gone[rule.id] = self._row(rule, f"⚠ {words}", said, nobody, say=False)
        for offer in offers:
            # What is said stands above, as the report will print it.
            taken, said = is_agreed(offer, agreed), offer.text(language())
            words = "" if taken else tr("Offered: {text}", text=said)
            button = self._row(offer.rule, words, said, nobody, say=not taken)
            self.buttons[offer.rule.id] = button

    def _row(self, rule: Rule, words: str, said: str, nobody: bool, *, say: bool) -> QPushButton:
        """A sentence that does not stand above, and the button that says it or takes it out."""
        row = QHBoxLayout()
        if words:
            label = named(QLabel(words), "dim")
            label.setWordWrap(True)
            row.addWidget(label, 1)
        button = named(QPushButton(tr("Take over") if say else tr("Take out")), "flat")
        button.setToolTip(f"{rule.id} {rule.version}")
        button.setAccessibleName(f"{button.text()}: {said}")
        button.setEnabled(not nobody)
        button.clicked.connect(lambda: self.taken_over.emit(rule.id, say))
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        self._column.addLayout(row)
        return button
