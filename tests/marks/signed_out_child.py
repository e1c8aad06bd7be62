"""Draws in a real window with nobody signed in, tells what, and stays until it is killed.

python -m tests.marks.signed_out_child HOME
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.marks.test_window import Room  # isort: skip - before PySide6

import numpy as np

from workstation.ui.curved_area import CurvedArea
from workstation.ui.program import application, wait_until


def main(home: Path) -> None:
    application()
    room = Room(home)
    room.open()
    kept = room.draw("distance", (20, 20), (40, 20))
    region = room.draw("paint_region", (20, 30), (40, 30))
    room.draw("ellipse", (20, 18), (44, 40))
    room.window.actions_.undo()
    area = room.window.findChild(CurvedArea)
    assert area is not None
    area.toggle()
    for place in ((-10.0, 0.0, -690.0), (0.0, 5.0, -690.0), (10.0, 0.0, -690.0)):
        area.plan.edit.add(np.array(place))
    assert area.line is not None
    room.window.jobs.flush()
    voxels = sum(int(plane.sum()) for plane in room.board.painted[region.mask_id].values())
    print(kept.id, region.id, voxels, area.line.id, flush=True)
    wait_until(application(), lambda: False, 600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
