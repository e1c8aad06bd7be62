"""Branching arteries, veins and airways of the lungs, and nodules beside them.

A tree grows by joining seeded points of the lung, nearest to the hilum first, to the node where
the way to the hilum is short (a Steiner-like trade of length against detour, as vessel
generators do); radii follow a Murray-type law from the number of leaves behind each segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.demo import thorax
from workstation.demo.shapes import Canvas, Point, cover

Points = NDArray[np.float64]

_LEAST_BRONCHUS_MM = 1.3  # thinner ones are not seen at 2.5 mm


@dataclass(frozen=True)
class Tree:
    """Segments from ``start`` to ``end`` (n, 3) mm with their radii (n,) mm at both."""

    start: Points
    end: Points
    start_radius: NDArray[np.float64]
    end_radius: NDArray[np.float64]


@dataclass(frozen=True)
class Nodule:
    """A solid sphere. centre_mm: canvas frame. place: in words."""

    centre_mm: Point
    diameter_mm: float
    place: str

    @property
    def volume_mm3(self) -> float:
        """Volume of the sphere, mm3."""
        return float(np.pi * self.diameter_mm**3 / 6.0)


def _places(side: int, count: int, margin: float, rng: np.random.Generator) -> Points:
    """Random points inside one lung, at least ``margin`` mm below the pleura."""
    found: list[Points] = []
    have = 0
    while have < count:
        box = rng.uniform((8, -75, -165), (125, 82, 112), (4 * count, 3)) * (side, 1, 1)
        deep = thorax.lungs(thorax.at_points(box)) < -margin
        found.append(box[deep])
        have += int(deep.sum())
    return np.concatenate(found)[:count]


def grow(
    root: Points, side: int, count: int, leaf_mm: float, power: float, rng: np.random.Generator
) -> Tree:
    """A tree from the polyline ``root`` (hilum outwards) into one lung."""
    goals = _places(side, count, 2.0 + 2.0 * leaf_mm, rng)
    goals = goals[np.argsort(np.linalg.norm(goals - root[-1], axis=1))]
    first = len(root)
    nodes = np.concatenate([root, goals])
    parent = np.concatenate([np.arange(first) - 1, np.zeros(count, int)]).astype(int)
    way = np.zeros(len(nodes))
    for k in range(1, first):
        way[k] = way[k - 1] + float(np.linalg.norm(root[k] - root[k - 1]))
    for k in range(first, len(nodes)):
        far = np.linalg.norm(nodes[:k] - nodes[k], axis=1)
        cost = far + 0.42 * way[:k]
        cost[: first - 1] += 15.0
        near = int(np.argmin(cost))
        parent[k], way[k] = near, way[near] + far[near]
    leaves = np.zeros(len(nodes))
    has_child = np.zeros(len(nodes), bool)
    has_child[parent[1:]] = True
    leaves[~has_child] = 1.0
    for k in range(len(nodes) - 1, 0, -1):
        leaves[parent[k]] += leaves[k]
    radius = leaf_mm * leaves**power
    # Nodes slide towards the middle of parent and children, so that branches curve.
    for _ in range(2):
        pull = np.zeros_like(nodes)
        weight = np.zeros(len(nodes))
        np.add.at(pull, parent[1:], nodes[1:] * leaves[1:, None])
        np.add.at(weight, parent[1:], leaves[1:])
        inner = has_child & (np.arange(len(nodes)) >= first)
        mean = 0.5 * nodes[parent] + 0.5 * pull / np.maximum(weight, 1.0)[:, None]
        nodes[inner] += 0.45 * (mean[inner] - nodes[inner])
    ends = np.arange(1, len(nodes))
    above = np.minimum(radius[parent[ends]], radius[ends] * 1.25)
    return Tree(nodes[parent[ends]], nodes[ends], above, radius[ends])


@dataclass(frozen=True)
class LungTrees:
    """All trees of both lungs; airways carry a wall."""

    vessels: list[Tree]
    airways: list[Tree]


def lung_trees(shape: thorax.ChestShape) -> LungTrees:
    """Grow arteries, veins and airways of both lungs."""
    rng = np.random.default_rng((shape.seed, 97))
    vessels, airways = [], []
    for side in (1, -1):
        s = float(side)
        out = 6.0 if side > 0 else 0.0
        artery = np.array(
            [
                (26 * s, 4, -6),
                (36 * s, 12, -12),
                ((42 + out) * s, 18, -22),
                ((43 + out) * s, 22, -34),
            ]
        )
        vein = np.array([(24 * s, 8, -46), (36 * s, 6, -44), ((44 + out) * s, 2, -42)])
        line = thorax.LEFT_BRONCHUS if side > 0 else thorax.RIGHT_BRONCHUS
        bronchus = np.array(line[0][1:], dtype=np.float64)
        vessels.append(grow(artery, side, shape.vessels, 0.44, 0.36, rng))
        vessels.append(grow(vein, side, int(shape.vessels * 0.6), 0.46, 0.36, rng))
        airways.append(grow(bronchus, side, 34, 0.8, 0.46, rng))
    return LungTrees(vessels, airways)


def paint_tree(canvas: Canvas, tree: Tree, value: float, label: int, extra_mm: float = 0.0) -> None:
    """Paint every segment; thin ones keep their contrast by area, not by width."""
    edge = 0.5 * (canvas.voxel_mm[2] + min(canvas.voxel_mm[0], 1.4))
    low, high = float(canvas.z[0]) - 4.0, float(canvas.z[-1]) + 4.0
    tops = np.maximum(tree.start[:, 2], tree.end[:, 2])
    bottoms = np.minimum(tree.start[:, 2], tree.end[:, 2])
    seen = tree.end_radius > (_LEAST_BRONCHUS_MM if extra_mm else 0.0)
    for k in np.flatnonzero((tops > low) & (bottoms < high) & seen):
        a, b = tree.start[k], tree.end[k]
        ra, rb = tree.start_radius[k] + extra_mm, tree.end_radius[k] + extra_mm
        pad = max(ra, rb) + edge
        w = canvas.near(np.minimum(a, b) - pad, np.maximum(a, b) + pad)
        if w is None:
            continue
        ab = (b - a).astype(np.float32)
        u = ab / np.float32(max(float(ab @ ab), 1e-9))
        px, py, pz = w.x - np.float32(a[0]), w.y - np.float32(a[1]), w.z - np.float32(a[2])
        t = np.clip(px * u[0] + py * u[1] + pz * u[2], 0.0, 1.0)
        far = np.sqrt((px - t * ab[0]) ** 2 + (py - t * ab[1]) ** 2 + (pz - t * ab[2]) ** 2)
        far -= np.asarray(ra + (rb - ra) * t, np.float32)
        part = cover(np.asarray(far, np.float32), edge)
        # What is thinner than a voxel dims; walls of small bronchi are too thin to be seen.
        part *= min(1.0, 2.8 * rb / edge) if extra_mm == 0.0 else min(1.0, (rb / 2.6) ** 1.5)
        block = canvas.value[w.at]
        block += (np.float32(value) - block) * part
        canvas.label[w.at][part > 0.5] = label


def demo_nodules(trees: LungTrees) -> tuple[Nodule, ...]:
    """Three nodules of known size: isolated, at the pleura, on a vessel."""
    alone = (66.0, 34.0, -58.0)
    edge = _under_pleura((-60.0, 30.0, -62.0), (-0.94, 0.34, 0.0), 3.0 - 0.6)
    artery = trees.vessels[2]
    wanted = np.array([-58.0, -14.0, 36.0])
    fits = np.abs(artery.end_radius - 1.2) < 0.45
    near = np.where(fits, np.linalg.norm(artery.end - wanted, axis=1), 1e9)
    at = artery.end[int(np.argmin(near))]
    beside = (float(at[0] - 3.4), float(at[1] - 3.0), float(at[2]))
    return (
        Nodule(alone, 14.0, "left lower lobe"),
        Nodule(beside, 9.0, "right upper lobe, on a vessel"),
        Nodule(edge, 6.0, "right lower lobe, at the pleura"),
    )


def _under_pleura(start: Point, way: Point, depth_mm: float) -> Point:
    """The point on a ray from inside the lung that lies ``depth_mm`` under the pleura."""
    steps = np.arange(0.0, 120.0, 0.05)
    points = np.asarray(start) + steps[:, None] * np.asarray(way)
    deep = thorax.lungs(thorax.at_points(points))
    first = int(np.argmax(deep > -depth_mm))
    x, y, z = points[first]
    return float(x), float(y), float(z)


def paint_nodule(canvas: Canvas, nodule: Nodule, value: float, label: int) -> None:
    """Paint a sphere by the exact share of each voxel it fills (supersampled)."""
    radius = nodule.diameter_mm / 2
    pad = radius + max(canvas.voxel_mm)
    centre = np.asarray(nodule.centre_mm)
    w = canvas.near(centre - pad, centre + pad)
    if w is None:
        return
    part = _sphere_share(canvas, w.at, nodule)
    block = canvas.value[w.at]
    block += (np.float32(value) - block) * part
    canvas.label[w.at][part > 0.5] = label


def nodule_share(canvas: Canvas, nodule: Nodule) -> NDArray[np.float32]:
    """Share of each voxel of the whole canvas that a nodule fills, 0 to 1 (z, y, x)."""
    whole = np.zeros(canvas.shape, dtype=np.float32)
    pad = nodule.diameter_mm / 2 + max(canvas.voxel_mm)
    centre = np.asarray(nodule.centre_mm)
    w = canvas.near(centre - pad, centre + pad)
    if w is not None:
        whole[w.at] = _sphere_share(canvas, w.at, nodule)
    return whole


def random_nodules(rng: np.random.Generator, count: int) -> tuple[Nodule, ...]:
    """Solid spheres of 4 to 20 mm anywhere in the lungs, some of them against the pleura."""
    found = []
    for _ in range(count):
        side = 1 if rng.random() < 0.5 else -1
        size = float(np.clip(rng.lognormal(np.log(7.5), 0.4), 4.0, 20.0))
        margin = 0.5 * size * float(rng.choice([0.9, 1.3, 2.0]))
        x, y, z = _places(side, 1, margin, rng)[0]
        place = "left lung" if side > 0 else "right lung"
        found.append(Nodule((float(x), float(y), float(z)), size, place))
    return tuple(found)


def _sphere_share(
    canvas: Canvas, at: tuple[slice, slice, slice], nodule: Nodule
) -> NDArray[np.float32]:
    """Share of each voxel of a block that a nodule fills, 0 to 1: 5 x 5 x 9 points a voxel."""
    total = np.zeros(tuple(s.stop - s.start for s in at), dtype=np.float32)
    dz, dy, dx = canvas.voxel_mm
    z, y, x = canvas.z[at[0]], canvas.y[at[1]], canvas.x[at[2]]
    cx, cy, cz = nodule.centre_mm
    across = (np.arange(5) - 2.0) / 5.0
    up = (np.arange(9) - 4.0) / 9.0
    square = (nodule.diameter_mm / 2) ** 2
    for a in up:
        for b in across:
            for c in across:
                far = (
                    ((z + a * dz - cz) ** 2)[:, None, None]
                    + ((y + b * dy - cy) ** 2)[None, :, None]
                    + ((x + c * dx - cx) ** 2)[None, None, :]
                )
                total += far < square
    total /= np.float32(225.0)
    return total
