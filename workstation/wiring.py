"""Settings to opened services; what needs them gets them passed in, nothing is global."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workstation import text
from workstation.archive.store import Archive
from workstation.settings import Settings, load_settings


@dataclass(frozen=True)
class Services:
    """What the window and the command line work with."""

    settings: Settings
    archive: Archive


@contextmanager
def open_services(home: Path | None = None, language: str = "") -> Iterator[Services]:
    """Open the archive of ``home`` (default: settings' own) and close it again."""
    settings = load_settings(home)
    text.set_language(language or settings.language)
    archive = Archive(settings.home)
    try:
        yield Services(settings, archive)
    finally:
        archive.close()
