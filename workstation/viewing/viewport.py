"""One picture on screen: which volume, which plane, where, how bright. No Qt, no VTK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workstation.domain.geometry import Floats, Grid
from workstation.domain.pages import drawing_grid
from workstation.domain.plane import (
    Axes,
    PlaneKind,
    Raster,
    Steps,
    axes_from,
    axes_of,
    nearest_plane,
    rotation_about,
    steps_along,
    uneven_steps,
)
from workstation.domain.volume import Flag, Volume, acquired_frames
from workstation.viewing.signal import Signal
from workstation.viewing.slab import Projection, Slab
from workstation.viewing.window_level import Window, default_window, window_for_key

__all__ = ["Projection", "Slab", "Viewport"]
ZOOM_RANGE = (0.2, 40.0)


class Viewport:
    """What one pane shows. ``changed`` after any change, ``focus_moved`` when the place moved.

    The focus is one point in LPS mm: the plane passes through it, crosshairs cross in it. Pan is
    in mm along the picture's axes. ``zoom`` 1 fits the whole volume into the pane.

    ``home`` is the plane before it was turned, ``rotation`` (3, 3) what it was turned by: views
    turned together have the same one and stay exactly at the angle to each other that they had.
    """

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self.focus_moved: Signal[[Viewport]] = Signal()
        self.volume: Volume | None = None
        self.flat = True  # False: seen in 3D, where it has no plane that others could show
        self.grid: Grid | None = None
        self.kind = PlaneKind.ACQUIRED
        self.home = PlaneKind.ACQUIRED
        self.axes = Axes((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        self.home_axes = self.axes
        self.rotation: Floats = np.eye(3)
        self.steps = Steps(0.0, 1.0, 1)
        self.focus_mm: Floats = np.zeros(3)
        self.pan_mm = (0.0, 0.0)
        self.zoom = 1.0
        self.window = Window(0.5, 1.0)
        self.window_name = ""
        self.invert = False
        self.slab = Slab()
        self.overlays = True
        self.voxels_version = 0

    # what is shown

    def show(
        self,
        volume: Volume,
        kind: PlaneKind = PlaneKind.ACQUIRED,
        slab: Slab | None = None,
        *,
        loaded: bool = True,
    ) -> None:
        """Show a volume from its middle, with the window it opens with.

        loaded: whether its voxels are in; if not, only a window that needs none is set.
        """
        self.volume = volume
        self.grid = drawing_grid(volume.stack)
        self.window = default_window(volume.stack, volume.array if loaded else None)
        self.window_name = ""
        self.invert = volume.stack.photometric == "MONOCHROME1"
        self.pan_mm, self.zoom = (0.0, 0.0), 1.0
        self.slab = slab or Slab()
        z, y, x = self.grid.shape
        self.focus_mm = self.grid.to_lps(((x - 1) // 2, (y - 1) // 2, (z - 1) // 2))
        self._turn(kind if volume.stack.is_volume else PlaneKind.ACQUIRED)
        self.voxels_version += 1
        self.changed.emit()

    def clear(self) -> None:
        """Show nothing."""
        self.volume, self.grid = None, None
        self.changed.emit()

    def voxels_changed(self) -> None:
        """Say that voxels were written into the shown array (slices still coming in)."""
        self.voxels_version += 1
        self.changed.emit()

    def show_phase(self, volume: Volume) -> None:
        """Another phase of the same stack: everything else stays as it is."""
        self.volume = volume
        self.voxels_version += 1
        self.changed.emit()

    @property
    def is_pages(self) -> bool:
        """Whether the images shown are no volume, so that no other plane cuts through them."""
        return self.volume is not None and not self.volume.stack.is_volume

    @property
    def is_oriented(self) -> bool:
        """Whether the files say which way the patient lies in the picture.

        Pages whose files do not are put at the origin with straight axes, which no scanner does.
        """
        if self.volume is None or not self.is_pages or self.volume.stack.placed:
            return self.volume is not None
        matrix = drawing_grid(self.volume.stack).matrix
        straight = np.allclose(matrix[:3, :3], np.diag(np.diag(matrix[:3, :3])), atol=1e-9)
        return not (straight and not matrix[:3, 3].any())

    @property
    def frame(self) -> str:
        """What this viewport's points refer to: the frame of reference, else the stack itself."""
        if self.volume is None:
            return ""
        stack = self.volume.stack
        if not (stack.is_volume or stack.placed) or not stack.frame_of_reference_uid:
            return f"stack:{stack.id}"
        return stack.frame_of_reference_uid

    # plane and place

    def set_plane(self, kind: PlaneKind) -> None:
        """Cut another way through the same focus; what was turned is straight again."""
        if self.grid is not None and not self.is_pages:
            self.pan_mm = (0.0, 0.0)
            self._turn(kind)
            self.changed.emit()

    def turn(self, about: Floats, degrees: float) -> None:
        """Rotate the plane right-handed about a direction through the focus.

        The focus stays where it is on screen. A plane rotated about its own normal stays the same
        plane, and its picture does not spin.
        """
        if self.grid is None or self.is_pages:
            return
        direction = np.asarray(about, dtype=np.float64)
        direction = direction / np.linalg.norm(direction)
        u, _, v = np.linalg.svd(rotation_about(direction, degrees) @ self.rotation)
        own = abs(float(direction @ self.axes.normal)) > 1 - 1e-9
        picture = self.axes if own else self.axes.turned(direction, degrees)
        self._show_turned(np.asarray(u @ v), picture)

    def adopt_rotation(self, rotation: Floats, picture: Axes | None = None) -> None:
        """Be turned as another view is: (3, 3) as its ``rotation``. picture: its axes, nearly."""
        if self.grid is None or self.is_pages or np.array_equal(rotation, self.rotation):
            return
        home = (self.home_axes.right, self.home_axes.down)
        right, down = (rotation @ np.asarray(way) for way in home)
        self._show_turned(np.asarray(rotation, dtype=np.float64), picture or axes_from(right, down))

    def _show_turned(self, rotation: Floats, picture: Axes) -> None:
        """picture: its axes, nearly; they are squared up against the exact normal."""
        assert self.grid is not None
        column, row = self._focus_offset_mm()
        home = self.home_axes
        normal = rotation @ home.normal
        right = np.asarray(picture.right) - normal * float(normal @ np.asarray(picture.right))
        self.axes = axes_from(right, np.cross(normal, right))
        self.rotation = rotation
        same = np.allclose(
            [*self.axes.right, *self.axes.down], [*home.right, *home.down], atol=1e-9
        )
        self.kind = self.home if same else PlaneKind.OBLIQUE
        self.steps = steps_along(self.grid, self.axes.normal)
        away = self._focus_offset_mm()
        self.pan_mm = (self.pan_mm[0] + column - away[0], self.pan_mm[1] + row - away[1])
        self.changed.emit()

    def _focus_offset_mm(self) -> tuple[float, float]:
        """Where the focus lies in the picture: mm to the right of its middle and below it."""
        away = self.focus_mm - self._picture_centre_mm()
        return float(away @ np.asarray(self.axes.right)), float(away @ np.asarray(self.axes.down))

    @property
    def turned_deg(self) -> float:
        """By how many degrees the plane is turned from ``home``."""
        cosine = (float(np.trace(self.rotation)) - 1) / 2
        return float(np.degrees(np.arccos(min(max(cosine, -1.0), 1.0))))

    @property
    def colour_plane(self) -> PlaneKind:
        """The anatomical plane whose colour this view has; a turned one keeps its own."""
        return nearest_plane(self.home_axes)

    def _turn(self, kind: PlaneKind) -> None:
        assert self.grid is not None
        if kind is PlaneKind.OBLIQUE:
            kind = PlaneKind.ACQUIRED  # nothing is oblique until it has been turned
        self.kind = self.home = kind
        self.rotation = np.eye(3)
        self.axes = self.home_axes = axes_of(kind, self.grid)
        self.steps = self._acquired_steps() or steps_along(self.grid, self.axes.normal)

    def _acquired_steps(self) -> Steps | None:
        """Where the images of an uneven stack lie, which its grid of finer planes does not say."""
        if self.kind is not PlaneKind.ACQUIRED or self.volume is None or self.is_pages:
            return None
        stack = self.volume.stack
        if Flag.UNEVEN_SPACING not in stack.flags:
            return None
        sign = 1.0 if float(stack.grid.slice_normal @ self.axes.normal) > 0 else -1.0
        return uneven_steps([sign * f.position_mm for f in acquired_frames(stack)])

    def move_focus(self, lps_mm: Floats) -> None:
        """Put the plane and the crosshair at a point; pan follows if it would leave the pane."""
        point = np.asarray(lps_mm, dtype=np.float64)
        if self.grid is None or np.array_equal(point, self.focus_mm):
            return
        self.focus_mm = point
        self.focus_moved.emit(self)
        self.changed.emit()

    def value_at(self, lps_mm: Floats) -> float | None:
        """The nearest stored voxel at a place; None outside, for colour and before it is in."""
        if self.grid is None or self.volume is None or self.volume.stack.samples > 1:
            return None
        voxel = self.grid.voxel_at(lps_mm)
        value = -1e30 if voxel is None else float(self.volume.array[voxel])
        return value if value > -1e30 else None  # calculated volumes have places without a value

    @property
    def focus_inside(self) -> bool:
        """Whether the focus lies in the shown volume."""
        return self.grid is not None and self.grid.contains(self.focus_mm)

    @property
    def _runs_backwards(self) -> bool:
        # Acquired slices count as they are stored, which may be against the picture's normal.
        return (
            self.kind is PlaneKind.ACQUIRED
            and self.grid is not None
            and float(self.grid.directions[:, 2] @ self.axes.normal) < 0
        )

    @property
    def slice_number(self) -> int:
        """Slice shown, from 0, of ``steps.count``."""
        number = self.steps.number_at(float(self.focus_mm @ self.axes.normal))
        return self.steps.count - 1 - number if self._runs_backwards else number

    @property
    def acquired_image(self) -> int | None:
        """Which image of ``Volume.acquired`` is shown as it was made; None where none is."""
        if self.volume is None or self.volume.acquired is None or not self.steps.places_mm:
            return None
        if self.kind is not PlaneKind.ACQUIRED or self.slab.thickness_mm > 0:
            return None
        number = self.steps.number_at(float(self.focus_mm @ self.axes.normal))
        same = float(self.volume.grid.slice_normal @ self.axes.normal) > 0
        return number if same else self.steps.count - 1 - number

    @property
    def gaps_mm(self) -> tuple[float, float]:
        """Least and greatest distance between neighbouring slices."""
        if len(self.steps.places_mm) < 2:
            return self.steps.step_mm, self.steps.step_mm
        gaps = np.diff(self.steps.places_mm)
        return float(gaps.min()), float(gaps.max())

    @property
    def stored_z(self) -> int:
        """Index along z of the grid, and of the stack's frames, nearest to the shown plane."""
        if self.grid is None:
            return 0
        centre = self.grid.centre_lps
        travel, normal = self.grid.directions[:, 2], self.axes.normal
        if self.kind is not PlaneKind.ACQUIRED or abs(float(travel @ normal)) < 1e-6:
            index = self.grid.to_index(self.focus_mm)[2]
        else:
            ahead = (self.plane_mm - float(centre @ normal)) / float(travel @ normal)
            index = self.grid.to_index(centre + travel * ahead)[2]
        return int(min(max(np.floor(index + 0.5), 0), self.grid.shape[0] - 1))

    @property
    def plane_mm(self) -> float:
        """Position of the shown plane along the normal: on a slice if acquired, never outside."""
        position = float(self.focus_mm @ self.axes.normal)
        if self.kind is PlaneKind.ACQUIRED and self.slab.thickness_mm == 0:
            return self.steps.position_of(self.steps.number_at(position))
        last = self.steps.position_of(self.steps.count - 1)
        return min(max(position, self.steps.first_mm), last)

    @property
    def _travel(self) -> Floats:
        """Where the focus goes from slice to slice: along the stack if acquired (tilted gantry)."""
        if self.grid is not None and self.kind is PlaneKind.ACQUIRED:
            along = self.grid.directions[:, 2]
            return np.asarray(along * np.sign(along @ self.axes.normal))
        return self.axes.normal

    def go_to_slice(self, number: int) -> None:
        """Show slice ``number`` (from 0); beyond the ends it stays at the end."""
        if self.grid is None:
            return
        number = min(max(number, 0), self.steps.count - 1)
        stored = self.steps.count - 1 - number if self._runs_backwards else number
        ahead = self.steps.position_of(stored) - float(self.focus_mm @ self.axes.normal)
        travel = self._travel
        self.move_focus(self.focus_mm + travel * (ahead / float(travel @ self.axes.normal)))

    def scroll(self, slices: int) -> None:
        """Go some slices on (positive) or back."""
        self.go_to_slice(self.slice_number + slices)

    # brightness

    def set_window(self, window: Window, name: str = "") -> None:
        """Show another range of values."""
        if window.width > 0:
            self.window, self.window_name = window, name
            self.changed.emit()

    def preset(self, key: int) -> bool:
        """Window of number key 0-9; whether there is one."""
        found = window_for_key(key, self.volume) if self.volume is not None else None
        if found is not None:
            self.set_window(*found)
        return found is not None

    def toggle_invert(self) -> None:
        """Black for white."""
        self.invert = not self.invert
        self.changed.emit()

    def toggle_overlays(self) -> None:
        """Show or hide what was drawn over the image (findings, crosshair)."""
        self.overlays = not self.overlays
        self.changed.emit()

    def set_slab(self, slab: Slab) -> None:
        """Show a thick slab, or a thin slice at 0 mm; pages have nothing between them."""
        if self.is_pages:
            return
        self.slab = replace(slab, thickness_mm=min(max(slab.thickness_mm, 0.0), 300.0))
        self.changed.emit()

    # the picture in the pane

    def pan(self, right_mm: float, down_mm: float) -> None:
        """Push the picture to the right and downwards."""
        self.pan_mm = (self.pan_mm[0] + right_mm, self.pan_mm[1] + down_mm)
        self.changed.emit()

    def zoom_by(self, factor: float) -> None:
        """Enlarge about the middle of the pane."""
        self.zoom = min(max(self.zoom * factor, ZOOM_RANGE[0]), ZOOM_RANGE[1])
        self.changed.emit()

    def fit(self) -> None:
        """The whole volume in the pane again."""
        self.zoom, self.pan_mm = 1.0, (0.0, 0.0)
        self.changed.emit()

    def raster(self, width: int, height: int) -> Raster:
        """Pixels of a pane of ``width`` x ``height`` in the patient."""
        assert self.grid is not None
        wide, high = self._extent_mm()
        fit = max(wide / max(width, 1), high / max(height, 1))
        centre = self._picture_centre_mm()
        return Raster(
            (float(centre[0]), float(centre[1]), float(centre[2])),
            self.axes,
            fit / self.zoom,
            max(width, 1),
            max(height, 1),
        )

    def _picture_centre_mm(self) -> Floats:
        """LPS mm of the middle of the picture."""
        assert self.grid is not None
        right, down = np.asarray(self.axes.right), np.asarray(self.axes.down)
        travel, normal = self._travel, self.axes.normal
        centre = self.grid.centre_lps
        ahead = (self.plane_mm - float(centre @ normal)) / float(travel @ normal)
        return centre + travel * ahead - right * self.pan_mm[0] - down * self.pan_mm[1]

    def _extent_mm(self) -> tuple[float, float]:
        """What must fit, along the axes before turning: a turned picture keeps its size."""
        assert self.grid is not None
        axes = self.home_axes
        corners = self.grid.corners_lps
        if self.home is PlaneKind.ACQUIRED:
            corners = corners[:4]  # one slice: a tilted stack must not shrink its own images
        across, along = corners @ np.asarray(axes.right), corners @ np.asarray(axes.down)
        return float(np.ptp(across)), float(np.ptp(along))
