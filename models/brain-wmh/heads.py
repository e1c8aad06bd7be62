"""Whole heads made by the demo's generator, with its contrast varied, as further training images.

Anatomy, lesions and scanner are ``workstation.demo``'s; here only the brightness of each tissue,
the slices and the noise are drawn anew for each head. Nothing of a patient is in them. The truth
is the painted lesion where it fills half a voxel or more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from workstation.demo.head import canvas_for, paint_head, random_shape
from workstation.demo.lesions import paint_lesions, random_load
from workstation.demo.scanner import coil_shading, magnetic_resonance, slice_profile
from workstation.demo.tissue import FLAIR, Tissue

# Three kinds of heads that never meet: the third is ``evaluate``'s (workstation.demo.scans).
TRAIN, HELD_OUT = 101, 202
PER_SLICE = 3
# (z, y, x) of the box painted, mm: from below the cerebellum to above the vertex.
MATRIX = 208
COVERED_MM = 126.0
BRAIN = (
    Tissue.GREY,
    Tissue.WHITE,
    Tissue.DEEP_GREY,
    Tissue.PALLIDUM,
    Tissue.LESION,
    Tissue.BRAINSTEM,
    Tissue.CEREBELLUM,
)


@dataclass
class Head:
    """image: FLAIR (z, y, x), 1 mm in plane. brain, lesion: masks. step_mm: slice distance."""

    image: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    step_mm: float


def varied(rng: np.random.Generator) -> dict[Tissue, float]:
    """The generator's FLAIR contrast with every ratio drawn from what scanners differ by."""
    table = dict(FLAIR)
    white = table[Tissue.WHITE]
    grey = white * rng.uniform(1.03, 1.42)
    table[Tissue.GREY] = grey
    table[Tissue.DEEP_GREY] = white + (grey - white) * rng.uniform(0.2, 1.0)
    table[Tissue.CEREBELLUM] = white + (grey - white) * rng.uniform(0.3, 1.0)
    table[Tissue.BRAINSTEM] = white * rng.uniform(0.92, 1.12)
    table[Tissue.PALLIDUM] = white * rng.uniform(0.75, 1.02)
    table[Tissue.LESION] = max(grey * 1.06, white * rng.uniform(1.3, 2.1))
    fluid = white * rng.uniform(0.03, 0.3)
    table[Tissue.CSF] = fluid
    table[Tissue.VENTRICLE] = fluid * rng.uniform(0.7, 1.2)
    table[Tissue.CHOROID] = white * rng.uniform(0.7, 1.5)
    fat = white * np.exp(rng.uniform(np.log(0.2), np.log(2.2)))  # suppressed or not
    table[Tissue.FAT] = fat
    table[Tissue.MARROW] = fat * rng.uniform(0.4, 0.9)
    table[Tissue.SKIN] = white * rng.uniform(0.3, 1.0)
    table[Tissue.MUSCLE] = white * rng.uniform(0.25, 0.6)
    table[Tissue.MUCOSA] = white * rng.uniform(0.8, 1.6)
    return table


def make_head(kind: int, number: int) -> Head:
    """The head of this kind and number: the same for the same two, whatever else was made."""
    rng = np.random.default_rng((number, kind))
    shape, load, table = random_shape(rng), random_load(rng), varied(rng)
    # Lesions fainter than noise would teach nothing but doubt.
    load = replace(load, contrast=max(load.contrast, 0.65))
    step = float(rng.uniform(3.0, 6.0))
    slices = round(COVERED_MM / step)
    x = np.arange(MATRIX) - (MATRIX - 1) / 2
    thin = step / PER_SLICE
    low = float(rng.uniform(-54.0, -42.0))
    z = low + (np.arange(slices * PER_SLICE) - (PER_SLICE - 1) / 2) * thin
    canvas = canvas_for(shape, x, x + 5.0, z)
    brain = paint_head(canvas, shape, table)
    painted = paint_lesions(canvas, brain, load, table)
    picture = slice_profile(canvas.value, PER_SLICE)
    picture *= coil_shading(picture.shape, rng, float(rng.uniform(0.0, 0.25)))
    sampled = (float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.6, 1.0)))
    image = magnetic_resonance(
        picture, rng, noise=float(rng.uniform(0.006, 0.04)), sampled=sampled, full_scale=900.0
    )
    labels = canvas.label.reshape(slices, PER_SLICE, MATRIX, MATRIX)[:, PER_SLICE // 2]
    inside = np.isin(labels, [int(t) for t in BRAIN])
    lesion = painted.reshape(slices, PER_SLICE, MATRIX, MATRIX).mean(axis=1) >= 0.5
    image = image.astype(np.float32)
    if rng.random() < 0.3:  # brain-extracted, as some studies come
        wide = ndimage.binary_closing(inside, np.ones((1, 9, 9)))
        wide = np.stack([ndimage.binary_fill_holes(one) for one in wide])
        image = np.where(wide, image, 0.0).astype(np.float32)
    return Head(image, inside, lesion, step)
