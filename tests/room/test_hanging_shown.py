"""Hanging protocols on generated studies, in the real window: the panes show what the file says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtGui import QImage

from tests.reading.readable import make_user
from tests.room.hanging_studies import STUDIES
from workstation.archive.store import Archive
from workstation.domain.people import Role
from workstation.domain.plane import PlaneKind, axes_of
from workstation.ui.pane import ViewPane
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window
from workstation.viewing.hanging_files import installed
from workstation.wiring import open_services


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window over all four studies; each is opened by its test."""
    home = tmp_path_factory.mktemp("挂片") / "家"
    home.mkdir()
    archive = Archive(home)
    make_user(archive, "li", "李医生", Role.READER)
    made = {
        name: make(archive, home.parent / "files" / name, 1).study_uid
        for name, make in STUDIES.items()
    }
    archive.close()
    with open_services(home, "zh_CN") as services:
        application()
        opened = Window(services.settings, services.archive)
        opened.setProperty("made", made)
        opened.resize(1600, 900)
        opened.show()
        yield opened
        opened.shut()


def shown_panes(window: Window) -> list[ViewPane]:
    assert wait_until(application(), lambda: window.settled, 120)
    return [pane for pane in window.grid_.panes if pane.isVisible()]


def has_picture(pane: ViewPane) -> bool:
    """Whether there is something to see: many greys, and not in one corner only."""
    image = pane.slices.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    high, wide = image.height() // 4, image.width() // 4
    middle = rows[high:-high, wide : wide * 3]
    return len(np.unique(middle)) > 40 and float(middle.std()) > 15


@pytest.mark.parametrize("name", STUDIES)
def test_panes_show_what_the_protocol_says(window: Window, name: str) -> None:
    window.actions_.open_study(window.property("made")[name])
    shown_panes(window)
    grid = window.grid_
    assert grid.hanging is not None and grid.hanging.protocol.id == name
    (protocol,) = [p for p in installed() if p.id == name]
    contents = window.desk.contents
    assert contents is not None
    now = {stack.id for stack in contents.stacks}
    seen: set[int] = set()
    for number, stage in enumerate(grid.hanging.stages):
        if number:
            window.commands.run("next_stage")
        panes = shown_panes(window)
        assert len(panes) == len(stage.panes)
        (said,) = [s for s in protocol.stages if s.name == stage.name]
        seen.add(id(said))
        for pane, slot in zip(panes, said.slots, strict=False):
            viewport = pane.viewport
            if viewport.volume is None:
                assert not pane.content.stack_id
                continue
            stack = viewport.volume.stack
            assert stack.role in slot.roles
            assert (stack.id in now) is not slot.prior
            if slot.pane.kind is not PlaneKind.ACQUIRED:
                assert viewport.grid is not None
                wanted = axes_of(slot.pane.kind, viewport.grid)
                assert np.allclose(viewport.axes.normal, wanted.normal)
            assert viewport.slab == slot.pane.slab
            if slot.pane.preset >= 0:
                before = viewport.window
                assert viewport.preset(slot.pane.preset) and viewport.window == before
            assert has_picture(pane), (stage.name, stack.role)
    assert len(seen) == len(grid.hanging.stages) >= 1
    window.desk.close_study()
