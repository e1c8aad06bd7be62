"""Feature areas of the reading room: each installs its models, layers, tabs and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workstation.ui.window import Window

AREAS: tuple[Callable[[Window], None], ...] = ()
"""Called once, in this order, when the window has been laid out."""
