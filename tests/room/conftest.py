"""A grid of panes over made-up slices, and a whole window, for the tests of the room."""

from __future__ import annotations

from tests.ui.conftest import services, until, window
from tests.viewer.conftest import grid

__all__ = ["grid", "services", "until", "window"]
