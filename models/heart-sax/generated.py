"""Whole generated hearts: cines of the demo's generator with every label known.

They bring what Sunnybrook has no contours of: the right ventricle from base to apex, and real gaps
in the labels beyond base and apex. Arrays (z, y, x), z from base to apex, pixels of
``cines.PIXEL_MM``.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from anatomy import CAVITY, MUSCLE, RIGHT
from cines import PIXEL_MM
from scipy import ndimage

from workstation.demo.heart import BeatingHeart, paint_surroundings
from workstation.demo.scanner import magnetic_resonance, slice_profile
from workstation.demo.shapes import Canvas
from workstation.demo.tissue import Tissue
from workstation.demo.ventricle import HeartShape, random_heart

TRAIN, TEST, GATE = 811, 812, 813  # kinds of generated hearts, by their seeds
FIELD_MM = 280.0


@dataclass
class Beat:
    """One generated heart in two phases. images, labels: (2, z, y, x), end-diastole first.
    step_mm: distance between slices."""

    name: str
    images: np.ndarray
    labels: np.ndarray
    step_mm: float
    shape: HeartShape


def shape_of(kind: int, number: int) -> HeartShape:
    """The heart of this number: from small and thick-walled to large and failing."""
    rng = np.random.default_rng((kind, number))
    shape = replace(random_heart(rng), phases=20)
    if rng.random() < 0.35:  # hypertrophy
        edv = float(rng.uniform(70, 130))
        esv = edv * float(rng.uniform(0.2, 0.4))
        shape = replace(shape, edv_ml=edv, esv_ml=esv, mass_g=float(rng.uniform(150, 260)))
    return shape


def beat(kind: int, number: int) -> Beat:
    """Painted, imaged and labelled."""
    rng = np.random.default_rng((kind, number, 1))
    shape = shape_of(kind, number)
    matrix = round(FIELD_MM / PIXEL_MM)
    x = (np.arange(matrix) - (matrix - 1) / 2) * PIXEL_MM + 18.0 + rng.uniform(-12, 12)
    y = (np.arange(matrix) - (matrix - 1) / 2) * PIXEL_MM + 22.0 + rng.uniform(-12, 12)
    step = float(rng.uniform(7.0, 10.5))
    thick = min(8.0, step)
    slices = int(np.ceil((shape.length_mm + 38.0) / step))
    centres = -rng.uniform(0.8, 2.2) * step + step * np.arange(slices)
    canvas = Canvas(x, y, (centres[:, None] + np.array([-1.0, 0.0, 1.0]) * thick / 3).ravel())
    paint_surroundings(canvas, shape)
    heart = BeatingHeart(canvas, shape)
    images, labels = [], []
    for phase in (0, shape.es_phase):
        heart.paint(phase)
        images.append(slice_profile(canvas.value, 3))
        label = np.zeros((slices, matrix, matrix), dtype=np.uint8)
        right = (canvas.label == Tissue.RIGHT_BLOOD)[1::3]
        label[ndimage.binary_closing(right, np.ones((1, 3, 3)), iterations=2)] = RIGHT
        label[heart.truth(phase, "muscle")[1::3] > 0.5] = MUSCLE
        label[heart.truth(phase, "cavity")[1::3] > 0.5] = CAVITY
        # Between atria and tract the generator leaves remnants of it that nobody would outline.
        label[~(label >= MUSCLE).any(axis=(1, 2))] = 0
        labels.append(label)
    pictures = np.abs(
        ndimage.gaussian_filter(np.stack(images), (0, 0, *[rng.uniform(0.4, 0.8)] * 2))
    )
    u, v = np.meshgrid(x / 150.0, y / 150.0)
    pictures = pictures * np.exp(-rng.uniform(0.1, 0.4) * (u + v))
    array = magnetic_resonance(
        np.asarray(pictures, np.float32), rng, noise=float(rng.uniform(0.008, 0.03)),
        sampled=(0.8, 0.85), full_scale=700.0,
    )  # fmt: skip
    name = f"generated heart {kind}-{number}"
    return Beat(name, np.asarray(array, np.float32), np.stack(labels), step, shape)


def beats(kind: int, count: int, workers: int = 2) -> list[Beat]:
    """Several of one kind, made by ``workers`` processes."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(beat, [kind] * count, range(count)))
