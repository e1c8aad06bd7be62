"""Why a foreign model cannot become a package: always named, never guessed."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from workstation.domain.errors import N_, BadInput

_LARGEST_TEXT = 64 << 20


def no_counterpart(where: str, what: str) -> BadInput:
    """A step, network or option that a package has no word for."""
    return BadInput(
        N_("{where}: {what} has no counterpart in a model package. It is refused, not guessed."),
        where=where,
        what=what,
    )


def wrong_value(where: str, what: str, found: object, expected: str) -> BadInput:
    """A known option with a value that cannot be expressed."""
    return BadInput(
        N_("{where}: {what} is {found}; only {expected} can be expressed in a model package."),
        where=where,
        what=what,
        found=str(found),
        expected=expected,
    )


def expression(where: str, what: str) -> BadInput:
    """Code where a plain value is needed."""
    return BadInput(
        N_("{where}: {what} is an expression. Code of a bundle is never executed."),
        where=where,
        what=what[:120],
    )


def library(name: str) -> ModuleType:
    """A library of the extra ``import-models``. Raises ``BadInput`` that says what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BadInput(
            N_("Importing models needs {library}, which is not installed. Install it with: "
               'pip install "onescan[import-models]"'),
            library=name.split(".")[0],
        ) from error  # fmt: skip


def read_text(path: Path) -> str:
    """A configuration file. Raises ``BadInput`` where it is missing, too large or no text."""
    if not path.is_file():
        raise BadInput(N_("There is no file {path}."), path=str(path))
    if path.stat().st_size > _LARGEST_TEXT:
        raise BadInput(N_("{file} is too large to be a configuration."), file=path.name)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> BadInput:
    return BadInput(N_("{file} cannot be read ({why})."), file=path.name, why=why)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ``BadInput`` that names the file."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(found, dict):
        raise _unreadable(path, "no JSON object")
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping of plain values; tags that would build objects are refused."""
    yaml = library("yaml")
    try:
        found = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error
    if not isinstance(found, dict):
        raise _unreadable(path, "no YAML mapping")
    return found
