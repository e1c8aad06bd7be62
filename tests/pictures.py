"""Pictures that tests make on the way, where ``ONESCAN_TEST_PICTURES`` names a folder for them."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget


def keep_picture(widget: QWidget, name: str) -> None:
    """Save what a widget shows as a PNG, for a person to look at."""
    folder = os.environ.get("ONESCAN_TEST_PICTURES")
    if folder:
        QTest.qWait(300)
        assert widget.grab().save(str(Path(folder) / f"{name}.png"))
