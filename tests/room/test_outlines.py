"""A cine shows on each phase what the model outlined there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo
from workstation.text import set_language
from workstation.ui.room_area import Room
from workstation.ui.solid_masks import surfaces_of
from workstation.viewing.overlay import Overlay

LEFT, WALL, RIGHT = "87878005", "49848007", "53085002"


def beating(room: Room) -> Finding:
    """The finding of the model of the heart."""
    contents = room.window.desk.contents
    assert contents is not None
    return next(one for one in contents.findings if one.made_by.name == "heart-sax")


def outlines(room: Room) -> list[Overlay]:
    return [one for one in room.window.grid_.panes[0].slices.overlays if one.on_slices_alone]


def test_each_phase_has_its_outlines_and_each_structure_its_colour(
    room: Room, until: Callable[..., None]
) -> None:
    set_language("zh_CN")
    archive, finding = room.window.desk.archive, beating(room)
    until(lambda: bool(outlines(room)))
    shown = {one.id: one for one in outlines(room)}
    masks = {one.id: one for one in archive.all(MaskInfo, finding.study_uid)
             if one.made_by == finding.made_by and one.id != finding.mask_id}  # fmt: skip
    assert shown.keys() == masks.keys()
    contents = room.window.desk.contents
    stack = contents.stack(finding.stack_id) if contents is not None else None
    assert stack is not None and stack.phases == 25
    colours: dict[str, set[str]] = {}
    for id, one in shown.items():
        code = masks[id].code
        assert code is not None
        colours.setdefault(code.value, set()).add(one.colour)
        assert one.phase == masks[id].phase
        assert one.array is not None and int(np.count_nonzero(one.array)) == masks[id].voxel_count
        assert one.belongs_to(stack.id, stack.frame_of_reference_uid, masks[id].phase)
        assert not one.belongs_to(stack.id, stack.frame_of_reference_uid, masks[id].phase + 1)
        assert not one.belongs_to("late enhancement", stack.frame_of_reference_uid, 0)
    assert colours[LEFT] == {""}  # as the finding: in the colour of its state
    assert len(colours[WALL] | colours[RIGHT]) == 2
    of_left = {
        one.phase for id, one in shown.items() if (masks[id].code or finding.code).value == LEFT
    }
    assert of_left == set(range(25)) - {finding.phase}
    assert not surfaces_of(list(shown.values()), stack)


def test_outlines_are_named_in_the_language_of_now(room: Room, until: Callable[..., None]) -> None:
    def names() -> set[str]:
        return {one.label for one in outlines(room)}

    until(lambda: bool(outlines(room)))
    before = names()
    room.window.actions_.switch_language()
    until(lambda: bool(names()) and not names() & before)
    room.window.actions_.switch_language()
    until(lambda: names() == before)


def test_the_number_of_the_finding_is_an_ejection_fraction(room: Room) -> None:
    """Of the demo's heart: 148 mL to 71 mL."""
    finding = beating(room)
    assert finding.unit == "%" and finding.value is not None
    assert abs(finding.value - 52.0) < 6.0
    assert finding.value_name is not None and "射血分数" in finding.value_name.zh
    archive = room.window.desk.archive
    by_phase = {
        one.phase: int(archive.load_mask(one.id).sum())
        for one in archive.all(MaskInfo, finding.study_uid)
        if one.made_by == finding.made_by and one.code is not None and one.code.value == LEFT
    }
    most, least = by_phase[finding.phase], min(by_phase.values())
    assert abs(finding.value - 100.0 * (most - least) / most) < 1e-6
