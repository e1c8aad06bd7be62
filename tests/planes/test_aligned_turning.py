"""Turning carried to views of another frame of reference: they show the same anatomy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.viewer.images import grid_of, stack_of, turn
from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Volume
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import Viewport

SHAPE = (70, 70, 70)
NOW = grid_of(SHAPE, np.diag([1.0, 1.0, 1.0]), (-35.0, -35.0, -35.0))
TURN = turn((0.3, 1.0, 0.4), 23.0)  # the head lay otherwise on the day before
THROUGH = np.eye(4)
THROUGH[:3, :3], THROUGH[:3, 3] = TURN, (12.0, -7.0, 31.0)
KINDS = (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)


def anatomy(points: Floats) -> Floats:
    """A smooth field without any symmetry, of LPS mm (..., 3) of today."""
    x, y, z = np.moveaxis(points, -1, 0)
    waves = np.sin(x / 9) * np.cos(y / 13 + 1) + np.sin(z / 7 + x / 21) + 0.03 * y - 0.02 * z
    return np.asarray(waves * 400)


def voxels(grid: Grid, back: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    lps = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    return np.rint(anatomy(lps @ back[:3, :3].T + back[:3, 3])).astype(np.int16)


def volumes() -> tuple[Volume, Volume]:
    """The same field, today and as it lay before: oblique slices about the moved middle."""
    middle = THROUGH[:3, 3]
    columns = turn((0.0, 1.0, 0.1), 8.0)
    before = grid_of(SHAPE, columns, tuple(middle - columns @ np.full(3, 34.5)))
    return (
        Volume(voxels(NOW, np.eye(4)), NOW, stack_of(NOW, id="now")),
        Volume(
            voxels(before, np.asarray(np.linalg.inv(THROUGH))),
            before,
            stack_of(before, id="before", frame_of_reference_uid="1.2.10"),
        ),
    )


def views(kinds: tuple[PlaneKind, ...]) -> tuple[CrosshairLink, list[Viewport], list[Viewport]]:
    link = CrosshairLink()
    made: list[list[Viewport]] = []
    for volume in volumes():
        made.append([])
        for kind in kinds:
            view = Viewport()
            view.show(volume, kind)
            link.add(view)
            made[-1].append(view)
    link.set_alignments({("1.2.9", "1.2.10"): THROUGH})
    made[0][0].move_focus(np.array([3.0, -4.0, 5.0]))
    return link, made[0], made[1]


def seen(view: Viewport) -> Floats:
    """Stored values on a patch about the crosshair, (n, n)."""
    right, down = np.asarray(view.axes.right), np.asarray(view.axes.down)
    mm = np.arange(-18.0, 19.0, 1.5)
    rows = []
    for v in mm:
        values = [view.value_at(view.focus_mm + u * right + v * down) for u in mm]
        assert None not in values
        rows.append(values)
    return np.asarray(rows, dtype=np.float64)


@pytest.mark.parametrize("kinds", [KINDS, (PlaneKind.ACQUIRED,)])
def test_aligned_planes_show_the_same_anatomy(kinds: tuple[PlaneKind, ...]) -> None:
    link, now, before = views(kinds)
    assert np.allclose(before[0].focus_mm, TURN @ now[0].focus_mm + THROUGH[:3, 3])
    rng = np.random.default_rng(2)
    for step in range(6):
        lead = now[rng.integers(len(now))]
        if step % 2 and len(now) > 1:
            link.orientation.turn(lead, float(rng.uniform(10, 30)))
        else:
            link.orientation.tilt(lead, rng.normal(size=3), float(rng.uniform(5, 25)))
        for a, b in zip(now, before, strict=True):
            assert np.allclose(b.axes.right, TURN @ np.asarray(a.axes.right), atol=1e-9)
            assert np.allclose(b.axes.down, TURN @ np.asarray(a.axes.down), atol=1e-9)
            here, there = seen(a), seen(b)
            # A voxel of 1 mm is the nearest stored one: it may lie 0.87 mm away.
            assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.985
            assert np.abs(here - there).mean() < 0.12 * here.std() + 30
    if len(now) > 1:
        normals = np.array([view.axes.normal for view in before])
        assert np.abs(normals @ normals.T - np.eye(3)).max() < 1e-9


def test_turning_the_earlier_study_turns_the_one_of_now() -> None:
    link, now, before = views(KINDS)
    link.orientation.tilt(before[1], np.array([1.0, 0.4, 0.2]), 17.0)
    for a, b in zip(now, before, strict=True):
        assert np.allclose(TURN @ a.axes.normal, b.axes.normal, atol=1e-9)
        assert np.corrcoef(seen(a).ravel(), seen(b).ravel())[0, 1] > 0.985


def test_straightening_puts_all_back() -> None:
    link, now, before = views(KINDS)
    link.orientation.turn(now[0], 20.0)
    link.orientation.reset(now[0])
    for view, kind in zip([*now, *before], [*KINDS, *KINDS], strict=True):
        assert view.kind is kind and view.turned_deg == 0


def test_without_an_alignment_the_earlier_study_stays_as_it_is() -> None:
    link, now, before = views(KINDS)
    link.set_alignments({})
    link.orientation.turn(now[0], 20.0)
    assert all(view.turned_deg == 0 for view in before)


def test_a_view_opened_later_is_turned_as_its_aligned_ones_are() -> None:
    link, now, before = views(KINDS)
    link.orientation.turn(now[0], 20.0)
    late = Viewport()
    late.show(volumes()[1], PlaneKind.CORONAL)
    for view in before:
        link.remove(view)
    link.add(late)
    link.join(late)
    assert np.allclose(late.axes.normal, TURN @ now[1].axes.normal, atol=1e-9)
