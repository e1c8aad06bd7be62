"""The line through the middle of a tube that a mask outlines, from end to end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.imaging.sections import middle_piece, planes_across, resampled, run_of

COARSE_MM = 2.5  # voxels of the graph are no larger, where the image's are not
STEP_MM = 2.0
_SMOOTH_MM = 8.0
_REACH = 1.6  # of the radius: how far beside the line its middle is looked for
_LEAST_VOXELS = 30


def line_through(mask: NDArray[np.bool_], grid: Grid) -> Floats:
    """Points (n, 3), LPS mm, ``STEP_MM`` apart through the largest piece of a mask (z, y, x).

    From one end of the longest way inside the mask to the other: of an arch from the leg that lies
    further in front, of anything else from the end nearer to the head. Empty (0, 3) where the mask
    is too small to be a tube. Paths keep to the middle as in TEASAR (Sato et al., Pacific Graphics
    2000), then each point moves to the middle of its section, twice.
    """
    small, coarse = _coarser(mask, grid)
    nodes = np.argwhere(small)
    if len(nodes) < _LEAST_VOXELS:
        return np.empty((0, 3))
    depth = ndimage.distance_transform_edt(np.pad(small, 1), sampling=coarse.spacing_mm[::-1])
    wall = np.asarray(depth)[1:-1, 1:-1, 1:-1][tuple(nodes.T)]
    places = coarse.to_lps(nodes[:, ::-1].astype(np.float64))
    lengths, middle = _graphs(nodes, small.shape, places, wall)
    start = _farthest(lengths, int(np.argmax(wall)))
    stop = _farthest(lengths, start)
    path = _path(middle, start, stop)
    radius = wall[path]
    # The path begins and ends in corners of the end faces: there it is in no middle yet.
    deep = np.flatnonzero(radius >= 0.6 * np.median(radius))
    path = path[deep[0] : deep[-1] + 1]
    points = places[path]
    if len(points) < 3 or run_of(points)[-1] < 3 * STEP_MM:
        return np.empty((0, 3))
    line = resampled(points, STEP_MM, _SMOOTH_MM)
    reach = _REACH * float(np.max(radius)) + 4.0
    for _ in range(2):
        line = _centred(small.astype(np.float32), coarse, line, reach)
    return _directed(line)


def _coarser(mask: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.bool_], Grid]:
    """The largest piece of a mask in its own box, at every second, third ... voxel."""
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if not boxes:
        return np.zeros((1, 1, 1), dtype=bool), grid
    box = boxes[0]
    step = [max(1, int(COARSE_MM / s)) for s in grid.spacing_mm[::-1]]
    part = mask[box][:: step[0], :: step[1], :: step[2]]
    labels, count = ndimage.label(part, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    low = np.array([s.start for s in box], dtype=np.float64)
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps(low[::-1])
    matrix[:3, :3] *= np.array(step[::-1], dtype=np.float64)
    shape = part.shape
    return np.asarray(labels == int(np.argmax(sizes))), Grid(
        (shape[0], shape[1], shape[2]), as_matrix(matrix)
    )


def _graphs(
    nodes: NDArray[np.intp], shape: tuple[int, ...], places: Floats, wall: Floats
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Neighbouring voxels: by length, and by length over the square of the depth."""
    number = np.full([n + 2 for n in shape], -1, dtype=np.int64)
    number[tuple((nodes + 1).T)] = np.arange(len(nodes))
    starts, ends = [], []
    for dz, dy, dx in np.ndindex(3, 3, 3):
        if (dz, dy, dx) <= (1, 1, 1):  # each pair once
            continue
        other = number[nodes[:, 0] + dz, nodes[:, 1] + dy, nodes[:, 2] + dx]
        hit = np.flatnonzero(other >= 0)
        starts.append(hit)
        ends.append(other[hit])
    start, end = np.concatenate(starts), np.concatenate(ends)
    lengths = np.linalg.norm(places[start] - places[end], axis=1)
    size = (len(nodes), len(nodes))
    weight = lengths / (0.5 * (wall[start] + wall[end])) ** 2
    return (
        sparse.csr_array((lengths, (start, end)), shape=size),
        sparse.csr_array((weight, (start, end)), shape=size),
    )


def _farthest(graph: sparse.csr_array, start: int) -> int:
    away = csgraph.dijkstra(graph, directed=False, indices=[start])[0]
    return int(np.argmax(np.where(np.isfinite(away), away, -1.0)))


def _path(graph: sparse.csr_array, start: int, stop: int) -> NDArray[np.intp]:
    _, before = csgraph.dijkstra(graph, directed=False, indices=[start], return_predecessors=True)
    found = [stop]
    while before[0, found[-1]] >= 0:
        found.append(int(before[0, found[-1]]))
    return np.asarray(found[::-1], dtype=np.intp)


def _centred(mask: NDArray[np.float32], grid: Grid, line: Floats, reach_mm: float) -> Floats:
    """Each point moved to the middle of the section across the line there."""
    planes = planes_across(line, reach_mm, 1.5)
    steps = planes.steps_mm
    shift = np.zeros((len(line), 2))
    for i, section in enumerate(planes.sample(mask, grid)):
        piece = middle_piece(section >= 0.5)
        edge = piece[0].any() or piece[-1].any() or piece[:, 0].any() or piece[:, -1].any()
        if piece.any() and not edge:
            weight = np.where(piece, section, 0.0)
            total = float(weight.sum())
            shift[i] = (weight.sum(axis=1) @ steps / total, weight.sum(axis=0) @ steps / total)
    soft = ndimage.gaussian_filter1d(shift, 2.0, axis=0, mode="nearest")
    moved = line + soft[:, :1] * planes.u + soft[:, 1:] * planes.v
    return resampled(moved, STEP_MM, 4.0)


def _directed(line: Floats) -> Floats:
    """With the blood of an aorta: up in front, over the arch, down behind; or from the head on."""
    top = int(np.argmax(line[:, 2]))
    arch = 0.1 * len(line) < top < 0.9 * len(line)
    first_is_right = line[0, 1] < line[-1, 1] if arch else line[0, 2] > line[-1, 2]
    return line if first_is_right else np.ascontiguousarray(line[::-1])
