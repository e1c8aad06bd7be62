"""What is written and drawn over a slice: corners, letters, crosshair, findings, scale bar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from workstation.domain.errors import N_
from workstation.domain.finding import FindingState
from workstation.domain.plane import PlaneKind, Raster, nearest_plane
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.layer import Layer
from workstation.ui.stack_words import edge_letters, phase_text, side_text
from workstation.viewing.label_places import Label, places_of
from workstation.viewing.overlay import Overlay
from workstation.viewing.provenance import provenance
from workstation.viewing.viewport import Viewport

PLANE_NAMES = {
    PlaneKind.ACQUIRED: N_("as acquired"),
    PlaneKind.AXIAL: N_("axial"),
    PlaneKind.SAGITTAL: N_("sagittal"),
    PlaneKind.CORONAL: N_("coronal"),
    PlaneKind.OBLIQUE: N_("oblique"),
}
STATE_WORDS = {
    FindingState.PROPOSED: N_("undecided"),
    FindingState.ACCEPTED: N_("accepted"),
    FindingState.EDITED: N_("edited"),
    FindingState.ADDED: N_("added"),
    FindingState.REJECTED: N_("rejected"),
}
_UNITS = {"[hnsf'U]": "HU", "{SUVbw}g/mL": "SUV", "1": ""}
_VALUE = re.compile(r"(.*?)(\s[<>≈]?\d[\d.,]*(?:\s?[^\s\d　]+)?(?:　.*)?)")
PAD = 9.0
_MOST_WIDTHS = 500
SMALL_PANE = 260  # narrower than this, only what must never be missing is written


@dataclass
class Scene:
    """What a view knows beyond its viewport when it draws."""

    raster: Raster
    ratio: float  # device pixels of the raster per logical pixel
    peers: Sequence[Viewport] = ()
    overlays: Sequence[Overlay] = ()  # those that meet the plane
    anchors: dict[str, QPointF] = field(default_factory=dict)
    loaded: float = 1.0
    phases: int = 1
    phase: int = 0
    cine_fps: float = 0.0
    layers: Sequence[Layer] = ()
    readout: str = ""
    has_ai: bool = False
    unreadable: bool = False


class SliceOverlay:
    """Draws the scene of one view."""

    def __init__(self, halo: HaloText) -> None:
        self.halo = halo
        self.beside_findings: list[QRectF] = []  # where words beside findings stand
        self.at_edges: list[QRectF] = []  # where words in corners and letters stood last
        self._places: dict[str, int] = {}
        self._fit_text()

    @property
    def written(self) -> list[QRectF]:
        """Where words stand, for those who write more."""
        return [*self.beside_findings, *self.at_edges]

    def _fit_text(self) -> None:
        """Fonts of the size that the reader chose."""
        self._percent = theme.text_percent()
        self.normal = theme.font(10)
        self.bold = theme.font(10, bold=True)
        self.letter = theme.font(13, bold=True)
        self._metrics = QFontMetricsF(self.normal)
        self._bold_metrics = QFontMetricsF(self.bold)
        self._widths: dict[str, float] = {}

    def draw(self, painter: QPainter, area: QRectF, viewport: Viewport, scene: Scene) -> None:
        """Everything over the image, in logical pixels of the view."""
        if viewport.volume is None:
            return
        if self._percent != theme.text_percent():
            self._fit_text()
        self.beside_findings = []
        if viewport.overlays:
            self._findings(painter, area, scene)
        for layer in scene.layers:
            painter.save()
            layer.over(painter, scene.raster, scene.ratio)
            painter.restore()
        self.at_edges = []
        self._letters(painter, area, viewport, self._window_lines(viewport, scene, area)[-1])
        self._corners(painter, area, viewport, scene)
        self._scale_bar(painter, area, viewport, scene)
        if scene.unreadable:
            place = QPointF(area.center().x(), area.center().y() - 14)
            words = tr("This image cannot be read")
            align = Qt.AlignmentFlag.AlignHCenter
            self.halo.draw(painter, place, "⚠ " + words, self.letter, theme.DANGER, align)

    # --- text

    def _lines(
        self, painter: QPainter, area: QRectF, corner: str, lines: Sequence[tuple[str, str]]
    ) -> None:
        """(text, colour) lines in a corner: "tl", "tr", "bl" or "br"."""
        right = corner.endswith("r")
        align = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        x = area.right() - PAD + 3 if right else area.left() + PAD - 3
        step = float(theme.scaled(18))
        y = area.top() + 6 if corner.startswith("t") else area.bottom() - 7 - step * len(lines)
        for number, (text, colour) in enumerate(lines):
            font = self.bold if corner == "tl" and number == 0 else self.normal
            place = QPointF(x, y + step * number)
            box = self.halo.draw(painter, place, text, font, colour, align)
            if text:
                self.at_edges.append(box)

    def _corners(self, painter: QPainter, area: QRectF, viewport: Viewport, scene: Scene) -> None:
        assert viewport.volume is not None and viewport.grid is not None
        stack = viewport.volume.stack
        narrow = area.width() < SMALL_PANE
        name = stack.description or stack.role or stack.modality
        title = name if narrow else _title(viewport, name)
        # Short of the letter in the middle of the upper edge; the plane goes below if need be.
        room = area.width() / 2 - theme.scaled(30)
        place = self._place_text(viewport)
        if not narrow and self._bold_metrics.horizontalAdvance(title) > room:
            title, place = name, f"{_title(viewport, '').strip('　')}　{place}".strip("　")
        wide = area.width() - 2 * PAD
        top = [(self._shorten(title, room), theme.TEXT), (self._shorten(place, wide), theme.TEXT)]
        if scene.phases > 1:
            phase = tr("Phase {number}/{count}", number=scene.phase + 1, count=scene.phases)
            top.append((phase_text(stack, scene.phase) or phase, theme.TEXT))
        if side_text(stack):
            top.append((side_text(stack), theme.TEXT))
        if viewport.slab.thickness_mm > 0:
            projection = tr(viewport.slab.projection.value)
            top.append((f"{projection} {viewport.slab.thickness_mm:g} mm", theme.LETTER))
        for note in provenance(viewport):
            text = self._shorten(say(note), area.width() - 60)
            top.append(("⚠ " + text, theme.PROPOSED))
        if not viewport.focus_inside and scene.peers:
            top.append((tr("The crosshair is outside this series"), theme.PROPOSED))
        if scene.loaded < 1:
            loading = tr("Loading {percent} %", percent=int(scene.loaded * 100))
            top.append((loading, theme.FOCUS))
        self._lines(painter, area, "tl", top)

        right: list[tuple[str, str]] = []
        if scene.has_ai and not narrow:
            word = N_("AI overlay  [Space]") if viewport.overlays else N_("AI hidden  [Space]")
            right.append((tr(word), theme.TEXT if viewport.overlays else theme.PROPOSED))
        # A model's further structures here: below, the findings have the room above the phases.
        beside = [o for o in scene.overlays if o.on_slices_alone and o.colour]
        if viewport.overlays and not narrow:
            right += [self._finding_line(overlay) for overlay in beside]
        if stack.calibrated == "detector":
            right.append((tr("Lengths at the detector, not in the patient"), theme.PROPOSED))
        elif stack.calibrated == "magnified":
            right.append((tr("Lengths estimated from the magnification"), theme.PROPOSED))
        elif stack.regions:
            right.append((tr("Lengths count within their ultrasound region"), theme.PROPOSED))
        elif stack.calibrated != "patient":
            right.append((tr("No pixel spacing: lengths in pixels"), theme.PROPOSED))
        if not edge_letters(viewport, np.asarray(viewport.axes.right)):
            right.append((tr("Orientation not stated in the file"), theme.PROPOSED))
        for layer in scene.layers:
            right += layer.texts()
        self._lines(painter, area, "tr", self._beside(top, right, area.width()))

        bottom: list[tuple[str, str]] = []
        if viewport.overlays and not narrow:
            for overlay in [o for o in scene.overlays if o not in beside][:4]:
                words, colour = self._finding_line(overlay)
                bottom.append((self._keep_value(words, area.width() - 2 * PAD), colour))
            opposite = self._wide(tr("Research use, not registered"))
            widest = max((self._wide(w) for w, _ in bottom), default=0.0)
            if widest + opposite + 4 * PAD > area.width():
                at_right = 3 + bool(scene.cine_fps or scene.phases > 1)
                under = len(self._window_lines(viewport, scene, area)) + bool(scene.readout)
                bottom += [("", theme.TEXT)] * (at_right - under)  # above what stands at the right
        if scene.readout:
            bottom.append((scene.readout, theme.DIM))
        bottom += [(words, theme.TEXT) for words in self._window_lines(viewport, scene, area)]
        self._lines(painter, area, "bl", bottom)

    def _keep_value(self, words: str, width: float) -> str:
        """A finding's line shortened in its name alone: a number is whole or not there."""
        parts = _VALUE.fullmatch(words)
        if parts is None:
            return self._shorten(words, width)
        name, rest = parts[1], parts[2]
        room = width - self._wide(rest)
        return self._shorten(name, room) + rest

    def _beside(
        self, left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]], width: float
    ) -> list[tuple[str, str]]:
        """Lines for the right corner, moved down past those at the left that leave no room."""
        placed: list[tuple[str, str]] = []
        for text, colour in right:
            wide = self._wide(text) + 3 * PAD
            if not placed and wide > width / 2 - theme.scaled(12):
                placed.append(("", colour))  # the letter of the upper edge stands there
            while len(placed) < len(left):
                if self._wide(left[len(placed)][0]) + wide <= width:
                    break
                placed.append(("", colour))
            placed.append((self._shorten(text, width - 2 * PAD), colour))
        return placed

    def _place_text(self, viewport: Viewport) -> str:
        assert viewport.volume is not None and viewport.grid is not None
        stack = viewport.volume.stack
        text = f"{viewport.slice_number + 1} / {viewport.steps.count}"
        if viewport.is_pages:
            return text
        least, most = viewport.gaps_mm
        apart = f"{least:.3g}" if most - least < 0.01 else f"{least:.3g}–{most:.3g}"
        if viewport.kind is PlaneKind.ACQUIRED and stack.slice_thickness_mm:
            text += f"　{stack.slice_thickness_mm:.3g} mm"
            if max(abs(stack.slice_thickness_mm - gap) for gap in (least, most)) > 0.01:
                text += " / " + tr("spacing {mm} mm", mm=apart)
        else:
            text += "　" + tr("spacing {mm} mm", mm=apart)
        return text

    def _window_lines(self, viewport: Viewport, scene: Scene, area: QRectF) -> list[str]:
        """Window and zoom; one above the other where together they reach the middle."""
        text = self._window_text(viewport, scene)
        reach = self._wide(text) + PAD
        if reach <= area.width() / 2 - theme.scaled(22) or "　×" not in text:
            return [text]
        window, _, zoom = text.rpartition("　")
        return [zoom, window]

    def _window_text(self, viewport: Viewport, scene: Scene) -> str:
        assert viewport.volume is not None and viewport.grid is not None
        zoom = viewport.grid.spacing_mm[0] / (scene.raster.mm_per_pixel * scene.ratio)
        if viewport.volume.stack.samples > 1:
            return f"×{zoom:.2g}"
        window = viewport.window
        digits = 0 if window.width >= 20 else 2
        text = f"W {window.width:.{digits}f}  L {window.centre:.{digits}f}"
        if viewport.window_name:
            text += f" ({tr(viewport.window_name)})"
        if viewport.invert:
            text += "　" + tr("inverted")
        return f"{text}　×{zoom:.2g}"

    def _finding_line(self, overlay: Overlay) -> tuple[str, str]:
        if overlay.colour:  # a segment: its number goes with its colour
            return f"{overlay.number} {overlay.label}", overlay.colour
        icon = theme.STATE_ICONS[overlay.state]
        word = tr(STATE_WORDS[overlay.state])
        return f"{icon} {overlay.label}　{word}", theme.STATE_COLOURS[overlay.state]

    def _wide(self, text: str) -> float:
        """Width of a text, measured once: the same few are asked for in every frame."""
        if len(self._widths) > _MOST_WIDTHS:
            self._widths.clear()
        if text not in self._widths:
            self._widths[text] = self._metrics.horizontalAdvance(text)
        return self._widths[text]

    def _shorten(self, text: str, width: float) -> str:
        if self._wide(text) <= width:
            return text
        return self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)

    def _letters(self, painter: QPainter, area: QRectF, viewport: Viewport, lowest: str) -> None:
        """Where the edges of the picture lie in the patient; lowest: text at the bottom left."""
        right, down = np.asarray(viewport.axes.right), np.asarray(viewport.axes.down)
        middle_x, middle_y = area.center().x(), area.center().y()
        half, high = theme.scaled(12), theme.scaled(30)
        if self._wide(lowest) + PAD > area.width() / 2 - theme.scaled(22):
            high += theme.scaled(18)  # above the text that reaches the middle
        centre = Qt.AlignmentFlag.AlignHCenter
        places = (
            (right, QPointF(area.right() - PAD, middle_y - half), Qt.AlignmentFlag.AlignRight),
            (-right, QPointF(area.left() + PAD, middle_y - half), Qt.AlignmentFlag.AlignLeft),
            (down, QPointF(middle_x, area.bottom() - high), centre),
            (-down, QPointF(middle_x, area.top() + 4), centre),
        )
        for direction, place, align in places:
            letters = edge_letters(viewport, direction)
            box = self.halo.draw(painter, place, letters, self.letter, theme.LETTER, align)
            if letters:
                self.at_edges.append(box)

    # --- lines

    def _to_view(self, scene: Scene, column: float, row: float) -> QPointF:
        return QPointF((column + 0.5) / scene.ratio, (row + 0.5) / scene.ratio)

    def _findings(self, painter: QPainter, area: QRectF, scene: Scene) -> None:
        """Rings of findings without a mask, and words beside those in focus and segments."""
        labels: list[Label] = []
        said: dict[str, tuple[str, str]] = {}
        for overlay in scene.overlays:
            colour = overlay.colour or theme.STATE_COLOURS[overlay.state]
            place, reach = scene.anchors.get(overlay.id), 0.0
            if overlay.array is None:
                column, row, _ = scene.raster.to_picture(overlay.location_mm)
                place, reach = self._to_view(scene, column, row), 11.0
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                for pen in (QPen(QColor(0, 0, 0, 200), 4.0), QPen(QColor(colour), 2.0)):
                    painter.setPen(pen)
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawEllipse(place, reach, reach)
            if overlay.colour:
                name = f" {overlay.label}" if overlay.focused else ""
                words = f"{overlay.number}{name}"
            elif overlay.focused:
                words = f"{theme.STATE_ICONS[overlay.state]} {overlay.label}"
            else:
                continue
            if place is None:
                continue
            words = self._shorten(words, area.width() - 2 * PAD - 6)
            said[overlay.id] = (words, colour)
            size = (self._wide(words) + 6, self._metrics.height() + 4)
            x, y = place.x(), place.y()
            about = (x - reach, y - reach, x + reach, y + reach)
            aside = (x + reach + 5, y + (3 if reach else 1))
            labels.append(Label(overlay.id, size, about, aside, pinned=overlay.focused))
        room = (area.left() + 4, area.top() + 4, area.right() - 4, area.bottom() - 4)
        edges = [(b.left(), b.top(), b.right(), b.bottom()) for b in self.at_edges]
        places = places_of(labels, room, taken=edges, before=self._places)
        self._places = places.chosen
        for id, box in places.boxes.items():
            if box is not None:
                place = QPointF(box[0], box[1])
                drawn = self.halo.draw(painter, place, said[id][0], self.normal, said[id][1])
                self.beside_findings.append(drawn)

    def _scale_bar(self, painter: QPainter, area: QRectF, viewport: Viewport, scene: Scene) -> None:
        assert viewport.volume is not None and viewport.grid is not None
        lines: list[tuple[str, str]] = []
        if scene.cine_fps:
            lines.append((f"▶ {scene.cine_fps:g} fps  [C]", theme.TEXT))
        elif scene.phases > 1:
            lines.append((tr("▷ cine  [C]"), theme.TEXT))
        if scene.has_ai and viewport.overlays:
            lines.append((tr("Research use, not registered"), theme.LETTER))
        calibrated = viewport.volume.stack.calibrated in {"patient", "magnified"}
        unit = 1.0 if calibrated else viewport.grid.spacing_mm[0]
        per_unit = unit / (scene.raster.mm_per_pixel * scene.ratio)  # logical pixels
        room = area.width() * 0.22
        nice = (500.0, 200, 100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)
        length = next((n for n in nice if n * per_unit <= room), 0.0)
        if length:
            right, y = area.right() - PAD, area.bottom() - 12
            left = right - length * per_unit
            for pen in (QPen(QColor(0, 0, 0, 200), 4.0), QPen(QColor(theme.TEXT), 1.5)):
                painter.setPen(pen)
                painter.drawLine(QLineF(left, y, right, y))
                painter.drawLine(QLineF(left, y - 4, left, y + 4))
                painter.drawLine(QLineF(right, y - 4, right, y + 4))
            if not calibrated:
                words = f"{length:g} px"
            else:
                words = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
            lines.append((words, theme.TEXT))
        box = QRectF(area.left(), area.top(), area.width(), area.height() - 12)
        self._lines(painter, box, "br", lines)


def _title(viewport: Viewport, name: str) -> str:
    if not viewport.is_oriented:
        return name
    return f"{name}　{tr(PLANE_NAMES[_named_kind(viewport)])}"


def _named_kind(viewport: Viewport) -> PlaneKind:
    """What the plane is called: acquired slices within 10 degrees of a plane have its name."""
    if viewport.kind is PlaneKind.ACQUIRED and np.abs(viewport.axes.normal).max() > 0.985:
        return nearest_plane(viewport.axes)
    return viewport.kind


def unit_sign(unit: str) -> str:
    """How a UCUM unit of voxel values is written on screen."""
    return _UNITS.get(unit, unit)
