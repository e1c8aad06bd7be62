"""Where the vessels of a time-of-flight angiogram run: bright lumen and its centre lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from workstation.domain.geometry import Grid

Floats = NDArray[np.float64]

_TOP_ML = 0.5  # the brightest half millilitre is blood in every angiogram of the head
_SCALP_MM = 14.0  # nothing nearer to the air is an intracranial artery; fat is as bright
_BRANCH_MM = 8.0  # shorter side branches are not traced
_LEAST_ML = 0.04  # smaller bright islands are left out


@dataclass(frozen=True)
class Branch:
    """A centre line from inlet to tip, LPS mm (n, 3), in the direction away from the inlet.

    own_from: index of the first point that no earlier branch has.
    """

    points_mm: Floats
    own_from: int

    def from_before(self, context_mm: float) -> Branch:
        """This branch with no more of its parent than ``context_mm``."""
        first = self.own_from
        run = 0.0
        while first > 0 and run < context_mm:
            run += float(np.linalg.norm(self.points_mm[first] - self.points_mm[first - 1]))
            first -= 1
        return Branch(self.points_mm[first:], self.own_from - first)


def lumen(array: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.bool_], float, float]:
    """Bright vessels (z, y, x) by hysteresis, the level of blood and that of tissue.

    Half way to the blood starts a vessel, a quarter of the way continues it, since thin arteries
    and narrowings lose signal to partial volume.
    """
    spacing = grid.spacing_mm[::-1]
    smooth = ndimage.gaussian_filter(array, [0.4 / s for s in spacing])
    deep, body = _deep(smooth, spacing)
    values = smooth[deep]
    top = max(20, round(_TOP_ML / grid.voxel_ml))
    if values.size <= top:
        return np.zeros(array.shape, dtype=bool), 0.0, 0.0
    blood = float(np.median(np.partition(values, -top)[-top:]))
    tissue_values = smooth[deep & body] if (deep & body).any() else values
    tissue = float(np.median(tissue_values))
    spread = 1.4826 * float(np.median(np.abs(tissue_values - tissue)))
    low = max(tissue + 0.25 * (blood - tissue), tissue + 4.0 * spread)
    high = max(tissue + 0.5 * (blood - tissue), low)
    weak = (smooth > low) & deep
    labels, count = ndimage.label(weak, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    strong = np.zeros(count + 1, dtype=bool)
    strong[np.unique(labels[(smooth > high) & weak])] = True
    strong[0] = False
    strong &= sizes * grid.voxel_ml >= _LEAST_ML
    return strong[labels], blood, tissue


def _deep(
    smooth: NDArray[np.float32], spacing: tuple[float, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voxels far enough from the air around the head, and the head itself."""
    everything = np.ones(smooth.shape, dtype=bool)
    body = ndimage.gaussian_filter(smooth, [2.0 / s for s in spacing]) > _otsu(smooth)
    share = float(body.mean())
    if share < 0.15 or share > 0.97:  # vessels alone were kept, or there is no air in the box
        return everything, body if share > 0.97 else smooth > smooth.min()
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    # Air is looked for within slices: above and below, the slab just ends.
    far = np.stack([ndimage.distance_transform_edt(p, sampling=spacing[1:]) for p in filled])
    return far > _SCALP_MM, body


def _otsu(values: NDArray[np.float32]) -> float:
    """Threshold between two classes of brightness (Otsu 1979), vessels not counted."""
    counts, edges = np.histogram(np.minimum(values, np.percentile(values, 99.0)), bins=256)
    if edges[-1] <= edges[0]:
        return float(edges[0])
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts).astype(np.float64)
    total = below[-1]
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below - mass * total) ** 2 / (below * (total - below))
    return float(centres[int(np.argmax(np.nan_to_num(between)))])


def branches(mask: NDArray[np.bool_], grid: Grid) -> list[Branch]:
    """Centre lines of a vessel mask, from inlets at the caudal end to every tip.

    Cheapest paths over the voxel graph, where a step costs its length over the square of the
    distance to the wall, so that paths keep to the middle (after Antiga's centreline idea and
    TEASAR: Sato et al. 2000). Points are voxel centres; ``section`` smooths and centres them.
    """
    nodes = np.argwhere(mask)
    if len(nodes) < 10:
        return []
    wall = _to_the_wall(mask, nodes, grid)
    places = grid.to_lps(nodes[:, ::-1].astype(np.float64))
    graph = _graph(nodes, mask.shape, places, wall)
    roots = _inlets(nodes, places, wall, mask.shape, grid, graph)
    cost, before, _ = csgraph.dijkstra(
        graph, directed=False, indices=roots, return_predecessors=True, min_only=True
    )
    run = _run_lengths(cost, before, places)
    return _tips(run, before, places, wall)


