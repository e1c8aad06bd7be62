"""What a study holds beside its images: reports, segmentations, contours, key images, documents."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from workstation.domain.artefact import Code
from workstation.domain.errors import N_, Message
from workstation.domain.mark import MarkNumber
from workstation.domain.origin import Algorithm, Maker
from workstation.domain.overlay_plane import OverlayPlane


class ObjectKind(enum.Enum):
    """What an object is, in words that the catalogue knows."""

    DOCUMENT = N_("Document")
    REPORT = N_("Structured report")
    SEGMENTATION = N_("Segmentation")
    CONTOURS = N_("Contours")
    KEY_IMAGES = N_("Key images")
    PRESENTATION = N_("Presentation state")
    OTHER = N_("Other object")


@dataclass(frozen=True)
class StudyObject:
    """One object of a study as a list shows it.

    title: what the file calls itself. made: date and time as DICOM writes them, or empty. sha256:
    the file. why: a sentence for what can be listed but not opened.
    """

    sop_instance_uid: str
    series_uid: str
    study_uid: str
    kind: ObjectKind
    title: str
    modality: str
    made: str
    sha256: str
    sop_class: str = ""  # its name in the standard
    why: Message | None = None


@dataclass(frozen=True)
class ImageRef:
    """Stored images that an object speaks of. frames: from 0; empty means all of the file."""

    sop_instance_uid: str
    frames: tuple[int, ...] = ()
    series_uid: str = ""
    sop_class_uid: str = ""
    segments: tuple[int, ...] = ()

    def covers(self, sop_instance_uid: str, frame: int) -> bool:
        """Whether a stored image is meant."""
        same = self.sop_instance_uid == sop_instance_uid
        return same and (not self.frames or frame in self.frames)


class Space(enum.Enum):
    """What the points of a graphic are measured in."""

    PIXEL = "pixel"  # (column, row), whole numbers at pixel centres
    PATIENT = "patient"  # LPS mm
    DISPLAY = "display"  # fractions of the displayed area, 0..1 from its top left


@dataclass(frozen=True)
class Graphic:
    """A drawing of an object. kind: as DICOM names it (POINT, POLYLINE, CIRCLE, ELLIPSE ...).

    points: two numbers each, three in PATIENT space. CIRCLE: centre, a point on it. ELLIPSE: ends
    of the long axis, then of the short one. images: what it is drawn on. flaw: why it has no
    points, a sentence of the catalogue.
    """

    kind: str
    points: tuple[tuple[float, ...], ...]
    space: Space
    images: tuple[ImageRef, ...] = ()
    frame_of_reference_uid: str = ""
    filled: bool = False
    tracking_id: str = ""
    group: int = 0
    flaw: str = ""


@dataclass(frozen=True)
class Caption:
    """Words on an image. box: left, top, right, bottom; anchor: what they point at."""

    words: str
    space: Space
    box: tuple[float, float, float, float] | None = None
    anchor: tuple[float, float] | None = None
    anchor_space: Space = Space.PIXEL
    anchor_visible: bool = False
    tracking_id: str = ""
    group: int = 0


# --- structured reports


@dataclass(frozen=True)
class ReportItem:
    """One content item of a structured report (PS3.3 C.17.3), in any template.

    path: its number among its siblings below its parent's, "1.3.2". words: its value as a reader
    is told it. number, unit: of a NUM item (UCUM). target: path that a by-reference item means.
    """

    path: str
    relationship: str
    value_type: str
    name: str
    code: Code | None = None  # of its concept name
    words: str = ""
    value: Code | None = None  # of a CODE item
    number: float | None = None
    unit: str = ""
    images: tuple[ImageRef, ...] = ()
    graphic: Graphic | None = None
    target: str = ""
    at: str = ""  # observation date and time
    children: tuple[ReportItem, ...] = ()
    unit_code: Code | None = None


@dataclass(frozen=True)
class PlacedNumbers:
    """What a report says of one place: numbers, with graphics or segments that say where."""

    label: str
    path: str
    numbers: tuple[MarkNumber, ...]
    graphics: tuple[Graphic, ...]
    segments: tuple[ImageRef, ...]
    tracking_id: str = ""
    tracking_uid: str = ""
    kind: str = ""  # a mark kind of our own, where the report states one


@dataclass(frozen=True)
class ReportTree:
    """A structured report as read."""

    sop_instance_uid: str
    title: str
    template: str
    complete: bool
    verified_by: str
    author: str
    made: str
    root: ReportItem
    places: tuple[PlacedNumbers, ...]


@dataclass(frozen=True)
class EncapsulatedDocument:
    """A document within a DICOM file. media_type: "application/pdf" ..."""

    title: str
    media_type: str
    data: bytes = field(repr=False)


# --- segmentations and contours


@dataclass(frozen=True)
class SegmentInfo:
    """One segment or region of interest as its file describes it. colour: RGB, 0..255."""

    number: int
    label: str
    category: Code | None = None
    type: Code | None = None
    algorithm_type: str = ""
    algorithm: str = ""
    tracking_id: str = ""
    tracking_uid: str = ""
    colour: tuple[int, int, int] | None = None
    planes: int = 0  # frames or contours that the file holds of it
    identification: Algorithm | None = None
    site: Code | None = None


@dataclass(frozen=True)
class SegmentSet:
    """A segmentation or structure set without its voxels.

    encoding: BINARY, FRACTIONAL, LABELMAP or CONTOURS. fraction: PROBABILITY or OCCUPANCY of a
    fractional one. series_uids: of the images it was made from, where the file says.
    """

    sop_instance_uid: str
    study_uid: str
    series_uid: str
    label: str
    creator: str
    encoding: str
    fraction: str
    frame_of_reference_uid: str
    series_uids: tuple[str, ...]
    images: tuple[str, ...]  # SOP instances that its frames or contours refer to
    segments: tuple[SegmentInfo, ...]
    notes: tuple[Message, ...] = ()
    maker: Maker | None = None
    made: str = ""


# --- key objects and presentation states


@dataclass(frozen=True)
class KeySelection:
    """Images that someone put aside (PS3.16 TID 2010). title: why, from CID 7010."""

    sop_instance_uid: str
    title: str
    words: str
    author: str
    made: str
    images: tuple[ImageRef, ...]


@dataclass(frozen=True)
class StateWindow:
    """Window of a presentation state for some images, all where ``images`` is empty.

    function: LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.3). grey: where a lookup table or a
    sigmoid says so, 0 (black) to 1 evenly over the width.
    """

    centre: float
    width: float
    function: str = "LINEAR"
    words: str = ""
    images: tuple[ImageRef, ...] = ()
    grey: tuple[float, ...] = ()


@dataclass(frozen=True)
class DisplayedArea:
    """What is to be seen of some images: pixel (column, row), corners of the whole area.

    left, top, right, bottom: edges, pixel centres at whole numbers, so a 512x512 image as a whole
    is -0.5, -0.5, 511.5, 511.5. mode: SCALE TO FIT, TRUE SIZE or MAGNIFY. pixel_mm: of true size,
    how high a pixel of the image is to be on the screen, 0 where that is not stated.
    """

    left: float
    top: float
    right: float
    bottom: float
    mode: str = "SCALE TO FIT"
    magnification: float = 1.0
    images: tuple[ImageRef, ...] = ()
    pixel_mm: float = 0.0


@dataclass(frozen=True)
class StateDrawing:
    """Graphics and words of one layer on some images. colour: RGB of the layer, 0..255."""

    layer: str
    colour: tuple[int, int, int] | None
    images: tuple[ImageRef, ...]
    graphics: tuple[Graphic, ...]
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class StateTable:
    """Stored samples to values (PS3.3 C.11.1): from sample ``first`` on; beyond it the ends."""

    first: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class PresentationState:
    """How images are to be shown (PS3.3 A.33). rotation_deg: clockwise, by quarter turns.

    flipped: mirrored left to right after that. shutters: (shape, numbers) as the file has them.
    rescale, table: what takes the place of the image's own rescale. grey: its Presentation LUT,
    0 (black) to 1 evenly over what its window gives. shutter_grey: what covers hidden parts, 0
    (black) to 255. notes: what of it this program does not apply.
    """

    sop_instance_uid: str
    study_uid: str
    series_uid: str
    label: str
    description: str
    creator: str
    made: str
    images: tuple[ImageRef, ...]
    windows: tuple[StateWindow, ...]
    areas: tuple[DisplayedArea, ...]
    drawings: tuple[StateDrawing, ...]
    groups: tuple[tuple[int, str, str], ...] = ()  # number, label, description
    rotation_deg: int = 0
    flipped: bool = False
    inverse: bool = False
    shutters: tuple[tuple[str, tuple[float, ...]], ...] = ()
    bitmaps: tuple[OverlayPlane, ...] = ()  # drawn by the state itself
    cover: OverlayPlane | None = None  # bitmap shutter: its set bits are kept out of sight
    rescale: tuple[float, float] | None = None  # slope, intercept
    table: StateTable | None = None
    grey: tuple[float, ...] = ()
    shutter_grey: int = 0
    notes: tuple[Message, ...] = ()

    def concerns(self, sop_instance_uid: str, frame: int) -> bool:
        """Whether the state is for this stored image."""
        return any(ref.covers(sop_instance_uid, frame) for ref in self.images)


def meant_for(images: tuple[ImageRef, ...], sop_instance_uid: str, frame: int) -> bool:
    """Whether a part of a state applies to an image; a part that names none applies to all."""
    return not images or any(ref.covers(sop_instance_uid, frame) for ref in images)
