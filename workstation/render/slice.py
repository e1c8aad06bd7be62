"""Slices of volumes as pixels: vtkImageReslice in index space, so that any affine is exact.

The array is handed to VTK without a copy and stays where it is; what VTK resamples are indices,
and the matrix from picture to index comes from ``domain.plane``. Nothing here knows Qt.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import (
    VTK_IMAGE_SLAB_MAX,
    VTK_IMAGE_SLAB_MEAN,
    VTK_IMAGE_SLAB_MIN,
    vtkMultiThreader,
)
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkImagingCore import vtkImageReslice

from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import Raster, index_step_mm
from workstation.domain.work import Cancel
from workstation.render.grey import grey_of
from workstation.render.mask_block import block_of
from workstation.viewing.viewport import Projection, Slab
from workstation.viewing.window_level import Window

# Two threads halve a reslice; more of them only wait for memory, and a model may be running.
_THREADS = max(1, min(4, (os.cpu_count() or 2)))
_LAYERS_AT_ONCE = 6  # of a slab: enough to keep VTK's threads busy, few enough to stop soon
_DRAFT_VOXELS = 1.5
vtkMultiThreader.SetGlobalMaximumNumberOfThreads(_THREADS)


def outside_value(dtype: np.dtype[Any]) -> float:
    """What a picture holds where the volume does not reach; never a real intensity if signed."""
    if dtype.kind == "f":
        return -1e30
    return float(np.iinfo(dtype).min)


def highest_value(dtype: np.dtype[Any]) -> Any:
    """The largest value of a voxel type, as that type."""
    top = np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max
    return dtype.type(top)


def _along_rows(matrix: Floats) -> bool:
    """Whether rows of the picture run along rows of the array and columns along one axis."""
    return bool(np.count_nonzero(matrix[:3, :2]) == 2 and matrix[0, 0] != 0)


def slab_places_mm(grid: Grid, raster: Raster, slab: Slab) -> Floats:
    """Where a slab is sampled along the normal, mm: both ends included, a voxel apart at most."""
    apart = index_step_mm(grid, raster.axes.normal)
    count = max(2, int(np.ceil(slab.thickness_mm / apart - 1e-6)) + 1)
    return np.linspace(-slab.thickness_mm / 2, slab.thickness_mm / 2, count)


class SliceRenderer:
    """Cuts pictures out of one array (z, y, x), or (z, y, x, 3) for colour.

    The array must be C-contiguous: it is shared with VTK, not copied. Call ``voxels_changed``
    after writing into it.
    """

    def __init__(self, array: NDArray[Any], grid: Grid, *, nearest: bool = False) -> None:
        if array.shape[:3] != grid.shape:
            raise ValueError(f"array {array.shape} does not fit grid {grid.shape}")
        if not array.flags.c_contiguous:
            raise ValueError("the array must be C-contiguous to be shared with VTK")
        self.array = array  # keeps the voxels alive as long as VTK looks at them
        self.grid = grid
        self.samples = array.shape[3] if array.ndim == 4 else 1
        voxels = array.view(np.uint8) if array.dtype == np.bool_ else array
        self.outside = 0.0 if nearest or self.samples > 1 else outside_value(voxels.dtype)
        self._scalars_dtype = voxels.dtype
        flat = voxels.reshape(-1, self.samples) if self.samples > 1 else voxels.reshape(-1)
        self._scalars = numpy_to_vtk(flat, deep=0)
        self._image = vtkImageData()
        self._image.SetDimensions(grid.shape[2], grid.shape[1], grid.shape[0])
        self._image.GetPointData().SetScalars(self._scalars)
        self._reslice = vtkImageReslice()
        self._reslice.SetInputData(self._image)
        self._reslice.SetOutputOrigin(0.0, 0.0, 0.0)
        self._reslice.SetOutputSpacing(1.0, 1.0, 1.0)
        self._reslice.SetNumberOfThreads(_THREADS)
        self._reslice.SetBackgroundColor(*([self.outside] * 4))
        if nearest:
            self._reslice.SetInterpolationModeToNearestNeighbor()
        else:
            self._reslice.SetInterpolationModeToLinear()
        self._axes = vtkMatrix4x4()

    def voxels_changed(self) -> None:
        """Say that the shared array was written to."""
        self._scalars.Modified()
        self._image.Modified()

    def cut(
        self,
        raster: Raster,
        slab: Slab | None = None,
        *,
        draft: bool = False,
        cancel: Cancel | None = None,
    ) -> NDArray[Any]:
        """The picture on ``raster``: (height, width) or (height, width, 3) of the array's dtype.

        Linear between voxels (masks: nearest); ``outside`` beyond half a voxel of the array.
        A slab of T mm is sampled from -T/2 to +T/2 at most one voxel apart, ends included. A
        draft, for the moment in which something moves, takes the nearest voxels, up to one and a
        half apart. cancel: ``Cancelled`` is raised between groups of layers.
        """
        matrix = raster.index_matrix(self.grid)
        if slab is None or slab.thickness_mm <= 0:
            # VTK writes its next picture into the same memory, hence the copy (0.1 ms).
            return np.array(self._layers(matrix, np.zeros(1), raster)[0])
        if draft and self.samples == 1:
            return self._draft(matrix, raster, slab)
        return self._slab(matrix, raster, slab, cancel or Cancel())

    def _layers(self, matrix: Floats, ahead_mm: Floats, raster: Raster) -> NDArray[Any]:
        """Evenly spaced pictures (n, h, w[, 3]) so far in front of the raster; until the next."""
        moved = matrix.copy()
        moved[:3, 3] += moved[:3, 2] * float(ahead_mm[0])
        if len(ahead_mm) > 1:
            moved[:3, 2] *= float(ahead_mm[1] - ahead_mm[0])
        self._axes.DeepCopy(moved.ravel().tolist())
        self._reslice.SetNumberOfThreads(1 if _along_rows(moved) else _THREADS)
        self._reslice.SetResliceAxes(self._axes)
        self._reslice.SetOutputDimensionality(2 if len(ahead_mm) == 1 else 3)
        last = len(ahead_mm) - 1
        self._reslice.SetOutputExtent(0, raster.width - 1, 0, raster.height - 1, 0, last)
        self._reslice.Update()
        flat = vtk_to_numpy(self._reslice.GetOutput().GetPointData().GetScalars())
        shape = (len(ahead_mm), raster.height, raster.width)
        return np.asarray(flat.reshape(shape if self.samples == 1 else (*shape, self.samples)))

    def _draft(self, matrix: Floats, raster: Raster, slab: Slab) -> NDArray[Any]:
        """A slab in one pass of VTK's own slab mode, nearest voxels."""
        step = index_step_mm(self.grid, raster.axes.normal) * _DRAFT_VOXELS
        count = max(3, int(np.ceil(slab.thickness_mm / step)) + 1) | 1  # even ones lie off centre
        scaled = matrix.copy()
        scaled[:3, 2] *= slab.thickness_mm / (count - 1)
        mode = {Projection.MAX: VTK_IMAGE_SLAB_MAX, Projection.MIN: VTK_IMAGE_SLAB_MIN}
        before = self._reslice.GetInterpolationMode()
        self._reslice.SetInterpolationModeToNearestNeighbor()
        self._reslice.SetSlabMode(mode.get(slab.projection, VTK_IMAGE_SLAB_MEAN))
        self._reslice.SetSlabNumberOfSlices(count)
        try:
            return np.array(self._layers(scaled, np.zeros(1), raster)[0])
        finally:
            self._reslice.SetSlabNumberOfSlices(1)
            self._reslice.SetInterpolationMode(before)

    def _slab(self, matrix: Floats, raster: Raster, slab: Slab, cancel: Cancel) -> NDArray[Any]:
        # VTK's own slab mode is not used: in 9.7 its samples lie half a step off centre, or are
        # rounded to whole voxels, depending on the matrix.
        places = slab_places_mm(self.grid, raster, slab)
        groups = np.array_split(places, int(np.ceil(len(places) / _LAYERS_AT_ONCE)))
        most = slab.projection is Projection.MAX or self.samples > 1
        if most or slab.projection is Projection.MIN:
            best: NDArray[Any] | None = None
            top = highest_value(self._scalars_dtype)
            for group in groups:
                cancel.check()
                layers = self._layers(matrix, group, raster)
                if most:
                    here = layers.max(axis=0)
                    best = here if best is None else np.maximum(best, here, out=best)
                    continue
                layers = np.where(layers == self.outside, top, layers)
                here = layers.min(axis=0)
                best = here if best is None else np.minimum(best, here, out=best)
            assert best is not None
            if not most:
                best[best == top] = self.outside
            return best
        total = np.zeros((raster.height, raster.width), dtype=np.float64)
        weight = np.zeros(total.shape, dtype=np.float64)
        number = 0
        for group in groups:
            cancel.check()
            for here in self._layers(matrix, group, raster):
                share = 0.5 if number in (0, len(places) - 1) else 1.0  # the ends count half
                inside = here != self.outside
                total += np.where(inside, here, 0) * share
                weight += inside * share
                number += 1
        mean = np.full(total.shape, self.outside)
        np.divide(total, weight, out=mean, where=weight > 0)
        dtype = self._scalars_dtype
        if dtype.kind in "iu":
            np.rint(mean, out=mean)
        return np.asarray(mean.astype(dtype))

    def grey(
        self, picture: NDArray[Any], window: Window, invert: bool = False
    ) -> NDArray[np.uint8]:
        """8-bit grey of what ``cut`` gave; colour passes through unchanged."""
        if self.samples > 1:
            return np.ascontiguousarray(picture.astype(np.uint8, copy=False))
        return grey_of(picture, window, invert, self.outside)


