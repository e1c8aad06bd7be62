"""HiDPI: on a scaled screen pictures are made in device pixels, words and buttons grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("factor", ["1", "1.5", "2"])
def test_pictures_have_every_pixel_of_a_scaled_screen(factor: str, home: Path) -> None:
    """HiDPI (Slicer#5476: Windows scaling doubled the screen, images were not)."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.room.scaled_screen", str(home)],
        env=os.environ | {"QT_SCALE_FACTOR": factor},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout.splitlines()[-1])
    ratio = float(factor)
    assert shown["ratio"] == ratio
    assert shown["raster"] == [round(300 * ratio), round(200 * ratio)]
    assert shown["pattern"] == shown["grabbed"] == [round(300 * ratio), round(400 * ratio)]
    asked, seen = shown["grey"]
    assert asked == seen  # pixel for pixel: no grey in between
    assert shown["icon"] >= 18 * ratio - 1
