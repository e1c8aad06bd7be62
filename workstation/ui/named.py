"""A widget with the name that the style sheet knows it by."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QWidget

W = TypeVar("W", bound=QWidget)


def named(widget: W, name: str) -> W:
    """``widget`` with its object name set."""
    widget.setObjectName(name)
    return widget
