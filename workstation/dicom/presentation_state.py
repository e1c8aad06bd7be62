"""Softcopy presentation states: how images are to be shown (PS3.3 A.33, C.10.5, C.11)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workstation.dicom.cielab import rgb_of_cielab
from workstation.dicom.items import Item, open_object
from workstation.dicom.lookup_tables import (
    presentation_curve,
    state_modality_table,
    voi_curves,
)
from workstation.dicom.overlay_planes import overlays_of
from workstation.domain.document import (
    Caption,
    DisplayedArea,
    Graphic,
    ImageRef,
    PresentationState,
    Space,
    StateDrawing,
    StateTable,
    StateWindow,
)
from workstation.domain.errors import N_, BadInput, Message

GREYSCALE = "1.2.840.10008.5.1.4.1.1.11.1"
COLOUR = "1.2.840.10008.5.1.4.1.1.11.2"
STATES = frozenset(f"1.2.840.10008.5.1.4.1.1.11.{n}" for n in range(1, 13))


def read_state(path: Path) -> PresentationState:
    """A presentation state. Raises ``BadInput`` where the file is none."""
    item = open_object(path)
    if item.text("SOPClassUID") not in STATES and item.text("Modality") != "PR":
        raise BadInput(N_("This file is no presentation state."))
    images = tuple(
        ref
        for series in item.items("ReferencedSeriesSequence")
        for ref in series.image_refs("ReferencedImageSequence", series.text("SeriesInstanceUID"))
    )
    layers = {
        layer.text("GraphicLayer"): _colour_of(layer)
        for layer in item.items("GraphicLayerSequence")
    }
    planes, unread = overlays_of(item.dataset)
    covering = item.whole("ShutterOverlayGroup") if "BITMAP" in item.values("ShutterShape") else 0
    return PresentationState(
        sop_instance_uid=item.text("SOPInstanceUID"),
        study_uid=item.text("StudyInstanceUID"),
        series_uid=item.text("SeriesInstanceUID"),
        label=item.text("ContentLabel"),
        description=item.text("ContentDescription"),
        creator=item.text("ContentCreatorName"),
        made=item.made,
        images=images,
        windows=_windows(item),
        areas=tuple(_area(a) for a in item.items("DisplayedAreaSelectionSequence")),
        drawings=tuple(_drawing(a, layers) for a in item.items("GraphicAnnotationSequence")),
        groups=tuple(
            (
                g.whole("GraphicGroupID"),
                g.text("GraphicGroupLabel"),
                g.text("GraphicGroupDescription"),
            )
            for g in item.items("GraphicGroupSequence")
        ),
        rotation_deg=item.whole("ImageRotation") % 360,
        flipped=item.text("ImageHorizontalFlip").upper() == "Y",
        inverse=item.text("PresentationLUTShape").upper() == "INVERSE",
        shutters=_shutters(item),
        bitmaps=tuple(p for p in planes if p.layer and p.group != covering),
        cover=next((p for p in planes if p.group == covering), None),
        rescale=_rescale(item),
        table=_table(item),
        grey=presentation_curve(item.dataset),
        shutter_grey=int(
            min(max(item.number("ShutterPresentationValue") or 0.0, 0.0), 65535) / 257
        ),
        notes=(*_notes(item, covering, [p.group for p in planes]), *unread),
    )


def _rescale(item: Item) -> tuple[float, float] | None:
    slope, intercept = item.number("RescaleSlope"), item.number("RescaleIntercept")
    return (slope, intercept) if slope and intercept is not None else None


def _table(item: Item) -> StateTable | None:
    found = state_modality_table(item.dataset)
    return None if found is None else StateTable(found.first, tuple(found.values.tolist()))


def _windows(item: Item) -> tuple[StateWindow, ...]:
    """Windows and lookup tables; of one item that has both, the table (PS3.3 C.11.8)."""
    found = []
    start = item.number("RescaleIntercept") or 0.0
    for one in item.items("SoftcopyVOILUTSequence"):
        images = one.image_refs("ReferencedImageSequence")
        curves = voi_curves(one.dataset, start < 0, one.declared)
        for curve in curves[:1]:
            first, last = float(curve["first"]), float(curve["last"])
            grey = tuple(float(g) for g in curve["grey"])
            words = str(curve["explanation"])
            width = max(last - first, 1e-6)
            found.append(StateWindow(first + width / 2, width, "LUT", words, images, grey))
        centre, width_ = one.number("WindowCenter"), one.number("WindowWidth")
        if curves or centre is None or width_ is None or width_ <= 0:
            continue
        function = one.text("VOILUTFunction").upper() or "LINEAR"
        words = one.text("WindowCenterWidthExplanation")
        if function == "SIGMOID":
            places = np.linspace(-2.0, 2.0, 257)
            grey = tuple((1 / (1 + np.exp(-4 * places))).tolist())
            found.append(StateWindow(centre, 4 * width_, function, words, images, grey))
        else:
            found.append(StateWindow(centre, width_, function, words, images))
    return tuple(found)


def _area(item: Item) -> DisplayedArea:
    left, top = _pair(item, "DisplayedAreaTopLeftHandCorner", (1.0, 1.0))
    right, bottom = _pair(item, "DisplayedAreaBottomRightHandCorner", (1.0, 1.0))
    # PS3.3 C.10.4: corners are whole pixels counted from 1, and lie within the area. After a turn
    # or flip the top left of what is shown may be another corner of the stored image.
    left, right = min(left, right), max(left, right)
    top, bottom = min(top, bottom), max(top, bottom)
    return DisplayedArea(
        left=left - 1.5,
        top=top - 1.5,
        right=right - 0.5,
        bottom=bottom - 0.5,
        mode=item.text("PresentationSizeMode").upper() or "SCALE TO FIT",
        magnification=item.number("PresentationPixelMagnificationRatio") or 1.0,
        images=item.image_refs("ReferencedImageSequence"),
        pixel_mm=item.number("PresentationPixelSpacing") or 0.0,
    )


def _pair(item: Item, keyword: str, absent: tuple[float, float]) -> tuple[float, float]:
    found = item.numbers(keyword)
    return (found[0], found[1]) if len(found) >= 2 else absent


def _colour_of(layer: Item) -> tuple[int, int, int] | None:
    lab = layer.numbers("GraphicLayerRecommendedDisplayCIELabValue")
    if len(lab) == 3:
        return rgb_of_cielab(lab)
    grey = layer.number("GraphicLayerRecommendedDisplayGrayscaleValue")
    if grey is not None:
        level = int(grey / 257)
        return level, level, level
    return None


def _drawing(item: Item, layers: dict[str, tuple[int, int, int] | None]) -> StateDrawing:
    images = item.image_refs("ReferencedImageSequence")
    layer = item.text("GraphicLayer")
    graphics: list[Graphic | None] = [
        _graphic(one, images) for one in item.items("GraphicObjectSequence")
    ]
    graphics += [_compound(one, images) for one in item.items("CompoundGraphicSequence")]
    return StateDrawing(
        layer=layer,
        colour=layers.get(layer),
        images=images,
        graphics=tuple(g for g in graphics if g is not None and g.points),
        captions=tuple(_caption(one) for one in item.items("TextObjectSequence")),
    )


def _space(units: str) -> Space:
    return Space.DISPLAY if units.upper() == "DISPLAY" else Space.PIXEL


def _points(numbers: list[float], space: Space) -> tuple[tuple[float, ...], ...]:
    # PS3.3 C.10.5.1.2: the middle of the first pixel is 0.5, 0.5; here it is 0, 0.
    shift = 0.5 if space is Space.PIXEL else 0.0
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    return tuple((x - shift, y - shift) for x, y in pairs)


def _graphic(item: Item, images: tuple[ImageRef, ...]) -> Graphic:
    space = _space(item.text("GraphicAnnotationUnits"))
    return Graphic(
        kind=item.text("GraphicType").upper(),
        points=_points(item.numbers("GraphicData"), space),
        space=space,
        images=images,
        filled=item.text("GraphicFilled").upper() == "Y",
        tracking_id=item.text("TrackingID"),
        group=item.whole("GraphicGroupID"),
    )


_SIMPLE = {"MULTILINE": "POLYLINE", "INFINITELINE": "POLYLINE", "CUTLINE": "POLYLINE",
           "RANGELINE": "POLYLINE", "RULER": "POLYLINE", "AXIS": "POLYLINE", "ARROW": "POLYLINE",
           "RECTANGLE": "POLYGON", "ELLIPSE": "BOX"}  # fmt: skip


def _compound(item: Item, images: tuple[ImageRef, ...]) -> Graphic | None:
    """A compound graphic by its points; how it is to be decorated is left out."""
    space = _space(item.text("CompoundGraphicUnits"))
    points = _points(item.numbers("GraphicData"), space)
    kind = _SIMPLE.get(item.text("CompoundGraphicType").upper(), "POLYLINE")
    if kind == "BOX" and len(points) == 2:  # two corners of the box around it
        (x0, y0), (x1, y1) = points[0][:2], points[1][:2]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        across, up = ((x0, y), (x1, y)), ((x, y0), (x, y1))
        points = (*across, *up) if abs(x1 - x0) >= abs(y1 - y0) else (*up, *across)
        kind = "ELLIPSE"
    elif kind == "POLYGON" and len(points) == 2:
        (x0, y0), (x1, y1) = points[0][:2], points[1][:2]
        points = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return Graphic(kind, points, space, images, group=item.whole("GraphicGroupID"))


def _caption(item: Item) -> Caption:
    space = _space(item.text("BoundingBoxAnnotationUnits"))
    anchor_space = _space(item.text("AnchorPointAnnotationUnits"))
    box = None
    corner, other = (
        item.numbers("BoundingBoxTopLeftHandCorner"),
        item.numbers("BoundingBoxBottomRightHandCorner"),
    )
    if len(corner) == 2 and len(other) == 2:
        (left, top), (right, bottom) = (p[:2] for p in _points([*corner, *other], space))
        box = (left, top, right, bottom)
    anchor = _points(item.numbers("AnchorPoint"), anchor_space)
    return Caption(
        words=item.text("UnformattedTextValue").replace("\r\n", "\n").replace("\r", "\n"),
        space=space,
        box=box,
        anchor=(anchor[0][0], anchor[0][1]) if anchor else None,
        anchor_space=anchor_space,
        anchor_visible=item.text("AnchorPointVisibility").upper() == "Y",
        tracking_id=item.text("TrackingID"),
        group=item.whole("GraphicGroupID"),
    )


def _shutters(item: Item) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Display shutters: edges (left, right, top, bottom), circles, polygons; pixels from 1."""
    found: list[tuple[str, tuple[float, ...]]] = []
    for shape in item.values("ShutterShape"):
        if shape == "RECTANGULAR":
            edges = ("Left", "Right"), ("Upper", "Lower")
            keywords = [f"Shutter{side}{'Vertical' if i == 0 else 'Horizontal'}Edge"
                        for i, pair in enumerate(edges) for side in pair]  # fmt: skip
            numbers = [item.number(k) for k in keywords]
            if all(n is not None for n in numbers):
                found.append((shape, tuple(float(n or 0.0) for n in numbers)))
        elif shape == "CIRCULAR":
            centre, radius = (
                item.numbers("CenterOfCircularShutter"),
                item.number("RadiusOfCircularShutter"),
            )
            if len(centre) == 2 and radius:
                found.append((shape, (centre[0], centre[1], radius)))
        elif shape == "POLYGONAL":
            found.append((shape, tuple(item.numbers("VerticesOfThePolygonalShutter"))))
    return tuple(found)


def _notes(item: Item, covering: int, groups: list[int]) -> tuple[Message, ...]:
    """What of a state is not applied; never left out in silence."""
    notes = []
    if item.has("PresentationLUTSequence") and not presentation_curve(item.dataset):
        notes.append(Message(N_("Its lookup table for brightness cannot be read.")))
    if item.has("ModalityLUTSequence"):
        text = N_("Its lookup table for values cannot be read.")
        if state_modality_table(item.dataset) is not None:
            text = N_("Grey follows its lookup table; values under the pointer are the image's.")
        notes.append(Message(text))
    if "BITMAP" in item.values("ShutterShape") and covering not in groups:
        notes.append(Message(N_("It covers parts of the image by a bitmap that it does not hold.")))
    areas = item.items("DisplayedAreaSelectionSequence")
    if any(a.text("PresentationSizeMode").upper() == "TRUE SIZE" for a in areas):
        text = N_("It asks for true size: shown so by the size that the screen states of itself.")
        notes.append(Message(text))
    if item.has("MaskSubtractionSequence"):
        notes.append(Message(N_("It subtracts a mask image, which is not applied.")))
    return tuple(notes)
