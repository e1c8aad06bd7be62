"""Errors in words a reader understands, translatable because the words travel as a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Param = str | int | float


def N_(template: str) -> str:
    """Mark ``template`` for the translation catalogue without translating it here."""
    return template


@dataclass(frozen=True)
class Message:
    """A sentence for a reader: English ``template`` with ``{name}`` slots, and what fills them.

    The template is the catalogue key; ``text.say`` renders it in the reader's language.
    """

    template: str
    params: Mapping[str, Param] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.params)


IN_CHINESE = "_zh"
"""Ending of the param that holds a slot's Chinese: ``name_zh`` beside ``name``."""


def named(en: str, zh: str, slot: str = "name") -> dict[str, Param]:
    """Params that fill ``slot`` with a term of data, which no catalogue knows, in each language."""
    return {slot: en, slot + IN_CHINESE: zh}


class ReaderError(Exception):
    """Something went wrong that a reader can understand and act upon.

    ``message`` says what happened and what to do about it. Never put patient data into it:
    messages reach log files.
    """

    def __init__(self, template: str, **params: Param) -> None:
        self.message = Message(template, params)
        super().__init__(str(self.message))


class BadInput(ReaderError):
    """What was given cannot be read or used: the file, the value, the form is at fault."""


class NotFound(ReaderError):
    """The study, finding, user or file named does not exist."""


class NotAllowed(ReaderError):
    """The person may not do this, or the rules of signing forbid it now."""


class Tampered(ReaderError):
    """Stored bytes are not what was written: names the item so that it can be restored."""


class Cancelled(ReaderError):
    """The reader stopped a long task; nothing half-made was kept."""

    def __init__(self) -> None:
        super().__init__(N_("Stopped on request. Nothing half-finished was kept."))
