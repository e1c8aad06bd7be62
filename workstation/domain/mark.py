"""Marks that a reader draws on images: lengths, angles, regions, arrows, words.

A mark is stored as it was drawn, in patient space, with the plane that it was drawn in; its
numbers are computed from it and from the voxels, never typed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from workstation.domain.errors import N_
from workstation.domain.geometry import Floats

Point = tuple[float, float, float]


class MarkKind(enum.Enum):
    """What was drawn; the comment says which points it has, in order."""

    LENGTH = "length"  # two ends
    POLYLINE = "polyline"  # two or more corners, open
    ANGLE = "angle"  # end, corner, end
    COBB = "Cobb angle"  # two ends of the first line, two of the second
    BIDIRECTIONAL = "bidirectional"  # two ends of the long axis, two of the short
    RECTANGLE = "rectangle"  # two opposite corners, sides along the picture's axes
    ELLIPSE = "ellipse"  # two opposite corners of the box around it
    FREEHAND = "freehand"  # closed outline, three or more corners
    BRUSH = "brush"  # painted region: its place; the voxels are the mask ``mask_id``
    PROBE = "probe"  # one point
    ARROW = "arrow"  # tip, tail
    TEXT = "text"  # where the words begin
    CARDIOTHORACIC = "cardiothoracic ratio"  # heart right, heart left, thorax right, thorax left
    CALIBRATION = "calibration line"  # two ends of something whose length the reader knows


OUTLINES = frozenset({MarkKind.RECTANGLE, MarkKind.ELLIPSE, MarkKind.FREEHAND, MarkKind.BRUSH})
"""Kinds that enclose an area and so have voxel statistics."""


@dataclass(frozen=True)
class MarkNumber:
    """One number of a mark. name: English term, a catalogue key. unit: UCUM code, "{pixels}"
    where the pixel spacing is unknown. formula: id of how it was computed. source: of lengths,
    who says what a pixel is worth (``Ruler.source``)."""

    name: str
    value: float
    unit: str
    formula: str
    source: str = ""


@dataclass(frozen=True)
class Mark:
    """One mark of a reader.

    points_mm: LPS mm, in the order that ``MarkKind`` states. right, down: unit axes of the picture
    that it was drawn in (rectangles and ellipses lie along them). sop_instance_uid and frame
    (from 0): the stored image where it was drawn on one as acquired, else "" and 0. phase: of a
    time series. known_mm: length that the reader states for a calibration line, else 0.
    finding_id: the finding that it measures, or empty. in_report: goes into the report.
    label_mm: where the reader put its words, None for beside it. numbers: ``mark_numbers`` of the
    stored voxels, computed when it was stored, for reports and exports.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    frame_of_reference_uid: str
    kind: MarkKind
    points_mm: tuple[Point, ...]
    right: Point
    down: Point
    by: str
    at: datetime
    sop_instance_uid: str = ""
    frame: int = 0
    phase: int = 0
    words: str = ""
    known_mm: float = 0.0
    mask_id: str = ""
    finding_id: str = ""
    in_report: bool = False
    label_mm: Point | None = None
    numbers: tuple[MarkNumber, ...] = ()


@dataclass(frozen=True)
class MarkEdit:
    """One finished edit of one mark, which can be taken back. None: the mark is not there."""

    before: Mark | None
    after: Mark | None

    @property
    def mark(self) -> Mark:
        """The mark as it is after the edit, or as it was last."""
        held = self.after if self.after is not None else self.before
        if held is None:
            raise ValueError("an edit of no mark")
        return held

    def turned(self) -> MarkEdit:
        """The edit that takes this one back."""
        return MarkEdit(self.after, self.before)


@dataclass(frozen=True)
class MarkStep:
    """An edit as journaled: versions of the mark in its history, from 1; 0: it is not there."""

    mark_id: str
    before: int
    after: int


@dataclass(frozen=True)
class MarkJournal:
    """What can be taken back and done again after a crash. id: the study's UID.

    steps: oldest first. at: how many of them are done; those after it were taken back.
    """

    id: str
    study_uid: str
    steps: tuple[MarkStep, ...] = ()
    at: int = 0


KEY_TITLES = {
    "113000": N_("Of Interest"),
    "113002": N_("For Referring Provider"),
    "113003": N_("For Surgery"),
    "113004": N_("For Teaching"),
    "113005": N_("For Conference"),
    "113006": N_("For Therapy"),
    "113007": N_("For Patient"),
    "113008": N_("For Peer Review"),
    "113009": N_("For Research"),
    "113010": N_("Quality Issue"),
    "113013": N_("Best In Set"),
    "113020": N_("For Report Attachment"),
}
"""Why images are put aside: DCM codes of PS3.16 CID 7010 and their meanings."""


@dataclass(frozen=True)
class KeyImage:
    """An image that a reader put aside for the report (DICOM Key Object Selection).

    sop_instance_uid, frame (from 0): the stored image nearest to what was seen. words: why.
    picture_sha256: PNG of what was seen (``archive.put_bytes``), with marks and scale bar, without
    the patient's name. caption: series, plane and place of it. right, down: axes of the picture
    where it is not the image as acquired. solid: it is a picture of the 3D view. title: one of
    ``KEY_TITLES``.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    sop_instance_uid: str
    frame: int
    phase: int
    by: str
    at: datetime
    focus_mm: Point = (0.0, 0.0, 0.0)
    window: tuple[float, float] | None = None  # centre, width
    words: str = ""
    picture_sha256: str = ""
    caption: str = ""
    right: Point | None = None
    down: Point | None = None
    solid: bool = False
    title: str = "113000"


@dataclass(frozen=True)
class RoleChoice:
    """A reader's word on what a stack is for, which wins over what its headers say."""

    id: str  # the stack's id
    study_uid: str
    role: str
    region: str
    by: str
    at: datetime


def as_points(points: Floats) -> tuple[Point, ...]:
    """(n, 3) LPS mm as a mark keeps them."""
    return tuple((float(p[0]), float(p[1]), float(p[2])) for p in points)
