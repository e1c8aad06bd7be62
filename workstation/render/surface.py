"""Surfaces of masks, smoothed, in patient space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import (
    vtkPolyDataNormals,
    vtkSurfaceNets3D,
    vtkWindowedSincPolyDataFilter,
)

from workstation.domain.geometry import Floats, Grid

SMOOTHING = 15  # passes of the windowed sinc filter
MOST_VOXELS = 30_000_000  # of the box around a mask; larger ones are thinned


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of a mask's surface. points: (n, 3) LPS mm; triangles: (m, 3) indices of points,
    counter-clockwise seen from outside."""

    points: Floats
    triangles: NDArray[np.int64]

    @property
    def volume_ml(self) -> float:
        """Volume enclosed, by the divergence theorem."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6000.0)


def surface_of(mask: NDArray[np.bool_], grid: Grid, smoothing: int = SMOOTHING) -> Surface:
    """The surface of a mask (z, y, x) on any grid: flipped, oblique and tilted ones too.

    Surface nets (Gibson 1998; Frisken 2022, vtkSurfaceNets3D), smoothed by a windowed sinc filter
    (Taubin 1996). The volume enclosed is that of the mask. An empty mask: no triangles.
    """
    occupied = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not occupied[0].size:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    first = [int(o[0]) for o in occupied]
    box = mask[tuple(slice(int(o[0]), int(o[-1]) + 1) for o in occupied)]
    step = 1
    while box.size / step**3 > MOST_VOXELS:
        step += 1
    voxels = np.pad(box[::step, ::step, ::step].astype(np.uint8), 1)
    image = vtkImageData()
    image.SetDimensions(*voxels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).reshape(-1)))
    nets = vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetValue(0, 1)
    nets.SetOutputMeshTypeToTriangles()
    nets.SmoothingOff()
    smooth = vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(nets.GetOutputPort())
    smooth.SetNumberOfIterations(smoothing)
    smooth.SetPassBand(0.03)
    smooth.NormalizeCoordinatesOn()
    smooth.Update()
    out = smooth.GetOutput()
    index = np.array(vtk_to_numpy(out.GetPoints().GetData()), dtype=np.float64)
    cells = np.array(vtk_to_numpy(out.GetPolys().GetConnectivityArray())).reshape(-1, 3)
    points = grid.to_lps((index - 1) * step + (step - 1) / 2 + np.array(first[::-1]))
    made = Surface(points, cells.astype(np.int64))
    if made.volume_ml < 0:  # a grid of the other hand turns the triangles inside out
        made = Surface(points, made.triangles[:, ::-1])
    return _swollen(made, float(np.count_nonzero(mask)) * grid.voxel_ml)


def _swollen(surface: Surface, volume_ml: float) -> Surface:
    """The surface moved along its normals until it holds the mask's volume: smoothing shrinks."""
    for _ in range(3):
        a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
        faces = np.cross(b - a, c - a)
        area = float(np.linalg.norm(faces, axis=1).sum()) / 2
        normals = np.zeros_like(surface.points)
        for i in range(3):
            for axis in range(3):
                normals[:, axis] += np.bincount(
                    surface.triangles[:, i], faces[:, axis], len(surface.points)
                )
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = normals / np.where(length > 0, length, 1.0)
        by_mm = (volume_ml - surface.volume_ml) * 1000.0 / max(area, 1e-9)
        surface = Surface(surface.points + normals * by_mm, surface.triangles)
    return surface


def as_polydata(surface: Surface) -> Any:
    """A surface with smooth normals for drawing."""
    data = vtkPolyData()
    points = vtkPoints()
    points.SetData(numpy_to_vtk(surface.points.astype(np.float32), deep=1))
    data.SetPoints(points)
    cells = vtkCellArray()
    starts = np.arange(0, surface.triangles.size + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(starts, deep=1),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(surface.triangles).reshape(-1), deep=1),
    )
    data.SetPolys(cells)
    normals = vtkPolyDataNormals()
    normals.SetInputData(data)
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    return normals.GetOutput()
