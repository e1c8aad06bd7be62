"""The translation catalogue: English text is the key, ``resources/languages`` has the rest."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from workstation.domain.artefact import Wording
from workstation.domain.errors import IN_CHINESE, N_, Message, Param

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
LANGUAGES = ("zh_CN", "en")

_language = "zh_CN"


def language() -> str:
    """The language in use, "zh_CN" or "en"."""
    return _language


def set_language(code: str) -> None:
    """Switch the language of everything said from now on."""
    global _language
    if code not in LANGUAGES:
        raise ValueError(f"no such language: {code}")
    _language = code


@functools.cache
def catalogue(code: str) -> Mapping[str, str]:
    """English to translated text, from every ``*.po`` of the language's folder."""
    if code == "en":
        return {}
    from babel.messages.pofile import read_po

    found: dict[str, str] = {}
    for path in sorted((RESOURCES / "languages" / code).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id and message.string:
                    found[str(message.id)] = str(message.string)
    return found


def tr(template: str, /, *, lang: str | None = None, **params: Param) -> str:
    """``template`` in the reader's language with its slots filled."""
    said = catalogue(lang or _language).get(template, template)
    return said.format(**params) if params else said


def say(message: Message, *, lang: str | None = None) -> str:
    """A ``Message`` in the reader's language; a slot that holds a catalogue key is translated.

    Where a term has its own Chinese (``domain.errors.named``), its slot is filled with that.
    """
    code = lang or _language
    known = catalogue(code)
    said = known.get(message.template, message.template)
    params = {k: known.get(v, v) if isinstance(v, str) else v for k, v in message.params.items()}
    if code.startswith("zh"):
        params |= {k: params[k + IN_CHINESE] for k in message.params if k + IN_CHINESE in params}
    return said.format(**params) if params else said


def both(words: str) -> Wording:
    """A reader's own words: the same in both languages."""
    return Wording(words, words)


SPOKEN = (
    # Words that screens take from enumerations; listed so that the catalogue holds them.
    N_("new"), N_("analysed"), N_("in review"), N_("ready to sign"), N_("signed"),
    N_("proposed"), N_("accepted"), N_("edited"), N_("rejected"), N_("added"),
    N_("accept"), N_("edit"), N_("reject"), N_("reopen"), N_("add"),
    N_("reader"), N_("reviewer"), N_("admin"),
    N_("brain"), N_("vessel"), N_("heart"), N_("chest"), N_("abdomen"), N_("other"),
)  # fmt: skip
