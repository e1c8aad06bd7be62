"""What the brain measures share in taking inputs: series with positions, local codes, clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.analysis import AnalysisInputs, Images, InputSpec
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid

VOLUME = Code("118565006", "SCT", "Volume")


def local_code(value: str, name: Wording) -> Code:
    """A code of the product's own for a number that no public scheme names."""
    return Code(value, "99ONESCAN", name.en)


def series_of(inputs: AnalysisInputs, spec: InputSpec) -> Images:
    """The series for ``spec`` with its positions; ``BadInput`` where it is missing.

    A series that came without a name (``inputs.volumes``) gets the positions its headers state.
    """
    if spec.key in inputs.images or not inputs.volumes:
        return inputs.image(spec)
    stack = inputs.volumes[0].stack
    stated = stack.acquisition.phase_values
    slices = stack.grid.shape[0]
    if spec.axis == "time":
        times = [f.time_s for f in stack.frames[:: max(slices, 1)]]
        stated = tuple(t for t in times if t is not None)
    matching = len(stated) == len(inputs.volumes)
    return Images(inputs.volumes, stated if matching else (), spec.axis)


def mask_on(inputs: AnalysisInputs, spec: InputSpec, grid: Grid) -> NDArray[np.bool_] | None:
    """A mask (z, y, x) on ``grid``, None where it was not given; ``BadInput`` of another shape."""
    found = inputs.masks.get(spec.key)
    if found is None:
        return None
    if found.shape != grid.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    return found


def without_small(mask: NDArray[np.bool_], grid: Grid, least_ml: float) -> NDArray[np.bool_]:
    """``mask`` (z, y, x) without clusters (26 neighbours) smaller than ``least_ml``."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    kept = sizes >= least_ml - 1e-9
    kept[0] = False
    return np.asarray(kept[labels])


def volume_ml(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Volume of a mask in mL."""
    return int(np.count_nonzero(mask)) * grid.voxel_ml
