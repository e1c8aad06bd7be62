"""What is looked at along a centreline: the line, the place on it, the angle about it. No Qt."""

from __future__ import annotations

import numpy as np

from workstation.domain.artefact import Wording
from workstation.domain.geometry import Floats
from workstation.domain.volume import Volume
from workstation.imaging.lumen import Lumen, Vessel
from workstation.viewing.centreline import CentrelineEdit
from workstation.viewing.signal import Signal

_NEAR_MM = 25.0  # a crosshair farther from the line does not move the place on it
_ON_LINE_MM = 6.0  # a mark farther away belongs to another line

_KEPT_LUMENS = 2000
_BRIGHT_BLOOD = ("TOF", "CE-MRA", "CTA")
_COARSEST_MM = 1.5  # as the measure of a stenosis: wider voxels do not show how wide an artery is

Mark = tuple[Floats, Wording]
"""A place (3,) LPS mm that a measure used, and what it is."""


class CurvedPlan:
    """One line of one series. ``changed`` after anything changed, ``went`` when a place in the
    patient was chosen that every view should go to."""

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self.went: Signal[[Floats]] = Signal()
        self.edit = CentrelineEdit()
        self.volume: Volume | None = None
        self.frame = ""
        self.along_mm = 0.0
        self.angle_deg = 0.0
        self.unrolled = False
        self.width_mm = 40.0
        self.apart_mm = 1.0
        self.active = False
        self.marks: tuple[Mark, ...] = ()
        self._place: Floats = np.zeros(3)
        self._vessel: Vessel | None = None
        self._lumens: dict[float, Lumen | None] = {}
        self.edit.changed.connect(self._edited)

    def show(self, volume: Volume | None, frame: str) -> None:
        """Look at another series; frame: what its points refer to."""
        if volume is None or self.volume is None or volume.stack.id != self.volume.stack.id:
            self.marks = ()
        if volume is not self.volume:
            self._forget_lumens()
        self.volume, self.frame = volume, frame
        self.changed.emit()

    def set_active(self, active: bool) -> None:
        """Draw the line on slices, or not."""
        self.active = active
        self.changed.emit()

    def show_marks(self, marks: tuple[Mark, ...]) -> None:
        """Where a measure took its diameters; none takes them away."""
        self.marks = marks
        self.changed.emit()

    def marks_along(self) -> tuple[tuple[float, Wording], ...]:
        """Marks that lie on the line: how far along it (mm), and what they are."""
        curve = self.edit.curve
        if curve is None:
            return ()
        found = [(*curve.nearest(place), words) for place, words in self.marks]
        return tuple((along, words) for along, away, words in found if away <= _ON_LINE_MM)

    def lumen(self, along_mm: float) -> Lumen | None:
        """The lumen across the line there, on angiograms with bright blood; None where none stands
        out, the voxels are too wide or their size is not known."""
        volume, curve = self.volume, self.edit.curve
        if volume is None or curve is None or self.edit.dragging:
            return None
        stack = volume.stack
        if stack.role not in _BRIGHT_BLOOD or stack.calibrated != "patient":
            return None
        if max(volume.grid.spacing_mm) > _COARSEST_MM:
            return None
        if self._vessel is None:
            line = curve.places(np.arange(0.0, curve.length_mm, 1.0))
            if len(line) < 3:
                return None
            self._vessel = Vessel(volume.array, volume.grid, line)
        key = round(along_mm, 2)
        if key not in self._lumens:
            if len(self._lumens) > _KEPT_LUMENS:
                self._lumens.clear()
            self._lumens[key] = self._vessel.lumen(key)
        return self._lumens[key]

    def _forget_lumens(self) -> None:
        self._vessel = None
        self._lumens.clear()

    def _edited(self) -> None:
        self._forget_lumens()
        curve = self.edit.curve
        self.along_mm = min(self.along_mm, curve.length_mm) if curve is not None else 0.0
        self.changed.emit()

    def go_to(self, along_mm: float, place_mm: Floats | None = None) -> None:
        """To a length along the line; place_mm: the place meant, else that on the line."""
        curve = self.edit.curve
        if curve is None:
            return
        self.along_mm = min(max(along_mm, 0.0), curve.length_mm)
        place = curve.places([self.along_mm])[0] if place_mm is None else place_mm
        self._place = np.asarray(place, dtype=np.float64)
        self.changed.emit()
        self.went.emit(self._place)

    def follow(self, place_mm: Floats) -> None:
        """The crosshair was moved elsewhere: to the nearest place on the line, if it is near."""
        curve = self.edit.curve
        if curve is None or not self.active or np.allclose(place_mm, self._place, atol=1e-6):
            return
        along, away = curve.nearest(place_mm)
        if away <= _NEAR_MM:
            self._place = np.asarray(place_mm, dtype=np.float64)
            self.along_mm = along
            self.changed.emit()

    def turn(self, degrees: float) -> None:
        """Turn the straightened picture about the line."""
        self.angle_deg = (self.angle_deg + degrees) % 360.0
        self.changed.emit()

    def set_unrolled(self, unrolled: bool) -> None:
        """The curved picture instead of the straightened one."""
        self.unrolled = unrolled
        self.changed.emit()

    def set_sections(self, width_mm: float, apart_mm: float) -> None:
        """How wide cross-sections are and how far from each other."""
        self.width_mm, self.apart_mm = max(width_mm, 5.0), max(apart_mm, 0.1)
        self.changed.emit()
