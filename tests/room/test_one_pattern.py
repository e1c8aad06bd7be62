"""Asking for the test pattern again shows the one that is open; closing it lets it go."""

from __future__ import annotations

from collections.abc import Callable

from workstation.ui.room_area import Room
from workstation.ui.test_pattern import TestPattern


def test_there_is_one_test_pattern_at_a_time(room: Room, until: Callable[..., None]) -> None:
    area, window = room, room.window
    area.show_test_pattern()
    area.show_test_pattern()
    assert len(window.findChildren(TestPattern)) == 1
    assert area.pattern is not None
    area.pattern.close()
    until(lambda: area.pattern is None)
    area.show_test_pattern()
    assert area.pattern is not None
    area.pattern.close()
