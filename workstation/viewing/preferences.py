"""How this workstation is set up for its readers: keys, text size, where the report stands."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workstation.viewing.commands import BY_NAME, clashes

FILE = "preferences.json"
TEXT_PERCENTS = (80, 90, 100, 115, 130, 150, 175, 200)
PARTS = ("", "report", "images")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preferences:
    """keys: command name to the reader's own key ("" for none), in Qt's portable names.

    text_percent: size of all text. apart: which part stands in a window of its own, "report",
    "images" or "" for none. apart_place: left, top, width, height of that window on the desktop.
    """

    keys: dict[str, str] = field(default_factory=dict)
    text_percent: int = 100
    apart: str = ""
    apart_place: tuple[int, int, int, int] | None = None


def usable_keys(given: Any) -> dict[str, str]:
    """The keys of ``given`` that mean a known command and no two things at once.

    A key that clashes with another is dropped, so that a damaged file never leaves a reader with
    two meanings for one key; the command then has its own key again.
    """
    if not isinstance(given, dict):
        return {}
    keys = {
        name: key
        for name, key in given.items()
        if name in BY_NAME and isinstance(key, str) and key != BY_NAME[name].key
    }
    while True:
        wrong = {name for _, *names in clashes(keys) for name in names if name in keys}
        if not wrong:
            return keys
        log.warning("keys of %d commands clash and were not used", len(wrong))
        keys = {name: key for name, key in keys.items() if name not in wrong}


def load_preferences(home: Path) -> Preferences:
    """Preferences of ``home``; whatever is missing or wrong has its usual value."""
    try:
        given = json.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError) as error:
        log.warning("preferences cannot be read: %s", type(error).__name__)
        return Preferences()
    if not isinstance(given, dict):
        return Preferences()
    percent, apart, place = (given.get(k) for k in ("text_percent", "apart", "apart_place"))
    return Preferences(
        keys=usable_keys(given.get("keys")),
        text_percent=percent if percent in TEXT_PERCENTS else 100,
        apart=apart if apart in PARTS else "",
        apart_place=_place(place),
    )


def _place(given: Any) -> tuple[int, int, int, int] | None:
    if not isinstance(given, list) or len(given) != 4 or any(type(n) is not int for n in given):
        return None
    left, top, width, height = given
    return (left, top, width, height) if min(width, height) >= 200 else None


def save_preferences(home: Path, preferences: Preferences) -> None:
    """Write the preferences of ``home``, whole or not at all."""
    path = home / FILE
    beside = path.with_suffix(".part")
    said = json.dumps(dataclasses.asdict(preferences), ensure_ascii=False, indent=1)
    beside.write_text(said, encoding="utf-8")
    beside.replace(path)
