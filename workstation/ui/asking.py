"""Dialogs that are asked once: gone when they are closed, not when the window is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog
from shiboken6 import isValid

P = ParamSpec("P")


def ask(dialog: QDialog) -> None:
    """Open a dialog that nobody opens again; it is deleted after it was answered or closed."""
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def while_there(thing: QObject, call: Callable[P, object]) -> Callable[P, None]:
    """``call``, for an answer from the background that may come after ``thing`` was deleted."""

    def answer(*args: P.args, **kwargs: P.kwargs) -> None:
        if isValid(thing):
            call(*args, **kwargs)

    return answer
