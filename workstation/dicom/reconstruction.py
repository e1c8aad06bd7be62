"""Whether headers say that images were reconstructed by deep learning: rules of resources."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass

from workstation.dicom.slices import Slice
from workstation.domain.acquisition import DEEP, OTHER, UNSAID, Reconstruction
from workstation.domain.errors import N_, BadInput
from workstation.text import RESOURCES

_FILE = RESOURCES / "reconstruction.toml"
_KINDS = {"deep": DEEP, "other": OTHER}


@dataclass(frozen=True)
class Rule:
    """One way in which headers say it. kind: ``DEEP`` or ``OTHER``. source: where that is said."""

    id: str
    kind: str
    name: str
    maker: re.Pattern[str]
    fields: tuple[str, ...]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    source: str


@functools.cache
def load_rules() -> tuple[Rule, ...]:
    """The installed rules; ``BadInput`` where their file is wrong."""
    try:
        data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
        rules = tuple(
            Rule(
                str(entry["id"]),
                _KINDS[entry["says"]],
                str(entry["name"]),
                re.compile(str(entry["maker"]), re.IGNORECASE),
                tuple(str(field) for field in entry["fields"]),
                re.compile(str(entry["pattern"]), re.IGNORECASE),
                re.compile(str(entry["unless"]), re.IGNORECASE) if "unless" in entry else None,
                str(entry["source"]),
            )
            for entry in data["rules"]
        )
        if not all(rule.source and rule.fields for rule in rules):
            raise KeyError("source")
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise BadInput(
            N_("The rules of reconstruction cannot be read: {why}."), why=str(error)
        ) from error
    return rules


def reconstruction_of(item: Slice) -> Reconstruction:
    """What the header of one image says; ``UNSAID`` where it says nothing that is known."""
    maker = item.text("Manufacturer").strip()
    found = UNSAID
    for rule in load_rules():
        if not rule.maker.search(maker):
            continue
        for field in rule.fields:
            if _holds(rule, _words(item, field)):
                said = Reconstruction(rule.kind, rule.name, field)
                if rule.kind == DEEP:
                    return said
                found = said if found == UNSAID else found
    return found


def _holds(rule: Rule, words: str) -> bool:
    # Makers and technologists write _ for a space.
    plain = words.replace("_", " ") if rule.unless is not None else words
    if not plain or (rule.unless is not None and rule.unless.search(plain)):
        return False
    return bool(rule.pattern.search(plain))


def _words(item: Slice, field: str) -> str:
    value = item.fact(field)
    if isinstance(value, (list, tuple)):
        return "\\".join(str(one).strip() for one in value)
    return "" if value is None else str(value).strip()
