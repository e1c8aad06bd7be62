"""Outlines between those that a reader drew: over slices of one phase, and over phases."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid
from workstation.domain.voxel_set import Bools, VoxelSet
from workstation.viewing.segment_fill import fill_between


def drawn_slices(now: Bools, made: Bools) -> list[int]:
    """Slices on which an outline (z, y, x) is not what its maker drew, and is not empty."""
    differs = (now != made).any(axis=(1, 2)) & now.any(axis=(1, 2))
    return [int(z) for z in np.flatnonzero(differs)]


def between_slices(now: Bools, made: Bools, grid: Grid) -> Bools:
    """``now`` with the slices between drawn ones made by shape-based interpolation.

    Slices beyond the first and the last drawn one stay as they are. ``BadInput`` where fewer than
    two slices are drawn or none lies between them.
    """
    drawn = drawn_slices(now, made)
    gaps = [(a, b) for a, b in itertools.pairwise(drawn) if b - a > 1]
    if not gaps:
        raise BadInput(N_("Draw on two slices or phases that have others between them."))
    sparse = np.zeros_like(now)
    sparse[drawn] = now[drawn]
    filled = fill_between(VoxelSet.of(sparse, grid)).full()
    result = now.copy()
    for low, high in gaps:
        result[low + 1 : high] = filled[low + 1 : high]
    return result


def between_phases(
    now: Mapping[int, Bools], made: Mapping[int, Bools], grid: Grid
) -> dict[int, Bools]:
    """Phases (z, y, x) that change: on every slice that is drawn on two phases or more, those
    between them by shape-based interpolation over time. Empty where there are none."""
    changed: dict[int, Bools] = {}
    phases = sorted(now)
    if len(phases) < 3:
        return {}
    drawn = {phase: set(drawn_slices(now[phase], made[phase])) for phase in phases}
    for z in range(grid.shape[0]):
        mine = [phase for phase in phases if z in drawn[phase]]
        if len(mine) < 2 or mine[-1] - mine[0] < 2:
            continue
        beat = replace(grid, shape=(phases[-1] + 1, *grid.shape[1:]))
        planes = np.zeros(beat.shape, dtype=np.bool_)
        planes[mine] = [now[phase][z] for phase in mine]
        if not any(b - a > 1 for a, b in itertools.pairwise(mine)):
            continue
        filled = fill_between(VoxelSet.of(planes, beat)).full()
        for phase in phases:
            if mine[0] < phase < mine[-1] and phase not in mine:
                changed.setdefault(phase, now[phase].copy())[z] = filled[phase]
    return changed
