"""One row of the findings panel: a model or measure and what came of it; opened, its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from workstation.domain.errors import N_
from workstation.domain.judge import JudgeRow, RowState
from workstation.domain.measurement import Refusal, format_value
from workstation.domain.volume import Stack
from workstation.text import language, say, tr
from workstation.ui.finding_card import EVIDENCE
from workstation.ui.named import named
from workstation.viewing.foreign_words import cautions_of

SIGNS = {
    RowState.FOUND: "●",
    RowState.UNCERTAIN: "⚠",
    RowState.NOT_JUDGED: "⊘",
    RowState.RUNNING: "⟳",
    RowState.WAITING: "◔",
    RowState.NOT_FOUND: "–",
    RowState.NOT_APPLICABLE: "·",
    RowState.NOT_INSTALLED: "▫",
}
WORDS = {
    RowState.UNCERTAIN: N_("could not judge with confidence"),
    RowState.RUNNING: N_("running …"),
    RowState.WAITING: N_("waiting"),
    RowState.NOT_FOUND: N_("nothing proposed"),
    RowState.NOT_APPLICABLE: N_("not for this study"),
    RowState.NOT_INSTALLED: N_("not installed"),
}

FEWER_DIGITS = N_(
    "Computed with fewer digits ({precision}): on this computer the labels of the model's own "
    "example came out as in float32."
)


class Row(QFrame):
    """Name and state in one line; a click opens what stands behind it."""

    pressed = Signal(str)  # judge id

    def __init__(self, row: JudgeRow, stacks: Sequence[Stack], *, opened: bool) -> None:
        super().__init__()
        self.row = row
        self._stacks = {stack.id: stack for stack in stacks}
        self.setObjectName("judgeRow")
        self.setProperty("state", row.state.name.lower())
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(1)
        top = QHBoxLayout()
        self.name = row.judge.name.in_language(language())
        self.state = self._state()
        if row.state is RowState.NOT_JUDGED:
            # Reasons are never hidden behind a click.
            for words in self._reasons() or [tr("It cannot be used here.")]:
                column.addWidget(self._line(f"⊘ {self.name}: {words}", "refusal"))
        else:
            name = f"{SIGNS[row.state]} {self.name}"
            top.addWidget(self._line(name, "rowName"), 1)
            state = named(QLabel(self.state), "rowState")
            top.addWidget(state, 0, Qt.AlignmentFlag.AlignTop)
            column.addLayout(top)
        for outcome in row.outcomes if row.state is RowState.UNCERTAIN else ():
            for words in cautions_of(outcome):
                column.addWidget(self._line(words, "caution"))
        for words in self._behind() if opened else ():
            column.addWidget(self._line(words, "cardDim"))
        self.setAccessibleName(f"{self.name}: {self.state}")
        self.setToolTip("" if opened else tr("Click: what stands behind this row"))

    def _line(self, words: str, name: str) -> QLabel:
        label = named(QLabel(words), name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return label

    def _state(self) -> str:
        row = self.row
        if row.state is RowState.NOT_JUDGED:
            return tr("could not judge")
        if row.state is not RowState.FOUND:
            return tr(WORDS[row.state])
        count = len(row.findings) or len(row.measurements)
        words = tr("{n} found", n=count) if row.findings else tr("{n} numbers", n=count)
        refused = self._refused_series()
        shown = format_value(*row.number) if row.number is not None else ""
        return " · ".join(part for part in (words, shown, refused) if part)

    def _refused_series(self) -> str:
        """Which series it would have looked at and could not judge."""
        numbers = {n for refusal in self.row.refusals for n in self._numbers(refusal)}
        if not numbers:
            return tr("not every series") if self.row.refusals else ""
        listed = ", ".join(str(number) for number in sorted(numbers))
        return tr("series {numbers}: could not judge", numbers=listed)

    def _numbers(self, refusal: Refusal) -> list[int]:
        there = (self._stacks.get(id) for id in refusal.made_from)
        return sorted({stack.series_number for stack in there if stack is not None})

    def _reasons(self) -> list[str]:
        """Why not, each with the series that it is about, where it does not name it itself."""
        if not self.row.refusals and self.row.judge.broken is not None:
            return [say(self.row.judge.broken)]
        series: dict[str, set[int]] = {}
        for refusal in self.row.refusals:
            own = "number" in refusal.reason.params
            about = series.setdefault(say(refusal.reason), set())
            about |= set() if own else set(self._numbers(refusal))
        return [
            tr("Series {numbers}: {why}", numbers=", ".join(map(str, sorted(about))), why=words)
            if about and len(self._stacks) > 1
            else words
            for words, about in series.items()
        ]

    def _behind(self) -> list[str]:
        """Evidence: version, series, how it was computed, numbers, why not, what it is for."""
        row, judge = self.row, self.row.judge
        lines = [str(judge.made_by).strip()]
        if judge.evidence in EVIDENCE:
            lines[0] += " · " + tr(EVIDENCE[judge.evidence])
        if judge.stat:
            lines[0] += " · ‼ " + tr("looks for emergencies: runs first")
        for outcome in row.outcomes:
            lines.append(self._looked(outcome.stack_id, outcome.found))
            if outcome.provider:
                how = (outcome.provider.removesuffix("ExecutionProvider"), outcome.precision)
                took = tr("{s} s", s=f"{outcome.seconds:.1f}")
                memory = tr("{mb} MB at most", mb=f"{outcome.peak_mb:.0f}")
                lines.append(" · ".join(p for p in (*how, took, memory) if p))
                if outcome.precision not in ("", "float32"):
                    lines.append(tr(FEWER_DIGITS, precision=outcome.precision))
            if row.state is not RowState.UNCERTAIN:
                lines += cautions_of(outcome)
        for measurement in row.measurements:
            value = format_value(measurement.value, measurement.unit)
            lines.append(f"{measurement.name.in_language(language())} {value}")
        if row.state is not RowState.NOT_JUDGED:
            lines += ["⊘ " + words for words in self._reasons()]
        if row.state is RowState.NOT_APPLICABLE and not row.refusals:
            lines.append(self._not_for_this())
        if judge.use is not None and row.state is not RowState.FOUND:
            lines.append(judge.use.in_language(language()))
        return lines

    def _looked(self, stack_id: str, found: int) -> str:
        stack = self._stacks.get(stack_id)
        if stack is None:
            return tr("on a series that was put together anew since")
        name = stack.description or stack.role or stack.modality
        return tr("looked at series {number}, {name}: {n} proposed",
                  number=stack.series_number, name=name, n=found)  # fmt: skip

    def _not_for_this(self) -> str:
        judge = self.row.judge
        if judge.needs_mask:
            return tr("There is no finding that it measures.")
        return tr("No suitable series: the study has no {wanted} series.",
                  wanted=" / ".join(tr(role) for role in judge.roles))  # fmt: skip

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit(self.row.judge.id)
