"""3D pictures of known shapes from known directions, on grids of every orientation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.solid.phantoms import (
    GRIDS,
    MEASURED,
    MIDDLE,
    ball,
    copied,
    letter,
    look_from,
    places,
    scene_of,
    seen,
    soft_ball,
    vec,
)
from workstation.domain.geometry import Grid
from workstation.render.surface import surface_of
from workstation.viewing.solid_camera import VIEWS, SolidCamera
from workstation.viewing.solid_copy import Snip, carved, under_outline
from workstation.viewing.solid_look import SolidLook, slab_clips
from workstation.viewing.solid_presets import preset

SIZE = 200
ALL = pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))


def expected(
    grid: Grid, array: NDArray[np.int16], camera: SolidCamera, size: int
) -> NDArray[np.bool_]:
    """Pixels that bright voxels project onto, computed without VTK."""
    out = np.zeros((size, size), dtype=np.bool_)
    bright = places(grid)[array > 400]
    for offset in np.ndindex(3, 3, 3):  # a voxel is larger than a pixel
        shift = grid.matrix[:3, :3] @ (np.asarray(offset) / 2 - 0.5)
        at = camera.to_view(bright + shift, size, size)
        column, row = np.floor(at[:, :2]).astype(int).T
        out[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)] = True
    return out


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@ALL
def test_letter_is_not_mirrored_from_any_side(grid: Grid) -> None:
    array = letter(grid)
    scene = scene_of(copied(array, grid))
    for side in VIEWS:
        camera = look_from(grid, side)
        picture = seen(scene, camera, 100)
        want = expected(grid, array, camera, 100)
        assert overlap(picture, want) > 0.8, side
        if side == "A":  # the letter itself: its bars point to the reader's right
            assert overlap(picture, want[:, ::-1]) < overlap(picture, want) - 0.15
            columns = np.flatnonzero(picture.any(axis=0))
            rows = np.flatnonzero(picture.any(axis=1))
            left, right = picture[:, columns[:4]].sum(), picture[:, columns[-4:]].sum()
            upper, lower = picture[rows[:4]].sum(), picture[rows[-4:]].sum()
            assert left > 1.5 * right and upper > 1.5 * lower
    scene.close()


@ALL
def test_ball_stands_where_the_camera_says(grid: Grid) -> None:
    place = MIDDLE + vec(12.0, -6.0, 9.0)
    array = soft_ball(grid, place, 9.0)
    scene = scene_of(copied(array, grid))
    camera = look_from(grid).orbit(37, -21).zoomed(1.3).panned(7, -5, SIZE)
    rows, columns = np.nonzero(seen(scene, camera))
    want = camera.to_view(place, SIZE, SIZE)
    mm = camera.mm_per_pixel(SIZE)
    assert (columns.mean() + 0.5 - want[0]) * mm == pytest.approx(0, abs=0.5)
    assert (rows.mean() + 0.5 - want[1]) * mm == pytest.approx(0, abs=0.5)
    across = np.sqrt(rows.size / np.pi) * 2 * mm
    assert across == pytest.approx(18.0, abs=1.5)
    scene.close()


def test_parts_make_up_the_whole_picture() -> None:
    grid = GRIDS["axial"]
    scene = scene_of(copied(letter(grid), grid))
    camera = look_from(grid).orbit(20, 10)
    whole = scene.render(camera, 160, 160)
    part = scene.render_part(camera, 160, 160, (0, 40, 160, 60))
    assert np.abs(whole[42:98].astype(int) - part[2:58]).mean() < 2.0
    scene.close()


@ALL
def test_scissors_remove_what_is_under_the_outline_and_nothing_else(grid: Grid) -> None:
    array = np.full(grid.shape, 1000, dtype=np.int16)
    array[0] = -1000
    camera = look_from(grid).orbit(25, 15)
    outline = ((-10.0, -8.0), (12.0, -8.0), (12.0, 9.0), (-10.0, 9.0))
    for inside in (True, False):
        snip = Snip(outline, tuple(MIDDLE), tuple(camera.right), tuple(camera.down), inside)
        removed = under_outline(grid, snip) == inside
        away = places(grid) - MIDDLE
        u, v = away @ camera.right, away @ camera.down
        want = ((u > -10) & (u < 12) & (v > -8) & (v < 9)) == inside
        edge = np.minimum.reduce([abs(u + 10), abs(u - 12), abs(v + 8), abs(v - 9)]) < 0.4
        assert (removed == want)[~edge].all()
        copy = copied(array, grid)
        gone = under_outline(copy.grid, snip) == inside
        scene = scene_of(copy, voxels=carved(copy, MEASURED, gone))
        picture = seen(scene, camera)
        at = camera.to_view(MIDDLE + camera.right * 1.0 + camera.down * 0.5, SIZE, SIZE)
        beside = camera.to_view(MIDDLE + camera.right * 20.0, SIZE, SIZE)
        assert picture[int(at[1]), int(at[0])] == (not inside)
        assert picture[int(beside[1]), int(beside[0])] == inside
        scene.close()


@ALL
def test_crop_box_is_exact(grid: Grid) -> None:
    """Nothing is seen outside the box, and the box is full to its faces (0.7 mm a pixel)."""
    array = np.full(grid.shape, 1000, dtype=np.int16)
    low, high = MIDDLE - vec(11.0, 8.0, 13.0), MIDDLE + vec(14.0, 10.0, 6.0)
    look = SolidLook("ct_bone", look_from(grid), box=(tuple(low), tuple(high)))
    scene = scene_of(copied(array, grid))
    scene.set_clips(look.clips(MIDDLE))
    for side in "AL":
        camera = look_from(grid, side)
        rows, columns = np.nonzero(seen(scene, camera))
        ends = camera.to_view(np.stack([low, high]), SIZE, SIZE)[:, :2]
        want = np.sort(ends, axis=0)
        assert [columns.min(), rows.min()] == pytest.approx(want[0], abs=1.5)
        assert [columns.max() + 1, rows.max() + 1] == pytest.approx(want[1], abs=1.5)
    scene.close()


def test_slab_and_half_planes_keep_what_they_say() -> None:
    grid = GRIDS["tilted oblique"]
    scene = scene_of(copied(np.full(grid.shape, 1000, dtype=np.int16), grid))
    normal = np.array([0.0, 0.6, 0.8])
    scene.set_clips(slab_clips(MIDDLE, normal, 10.0))
    camera = look_from(grid, "L")
    rows, columns = np.nonzero(seen(scene, camera))
    mm = camera.mm_per_pixel(SIZE)
    across = np.stack([columns + 0.5 - SIZE / 2, rows + 0.5 - SIZE / 2], axis=1) * mm
    lps = np.asarray(camera.target_mm) + across @ np.stack([camera.right, camera.down])
    depth = (lps - MIDDLE) @ normal
    assert np.abs(depth).max() == pytest.approx(5.0, abs=0.8)
    scene.close()


@ALL
def test_surface_has_the_volume_and_place_of_its_mask(grid: Grid) -> None:
    centre = MIDDLE + vec(3.0, -4.0, 5.0)
    mask = ball(grid, centre, 15.0)
    surface = surface_of(mask, grid)
    assert surface.volume_ml == pytest.approx(mask.sum() * grid.voxel_ml, rel=0.02)
    radius = np.linalg.norm(surface.points - centre, axis=1)
    assert radius.mean() == pytest.approx(15.0, abs=0.3) and radius.std() < 0.4
    assert surface.points.mean(axis=0) == pytest.approx(centre, abs=0.3)


def test_surface_of_small_and_empty_masks() -> None:
    grid = GRIDS["axial"]
    empty = np.zeros(grid.shape, dtype=np.bool_)
    assert surface_of(empty, grid).triangles.size == 0
    small = ball(grid, MIDDLE, 4.0)
    assert surface_of(small, grid).volume_ml == pytest.approx(small.sum() * grid.voxel_ml, rel=0.1)
    at_the_rim = np.zeros(grid.shape, dtype=np.bool_)
    at_the_rim[:10, :10, :10] = True
    block = surface_of(at_the_rim, grid)
    assert block.volume_ml == pytest.approx(1000 * grid.voxel_ml, rel=0.05)


def test_surface_is_seen_in_and_before_a_volume() -> None:
    grid = GRIDS["oblique"]
    copy = copied(soft_ball(grid, MIDDLE, 18.0), grid)
    scene = scene_of(copy, preset("ct_bone"))
    camera = look_from(grid)
    before = surface_of(ball(grid, MIDDLE - vec(0.0, 22.0, 0.0), 4.0), grid)
    behind = surface_of(ball(grid, MIDDLE + vec(0.0, 22.0, 0.0), 4.0), grid)
    green = (0.0, 1.0, 0.0)
    for surface, visible in ((before, True), (behind, False)):
        scene.set_surfaces({"finding": (surface, green, 1.0)})
        middle = camera.to_view(MIDDLE, SIZE, SIZE)
        pixel = scene.render(camera, SIZE, SIZE)[::-1][int(middle[1]), int(middle[0])]
        assert (int(pixel[1]) > int(pixel[0]) + 60) == visible
    scene.set_surfaces({"finding": (behind, green, 1.0)})
    scene.set_solid(False)
    pixel = scene.render(camera, SIZE, SIZE)[::-1][int(middle[1]), int(middle[0])]
    assert int(pixel[1]) > int(pixel[0]) + 60
    scene.set_surfaces({})
    assert not seen(scene, camera).any()
    scene.close()
