"""Sentences on several organs together: offered, taken over by the reader or left."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.documents.synthesis import Offer
from workstation.text import language, tr
from workstation.ui.named import named


class SynthesisRows(QWidget):
    """One row for each sentence that the accepted findings allow."""

    taken_over = Signal(str, bool)

    def __init__(
        self,
        offers: Sequence[Offer],
        said: Collection[str],
        nobody: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        if not offers:
            nothing = named(QLabel(tr("No sentence is offered for what was accepted.")), "dim")
            nothing.setWordWrap(True)
            column.addWidget(nothing)
        self.buttons: dict[str, QPushButton] = {}
        for offer in offers:
            taken = offer.rule.id in said
            row = QHBoxLayout()
            if not taken:  # what is said stands above, as the report will print it
                words = named(QLabel(tr("Offered: {text}", text=offer.text(language()))), "dim")
                words.setWordWrap(True)
                row.addWidget(words, 1)
            button = named(QPushButton(tr("Take out") if taken else tr("Take over")), "flat")
            button.setToolTip(f"{offer.rule.id} {offer.rule.version}")
            button.setAccessibleName(f"{button.text()}: {offer.text(language())}")
            button.setEnabled(not nobody)
            button.clicked.connect(
                lambda _=False, rule=offer.rule.id, taken=taken: self.taken_over.emit(
                    rule, not taken
                )
            )
            self.buttons[offer.rule.id] = button
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
            column.addLayout(row)
