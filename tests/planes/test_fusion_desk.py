"""Fusion belongs to the desk: it comes back as it was; and its range is that of all its voxels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.planes.test_window import Room, write_study
from workstation import text
from workstation.archive.store import Archive
from workstation.dicom.volumes import VolumeReader
from workstation.domain.geometry import Grid
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.settings import load_settings
from workstation.viewing.colour_map import colour_maps
from workstation.viewing.fusion import Placed, opening_window, place
from workstation.viewing.window_level import Window as Level

from workstation.ui.desk import DESK  # isort: skip
from workstation.ui.fusion_area import FusionArea  # isort: skip
from workstation.ui.program import application, wait_until  # isort: skip
from workstation.ui.window import Window  # isort: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    text.set_language("en")
    application()
    write_study(tmp_path / "家", tmp_path / "files").close()
    return tmp_path / "家"


def fusion_of(window: Window) -> FusionArea:
    found = window.findChild(FusionArea)
    assert isinstance(found, FusionArea)
    return found


class Held(VolumeReader):
    """Reads when it is let, so that a test says when the last voxel comes."""

    go = threading.Event()

    def fill(self, first_z: int = 0, cancel: Cancel | None = None) -> Iterator[int]:
        assert self.go.wait(20)
        yield from super().fill(first_z, cancel)


@dataclass(frozen=True)
class Waits(Placed):
    """While it is asked for the grid the volume comes in whole, as on a fast disk."""

    until: Callable[[], None] = lambda: None

    def grid(self, overlay: Grid) -> Grid:
        self.until()
        return super().grid(overlay)


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_the_range_is_that_of_all_voxels_whenever_they_come(home: Path, moment: str) -> None:
    """It once stayed 0 to 1: the last slice came between being asked and being listened to."""
    archive = Archive(home)
    room = Room(archive, home)
    room.show("CT", "single")
    area, library = fusion_of(room.window), room.window.library
    base, overlay = room.stack("CT"), room.stack("MR")
    library.forget()
    library._make_reader = Held
    Held.go.clear()

    def let() -> None:
        Held.go.set()
        loading = library.held(overlay.id)
        assert loading is not None
        for _ in range(2000):
            if "all" in loading.seconds:  # every slice is in and told, whoever listens
                return
            threading.Event().wait(0.01)
        raise AssertionError("it was not read")

    placed = place(base, overlay, [])
    assert isinstance(placed, Placed)
    if moment == "before":
        library.open(overlay)
        let()
    waits = Waits(placed.to_base, None, let if moment == "within" else lambda: None)
    fusion = area._load(base, overlay, waits)
    area.lay(base.id, fusion)
    if moment == "after":
        let()
    room.until(lambda: fusion.window == opening_window(fusion.volume))
    assert fusion.volume.array.max() == 50 and fusion.window.high > 40
    room.window.shut()
    archive.close()


def reopened(archive: Archive, home: Path) -> Window:
    """The program started again: the desk is put back as ``run_window`` does it."""
    window = Window(load_settings(home), archive)
    window.resize(1500, 900)
    window.show()
    window.desk.restore(archive.desk(DESK))
    assert wait_until(application(), lambda: window.settled, 60)
    return window


def of_modality(window: Window, modality: str) -> Stack:
    return next(s for s in window.grid_.stacks.values() if s.modality == modality)


def test_it_comes_back_as_it_was_set(home: Path) -> None:
    archive = Archive(home)
    room = Room(archive, home)
    room.show("CT", "mpr")
    area, pane = fusion_of(room.window), room.window.grid_.panes[0]
    area.fuse(pane, room.stack("MR"))
    fusion = area.of_base[room.stack("CT").id]
    room.until(lambda: fusion.volume.array.max() > 0)
    fusion.set_window(Level(30.0, 44.0))
    fusion.set_map(colour_maps()["viridis"])
    fusion.set_opacity(0.8)
    fusion.set_wipe(0.25)
    told = fusion.state()
    views = room.window.desk.state
    room.until(lambda: views.views.get("fusions") == {room.stack("CT").id: told})
    room.window.shut()
    archive.close()

    archive = Archive(home)
    window = reopened(archive, home)
    area = fusion_of(window)
    base = of_modality(window, "CT")
    assert wait_until(application(), lambda: base.id in area.of_base, 20)
    back = area.of_base[base.id]
    assert back.state() == told and back.window == Level(30.0, 44.0)
    flat = [p for p in window.grid_.panes if not p.content.solid]
    assert len(flat) == 3 and all(area.layers[p].fusion is back for p in flat)
    assert wait_until(application(), lambda: bool(back.volume.array.max() == 50), 20)
    assert back.window == Level(30.0, 44.0)  # the reader's, whatever the voxels say
    # Taken away, it stays away.
    area.fuse(flat[0], None)
    assert wait_until(application(), lambda: window.desk.state.views.get("fusions") == {}, 20)
    window.shut()
    archive.close()
    archive = Archive(home)
    window = reopened(archive, home)
    assert fusion_of(window).of_base == {}
    window.shut()
    archive.close()
