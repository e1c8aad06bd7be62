"""Run with QT_SCALE_FACTOR set: prints what a scaled screen shows, as JSON (see test_hidpi)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtGui import QGuiApplication

from tests.viewer.images import GRIDS, volume_of
from workstation.ui.icons import icon
from workstation.ui.program import application
from workstation.ui.slice_view import SliceView
from workstation.ui.test_pattern import TestPattern
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import Viewport


def main() -> None:
    """One view, one test pattern, one icon."""
    application()
    view = SliceView(Viewport(), CrosshairLink())
    view.viewport.show(volume_of(GRIDS["axial"]))
    view.resize(300, 200)
    page = TestPattern(Path(sys.argv[1]), QGuiApplication.primaryScreen())
    page.setGeometry(0, 0, 400, 300)
    page.panel.hide()
    image = page.grab().toImage()
    step = page.pattern.steps[7]
    x, y = step.left + step.width // 2, step.top + step.height // 2
    raster = view.raster()
    shown = {
        "ratio": page.devicePixelRatioF(),
        "raster": [raster.width, raster.height],
        "pattern": list(page.pattern.picture.shape),
        "grabbed": [image.height(), image.width()],
        "grey": [step.grey, image.pixelColor(x, y).red()],
        "icon": icon("distance").pixmap(18, 18).width(),
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
