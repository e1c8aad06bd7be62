"""Hanging protocols on generated studies, in the real window: the panes show what the file says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtGui import QImage

from tests.pictures import keep_picture
from tests.reading.readable import make_user
from tests.room.hanging_studies import STUDIES
from workstation.archive.store import Archive
from workstation.domain.people import Role
from workstation.domain.plane import PlaneKind, axes_of
from workstation.ui.pane import ViewPane
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window
from workstation.viewing.hanging import Pane
from workstation.viewing.hanging_files import installed
from workstation.viewing.subtraction import PREFIX
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


def is_difference(pane: ViewPane, window: Window, said: Pane) -> bool:
    """Whether a pane shows one phase minus another, voxel by voxel, black where nothing changed."""
    volume = pane.viewport.volume
    contents = window.desk.contents
    assert volume is not None
    assert contents is not None
    (dynamic,) = [stack for stack in contents.stacks if stack.role == "DCE"]
    after, before = (window.library.open(dynamic, n).volume.array for n in (said.phase, said.minus))
    wanted = after.astype(np.int32) - before.astype(np.int32)
    return (
        volume.stack.id.startswith(PREFIX)
        and bool((volume.array == wanted).all())
        and pane.viewport.window.low == pytest.approx(0.0)
    )


def test_breast_dce_opens_on_the_first_phase_after_contrast(window: Window) -> None:
    window.actions_.open_study(window.property("made")["breast_dce"])
    after, before, difference, _ = shown_panes(window)
    grid = window.grid_
    assert grid.active_pane is after
    assert (after.phase, before.phase) == (1, 0)
    assert difference.content.stack_id.startswith(PREFIX)
    for pane in (after, before, difference):
        assert pane.viewport.volume is not None
    means = [
        float(pane.viewport.volume.array.mean())
        for pane in (after, before)
        if pane.viewport.volume is not None
    ]
    assert means[0] > means[1]  # contrast came
    keep_picture(window, "breast_zh")
    window.commands.run("next_stage")
    shown_panes(window)
    keep_picture(window, "breast_enhancement_zh")
    window.commands.run("previous_stage")
    shown_panes(window)
    assert grid.panes[2].content.stack_id == difference.content.stack_id  # it is made again
    window.commands.run("language")
    keep_picture(window, "breast_en")
    window.commands.run("language")
    window.desk.close_study()


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
            if slot.pane.minus >= 0:
                assert is_difference(pane, window, slot.pane), stage.name
            else:
                assert stack.role in slot.roles
                assert (stack.id in now) is not slot.prior
                assert viewport.volume.phase == slot.pane.phase
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
