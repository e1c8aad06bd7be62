"""Typed settings, read from ``settings.toml`` in the home folder; every value has a default."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from workstation.domain.errors import N_, BadInput

CONCURRENT = "concurrent"
SECOND_READER = "second_reader"
FLOAT32, FASTER = "float32", "faster"
_CHOICES = {"ai_reading": (CONCURRENT, SECOND_READER), "ai_precision": (FLOAT32, FASTER)}


@dataclass(frozen=True)
class Settings:
    """home: where everything of this workstation lives. models: folder of model packages.

    ai_timeout_s and ai_memory_mb: what one model run may take before it is stopped.
    ai_precision: ``float32``, or ``faster``: fewer digits for each package whose own example came
    out with the same labels on this machine; which it was is said with every result.
    ai_on_arrival: what comes in is read by the machine at once, in the background.
    ai_reading: ``concurrent``, or ``second_reader``: what the machine finds is hidden until a
    reader has locked a first read. stat_before_first_read: with that, an emergency is told all the
    same (that there is one and by which model, never what or where): a bleeding that waits for a
    first read costs more than an unbiased one is worth. Sites that study readers switch it off.
    """

    home: Path
    models: Path
    language: str = "zh_CN"
    site_name: str = "OneScan"
    ai_timeout_s: int = 900
    ai_memory_mb: int = 4096
    ai_threads: int = 0  # 0: cores minus one
    ai_precision: str = FLOAT32
    ai_on_arrival: bool = True
    ai_reading: str = CONCURRENT
    stat_before_first_read: bool = True


def default_home() -> Path:
    """Where data lives unless ``--home`` or ONESCAN_HOME says otherwise."""
    chosen = os.environ.get("ONESCAN_HOME")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home()))
        return Path(base) / "OneScan"
    return Path(os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local/share"))) / "onescan"


def load_settings(home: Path | None = None) -> Settings:
    """Settings of ``home``. Raises ``BadInput`` where the file has an unknown or wrong value."""
    where = (home or default_home()).expanduser().absolute()
    settings = Settings(home=where, models=Path(__file__).resolve().parent.parent / "models")
    path = where / "settings.toml"
    if not path.exists():
        return settings
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            N_("settings.toml cannot be read ({why}). Correct it or delete it to use defaults."),
            why=str(error),
        ) from error
    known = {f.name: f for f in fields(Settings)}
    for key, value in given.items():
        if key not in known or key == "home":
            raise BadInput(N_("settings.toml has an unknown entry: {key}."), key=key)
        wanted = type(getattr(settings, key))
        if isinstance(getattr(settings, key), Path) and isinstance(value, str):
            value = Path(value)
        elif not isinstance(value, wanted) or isinstance(value, bool) is not (wanted is bool):
            raise BadInput(N_("settings.toml: {key} has the wrong type."), key=key)
        if value not in _CHOICES.get(key, (value,)):
            raise BadInput(
                N_("settings.toml: {key} must be one of: {choices}."),
                key=key,
                choices=", ".join(_CHOICES[key]),
            )
        settings = replace(settings, **{key: value})
    return settings
