"""Which marks are seen where, values of a fused image, numbers that wait for their voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.marks.drawn import at_index, by_name, ct_of, noise
from tests.viewer.images import GRIDS, grid_of, stack_of, volume_of
from workstation.domain.mark import MarkKind
from workstation.domain.mark_voxels import voxels_inside
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Volume
from workstation.viewing.mark_drawing import ground_of, made_mark
from workstation.viewing.mark_shapes import hit
from workstation.viewing.mark_words import label_lines, other_line
from workstation.viewing.marks import MarkBoard, Voxels, is_here, shown_image
from workstation.viewing.viewport import Slab, Viewport

GRID = grid_of((8, 40, 50), np.diag([1.0, 1.0, 2.0]), (0.0, 0.0, 0.0))


def view_of(volume: Volume) -> Viewport:
    view = Viewport()
    view.show(volume)
    return view


@pytest.mark.parametrize("name", GRIDS)
def test_a_mark_knows_the_stored_image_that_it_was_drawn_on(name: str) -> None:
    """complaint 10: in every orientation, backwards stacks included."""
    volume = volume_of(GRIDS[name])
    view = view_of(volume)
    for number in range(view.steps.count):
        view.go_to_slice(number)
        ground = ground_of(view)
        assert ground is not None
        mark = made_mark(MarkKind.PROBE, ground, view.raster(200, 200).to_lps(90, 95)[None])
        z = shown_image(view)
        assert z == number  # acquired slices count as they are stored
        assert mark.sop_instance_uid == volume.stack.frame(0, z).sop_instance_uid
        assert is_here(mark, view)
        view.scroll(1 if number == 0 else -1)
        assert not is_here(mark, view)


def test_phases_and_frames_of_reference() -> None:
    cine = ct_of(GRID, phases=3, frames=stack_of(GRID).frames * 3)
    array = noise(GRID.shape)
    mark = at_index(MarkKind.PROBE, [(10, 10, 3)], GRID, phase=1)
    for phase in range(3):
        view = view_of(Volume(array, GRID, cine, phase))
        view.go_to_slice(3)
        assert is_here(mark, view) == (phase == 1)
    beside = view_of(Volume(array, GRID, ct_of(GRID, id="other")))
    beside.go_to_slice(3)
    assert is_here(mark, beside)  # the same patient space
    beside.set_plane(PlaneKind.SAGITTAL)
    beside.move_focus(GRID.to_lps((10.0, 30.0, 1.0)))
    assert is_here(mark, beside)
    elsewhere = view_of(
        Volume(array, GRID, ct_of(GRID, id="other", frame_of_reference_uid="1.2.77"))
    )
    elsewhere.go_to_slice(3)
    assert not is_here(mark, elsewhere)


def test_a_slab_shows_what_lies_in_it() -> None:
    view = view_of(Volume(noise(GRID.shape), GRID, ct_of(GRID)))
    view.go_to_slice(3)
    mark = at_index(MarkKind.PROBE, [(10, 10, 5)], GRID)
    assert not is_here(mark, view)
    view.set_slab(Slab(10.0))
    assert is_here(mark, view)


def test_pages_are_told_apart() -> None:
    """Radiographs of one series: a mark on the second page is on no other."""
    flat = grid_of((3, 40, 50), np.array([[0.2, 0, 0], [0, 0, 0.2], [0, -0.2, 0]]).T, (0, 0, 0))
    stack = stack_of(flat, flags=(Flag.NOT_A_VOLUME,))
    view = view_of(Volume(noise(flat.shape), flat, stack))
    view.go_to_slice(1)
    ground = ground_of(view)
    assert ground is not None
    mark = made_mark(MarkKind.PROBE, ground, view.focus_mm[None])
    assert mark.sop_instance_uid == stack.frame(0, 1).sop_instance_uid
    for number in range(3):
        view.go_to_slice(number)
        assert is_here(mark, view) == (number == 1)


def test_a_fused_image_gives_its_own_stored_values() -> None:
    """complaint 15: SUV beside HU, from PET voxels that were not resampled."""
    ct, pet_grid = noise(GRID.shape), grid_of((4, 10, 13), np.diag([4.0, 4.0, 4.0]), (1, 1, 0))
    pet: NDArray[np.float64] = np.random.default_rng(2).random(pet_grid.shape) * 9
    board = MarkBoard()
    board.voxels = lambda stack_id, phase: Voxels(ct_of(GRID), lambda z: ct[z])
    mark = at_index(MarkKind.ELLIPSE, [(8, 9, 4), (30, 28, 4)], GRID)
    below = by_name(board.numbers(mark))
    stack = stack_of(pet_grid, modality="PT", unit="{SUVbw}g/mL", id="pet")
    numbers = board.numbers_on(mark, Voxels(stack, lambda z: pet[z]), pet_grid)
    ys, xs, inside = voxels_inside(mark, pet_grid, 2)  # 8 mm: the third PET slice
    values = pet[2][ys, xs][inside]
    assert by_name(numbers)["Mean"] == values.mean()
    assert by_name(numbers)["Maximum"] == values.max()
    assert {n.unit for n in numbers if n.name == "Mean"} == {"{SUVbw}g/mL"}
    line = other_line("PET", numbers)
    assert "SUVbw" in line and f"{values.max():.2f}" in line
    assert by_name(board.numbers(mark)) == below  # HU stays HU


def test_numbers_wait_for_the_voxels_and_then_come() -> None:
    read: dict[int, NDArray[np.int16]] = {}
    board = MarkBoard()
    board.voxels = lambda stack_id, phase: Voxels(ct_of(GRID), read.get)
    mark = at_index(MarkKind.ELLIPSE, [(8, 9, 4), (30, 28, 4)], GRID)
    assert set(by_name(board.numbers(mark))) == {"Area"}
    read[4] = noise(GRID.shape)[4]
    assert "Mean" in by_name(board.numbers(mark))


def test_stored_numbers_stand_in_where_no_voxels_are_at_hand() -> None:
    board = MarkBoard()
    mark = at_index(MarkKind.ELLIPSE, [(8, 9, 4), (30, 28, 4)], GRID)
    board.voxels = lambda stack_id, phase: Voxels(ct_of(GRID), lambda z: noise(GRID.shape)[z])
    numbers = board.numbers(mark)
    board.voxels = lambda stack_id, phase: None
    assert board.numbers(replace(mark, numbers=numbers)) == numbers


def test_lengths_that_are_not_the_patients_say_so() -> None:
    """complaint 12"""
    mark = at_index(MarkKind.LENGTH, [(8, 9, 4), (30, 28, 4)], GRID)
    board = MarkBoard()
    for calibrated, said in (("patient", False), ("detector", True), ("magnified", True)):
        stack = ct_of(GRID, calibrated=calibrated)
        board.voxels = lambda *_, held=stack: Voxels(held, lambda z: None)
        assert (len(label_lines(mark, board.numbers(mark))) == 2) is said


def test_hold_on_handles_before_lines() -> None:
    view = view_of(Volume(noise(GRID.shape), GRID, ct_of(GRID)))
    view.go_to_slice(4)
    mark = at_index(MarkKind.LENGTH, [(8, 9, 4), (30, 28, 4)], GRID)
    raster = view.raster(500, 400)
    start = raster.to_picture(mark.points_mm[0])[:2]
    stop = raster.to_picture(mark.points_mm[1])[:2]
    found = hit(mark, raster, start, 6.0)
    assert found is not None and found.handle == 0
    middle = ((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
    found = hit(mark, raster, middle, 6.0)
    assert found is not None and found.handle == -1
    assert hit(mark, raster, (middle[0] + 30, middle[1] - 30), 6.0) is None
