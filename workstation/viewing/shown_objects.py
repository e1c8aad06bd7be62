"""Which objects of a study are drawn over its images: segments, states, places of reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workstation.domain.document import PresentationState, ReportTree, SegmentSet
from workstation.domain.geometry import Floats
from workstation.domain.image_plane import in_patient, plane_of
from workstation.domain.mask_block import LabelBlock
from workstation.domain.volume import Stack
from workstation.viewing.signal import Signal
from workstation.viewing.viewport import Viewport

PALETTE = (
    (255, 99, 97), (88, 180, 255), (255, 214, 90), (123, 224, 141), (214, 137, 255),
    (255, 158, 87), (92, 225, 214), (255, 138, 190), (176, 196, 90), (158, 158, 255),
)  # fmt: skip
"""Colours of segments whose file states none, one after another."""


@dataclass(eq=False)
class ShownSegments:
    """A segmentation or structure set that is drawn. layers: its label arrays."""

    about: SegmentSet
    layers: tuple[LabelBlock, ...]
    volumes_ml: dict[int, float]
    centres_mm: dict[int, tuple[float, float, float]]
    frame_of_reference_uid: str
    stack_ids: tuple[str, ...]
    hidden: set[int] = field(default_factory=set)
    on: bool = True

    def colour(self, number: int) -> tuple[int, int, int]:
        """RGB of a segment: its file's, else one of the palette."""
        for place, segment in enumerate(self.about.segments):
            if segment.number == number:
                return segment.colour or PALETTE[place % len(PALETTE)]
        return PALETTE[0]

    def label(self, number: int) -> str:
        """What a segment is called."""
        return next((s.label for s in self.about.segments if s.number == number), "")

    def belongs_to(self, viewport: Viewport) -> bool:
        """Whether a view shows the space that it was drawn in."""
        if viewport.volume is None:
            return False
        stack = viewport.volume.stack
        frame = self.frame_of_reference_uid
        return stack.id in self.stack_ids or (
            bool(frame) and stack.is_volume and frame == stack.frame_of_reference_uid
        )


@dataclass(frozen=True, eq=False)
class ShownLine:
    """One outline of a report in the patient. points_mm: (n, 3) LPS. stack_id: of the image that
    it is drawn on, else empty; frame: of reference."""

    label: str
    points_mm: Floats
    closed: bool
    stack_id: str
    frame: str

    def belongs_to(self, viewport: Viewport) -> bool:
        """Whether it lies in the plane that a view shows."""
        if viewport.volume is None or viewport.grid is None:
            return False
        stack = viewport.volume.stack
        same = stack.id == self.stack_id or (
            bool(self.frame) and stack.is_volume and self.frame == stack.frame_of_reference_uid
        )
        if not same:
            return False
        away = self.points_mm @ viewport.axes.normal - viewport.plane_mm
        half = max(viewport.slab.thickness_mm, viewport.steps.step_mm) / 2
        return bool(np.abs(away).max() <= half + 1e-6)


class ShownObjects:
    """What of the open study's objects is on screen. ``changed`` after any change."""

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self.segments: dict[str, ShownSegments] = {}
        self.states: dict[str, PresentationState] = {}
        self.off: set[str] = set()  # states that are switched off
        self.lines: dict[str, list[ShownLine]] = {}
        self.version = 0

    def clear(self) -> None:
        """Forget everything: another study is opened."""
        self.segments, self.states, self.lines = {}, {}, {}
        self.off = set()
        self._tell()

    def _tell(self) -> None:
        self.version += 1
        self.changed.emit()

    def show_segments(self, shown: ShownSegments) -> None:
        """Draw a segmentation."""
        self.segments[shown.about.sop_instance_uid] = shown
        self._tell()

    def switch(self, sop_instance_uid: str, on: bool) -> None:
        """Draw an object or not; it stays loaded."""
        if sop_instance_uid in self.segments:
            self.segments[sop_instance_uid].on = on
        elif on:
            self.off.discard(sop_instance_uid)
        else:
            self.off.add(sop_instance_uid)
        self._tell()

    def show_segment(self, sop_instance_uid: str, number: int, visible: bool) -> None:
        """Draw one segment or hide it."""
        hidden = self.segments[sop_instance_uid].hidden
        (hidden.discard if visible else hidden.add)(number)
        self._tell()

    def show_state(self, state: PresentationState) -> None:
        """Apply a presentation state; of two for one image the later one wins."""
        self.states.pop(state.sop_instance_uid, None)
        self.states[state.sop_instance_uid] = state
        self.off.discard(state.sop_instance_uid)
        self._tell()

    def show_report(self, tree: ReportTree, stacks: list[Stack]) -> int:
        """Draw the places of a report; how many lines of it lie on images that are here."""
        lines = lines_of(tree, stacks)
        self.lines[tree.sop_instance_uid] = lines
        self.off.discard(tree.sop_instance_uid)
        self._tell()
        return len(lines)

    def is_on(self, sop_instance_uid: str) -> bool:
        """Whether an object is drawn."""
        if sop_instance_uid in self.segments:
            return self.segments[sop_instance_uid].on
        known = sop_instance_uid in self.states or sop_instance_uid in self.lines
        return known and sop_instance_uid not in self.off

    @property
    def states_on(self) -> list[PresentationState]:
        """States that are applied, in the order in which they were opened."""
        return [s for uid, s in self.states.items() if uid not in self.off]

    def lines_on(self, viewport: Viewport) -> list[ShownLine]:
        """Lines of reports to be drawn in a view."""
        return [
            line
            for uid, lines in self.lines.items()
            if uid not in self.off
            for line in lines
            if line.belongs_to(viewport)
        ]

    def segments_on(self, viewport: Viewport) -> list[ShownSegments]:
        """Segmentations to be drawn in a view."""
        return [s for s in self.segments.values() if s.on and s.belongs_to(viewport)]


def lines_of(tree: ReportTree, stacks: list[Stack]) -> list[ShownLine]:
    """Every graphic of a report that lies on images or in a space that is here."""
    found = []
    for place in tree.places:
        for graphic in place.graphics:
            planes = [
                (stack, plane)
                for ref in graphic.images
                for stack in stacks
                for plane in [
                    plane_of(stack, ref.sop_instance_uid, ref.frames[0] if ref.frames else 0)
                ]
                if plane is not None
            ]
            stack, plane = planes[0] if planes else (None, None)
            drawn = in_patient(graphic, plane)
            if drawn is None or not len(drawn[0]):
                continue
            frame = graphic.frame_of_reference_uid
            if stack is not None:
                frame = stack.frame_of_reference_uid
            label = place.label
            if place.numbers:
                first = place.numbers[0]
                label = f"{label}  {first.value:.4g} {first.unit}".strip()
            found.append(ShownLine(label, drawn[0], drawn[1], stack.id if stack else "", frame))
    return found
