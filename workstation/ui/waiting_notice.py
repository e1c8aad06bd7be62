"""Says, when a study is left and when the program starts, what waits until somebody signs in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workstation.domain.errors import N_
from workstation.text import tr
from workstation.ui.curved_area import CurvedArea
from workstation.ui.marks_area import MarksArea

if TYPE_CHECKING:
    from workstation.ui.window import Window


def install(window: Window) -> None:
    """Let the window say it."""
    window.desk.study_closed.connect(lambda: _say(window))
    for area in (window.findChild(MarksArea), window.findChild(CurvedArea)):
        if area is not None:
            area.came_back.connect(lambda: _back(window))


def _back(window: Window) -> None:
    """Drawn before the program ended last time: said unless it is stored at once."""
    if window.desk.actor is None:
        _say(window)


def _say(window: Window) -> None:
    sentences = []
    marks, lines = window.findChild(MarksArea), window.findChild(CurvedArea)
    if marks is not None and (counts := marks.waiting.marks_of_studies()):
        key = N_("{count} marks of {studies} studies wait until somebody signs in.")
        sentences.append(_said(key, counts))
    if lines is not None and (counts := lines.lines_waiting()):
        key = N_("{count} centrelines of {studies} studies wait until somebody signs in.")
        sentences.append(_said(key, counts))
    if sentences:
        window.notice.error(" ".join(sentences))


def _said(key: str, counts: Mapping[str, int]) -> str:
    return tr(key, count=sum(counts.values()), studies=len(counts))