def _to_the_wall(mask: NDArray[np.bool_], nodes: NDArray[np.intp], grid: Grid) -> Floats:
    """Distance (mm) of each node to the nearest voxel outside; only the box they fill is worked."""
    low = np.maximum(nodes.min(axis=0) - 1, 0)
    block = tuple(slice(a, b + 2) for a, b in zip(low, nodes.max(axis=0), strict=True))
    inside = ndimage.distance_transform_edt(mask[block], sampling=grid.spacing_mm[::-1])
    return np.asarray(inside[tuple((nodes - low).T)], dtype=np.float64)


def _graph(
    nodes: NDArray[np.intp], shape: tuple[int, ...], places: Floats, wall: Floats
) -> sparse.csr_array:
    number = np.full(shape, -1, dtype=np.int64)
    number[tuple(nodes.T)] = np.arange(len(nodes))
    padded = np.pad(number, 1, constant_values=-1)
    starts, ends = [], []
    for dz, dy, dx in np.ndindex(3, 3, 3):
        if (dz, dy, dx) <= (1, 1, 1):  # each pair once
            continue
        other = padded[nodes[:, 0] + dz, nodes[:, 1] + dy, nodes[:, 2] + dx]
        hit = np.flatnonzero(other >= 0)
        starts.append(hit)
        ends.append(other[hit])
    start, end = np.concatenate(starts), np.concatenate(ends)
    lengths = np.linalg.norm(places[start] - places[end], axis=1)
    weight = lengths / (0.5 * (wall[start] + wall[end])) ** 2
    size = (len(nodes), len(nodes))
    return sparse.csr_array((weight, (start, end)), shape=size)


def _inlets(
    nodes: NDArray[np.intp],
    places: Floats,
    wall: Floats,
    shape: tuple[int, ...],
    grid: Grid,
    graph: sparse.csr_array,
) -> NDArray[np.intp]:
    """One root for each vessel that enters at the caudal face, or the most caudal voxel."""
    count, part = csgraph.connected_components(graph, directed=False)
    upwards = grid.matrix[2, 2] > 0  # whether the slice index grows towards the head
    depth = nodes[:, 0] if upwards else shape[0] - 1 - nodes[:, 0]
    entering = depth * grid.slice_distance_mm <= 3.0
    roots: list[int] = []
    for piece in range(count):
        mine = np.flatnonzero(part == piece)
        gates = mine[entering[mine]]
        if not gates.size:
            lowest = mine[places[mine, 2] <= places[mine, 2].min() + 3.0]
            roots.append(int(lowest[np.argmax(wall[lowest])]))
            continue
        inside = np.zeros(shape, dtype=bool)
        inside[tuple(nodes[gates].T)] = True
        labels, _ = ndimage.label(inside, structure=np.ones((3, 3, 3)))
        mouth = labels[tuple(nodes[gates].T)]
        roots += [
            int(gates[mouth == m][np.argmax(wall[gates[mouth == m]])]) for m in np.unique(mouth)
        ]
    return np.asarray(roots, dtype=np.intp)


def _run_lengths(cost: Floats, before: NDArray[np.int32], places: Floats) -> Floats:
    """Millimetres along the cheapest path from its inlet to each node."""
    run = np.zeros(len(places))
    for node in np.argsort(cost, kind="stable"):
        parent = before[node]
        if parent >= 0:
            run[node] = run[parent] + np.linalg.norm(places[node] - places[parent])
    return run


def _tips(run: Floats, before: NDArray[np.int32], places: Floats, wall: Floats) -> list[Branch]:
    """Branches from the farthest tip inwards; what a branch covers cannot be a tip again."""
    covered = np.zeros(len(places), dtype=bool)
    on_path = np.zeros(len(places), dtype=bool)
    tree = cKDTree(places)
    found: list[Branch] = []
    for tip in np.argsort(-run, kind="stable"):
        if covered[tip]:
            continue
        path = [int(tip)]
        while before[path[-1]] >= 0:
            path.append(int(before[path[-1]]))
        path.reverse()
        own = next((i for i, node in enumerate(path) if not on_path[node]), len(path))
        new = path[own:]
        if new:
            for close in tree.query_ball_point(places[new], 1.3 * wall[new] + 1.2):
                covered[close] = True
        covered[tip] = True
        start = path[max(own - 1, 0)]
        if run[tip] - run[start] < _BRANCH_MM + 1.5 * wall[start]:
            continue
        on_path[new] = True
        found.append(Branch(places[path], own))
    return found
