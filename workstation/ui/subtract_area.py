"""Subtraction in the reading room: the reader says from what, the difference is a series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from workstation.domain.errors import N_, Message
from workstation.domain.volume import Stack, Volume
from workstation.domain.work import Cancel, Progress
from workstation.text import say, tr
from workstation.ui.asking import ask
from workstation.ui.stack_words import phase_text
from workstation.viewing.fusion import Placed, place
from workstation.viewing.subtraction import PREFIX, subtract
from workstation.viewing.window_level import Window as ShownWindow

if TYPE_CHECKING:
    from workstation.ui.window import Window


class SubtractDialog(QDialog):
    """Which phase of the shown series, minus which phase of which series."""

    def __init__(self, base: Stack, phase: int, others: list[Stack], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Subtraction"))
        self.base, self.others = base, others
        self.base_phase, self.series, self.other_phase = QComboBox(), QComboBox(), QComboBox()
        for stack in others:
            self.series.addItem(name_of(stack))
        form = QFormLayout(self)
        form.addRow(QLabel(name_of(base)))
        _fill(self.base_phase, base)
        self.base_phase.setCurrentIndex(phase)
        if base.phases > 1:
            form.addRow(tr("Phase"), self.base_phase)
        form.addRow(tr("minus"), self.series)
        form.addRow(tr("its phase"), self.other_phase)
        self.series.currentIndexChanged.connect(self._series_changed)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        buttons.button(kinds.Ok).setText(tr("Subtract"))
        buttons.button(kinds.Cancel).setText(tr("Cancel"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)
        self._series_changed(0)

    def _series_changed(self, number: int) -> None:
        _fill(self.other_phase, self.others[number])
        self.other_phase.setEnabled(self.others[number].phases > 1)

    @property
    def chosen(self) -> tuple[int, Stack, int]:
        """(phase of the shown series, the other series, its phase)."""
        other = self.others[self.series.currentIndex()]
        return self.base_phase.currentIndex(), other, self.other_phase.currentIndex()


def _fill(box: QComboBox, stack: Stack) -> None:
    box.clear()
    for phase in range(stack.phases):
        words = phase_text(stack, phase) if stack.phases > 1 else ""
        box.addItem(words or f"{phase + 1}/{stack.phases}")


def name_of(stack: Stack) -> str:
    """What a series is called in lists."""
    words = stack.role or stack.description or stack.modality
    return f"{stack.series_number}  {words}"


class SubtractArea(QObject):
    """Makes differences and shows them."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self._waiting: list[object] = []  # of the last one asked for; those of a protocol aside
        window.commands.register("subtract", self.ask)
        window.grid_.pane_filled.connect(self._hung)

    def _hung(self, number: int, stack_id: str) -> None:
        """A protocol wants a difference in this pane: the phase is shown until it is made."""
        pane = self.window.grid_.panes[number]
        content, stack = pane.content, self.window.grid_.stacks.get(stack_id)
        if content.minus < 0 or stack is None:
            return

        def show(volume: Volume) -> None:
            grid = self.window.grid_
            if grid.panes[number].content is not content:
                return  # something else is shown there meanwhile
            self._adopt(volume)
            grid.set_pane(number, replace(content, stack_id=volume.stack.id, phase=0, minus=-1))
            window = volume.stack.window
            if window is not None:  # what took up contrast stands out from black
                grid.panes[number].viewport.set_window(ShownWindow(window[1] / 4, window[1] / 2))

        self._read(stack, content.phase, stack, content.minus, show, lambda: True)

    def candidates(self, base: Stack) -> list[Stack]:
        """What may be subtracted from a series: itself if it has phases, and its equals."""
        window = self.window
        known = list(window.alignments.known.values())
        found = [base] if base.phases > 1 else []
        for other in window.grid_.stacks.values():
            same = other.unit == base.unit and other.samples == 1
            if same and isinstance(place(base, other, known), Placed):
                found.append(other)
        return found

    def ask(self) -> None:
        """Ask what to subtract from the series in the active pane."""
        pane = self.window.grid_.active_pane
        volume = pane.viewport.volume
        if volume is None or pane.content.solid:
            return
        others = self.candidates(volume.stack)
        if not others:
            words = tr("There is no series or phase of the same unit and place to subtract.")
            self.window.notice.error(words)
            return
        dialog = SubtractDialog(volume.stack, volume.phase, others, self.window)
        stack = volume.stack
        dialog.accepted.connect(lambda: self.subtract(stack, *dialog.chosen))
        ask(dialog)

    def subtract(self, base: Stack, phase: int, other: Stack, other_phase: int) -> None:
        """Read both, subtract in the background, show the result in the next pane."""
        self._waiting = asked = [object()]
        self._read(base, phase, other, other_phase, self._show, lambda: self._waiting is asked)

    def _read(
        self,
        base: Stack,
        phase: int,
        other: Stack,
        other_phase: int,
        show: Callable[[Volume], None],
        wanted: Callable[[], bool],
    ) -> None:
        """Calculate once both are in. wanted: whether it still is, asked then."""
        library = self.window.library
        begun: list[bool] = []
        first, second = library.open(base, phase), library.open(other, other_phase)

        def ready() -> None:
            if not begun and first.done and second.done and wanted():
                begun.append(True)
                self._calculate(first.volume, second.volume, show)

        for loading in (first, second):
            if not loading.done:
                loading.finished.connect(ready)
        ready()

    def _calculate(self, a: Volume, b: Volume, show: Callable[[Volume], None]) -> None:
        window = self.window
        grid = b.grid
        if a.stack.id != b.stack.id:
            placed = place(a.stack, b.stack, list(window.alignments.known.values()))
            if isinstance(placed, Message):
                window.notice.error(say(placed))
                return
            grid = placed.grid(b.grid)
        words = f"{_words(a)} − {_words(b)}"

        def work(progress: Progress, cancel: Cancel) -> Volume:
            progress(0.1, Message(N_("Subtracting")))
            return subtract(a, b, grid, words, cancel)

        window.jobs.room(work, show)

    def _adopt(self, volume: Volume) -> None:
        self.window.library.adopt(volume)
        self.window.grid_.stacks[volume.stack.id] = volume.stack

    def _show(self, volume: Volume) -> None:
        grid = self.window.grid_
        self._adopt(volume)
        free = [n for n, pane in enumerate(grid.panes) if pane.content.empty]
        mine = [n for n, p in enumerate(grid.panes) if p.content.stack_id.startswith(PREFIX)]
        number = (mine or free or [(grid.active + 1) % len(grid.panes)])[0]
        grid.show_stack(volume.stack.id, number)


def _words(volume: Volume) -> str:
    stack = volume.stack
    name = stack.role or stack.description or stack.modality
    if stack.phases < 2:
        return name
    label = stack.phase_labels[volume.phase] if stack.phase_labels else f"{volume.phase + 1}"
    return f"{name} {label}"


def install(window: Window) -> None:
    """Equip a window with subtraction."""
    SubtractArea(window)  # the window keeps it
