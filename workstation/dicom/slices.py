"""One stored image of a series, as stacks are built from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.dicom.attributes import of_frame
from workstation.dicom.mosaics import tile_size, tiles_of
from workstation.dicom.spacings import floats_of, spacing_of
from workstation.domain.geometry import Floats
from workstation.domain.study import Instance

_COMPANIONS = {
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
    "1.2.840.10008.5.1.4.1.1.66.5",  # Surface Segmentation
}
"""Objects with pixel data that are not images to read by themselves."""

_LOCALISER = re.compile(
    r"(?<![a-z])(locali[sz]er|scout|topogram|surview|scanogram|pilot|survey|loc|aascout"
    r"|3[- ]?(plane|pl)[ _-]?loc\w*)(?![a-z])|定位",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """position: ImagePositionPatient, LPS mm. orientation: six cosines. spacing: between rows,
    between columns, mm; (1, 1) with an empty ``calibrated`` where it is not known."""

    instance: Instance
    frame: int
    rows: int
    columns: int
    position: Floats | None
    orientation: Floats | None
    spacing: tuple[float, float]
    calibrated: str
    tile: tuple[int, int] | None = None  # first row and column in a mosaic

    def fact(self, keyword: str) -> Any:
        """A header value of this frame, None where there is none."""
        return of_frame(self.instance.attributes, keyword, self.frame)

    def number(self, keyword: str) -> float | None:
        """A header value as a number, None where it is none."""
        value = self.fact(keyword)
        if isinstance(value, list):
            value = value[0] if value else None
        return float(value) if isinstance(value, (int, float)) else None

    def text(self, keyword: str) -> str:
        """A header value as text, empty where there is none."""
        value = self.fact(keyword)
        return "" if value is None else str(value)

    @property
    def normal(self) -> Floats:
        """Unit normal of the slice plane, row direction cross column direction."""
        assert self.orientation is not None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)

    @property
    def order(self) -> tuple[float, int, tuple[int, int], str]:
        """Place in the order of the scanner's own image numbers."""
        number = self.instance.instance_number
        return (
            float("inf") if number is None else float(number),
            self.frame,
            self.tile or (0, 0),
            self.instance.sop_instance_uid,
        )

    @property
    def colour(self) -> bool:
        """Whether its samples become RGB."""
        photometric = self.text("PhotometricInterpretation").strip()
        return self.number("SamplesPerPixel") == 3 or photometric == "PALETTE COLOR"

    @property
    def is_localiser(self) -> bool:
        """Whether it was made to plan others (PS3.3 C.8.2.1.1.1, or by its description)."""
        kind = {str(v).strip().upper() for v in self.fact("ImageType") or ()}
        if kind & {"LOCALIZER", "SCOUT"}:
            return True
        named = f"{self.text('SeriesDescription')} {self.text('ProtocolName')}"
        return bool(_LOCALISER.search(named.replace("_", " ")))


def is_image(instance: Instance) -> bool:
    """Whether an instance holds images to read: pixels, and no segmentation or other companion."""
    attributes = instance.attributes
    return bool(
        attributes.get("pixels")
        and attributes.get("Rows")
        and attributes.get("Columns")
        and instance.sop_class_uid not in _COMPANIONS
        and attributes.get("Modality") != "SEG"
    )


def slices_of(instances: Iterable[Instance]) -> list[Slice]:
    """Every frame of every image among ``instances``, in the order of image numbers."""
    found: list[Slice] = []
    for instance in instances:
        if not is_image(instance):
            continue
        frames = instance.attributes.get("NumberOfFrames", 1)
        count = max(1, int(frames)) if isinstance(frames, (int, float)) else 1
        for frame in range(count):
            found.extend(_tiled(_slice(instance, frame)))
    return sorted(found, key=lambda s: s.order)


def _slice(instance: Instance, frame: int) -> Slice:
    facts = instance.attributes
    orientation = floats_of(of_frame(facts, "ImageOrientationPatient", frame), 6)
    position = floats_of(of_frame(facts, "ImagePositionPatient", frame), 3)
    if orientation is not None:
        lengths = np.linalg.norm(orientation[:3]), np.linalg.norm(orientation[3:])
        skewed = abs(float(orientation[:3] @ orientation[3:])) > 0.01
        if skewed or any(abs(length - 1.0) > 0.01 for length in lengths):
            orientation = None  # not a pair of directions: the position cannot be trusted either
    frames = facts.get("NumberOfFrames", 1)
    if isinstance(frames, int) and frames > 1 and "PerFrame" not in facts:
        position = None  # one position cannot be that of every frame
    if orientation is None or position is None:
        orientation = position = None
    spacing, calibrated = spacing_of(facts, frame)
    return Slice(
        instance=instance,
        frame=frame,
        rows=int(str(facts["Rows"])),
        columns=int(str(facts["Columns"])),
        position=position,
        orientation=orientation,
        spacing=spacing,
        calibrated=calibrated,
    )


def _tiled(item: Slice) -> list[Slice]:
    """The tiles of a mosaic as slices of their own; any other image as it is."""
    if item.position is None or not isinstance(item.instance.attributes.get("Mosaic"), dict):
        return [item]
    rows, columns = tile_size(item.instance.attributes)
    return [
        replace(item, rows=rows, columns=columns, position=corner, tile=(top, left))
        for top, left, corner in tiles_of(item.instance.attributes, item.spacing)
    ] or [item]


def levels_of(slices: Sequence[Slice]) -> tuple[list[int], list[float]]:
    """Which slices share a place along the normal.

    Returns for each slice the number of its level, and the levels' positions in mm along the
    first slice's normal, ascending. Slices nearer than a tenth of the usual step are one level.
    """
    normal = slices[0].normal
    places = np.array([float(s.position @ normal) for s in slices if s.position is not None])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    steps = gaps[gaps > 0.01]
    same = max(0.01, 0.1 * float(np.median(steps))) if steps.size else 0.01
    numbers = np.concatenate(([0], np.cumsum(gaps > same)))
    level = np.empty(len(slices), dtype=int)
    level[order] = numbers
    sums = np.bincount(level, weights=places)
    positions = sums / np.bincount(level)
    return level.tolist(), positions.tolist()
