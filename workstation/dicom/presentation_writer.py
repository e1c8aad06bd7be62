"""Marks and key images as softcopy presentation states (PS3.3 A.33.1, A.33.2)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import DA, DS, TM

from workstation.dicom.cielab import cielab_of_rgb
from workstation.dicom.evidence import CHARACTER_SET, person_name, tracking_uid, uid_of
from workstation.dicom.mark_groups import Numbers, Sources
from workstation.dicom.presentation_state import COLOUR, GREYSCALE
from workstation.dicom.segmentation import MANUFACTURER, MODEL_NAME
from workstation.domain.artefact import new_uid, now
from workstation.domain.geometry import Floats
from workstation.domain.image_plane import ImagePlane, plane_of
from workstation.domain.mark import KeyImage, Mark, MarkKind, MarkNumber
from workstation.domain.mark_exchange import described, in_pixels, shapes_of
from workstation.domain.mark_format import digits_of, sign_of
from workstation.domain.volume import Stack

LAYER = "MARKS"
_COLOUR = (255, 214, 10)
_COPIED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
           "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
           "ReferringPhysicianName", "StudyDescription", "IssuerOfPatientID",
           "PatientIdentityRemoved", "DeidentificationMethod")  # fmt: skip
_WING = 9.0  # pixels: length of an arrow's head


def write_states(
    marks: Sequence[Mark],
    key_images: Sequence[KeyImage],
    sources: Sources,
    *,
    author: str,
    software_version: str,
    numbers: Numbers | None = None,
    label: str = "MARKS",
    description: str = "",
    series_number: int = 9202,
    made_at: datetime | None = None,
    identity: str = "",
) -> list[bytes]:
    """Marks drawn on stored images, with each image's window; one Part 10 file a series.

    Marks on other planes cannot be stated by a presentation state and are left out (the
    measurement report has them); none at all gives no file. Images are neither turned nor
    flipped, and shown whole. A mark's words and numbers stand beside it as text.
    identity: the same one gives the same UIDs, and with ``made_at`` the same bytes.
    """
    states: dict[_Values, _State] = {}
    for mark in marks:
        plane = sources.plane(mark)
        if plane is not None and all(in_pixels(s, plane) is not None for s in shapes_of(mark)):
            stack = _stack_of(plane, sources)
            values = _values_of(plane, stack)
            state = states.setdefault(values, _State(sources, values))
            state.add(plane, stack, mark, (numbers or {}).get(mark.id, mark.numbers))
    for image in key_images:
        if image.sop_instance_uid not in sources.headers:
            continue
        for stack in sources.stacks:
            found = plane_of(stack, image.sop_instance_uid, image.frame)
            if found is not None and stack.series_uid == image.series_uid:
                values = _values_of(found, stack)
                state = states.setdefault(values, _State(sources, values))
                state.show(found, stack, image.window)
                break
    series_uid = uid_of("state series", identity) if identity else new_uid()
    moment = (made_at or now()).astimezone()
    files = []
    for number, (values, state) in enumerate(states.items(), start=1):
        written = _header(state.first, series_uid, series_number, number, moment, values.colour)
        if identity:
            written.SOPInstanceUID = uid_of("state", identity, str(number))
            written.file_meta.MediaStorageSOPInstanceUID = written.SOPInstanceUID
        written.SoftwareVersions = software_version
        written.ContentLabel = label.upper()[:16]
        written.ContentDescription = (description or "Marks of the reader")[:64]
        written.ContentCreatorName = person_name(author) if author else ""
        state.write(written)
        buffer = io.BytesIO()
        written.save_as(buffer, enforce_file_format=True)
        files.append(buffer.getvalue())
    return files


@dataclass(frozen=True)
class _Values:
    """What images of one state must share: a state turns samples into values in one way."""

    series_uid: str
    colour: bool
    slope: float
    intercept: float
    hounsfield: bool
    inverse: bool


def _values_of(plane: ImagePlane, stack: Stack) -> _Values:
    frame = stack.frame(plane.phase, plane.z)
    return _Values(
        stack.series_uid,
        stack.samples == 3,
        frame.slope,
        frame.intercept,
        stack.unit == "[hnsf'U]",
        stack.photometric == "MONOCHROME1",
    )


def _stack_of(plane: ImagePlane, sources: Sources) -> Stack:
    return next(s for s in sources.stacks if s.id == plane.stack_id)


def _header(
    source: Dataset,
    series_uid: str,
    series_number: int,
    number: int,
    moment: datetime,
    colour: bool,
) -> Dataset:
    written = Dataset()
    written.SpecificCharacterSet = CHARACTER_SET
    written.SOPClassUID = COLOUR if colour else GREYSCALE
    written.SOPInstanceUID = new_uid()
    for keyword in _COPIED:
        if keyword in source:
            setattr(written, keyword, source[keyword].value)
    written.Modality = "PR"
    written.SeriesInstanceUID = series_uid
    written.SeriesNumber = series_number
    written.SeriesDescription = "Marks"
    written.Laterality = ""
    written.InstanceNumber = number
    written.Manufacturer, written.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    written.DeviceSerialNumber = "0"
    written.PresentationCreationDate = DA(moment.date())
    written.PresentationCreationTime = TM(moment.time().replace(microsecond=0))
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written.file_meta.MediaStorageSOPClassUID = written.SOPClassUID
    written.file_meta.MediaStorageSOPInstanceUID = written.SOPInstanceUID
    return written


class _State:
    """What one presentation state will say of the images of one series."""

    def __init__(self, sources: Sources, values: _Values) -> None:
        self.sources = sources
        self.values = values
        self.images: dict[tuple[str, int], ImagePlane] = {}
        self.windows: dict[tuple[str, int], tuple[float, float]] = {}
        self.marks: list[tuple[ImagePlane, Mark, Sequence[MarkNumber]]] = []

    @property
    def first(self) -> Dataset:
        """Header of the first image."""
        return self.sources.headers[next(iter(self.images))[0]]

    def show(self, plane: ImagePlane, stack: Stack, window: tuple[float, float] | None) -> None:
        key = (plane.sop_instance_uid, plane.frame)
        self.images.setdefault(key, plane)
        chosen = window or (None if key in self.windows else stack.window)
        if chosen is not None and chosen[1] >= 1:
            self.windows[key] = chosen

    def add(
        self, plane: ImagePlane, stack: Stack, mark: Mark, numbers: Sequence[MarkNumber]
    ) -> None:
        self.show(plane, stack, None)
        self.marks.append((plane, mark, numbers))

    def reference(self, keys: Sequence[tuple[str, int]]) -> list[Dataset]:
        """Referenced Image Sequence of some images, frames of a file together."""
        frames: dict[str, list[int]] = {}
        for uid, frame in keys:
            frames.setdefault(uid, []).append(frame + 1)
        found = []
        for uid, numbers in frames.items():
            item, header = Dataset(), self.sources.headers[uid]
            item.ReferencedSOPClassUID = header.SOPClassUID
            item.ReferencedSOPInstanceUID = uid
            if "NumberOfFrames" in header:
                item.ReferencedFrameNumber = numbers if len(numbers) > 1 else numbers[0]
            found.append(item)
        return found

    def write(self, written: Dataset) -> None:
        keys = list(self.images)
        series = Dataset()
        series.SeriesInstanceUID = self.first.SeriesInstanceUID
        series.ReferencedImageSequence = self.reference(keys)
        written.ReferencedSeriesSequence = [series]
        sizes: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for key, plane in self.images.items():
            sizes.setdefault((plane.grid.shape[1], plane.grid.shape[2]), []).append(key)
        written.DisplayedAreaSelectionSequence = [
            self._area(size, some, whole=len(sizes) == 1) for size, some in sizes.items()
        ]
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerOrder = LAYER, 1
        layer.GraphicLayerRecommendedDisplayGrayscaleValue = 65535
        layer.GraphicLayerRecommendedDisplayCIELabValue = list(cielab_of_rgb(_COLOUR))
        if self.marks:
            written.GraphicLayerSequence = [layer]
            written.GraphicGroupSequence = [
                _group(n, mark) for n, (_, mark, _) in enumerate(self.marks, start=1)
            ]
            written.GraphicAnnotationSequence = [
                self._annotation(n, plane, mark, numbers)
                for n, (plane, mark, numbers) in enumerate(self.marks, start=1)
            ]
        if self.values.colour:
            written.ICCProfile = _srgb()
            return
        windows: dict[tuple[float, float], list[tuple[str, int]]] = {}
        for key, window in self.windows.items():
            windows.setdefault(window, []).append(key)
        if windows:
            written.SoftcopyVOILUTSequence = [
                self._window(window, some) for window, some in windows.items()
            ]
        if (self.values.slope, self.values.intercept) != (1.0, 0.0) or self.values.hounsfield:
            written.RescaleIntercept = DS(self.values.intercept, auto_format=True)
            written.RescaleSlope = DS(self.values.slope, auto_format=True)
            written.RescaleType = "HU" if self.values.hounsfield else "US"
        written.PresentationLUTShape = "INVERSE" if self.values.inverse else "IDENTITY"

    def _area(
        self, size: tuple[int, int], keys: Sequence[tuple[str, int]], *, whole: bool
    ) -> Dataset:
        area = Dataset()
        if not whole:
            area.ReferencedImageSequence = self.reference(keys)
        area.DisplayedAreaTopLeftHandCorner = [1, 1]
        area.DisplayedAreaBottomRightHandCorner = [size[1], size[0]]
        area.PresentationSizeMode = "SCALE TO FIT"
        header = self.sources.headers[keys[0][0]]
        if "PixelSpacing" in header:
            area.PresentationPixelSpacing = header.PixelSpacing
        else:
            area.PresentationPixelAspectRatio = [1, 1]
        return area

    def _window(self, window: tuple[float, float], keys: Sequence[tuple[str, int]]) -> Dataset:
        item = Dataset()
        item.ReferencedImageSequence = self.reference(keys)
        item.WindowCenter = DS(window[0], auto_format=True)
        item.WindowWidth = DS(window[1], auto_format=True)
        return item

    def _annotation(
        self, number: int, plane: ImagePlane, mark: Mark, numbers: Sequence[MarkNumber]
    ) -> Dataset:
        item = Dataset()
        item.ReferencedImageSequence = self.reference([(plane.sop_instance_uid, plane.frame)])
        item.GraphicLayer = LAYER
        shapes = [(s.kind, in_pixels(s, plane)) for s in shapes_of(mark)]
        drawn = [(kind, points) for kind, points in shapes if points is not None]
        if mark.kind is not MarkKind.TEXT:
            item.GraphicObjectSequence = [
                _graphic(kind, points, number, mark) for kind, points in drawn
            ]
            if mark.kind is MarkKind.ARROW:
                head = _graphic("POLYLINE", _arrow_head(drawn[0][1]), number, None)
                item.GraphicObjectSequence.append(head)
        place = drawn[0][1].max(axis=0) if mark.kind is not MarkKind.TEXT else drawn[0][1][0]
        if mark.label_mm is not None:
            place = plane.to_pixels([mark.label_mm])[0, :2]
        texts = []
        if mark.words.strip() or mark.kind is MarkKind.TEXT:
            texts.append(_text(mark.words, drawn[0][1][0], number, mark))
        if numbers:
            lines = [f"{n.name} {digits_of(n)} {sign_of(n)}".strip() for n in numbers]
            texts.append(_text("\n".join(lines), place, number, None))
        if texts:
            item.TextObjectSequence = texts
        return item


def _group(number: int, mark: Mark) -> Dataset:
    """Names what was drawn and by whom: the standard's place for what belongs together."""
    group = Dataset()
    group.GraphicGroupID = number
    group.GraphicGroupLabel = mark.kind.value[:64]
    group.GraphicGroupDescription = described(mark)
    return group


