"""Volume rendering off screen: a scene that gives pictures as arrays. Knows no Qt.

The scene renders into memory, so a picture can be painted, overlaid, printed and tested like any
other, no native window has to live inside the program's own, and closing it cannot take the
window with it. VTK lets Python run while it renders: a scene may live in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Importing these two registers the OpenGL implementations with VTK's object factory.
import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPiecewiseFunction, vtkPlane
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkColorTransferFunction,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkVolume,
    vtkVolumeProperty,
)
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

from workstation.render.surface import Surface, as_polydata
from workstation.viewing.solid_camera import SolidCamera
from workstation.viewing.solid_copy import MOST_VOXELS, MOST_WITHOUT_CARD, SolidCopy
from workstation.viewing.solid_look import Clip
from workstation.viewing.solid_presets import Blend, Knot, SolidPreset

_IMITATIONS = ("llvmpipe", "softpipe", "SwiftShader", "SWR", "GDI Generic", "Basic Render")
_FINE_STEP, _COARSE_STEP = 0.8, 2.0  # samples along a ray, in voxels
Colour = tuple[float, float, float]


class VolumeScene:
    """One volume and some surfaces seen from a camera. Make, use and close it in one thread."""

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
        self._mapper: Any = None
        self._volume = vtkVolume()
        self._property = vtkVolumeProperty()
        self._property.SetInterpolationTypeToLinear()
        self._volume.SetProperty(self._property)
        self._voxels: NDArray[np.int16] | None = None
        self._image = vtkImageData()
        self._scale = (1.0, 0.0)
        self._actors: dict[str, tuple[Surface, vtkActor]] = {}

    @property
    def uses_card(self) -> bool:
        """Whether a graphics card does the work."""
        return self._gpu

    @property
    def most_voxels(self) -> int:
        """Largest copy that this scene should be given."""
        return MOST_VOXELS if self._gpu else MOST_WITHOUT_CARD

    # --- what is shown

    def set_copy(self, copy: SolidCopy, voxels: NDArray[np.int16] | None = None) -> None:
        """Show a copy of a volume; ``voxels``: with what was carved out of it."""
        self._voxels, self._scale = (
            copy.voxels if voxels is None else voxels,
            (copy.slope, copy.intercept),
        )
        small = copy.grid
        image = vtkImageData()
        image.SetDimensions(small.shape[2], small.shape[1], small.shape[0])
        image.SetSpacing(*small.spacing_mm)
        image.GetPointData().SetScalars(numpy_to_vtk(self._voxels.reshape(-1), deep=0))
        self._image = image
        # Spacing is the image's, the rest (turn, shear, place) the volume's matrix.
        place = small.matrix
        place[:3, :3] = small.directions
        matrix = vtkMatrix4x4()
        matrix.DeepCopy(place.ravel().tolist())
        self._volume.SetUserMatrix(matrix)
        # A new mapper: one that keeps gradients would take the new voxels for the old.
        self._mapper = (
            vtkOpenGLGPUVolumeRayCastMapper() if self._gpu else vtkFixedPointVolumeRayCastMapper()
        )
        self._mapper.SetInputData(image)
        self._mapper.SetAutoAdjustSampleDistances(0)
        self._volume.SetMapper(self._mapper)
        if not self._renderer.HasViewProp(self._volume):
            self._renderer.AddVolume(self._volume)

    def set_look(self, look: SolidPreset, knots: Sequence[Knot]) -> None:
        """Colours and opacities; ``knots`` in modality values (``knots_in_values``)."""
        colour, opacity = vtkColorTransferFunction(), vtkPiecewiseFunction()
        slope, intercept = self._scale
        for knot in knots:
            stored = (knot.value - intercept) / slope
            colour.AddRGBPoint(stored, knot.red, knot.green, knot.blue)
            opacity.AddPoint(stored, knot.opacity)
        self._property.SetColor(colour)
        self._property.SetScalarOpacity(opacity)
        self._property.SetScalarOpacityUnitDistance(look.unit_mm)
        if look.blend is Blend.MIP:
            self._mapper.SetBlendModeToMaximumIntensity()
        elif look.blend is Blend.MINIP:
            self._mapper.SetBlendModeToMinimumIntensity()
        else:
            self._mapper.SetBlendModeToComposite()
        self._property.SetShade(int(look.shaded))
        self._property.SetAmbient(look.ambient)
        self._property.SetDiffuse(look.diffuse)
        self._property.SetSpecular(look.specular)
        self._property.SetSpecularPower(look.power)
        self._renderer.SetBackground(*look.backdrop)

    def set_clips(self, clips: Sequence[Clip]) -> None:
        """Planes that bound the volume; surfaces are never cut, so that findings stay whole."""
        self._mapper.RemoveAllClippingPlanes()
        for through, normal in clips:
            plane = vtkPlane()
            plane.SetOrigin(*through)
            plane.SetNormal(*normal)
            self._mapper.AddClippingPlane(plane)

    def set_solid(self, shown: bool) -> None:
        """Show the volume, or the surfaces alone."""
        self._volume.SetVisibility(int(shown))

    def set_surfaces(self, shown: Mapping[str, tuple[Surface, Colour, float]]) -> None:
        """Surfaces by name with colour (0..1) and opacity; others are taken away."""
        for name in [n for n in self._actors if n not in shown]:
            self._renderer.RemoveActor(self._actors.pop(name)[1])
        for name, (surface, colour, opacity) in shown.items():
            kept = self._actors.get(name)
            if kept is None or kept[0] is not surface:
                if kept is not None:
                    self._renderer.RemoveActor(kept[1])
                mapper = vtkPolyDataMapper()
                mapper.SetInputData(as_polydata(surface))
                mapper.ScalarVisibilityOff()
                kept = surface, vtkActor()
                kept[1].SetMapper(mapper)
                self._renderer.AddActor(kept[1])
                self._actors[name] = kept
            look = kept[1].GetProperty()
            look.SetColor(*colour)
            look.SetOpacity(opacity)
            look.SetSpecular(0.2)
            look.SetSpecularPower(20.0)
            kept[1].SetVisibility(int(opacity > 0))

    # --- pictures

    def render(
        self, camera: SolidCamera, width: int, height: int, coarseness: float = 1.0
    ) -> NDArray[np.uint8]:
        """The picture, (height, width, 4) RGBA with row 0 at the BOTTOM as OpenGL counts.

        coarseness: pixels between rays; 1 is full quality, 4..8 is for dragging.
        """
        return self.render_part(camera, width, height, (0, 0, width, height), coarseness)

    def render_part(
        self,
        camera: SolidCamera,
        width: int,
        height: int,
        part: tuple[int, int, int, int],
        coarseness: float = 1.0,
    ) -> NDArray[np.uint8]:
        """A part (left, bottom, width, height) of the picture that ``render`` would give.

        A full picture may take a second without a graphics card; in parts it can be given up.
        """
        left, bottom, part_width, part_height = part
        self._window.SetSize(max(part_width, 2), max(part_height, 2))
        smallest = min(self._image.GetSpacing())
        if self._mapper is not None:
            self._mapper.SetImageSampleDistance(coarseness)
            step = _FINE_STEP if coarseness <= 1 else _COARSE_STEP
            self._mapper.SetSampleDistance(smallest * step)
        mm = camera.mm_per_pixel(height)
        shift = camera.right * (left + part_width / 2 - width / 2) * mm
        shift = shift - camera.down * (bottom + part_height / 2 - height / 2) * mm
        target = np.asarray(camera.target_mm) + shift
        eye = self._renderer.GetActiveCamera()
        eye.SetParallelProjection(1)
        eye.SetFocalPoint(*target)
        eye.SetPosition(*(target - np.asarray(camera.ahead) * camera.radius_mm * 4))
        eye.SetViewUp(*camera.up)
        eye.SetParallelScale(camera.half_mm * part_height / max(height, 1))
        self._renderer.ResetCameraClippingRange()
        self._window.Render()
        pixels = vtkUnsignedCharArray()
        w, h = self._window.GetSize()
        self._window.GetRGBACharPixelData(0, 0, w - 1, h - 1, 0, pixels, 0)
        picture = np.array(vtk_to_numpy(pixels).reshape(h, w, 4), dtype=np.uint8)
        picture[..., 3] = 255
        return picture

    def works(self) -> bool:
        """Whether this machine can render at all."""
        return bool(self._window.SupportsOpenGL())

    def close(self) -> None:
        """Give the graphics memory back."""
        self._renderer.RemoveAllViewProps()
        self._actors.clear()
        self._window.Finalize()
