"""Words and known lengths of marks, typed where the mark is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from workstation.domain.mark import Mark, MarkKind
from workstation.text import tr
from workstation.ui.mark_editor import MarkEditor
from workstation.viewing.marks import MarkBoard

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView


class MarkTyping:
    """Opens the line to type into and gives what was typed to the board."""

    def __init__(self, view: SliceView, board: MarkBoard) -> None:
        self.view = view
        self.board = board
        self.editor: MarkEditor | None = None
        self.mark_id = ""

    def ask(self, mark: Mark, place: QPointF) -> None:
        """Words of a new mark; a text without words and a calibration without a length is none."""
        self._finish()
        self.board.show(mark)

        def given(words: str) -> None:
            made = typed(mark, words)
            if made is None or (made.kind is MarkKind.TEXT and not made.words):
                self.board.show(None)
            else:
                self.board.keep(made)
                self.board.select(made.id)

        def dropped() -> None:
            if mark.kind is MarkKind.ARROW:  # an arrow needs no words
                given("")
            else:
                self.board.show(None)

        self._open(mark, place, given, dropped)

    def edit(self, mark: Mark, place: QPointF) -> None:
        """Other words, or another known length, of a mark that is there."""
        self._finish()

        def given(words: str) -> None:
            held = self.board.get(mark.id)
            made = typed(held, words) if held is not None else None
            if made is None:
                self.board.show(None)
            elif made.kind is MarkKind.TEXT and not made.words:
                self.board.remove(made.id)
            else:
                self.board.keep(made)

        self._open(mark, place, given, lambda: self.board.show(None))

    def _open(
        self,
        mark: Mark,
        place: QPointF,
        given: Callable[[str], None],
        dropped: Callable[[], None],
    ) -> None:
        is_length = mark.kind is MarkKind.CALIBRATION
        hint = tr("Known length in mm") if is_length else tr("Words")
        known = f"{mark.known_mm:g}" if mark.known_mm > 0 else ""
        editor = MarkEditor(self.view, place, known if is_length else mark.words, hint)
        self.editor, self.mark_id = editor, mark.id

        def committed(words: str) -> None:
            self._closed()
            given(words)

        def forgotten() -> None:
            self._closed()
            dropped()

        editor.committed.connect(committed)
        editor.dropped.connect(forgotten)
        self.view.update()

    def _finish(self) -> None:
        """One line at a time: a menu may have taken the keyboard from the last one."""
        if self.editor is not None:
            self.editor.commit()

    def _closed(self) -> None:
        self.editor, self.mark_id = None, ""
        self.view.update()


def typed(mark: Mark, words: str) -> Mark | None:
    """The mark with what was typed; None where a calibration line got no length."""
    if mark.kind is not MarkKind.CALIBRATION:
        return replace(mark, words=words)
    plain = words.lower().removesuffix("mm").strip().replace(",", ".")
    try:
        known = float(plain)
    except ValueError:
        return None
    return replace(mark, known_mm=known) if 0 < known < 10000 else None
