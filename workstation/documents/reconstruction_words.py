"""How images were reconstructed, said beside the numbers that were measured on them."""

from __future__ import annotations

from workstation.domain.acquisition import DEEP, OTHER, Reconstruction
from workstation.domain.errors import N_
from workstation.text import tr

_WORDS = {
    DEEP: N_("reconstruction: deep learning"),
    OTHER: N_("reconstruction: not deep learning"),
    "": N_("reconstruction: not stated"),
}


def reconstruction_words(made: Reconstruction, language: str) -> str:
    """Deep learning, not, or not stated; with the algorithm's name where the header gives one."""
    words = tr(_WORDS[made.kind], lang=language)
    if not made.name:
        return words
    return f"{words}（{made.name}）" if language.startswith("zh") else f"{words} ({made.name})"
