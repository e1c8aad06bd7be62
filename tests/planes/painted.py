"""What is written over a view, by listening to the halo text."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from workstation.ui.halo import HaloText


def written_on(view: QWidget, monkeypatch: pytest.MonkeyPatch, *others: HaloText) -> list[str]:
    """Every text that is drawn when ``view`` is grabbed, by any halo."""
    written: list[str] = []
    real = HaloText.draw

    def listen(
        self: HaloText, painter: Any, place: Any, words: str, *rest: Any, **more: Any
    ) -> Any:
        written.append(words)
        return real(self, painter, place, words, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(HaloText, "draw", listen)
        view.grab()
    return written
