"""``card.md``: what a model is for, what it was measured to do and where it fails, in words.

One file in Markdown: a title and what both languages share, then a section headed ``中文`` and one
headed ``English``.
"""

from __future__ import annotations

import re
from pathlib import Path

from workstation.ai.sums import CARD
from workstation.domain.errors import N_, BadInput

_LARGEST = 1 << 20
_HEADS = {
    "zh_CN": re.compile(r"^(#{1,3})\s*(?:中文|简体中文|汉语)\s*$", re.MULTILINE),
    "en": re.compile(r"^(#{1,3})\s*(?:English|英文)\s*$", re.MULTILINE),
}


def read_card(folder: Path, model: str) -> str:
    """The whole card. Raises ``BadInput`` where it cannot be read as text."""
    try:
        with (folder / CARD).open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError("too large")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise BadInput(
            N_("Model {model}: {file} cannot be used ({why})."),
            model=model, file=CARD, why=type(error).__name__,
        ) from error  # fmt: skip


def card_in(text: str, language: str) -> str:
    """The part of a card in ``language`` ("zh_CN" or "en"), without its heading; "" where there
    is none."""
    heads = {code: pattern.search(text) for code, pattern in _HEADS.items()}
    own = heads["zh_CN" if language.startswith("zh") else "en"]
    if own is None:
        return ""
    later = [h.start() for h in heads.values() if h is not None and h.start() > own.start()]
    return text[own.end() : min(later, default=len(text))].strip()


def check_card(folder: Path, model: str) -> None:
    """Raise ``BadInput`` where the card says nothing in one of the two languages."""
    text = read_card(folder, model)
    for language, name in (("zh_CN", "中文"), ("en", "English")):
        if len(card_in(text, language)) < 2:
            raise BadInput(
                N_("Model {model}: {file} has no section headed {name}."),
                model=model, file=CARD, name=name,
            )  # fmt: skip
