"""Volume rendering off screen: a scene that gives pictures as arrays. Knows no Qt.

The scene renders into memory, so a picture can be painted, overlaid, printed and tested like any
other, no native window has to live inside the program's own, and closing it cannot take the
window with it.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

# Importing these two registers the OpenGL implementations with VTK's object factory.
import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPiecewiseFunction
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import (
    vtkColorTransferFunction,
    vtkRenderer,
    vtkRenderWindow,
    vtkVolume,
    vtkVolumeProperty,
)
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

from workstation.domain.errors import N_
from workstation.domain.geometry import Floats, Grid, axes_towards
from workstation.domain.volume import Stack
from workstation.viewing.window_level import sample

MOST_VOXELS = 24_000_000  # beyond this the copy for 3D is thinned: 50 MB of int16
MOST_WITHOUT_CARD = 9_000_000
_IMITATIONS = ("llvmpipe", "softpipe", "SwiftShader", "SWR", "GDI Generic", "Basic Render")


class SolidPreset(enum.Enum):
    """Named looks; the value is the English name."""

    CT_BONE = N_("CT bone")
    CT_SOFT = N_("CT soft tissue")
    MR_ANGIOGRAPHY = N_("MR angiography")
    SURFACE = N_("Surface")


def preset_for(stack: Stack) -> SolidPreset:
    """The look a series opens with."""
    if stack.modality == "CT":
        return SolidPreset.CT_SOFT if stack.role == "CT abdomen" else SolidPreset.CT_BONE
    return SolidPreset.MR_ANGIOGRAPHY if stack.role in ("TOF", "CTA") else SolidPreset.SURFACE


def prepared(
    array: NDArray[Any], grid: Grid, most: int = MOST_VOXELS
) -> tuple[NDArray[np.int16], Grid, float, float]:
    """A small right-handed copy for rendering: (array, grid, slope, intercept).

    Whole steps are left out along the finest axes until at most ``most`` voxels remain. Stored
    value * slope + intercept is the original value; slope is 1 for 16-bit integers.
    """
    axes = axes_towards(grid, "LPH")
    turned, placed = axes.apply(array), axes.apply_grid(grid)
    steps = [1, 1, 1]  # z, y, x
    while turned.size / (steps[0] * steps[1] * steps[2]) > most:
        size = [s * n for s, n in zip(placed.spacing_mm[::-1], steps, strict=True)]
        steps[int(np.argmin(size))] += 1
    thin = turned[:: steps[0], :: steps[1], :: steps[2]]
    matrix = placed.matrix
    matrix[:3, :3] = matrix[:3, :3] * np.array(steps[::-1])
    small = Grid(
        (thin.shape[0], thin.shape[1], thin.shape[2]),
        tuple(tuple(float(v) for v in row) for row in matrix),
    )
    if thin.dtype.kind in "iu" and thin.dtype.itemsize <= 2 and thin.dtype != np.uint16:
        return np.ascontiguousarray(thin, dtype=np.int16), small, 1.0, 0.0
    low, high = float(np.min(thin)), float(np.max(thin))
    slope = max(high - low, 1e-9) / 30000.0
    stored = ((thin - low) / slope).astype(np.int16)
    return np.ascontiguousarray(stored), small, slope, low


class VolumeScene:
    """One volume seen from a camera. Make, use and close it in one thread."""

    def __init__(self) -> None:
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(400, 300)
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(0.0, 0.0, 0.0)
        self._window.AddRenderer(self._renderer)
        # Without a graphics card the processor's own ray caster is 10 to 20 times faster than
        # OpenGL imitated in software: it leaps over empty space.
        self._window.Render()
        self._gpu = not any(name in self._window.ReportCapabilities() for name in _IMITATIONS)
        self._mapper: Any = vtkOpenGLGPUVolumeRayCastMapper()
        self._volume = vtkVolume()
        self._property = vtkVolumeProperty()
        self._property.SetInterpolationTypeToLinear()
        self._volume.SetProperty(self._property)
        self._voxels: NDArray[np.int16] | None = None
        self._image = vtkImageData()
        self._scale = (1.0, 0.0)
        self._centre: Floats = np.zeros(3)
        self._radius = 100.0

    def set_volume(self, array: NDArray[Any], grid: Grid, preset: SolidPreset) -> None:
        """Show an array (z, y, x) from the front, patient upright."""
        most = MOST_VOXELS if self._gpu else MOST_WITHOUT_CARD
        voxels, small, slope, intercept = prepared(array, grid, most)
        self._voxels, self._scale = voxels, (slope, intercept)
        image = vtkImageData()
        image.SetDimensions(small.shape[2], small.shape[1], small.shape[0])
        image.SetSpacing(*small.spacing_mm)
        image.GetPointData().SetScalars(numpy_to_vtk(voxels.reshape(-1), deep=0))
        self._image = image
        # Spacing is the image's, the rest (turn, shear, place) the volume's matrix.
        place = small.matrix
        place[:3, :3] = small.directions
        matrix = vtkMatrix4x4()
        matrix.DeepCopy(place.ravel().tolist())
        self._volume.SetUserMatrix(matrix)
        self._use_mapper(vtkOpenGLGPUVolumeRayCastMapper() if self._gpu else None)
        self._renderer.RemoveAllViewProps()
        self._renderer.AddVolume(self._volume)
        self._centre = small.centre_lps
        self._radius = float(np.ptp(small.corners_lps, axis=0).max()) / 2
        self.set_preset(preset)
        self.look_from((0.0, -1.0, 0.0))

    def _use_mapper(self, gpu: Any) -> None:
        self._mapper = gpu if gpu is not None else vtkFixedPointVolumeRayCastMapper()
        self._mapper.SetInputData(self._image)
        self._mapper.SetAutoAdjustSampleDistances(0)
        self._volume.SetMapper(self._mapper)

    @property
    def uses_card(self) -> bool:
        """Whether a graphics card does the work."""
        return self._gpu

    def set_preset(self, preset: SolidPreset) -> None:
        """Another look of the same volume."""
        colour, opacity = vtkColorTransferFunction(), vtkPiecewiseFunction()
        slope, intercept = self._scale
        for value, red, green, blue, alpha in self._points(preset):
            stored = (value - intercept) / slope
            colour.AddRGBPoint(stored, red, green, blue)
            opacity.AddPoint(stored, alpha)
        self._property.SetColor(colour)
        self._property.SetScalarOpacity(opacity)
        self._property.SetScalarOpacityUnitDistance(1.5)
        angiography = preset is SolidPreset.MR_ANGIOGRAPHY
        if angiography:
            self._mapper.SetBlendModeToMaximumIntensity()
            self._property.ShadeOff()
        else:
            self._mapper.SetBlendModeToComposite()
            self._property.ShadeOn()
            self._property.SetAmbient(0.18)
            self._property.SetDiffuse(0.85)
            self._property.SetSpecular(0.25)
            self._property.SetSpecularPower(18.0)

    def _points(self, preset: SolidPreset) -> list[tuple[float, float, float, float, float]]:
        """(value, red, green, blue, opacity per 1.5 mm) of a preset."""
        if preset is SolidPreset.CT_BONE:
            return [
                (-1000, 0.0, 0.0, 0.0, 0.0),
                (150, 0.55, 0.25, 0.15, 0.0),
                (250, 0.78, 0.55, 0.38, 0.12),
                (500, 0.95, 0.88, 0.75, 0.65),
                (1500, 1.0, 1.0, 0.96, 0.9),
            ]
        if preset is SolidPreset.CT_SOFT:
            return [
                (-1000, 0.0, 0.0, 0.0, 0.0),
                (-180, 0.75, 0.55, 0.42, 0.0),
                (-60, 0.85, 0.65, 0.5, 0.10),
                (60, 0.80, 0.40, 0.32, 0.28),
                (200, 0.92, 0.75, 0.60, 0.55),
                (600, 1.0, 0.97, 0.90, 0.85),
            ]
        assert self._voxels is not None
        slope, intercept = self._scale
        values = sample(self._voxels).astype(np.float64) * slope + intercept
        if preset is SolidPreset.MR_ANGIOGRAPHY:
            low, high = (float(v) for v in np.percentile(values, (80.0, 99.95)))
            high = max(high, low + 1e-6)
            return [(low, 0.0, 0.0, 0.0, 0.0), (high, 1.0, 0.97, 0.92, 1.0)]
        low, high = (float(v) for v in np.percentile(values, (50.0, 99.5)))
        span = max(high - low, 1e-6)
        return [
            (low + 0.18 * span, 0.35, 0.27, 0.24, 0.0),
            (low + 0.34 * span, 0.72, 0.60, 0.52, 0.18),
            (low + 0.75 * span, 0.95, 0.90, 0.84, 0.6),
            (high, 1.0, 1.0, 0.98, 0.8),
        ]

    # --- camera

    def look_from(self, direction: tuple[float, float, float]) -> None:
        """See the whole volume from a direction in LPS: (0, -1, 0) is from the front."""
        camera = self._renderer.GetActiveCamera()
        camera.SetParallelProjection(1)
        camera.SetFocalPoint(*self._centre)
        away = np.asarray(direction) / np.linalg.norm(direction)
        camera.SetPosition(*(self._centre + away * self._radius * 4))
        up = (0.0, 0.0, 1.0) if abs(away[2]) < 0.9 else (0.0, -1.0, 0.0)
        camera.SetViewUp(*up)
        camera.SetParallelScale(self._radius * 1.05)

    def orbit(self, right_deg: float, up_deg: float) -> None:
        """Turn the volume under the mouse."""
        camera = self._renderer.GetActiveCamera()
        camera.Azimuth(-right_deg)
        camera.Elevation(up_deg)
        camera.OrthogonalizeViewUp()

    def zoom_by(self, factor: float) -> None:
        """Enlarge."""
        camera = self._renderer.GetActiveCamera()
        scale = camera.GetParallelScale() / factor
        camera.SetParallelScale(min(max(scale, self._radius * 0.03), self._radius * 4))

    def pan(self, right_px: float, down_px: float, height: int) -> None:
        """Push the picture, which is ``height`` pixels high."""
        camera = self._renderer.GetActiveCamera()
        mm = 2 * camera.GetParallelScale() / max(height, 1)
        right, down = self.directions()
        shift = (right * -right_px - down * down_px) * mm
        camera.SetFocalPoint(*(np.asarray(camera.GetFocalPoint()) + shift))
        camera.SetPosition(*(np.asarray(camera.GetPosition()) + shift))

    def directions(self) -> tuple[Floats, Floats]:
        """Unit vectors in LPS to the right of and down the picture."""
        camera = self._renderer.GetActiveCamera()
        up = np.asarray(camera.GetViewUp())
        ahead = np.asarray(camera.GetDirectionOfProjection())
        right = np.cross(ahead, up)
        right = right / np.linalg.norm(right)
        return right, np.cross(ahead, right)

    # --- pictures

    def render(self, width: int, height: int, coarseness: float = 1.0) -> NDArray[np.uint8]:
        """The picture, (height, width, 4) RGBA with row 0 at the BOTTOM as OpenGL counts.

        coarseness: pixels between rays; 1 is full quality, 4..8 is for dragging.
        """
        return self.render_part(width, height, (0, 0, width, height), coarseness)

    def render_part(
        self, width: int, height: int, part: tuple[int, int, int, int], coarseness: float = 1.0
    ) -> NDArray[np.uint8]:
        """A part (left, bottom, width, height) of the picture that ``render`` would give.

        A full picture may take a second without a graphics card; in parts it lets others work.
        """
        left, bottom, part_width, part_height = part
        self._window.SetSize(max(part_width, 2), max(part_height, 2))
        smallest = min(self._image.GetSpacing())
        fine = coarseness <= 1
        self._mapper.SetImageSampleDistance(coarseness)
        self._mapper.SetSampleDistance(smallest * (0.7 if fine else 1.5))
        camera = self._renderer.GetActiveCamera()
        kept = camera.GetParallelScale(), camera.GetFocalPoint(), camera.GetPosition()
        mm = 2 * kept[0] / max(height, 1)
        right, down = self.directions()
        shift = right * (left + part_width / 2 - width / 2) * mm
        shift = shift - down * (bottom + part_height / 2 - height / 2) * mm
        camera.SetParallelScale(kept[0] * part_height / max(height, 1))
        camera.SetFocalPoint(*(np.asarray(kept[1]) + shift))
        camera.SetPosition(*(np.asarray(kept[2]) + shift))
        self._renderer.ResetCameraClippingRange()
        self._window.Render()
        camera.SetParallelScale(kept[0])
        camera.SetFocalPoint(*kept[1])
        camera.SetPosition(*kept[2])
        pixels = vtkUnsignedCharArray()
        w, h = self._window.GetSize()
        self._window.GetRGBACharPixelData(0, 0, w - 1, h - 1, 0, pixels, 0)
        picture = np.array(vtk_to_numpy(pixels).reshape(h, w, 4), dtype=np.uint8)
        picture[..., 3] = 255
        return picture

    def works(self) -> bool:
        """Whether this machine can render at all: draws a frame and looks at it."""
        return bool(self._window.SupportsOpenGL())

    def close(self) -> None:
        """Give the graphics memory back."""
        self._renderer.RemoveAllViewProps()
        self._window.Finalize()
