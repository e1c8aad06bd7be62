"""Workspaces of a visit over several organs: what each has and lacks, and the way to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from tests.viewer.test_models import stack
from workstation.domain.errors import BadInput
from workstation.ui.program import application, wait_until
from workstation.ui.room_area import Room
from workstation.viewing.hanging import side_by_side
from workstation.viewing.workspaces import known_workspaces, workspaces_of


def test_a_visit_over_organs_has_workspaces_and_names_what_it_lacks() -> None:
    visit = [
        stack("1", "FLAIR", region="brain"),
        stack("2", "DWI", region="brain"),
        stack("3", "cine SAX", region="heart"),
    ]
    brain, vessel, heart = workspaces_of(visit)
    assert (brain.region, brain.series, brain.missing) == ("brain", 2, ("T1", "SWI"))
    assert (vessel.series, vessel.missing) == (0, ("TOF", "vessel wall"))
    assert (heart.series, heart.missing) == (1, ("LGE", "T1 map"))
    assert workspaces_of(visit[:2]) == ()
    assert workspaces_of([]) == ()


def test_ct_of_the_same_visit_is_the_part_too() -> None:
    visit = [stack("1", "CT head", region="brain"), stack("2", "CTA", region="vessel")]
    brain, vessel, heart = workspaces_of(visit)
    assert brain.missing == ("DWI",) and vessel.missing == ()
    assert heart.series == 0 and heart.missing == ("cine SAX", "LGE", "T1 map")


def test_a_file_that_names_no_role_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('[[workspace]]\nregion = "brain"\nparts = [["flair"]]\n', encoding="utf-8")
    with pytest.raises(BadInput, match="flair"):
        known_workspaces(path)
    assert [one.region for one in known_workspaces()] == ["brain", "vessel", "heart"]


def test_series_of_a_region_side_by_side() -> None:
    found = side_by_side([stack(str(n), "T1", region="brain") for n in range(3)])
    assert found is not None and (found.rows, found.columns) == (1, 3)
    assert [pane.stack_id for pane in found.panes] == ["0", "1", "2"]
    assert side_by_side([]) is None


def test_the_strip_leads_to_the_workspaces(room: Room) -> None:
    window = room.window
    grid = window.grid_
    heads = {b.text().split()[0]: b for b in window.strip.findChildren(QPushButton, "stripButton")}
    assert set(heads) == {"脑", "血管", "心脏"}
    missing = [label.text() for label in window.strip.findChildren(QLabel, "stripMissing")]
    # The demo's heart is complete: late enhancement and T1 maps are there.
    assert len(missing) == 2 and "磁敏感" in missing[0] and "管壁" in missing[1]
    assert not any(word in words for word in ("延迟强化", "弥散") for words in missing)

    def shown(region: str) -> bool:
        """Whether every series on screen is of a region, and there."""
        ids = [pane.content.stack_id for pane in grid.panes if pane.content.stack_id]
        own = {grid.stacks[id].region for id in ids} == {region}
        return own and all(pane.settled for pane in grid.panes)

    app = application()
    QTest.mouseClick(heads["心脏"], Qt.MouseButton.LeftButton)
    assert wait_until(app, lambda: shown("heart"), 60)
    window.commands.run("workspace_vessel")
    assert wait_until(app, lambda: shown("vessel"), 60)
    assert QTest.qWaitForWindowActive(window, 20_000), app.activeWindow()
    QTest.keyClick(grid.active_pane.slices, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert wait_until(app, lambda: shown("brain"), 60), [
        (pane.content, pane.settled, pane.isVisible()) for pane in grid.panes
    ]
    hung = [grid.stacks[pane.content.stack_id].role for pane in grid.panes]
    assert hung == ["DWI", "FLAIR", "PWI"]
    diffusion, _, perfusion = grid.panes
    assert diffusion.phase == 4, "of diffusion the highest b-value, in every way it is shown"
    assert perfusion.phase == 0
    grid.show_stack(diffusion.content.stack_id, 1)
    assert grid.panes[1].phase == 4

    # A map that somebody looked at has no files: it is hung only where it was asked for.
    image = grid.stacks[diffusion.content.stack_id]
    grid.stacks["map-looked-at"] = replace(image, id="map-looked-at", role="", frames=())
    grid.show_workspace("brain")
    assert "map-looked-at" not in [pane.content.stack_id for pane in grid.panes]
    grid.hang_by("")
    assert "map-looked-at" not in [pane.content.stack_id for pane in grid.panes]
    del grid.stacks["map-looked-at"]
