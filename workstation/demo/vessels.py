"""The arteries of the brain's base: carotid siphons, vertebrals, the circle of Willis, branches.

Coordinates as in head, so arteries lie in the cisterns and fissures of that brain. Calibres are
round adult means (Rai et al. 2013 for M1; Krabbe-Hartkamp et al. 1998 for the circle) in mm of
the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.demo.shapes import Canvas, Point
from workstation.demo.tubes import Tube, distance_to, meander, narrow, tube

M1_MM = 2.9
_STENOSIS_HALF_MM = 4.0


@dataclass(frozen=True)
class Stenosis:
    """A known narrowing. position_mm: x, y, z in the canvas frame (patient mm)."""

    vessel: str
    position_mm: Point
    d_min_mm: float
    d_ref_mm: float

    @property
    def percent(self) -> float:
        """Diameter stenosis 1 - d_min/d_ref, percent (WASID method, Samuels et al. 2000)."""
        return 100.0 * (1.0 - self.d_min_mm / self.d_ref_mm)


def _trunks(side: int) -> list[tuple[str, Sequence[Point], Sequence[float]]]:
    """Large arteries of one side (+1 left, -1 right), standard-brain mm."""
    s = float(side)
    v = 1.7 if side > 0 else 1.45  # the left vertebral is usually the larger
    return [
        (
            "ICA",
            [
                (27 * s, 24, -84), (26 * s, 19, -62), (25 * s, 15, -50), (19 * s, 9, -45),
                (13 * s, 4, -42), (10.5 * s, 4, -34), (10 * s, 0, -27), (11 * s, -9, -25.5),
                (11.5 * s, -15, -22.5), (12 * s, -13, -18), (13.5 * s, -8, -15),
                (14.5 * s, -5, -11),
            ],
            [2.5, 2.5, 2.45, 2.4, 2.35, 2.3, 2.3, 2.2, 2.1, 2.0, 1.9, 1.75],
        ),
        (
            "MCA M1",
            [
                (14.5 * s, -5, -11), (19 * s, -6.5, -10), (25 * s, -8, -10.5),
                (31 * s, -7, -10), (36.5 * s, -4.5, -8),
            ],
            [M1_MM / 2] * 5,
        ),
        (
            "MCA M2 superior",
            [
                (36.5 * s, -4.5, -8), (41 * s, -5, -2), (43 * s, -2, 6), (42.5 * s, 6, 13),
                (44 * s, 12, 17), (51 * s, 15, 17), (57 * s, 17, 24), (59 * s, 22, 34),
            ],
            [1.25, 1.2, 1.1, 1.0, 0.95, 0.9, 0.75, 0.55],
        ),
        (
            "MCA M2 inferior",
            [
                (36.5 * s, -4.5, -8), (42 * s, 1, -6), (44 * s, 10, -1), (43.5 * s, 20, 4),
                (48 * s, 30, 8), (56 * s, 36, 8), (61 * s, 44, 14), (60 * s, 52, 22),
            ],
            [1.25, 1.2, 1.1, 1.0, 0.95, 0.85, 0.7, 0.5],
        ),
        (
            "ACA A1",
            [(14.5 * s, -5, -11), (9 * s, -8.5, -10), (5 * s, -13, -9), (2.2 * s, -16, -7)],
            [1.25, 1.15, 1.1, 1.1],
        ),
        (
            "ACA A2",
            [
                (2.2 * s, -16, -7), (2.0 * s, -23, -3), (2.2 * s, -32, 3), (2.4 * s, -36, 11),
                (2.6 * s, -33, 20), (2.3 * s, -22, 29), (2.0 * s, -5, 34), (2.0 * s, 14, 36),
            ],
            [1.1, 1.1, 1.05, 1.0, 0.95, 0.85, 0.75, 0.6],
        ),
        (
            "frontopolar",
            [(2.3 * s, -34, 5), (3 * s, -46, 8), (4 * s, -58, 14), (4 * s, -66, 22)],
            [0.7, 0.6, 0.5, 0.35],
        ),
        ("PCom", [(13 * s, -8, -15), (11.5 * s, 1, -15.5), (9 * s, 10, -14.5)], [0.7, 0.6, 0.7]),
        (
            "VA",
            [
                (17 * s, 46, -84), (19 * s, 42, -72), (13 * s, 40, -66), (9 * s, 30, -58),
                (5 * s, 20, -51), (0.2 * s, 15, -45),
            ],
            [v + 0.1, v + 0.1, v, v, v - 0.1, v - 0.1],
        ),
        (
            "PCA",
            [
                (0.3 * s, 11, -17), (5 * s, 8.5, -15), (10 * s, 11, -14.5), (16 * s, 19, -13),
                (18.5 * s, 29, -9), (17 * s, 40, -4), (15 * s, 52, 0), (13 * s, 66, 2),
                (11 * s, 80, 4),
            ],
            [1.25, 1.2, 1.15, 1.1, 1.05, 0.95, 0.8, 0.65, 0.45],
        ),
        (
            "PCA temporal",
            [(18.2 * s, 27, -10), (26 * s, 36, -13), (36 * s, 46, -13), (44 * s, 56, -10)],
            [0.75, 0.65, 0.55, 0.4],
        ),
        (
            "SCA",
            [
                (0.4 * s, 11.5, -20), (6 * s, 11, -19.5), (14 * s, 18, -20), (18 * s, 30, -18),
                (16 * s, 44, -13), (15 * s, 58, -13),
            ],
            [0.8, 0.75, 0.7, 0.65, 0.5, 0.35],
        ),
        (
            "AICA",
            [(0.3 * s, 12.5, -36), (9 * s, 13, -38), (19 * s, 24, -40), (30 * s, 34, -44)],
            [0.6, 0.55, 0.5, 0.35],
        ),
        (
            "PICA",
            [(8 * s, 29, -58), (13 * s, 36, -60), (11 * s, 50, -58), (15 * s, 66, -58)],
            [0.7, 0.65, 0.5, 0.35],
        ),
        (
            "ophthalmic",
            [(12 * s, -13, -19), (15 * s, -22, -23), (22 * s, -38, -27), (24 * s, -54, -24)],
            [0.75, 0.7, 0.6, 0.4],
        ),
        (
            "superficial temporal",
            [
                (66 * s, 6, -70), (71 * s, 4, -48), (76 * s, -1, -28), (78 * s, -6, -5),
                (77 * s, -14, 15), (74 * s, -28, 32),
            ],
            [1.3, 1.1, 1.0, 0.85, 0.7, 0.5],
        ),
        (
            "occipital",
            [(50 * s, 60, -70), (46 * s, 86, -46), (36 * s, 108, -24), (30 * s, 116, 0)],
            [1.0, 0.9, 0.75, 0.5],
        ),
        (
            "middle meningeal",
            [(36 * s, -6, -46), (48 * s, -14, -36), (60 * s, -18, -18), (66 * s, -14, 6)],
            [0.7, 0.65, 0.5, 0.35],
        ),
    ]  # fmt: skip


def _inside_skull(point: np.ndarray) -> np.ndarray:
    """The point, or the nearest one on the same ray that still lies on the brain (patient mm)."""
    middle = np.array([0.0, 16.0, 8.0])
    reach = float(np.linalg.norm((point - middle) / (58.0, 78.0, 58.0)))
    return np.asarray(middle + (point - middle) / max(reach, 1.0))


def _twigs(parent: Tube, rng: np.random.Generator, count: int, depth: int) -> list[Tube]:
    """Branches that leave a tube sideways, follow it for a while and fork again."""
    made: list[Tube] = []
    total = len(parent.points)
    for _ in range(count):
        k = int(rng.integers(int(total * 0.35), total - 1))
        start = parent.points[k]
        ahead = parent.points[min(k + 3, total - 1)] - parent.points[max(k - 3, 0)]
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
        heading = ahead + rng.normal(0.0, 0.75, 3)
        radius = float(parent.radii[k]) * rng.uniform(0.6, 0.8)
        length = rng.uniform(16.0, 30.0) * (0.75 if depth > 1 else 1.0)
        points = [start]
        for _step in range(4):
            heading = heading / np.linalg.norm(heading)
            points.append(_inside_skull(points[-1] + heading * length / 4.0))
            # Cortical branches run outward and up, towards the surface.
            pull = np.array([np.sign(start[0]) * 0.25, 0.15, 0.2])
            heading = heading + pull + rng.normal(0.0, 0.45, 3)
        radii = np.linspace(radius, max(radius * 0.5, 0.22), 5)
        twig = tube(f"{parent.name} branch", [tuple(p) for p in points], list(radii))
        made.append(twig)
        if depth > 1:
            made += _twigs(twig, rng, 1, depth - 1)
    return made


def arteries(
    seed: int, stretch_xyz: tuple[float, float, float], d_min_mm: float = 1.2
) -> tuple[list[Tube], Stenosis]:
    """All arteries in patient mm (unturned head), with one stenosis of the right M1."""
    rng = np.random.default_rng((seed, 53))
    scale = np.asarray(stretch_xyz)
    made: list[Tube] = []
    known: Stenosis | None = None
    for side in (1, -1):
        for name, points, radii in _trunks(side):
            placed = [tuple(float(v) for v in np.asarray(p) * scale) for p in points]
            ends = {0, len(placed) - 1}
            shift = rng.normal(0.0, 0.0 if name == "MCA M1" else 1.0, (len(placed), 3))
            placed = [  # no two sides are alike; where arteries meet, they stay together
                p if k in ends else (p[0] + d[0], p[1] + d[1], p[2] + d[2])
                for k, (p, d) in enumerate(zip(placed, shift, strict=True))
            ]
            one = tube(name, [(p[0], p[1], p[2]) for p in placed], radii)
            tame = {"ICA": 0.5, "VA": 0.6, "MCA M1": 0.0, "ACA A1": 0.3}
            one = meander(one, rng, tame.get(name, 0.9))
            full = ("left " if side > 0 else "right ") + name
            one = Tube(full, one.points, one.radii)
            if full == "right MCA M1":
                middle = 0.52 * float(one.along_mm[-1])
                one = narrow(one, middle, _STENOSIS_HALF_MM, d_min_mm / 2)
                at = int(np.argmin(one.radii))
                one.radii[at] = d_min_mm / 2  # the exact minimum on a sample of the line
                spot = one.points[at]
                known = Stenosis(
                    full,
                    (float(spot[0]), float(spot[1]), float(spot[2])),
                    d_min_mm,
                    M1_MM,
                )
            made.append(one)
            if name.startswith("MCA M2"):
                made += _twigs(one, rng, 8, 3)
            elif name == "ACA A2" or name == "PCA":
                made += _twigs(one, rng, 5, 2)
    middle_line: list[tuple[str, list[Point], list[float]]] = [
        ("basilar", [(0.0, 15, -45), (1.2, 11, -37), (-0.8, 9.5, -28), (0.2, 11, -17)],
         [1.65, 1.65, 1.6, 1.5]),
        ("ACom", [(-2.2, -16, -7), (0.0, -16.8, -7), (2.2, -16, -7)], [0.75, 0.75, 0.75]),
    ]  # fmt: skip
    for name, points, radii in middle_line:
        made.append(
            tube(name, [(p[0] * scale[0], p[1] * scale[1], p[2] * scale[2]) for p in points], radii)
        )
    assert known is not None
    return made, known


def paint_arteries(canvas: Canvas, made: Sequence[Tube], signal: float) -> None:
    """Add flowing blood on a canvas in patient mm: slower and weaker in thin and high arteries."""
    thick = [t for t in made if float(t.radii.max()) > 0.85]
    thin = [t for t in made if float(t.radii.max()) <= 0.85]
    edge = float(np.mean(canvas.voxel_mm))
    rise = (canvas.z - canvas.z[0]) / max(float(np.ptp(canvas.z)), 1e-6)
    inflow = (1.0 - 0.22 * rise).astype(np.float32)[:, None, None]
    for group, share in ((thick, 1.0), (thin, 0.62)):
        far = np.full(canvas.shape, 9.0, dtype=np.float32)
        distance_to(canvas, group, 1.5, far)
        part = np.clip(0.5 - far / np.float32(edge), 0.0, 1.0)
        # Laminar flow: the middle refreshes faster than the wall.
        depth = np.clip(-far, 0.0, 1.4) / np.float32(1.4)
        bright = np.float32(signal * share) * inflow * (0.84 + 0.16 * depth)
        canvas.value += part * (bright - canvas.value)
