"""A slice imaged again and again is no volume, yet opens, runs in time and is measured in plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.dicom_in.making import Shelf, image
from tests.marks.study import STUDY
from tests.marks.test_window import Room
from tests.reading.readable import make_user
from workstation.archive.store import Archive
from workstation.domain.people import MACHINE, Role
from workstation.domain.volume import Flag
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake

from workstation.ui.program import application  # isort: skip

TIMES = 12


def value_at(time: int) -> int:
    """What every pixel of one moment holds."""
    return 20 + 11 * time * time


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    application()
    folder = tmp_path_factory.mktemp("一层")
    for time in range(TIMES):
        pixels = np.full((48, 40), value_at(time), dtype=np.int16)
        moment = f"1000{time:02}"
        Shelf(folder / "files" / str(time)).add(
            image(
                time, (-15.0, -12.0, 8.0), pixels=pixels, study=STUDY, modality="MR",
                ContentTime=moment,
            )
        )  # fmt: skip
    home = folder / "home"
    home.mkdir()
    archive = Archive(home)
    make_user(archive, "li", "李医生", Role.READER)
    intake(archive, [folder / "files"], actor=MACHINE)
    (stack,) = assemble(archive, STUDY, actor=MACHINE)
    assert {Flag.MULTI_PHASE, Flag.NOT_A_VOLUME} <= set(stack.flags)
    assert (stack.phases, stack.grid.shape[0]) == (TIMES, 1)
    archive.close()
    made = Room(home)
    made.open()
    made.sign_in()
    yield made
    made.close()


def test_it_opens_runs_in_time_and_is_measured(room: Room) -> None:
    pane, view = room.window.grid_.active_pane, room.view
    volume = view.viewport.volume
    assert volume is not None and volume.stack.phases == TIMES
    assert view.phases == TIMES
    dy, dx = volume.grid.spacing_mm[1], volume.grid.spacing_mm[0]
    # By key each moment shows its own pixels.
    pane.show_phase(0)

    def at(time: int) -> Callable[[], bool]:
        return lambda: pane.phase == time and room.window.settled

    for time in range(3):
        room.until(at(time))
        held = view.viewport.volume
        assert held is not None and int(held.array[0, 20, 20]) == value_at(time)
        assert view.do("phase_on")
    pane.show_phase(7)
    room.until(at(7))
    length = room.draw("distance", (8, 10), (28, 10))
    (number,) = room.board.numbers(length)
    assert number.unit == "mm" and number.value == pytest.approx(20 * dx, abs=0.6 * dx)
    region = room.draw("rectangle", (8, 12), (28, 30))
    found = {n.name: n.value for n in room.board.numbers(region)}
    assert found["Mean"] == found["Maximum"] == value_at(7)
    assert found["Area"] == pytest.approx(20 * dx * 18 * dy, rel=0.08)
    stored = room.stored()
    assert [m.phase for m in stored] == [7, 7]
    assert {n.name: n.value for n in stored[1].numbers} == found
    # At another moment they are not drawn; the list leads back to theirs.
    pane.show_phase(2)
    room.until(at(2))
    assert room.board.here(view.viewport) == []
    room.board.jump(region.id)
    room.until(at(7))
    assert region.id in {m.id for m in room.board.here(view.viewport)}
    # What needs a volume says so instead of failing.
    room.window.commands.run("curved")
    assert "volume" in room.window.notice.text.text() or "容积" in room.window.notice.text.text()