@dataclass(frozen=True)
class MaskPicture:
    """A mask in a picture. codes: (h, w) uint8: 0 nothing, 1 inside, 2 its edge.

    left, top: where ``codes`` lies in the picture; anchor: (column, row) of the label.
    """

    codes: NDArray[np.uint8]
    left: int
    top: int
    anchor: tuple[int, int]


class MaskRenderer:
    """Cuts one mask (z, y, x) of its own grid on any raster; nearest voxel, nothing smoothed.

    Only the block that holds the mask is resampled, so a small lesion costs next to nothing.
    """

    def __init__(self, mask: NDArray[np.bool_], grid: Grid, *, live: bool = False) -> None:
        """live: share the whole array, because it is being painted on; else cut its block out."""
        self.grid = grid
        self._slices: SliceRenderer | None = None
        self._corners: Floats = grid.corners_lps
        if live:
            self._slices = SliceRenderer(mask, grid, nearest=True)
            return
        block = block_of(mask, grid)
        if block is None:
            return
        self._slices = SliceRenderer(block.voxels, block.grid, nearest=True)
        self._corners = block.grid.corners_lps

    def voxels_changed(self) -> None:
        """Say that a live mask was painted on."""
        if self._slices is not None:
            self._slices.voxels_changed()

    def cut(self, raster: Raster, slab: Slab | None = None) -> MaskPicture | None:
        """The mask in a picture, or None where the plane (or slab) does not meet it."""
        if self._slices is None:
            return None
        inverse = raster.inverse
        places = self._corners @ inverse[:3, :3].T + inverse[:3, 3]
        half = slab.thickness_mm / 2 if slab is not None else 0.0
        if places[:, 2].min() > half or places[:, 2].max() < -half:
            return None
        low = np.maximum(np.floor(places[:, :2].min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(
            np.ceil(places[:, :2].max(axis=0)).astype(int) + 2, (raster.width, raster.height)
        )
        width, height = (int(v) for v in high - low)
        if width <= 0 or height <= 0:
            return None
        middle = raster.to_lps(low[0] + (width - 1) / 2, low[1] + (height - 1) / 2)
        part = Raster(
            (float(middle[0]), float(middle[1]), float(middle[2])),
            raster.axes,
            raster.mm_per_pixel,
            width,
            height,
        )
        thick = Slab(slab.thickness_mm, Projection.MAX) if slab is not None else None
        codes = self._slices.cut(part, thick)
        if not codes.any():
            return None
        # Cut to what is there: the colouring that follows costs as much as the object is large.
        rows, columns = (np.flatnonzero(codes.any(axis=axis)) for axis in (1, 0))
        low = low + np.array([columns[0], rows[0]])
        codes = codes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        codes = (codes > 0).astype(np.uint8)
        inner = codes.astype(bool)
        framed = np.pad(inner, 1)
        core = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
        codes[inner & ~core] = 2
        last = len(inner) - 1
        anchor = (int(low[0] + inner[last].argmax()), int(low[1] + last))
        return MaskPicture(codes, int(low[0]), int(low[1]), anchor)


def thumbnail(renderer: SliceRenderer, raster: Raster) -> NDArray[np.uint8]:
    """The picture of a thin slice scaled to its own range: for thumbnails."""
    picture = renderer.cut(raster)
    inside = picture[picture != renderer.outside] if renderer.samples == 1 else picture
    low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5))) if inside.size else (0, 1)
    return renderer.grey(picture, Window((low + high) / 2, max(high - low, 1e-6)))
