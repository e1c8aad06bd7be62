"""Words that came from elsewhere, without the characters that make a screen or terminal lie."""

from __future__ import annotations

import re

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates (Unicode UAX 9): they show other words than are there."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""Control characters, but tab, line feed, form feed and carriage return, which text may hold."""
_SPACES = re.compile(r"[\s\u2028\u2029]+")
_REPLACED = "\ufffd"


def plain_words(text: str) -> str:
    """``text`` without turned writing, each control character replaced by U+FFFD.

    Replaced and not left out, so that two names never become one and a reader sees that something
    was there.
    """
    if text.isprintable():  # by far the most, and bidirectional controls are not printable
        return text
    return _CONTROLS.sub(_REPLACED, _TURNING.sub("", text))


def one_line(text: str) -> str:
    """``plain_words`` in one line: breaks and runs of spaces become one space."""
    return _SPACES.sub(" ", plain_words(text)).strip()
