"""Guideline tables of ``resources/guidelines``: data with a citation and a version, read here.

A file has ``id``, ``version`` and ``citation``, and either bands (named ranges of one number, in
``unit``) or tables of its own that one analysis knows how to read. A hospital switches a file, not
the program.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput
from workstation.text import RESOURCES

GUIDELINES = RESOURCES / "guidelines"


@dataclass(frozen=True)
class Band:
    """A named range of a number, from ``start`` (inclusive) up to the next band."""

    start: float
    words: Wording


@dataclass(frozen=True)
class Guideline:
    """Named ranges of one number, with the citation they come from. unit: UCUM."""

    id: str
    version: str
    unit: str
    citation: str
    bands: tuple[Band, ...]

    def grade(self, value: float, unit: str) -> Wording | None:
        """The band of ``value`` as printed (one decimal); None for another unit or below all."""
        if unit != self.unit:
            return None
        number = self.number(value)
        return None if number is None else self.bands[number].words

    def number(self, value: float) -> int | None:
        """Which band, from 0, the value as printed lies in; None below all."""
        printed = round(value, 1)
        found = [i for i, band in enumerate(self.bands) if band.start <= printed]
        return found[-1] if found else None


@functools.cache
def load_guideline(id: str) -> Guideline:
    """The guideline ``id``. Raises ``BadInput`` where its file is missing, wrong or unordered."""
    try:
        data = _read(id)
        bands = tuple(
            Band(float(b["from"]), Wording(en=str(b["en"]), zh=str(b["zh"]))) for b in data["bands"]
        )
        starts = [band.start for band in bands]
        if starts != sorted(set(starts)):
            raise KeyError("bands out of order")
        return Guideline(
            id=data["id"],
            version=str(data["version"]),
            unit=data["unit"],
            citation=data["citation"],
            bands=bands,
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise _unreadable(id, error) from error


@functools.cache
def load_numbers(id: str) -> Mapping[str, float]:
    """The ``[numbers]`` of the guideline ``id``: thresholds by name, each a number.

    Raises ``BadInput`` where its file is missing or wrong.
    """
    try:
        return {str(key): float(value) for key, value in _read(id)["numbers"].items()}
    except (OSError, tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise _unreadable(id, error) from error


@functools.cache
def load_table(id: str) -> Mapping[str, Any]:
    """All of the file of the guideline ``id``, for an analysis that knows its tables.

    Raises ``BadInput`` where the file is missing or wrong.
    """
    try:
        return _read(id)
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise _unreadable(id, error) from error


def _read(id: str) -> dict[str, Any]:
    data = tomllib.loads((GUIDELINES / f"{id}.toml").read_text(encoding="utf-8"))
    if data["id"] != id or not data["citation"] or not str(data["version"]):
        raise KeyError("another id, or no citation")
    return data


def _unreadable(id: str, error: Exception) -> BadInput:
    return BadInput(
        N_("The guideline {name} cannot be read: {why}."), name=id, why=type(error).__name__
    )