def _graphic(kind: str, points: Floats, number: int, mark: Mark | None) -> Dataset:
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(points)
    # PS3.3 C.10.5.1.2: the middle of the first pixel is 0.5, 0.5.
    item.GraphicData = (points + 0.5).astype(np.float32).ravel().astype(float).tolist()
    item.GraphicType = kind
    if kind != "POINT":
        item.GraphicFilled = "N"
    item.GraphicGroupID = number
    if mark is not None:
        item.TrackingID, item.TrackingUID = mark.id[:64], tracking_uid(mark.id)
    return item


def _text(words: str, place: Floats, number: int, mark: Mark | None) -> Dataset:
    item = Dataset()
    item.AnchorPointAnnotationUnits = "PIXEL"
    item.UnformattedTextValue = words.replace("\r\n", "\n").replace("\n", "\r\n")
    item.AnchorPoint = (place + 0.5).astype(np.float32).astype(float).tolist()
    item.AnchorPointVisibility = "N"
    item.GraphicGroupID = number
    if mark is not None:
        item.TrackingID, item.TrackingUID = mark.id[:64], tracking_uid(mark.id)
    return item


def _arrow_head(points: Floats) -> Floats:
    """Wing, tip, wing of an arrow whose first point is its tip."""
    tip, tail = points[0], points[-1]
    back = tail - tip
    length = float(np.linalg.norm(back)) or 1.0
    back = back / length * min(_WING, length)
    turned = np.array([-back[1], back[0]]) * 0.4
    return np.stack([tip + back + turned, tip, tip + back - turned])


def _srgb() -> bytes:
    """The sRGB profile that the standard asks for of colour states, as highdicom brings it."""
    return (resources.files("highdicom") / "_icc_profiles/sRGB_v4_ICC_preference.icc").read_bytes()
