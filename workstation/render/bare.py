"""A bare reslice and grey levels: what ``bench viewer`` measures the reading room against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkImagingCore import vtkImageReslice

Cosines = tuple[float, ...]


class BareReslice:
    """Square pictures out of an array (z, y, x) by VTK's own defaults, nothing around them."""

    def __init__(self, array: NDArray[Any], size: int) -> None:
        self.size = size
        self._array = array  # shared with VTK, not copied
        image = vtkImageData()
        image.SetDimensions(array.shape[2], array.shape[1], array.shape[0])
        image.GetPointData().SetScalars(numpy_to_vtk(array.reshape(-1), deep=0))
        self._reslice = vtkImageReslice()
        self._reslice.SetInputData(image)
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetOutputExtent(0, size - 1, 0, size - 1, 0, 0)
        self._reslice.SetOutputSpacing(0.8, 0.8, 1)
        self._reslice.SetInterpolationModeToLinear()

    def grey(self, cosines: Cosines, place: float) -> NDArray[np.uint8]:
        """(size, size) in a soft tissue window; ``cosines`` as VTK takes them, nine numbers."""
        self._reslice.SetResliceAxesDirectionCosines(*cosines)
        self._reslice.SetResliceAxesOrigin(0, 0, place)
        self._reslice.Update()
        cut = vtk_to_numpy(self._reslice.GetOutput().GetPointData().GetScalars())
        grey = np.clip((cut.astype(np.float32) + 160) * (255 / 400), 0, 255)
        return np.asarray(grey.astype(np.uint8).reshape(self.size, self.size))
