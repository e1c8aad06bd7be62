"""Where on our images a finding of another system lies, or why no place can be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.archive.store import Archive
from workstation.domain.document import Graphic, ImageRef, Space
from workstation.domain.errors import N_, BadInput, Message, NotFound
from workstation.domain.geometry import Floats, Grid
from workstation.domain.image_plane import ImagePlane, in_patient, plane_at, plane_of
from workstation.domain.mark_exchange import plane_for
from workstation.domain.mask import centre_lps
from workstation.domain.mask_block import MaskBlock
from workstation.domain.polygon import filled
from workstation.domain.stated import StatedFinding
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.reading.stored_regions import StoredRegions, stored_regions

Point = tuple[float, float, float]
Bools = NDArray[np.bool_]

NO_PLACE = N_("It names no place on an image.")
NO_IMAGE = N_("It was drawn on an image that is not in this study.")
OTHER_SPACE = N_("Its frame of reference is that of no series of this study.")
NO_SEGMENT = N_("It refers to a segmentation that is not in this study.")
OUTSIDE = N_("It lies outside the images of this study.")
_AT_IMAGE = N_("The object names an image, but no place on it: the middle of the image is shown.")
_BY_SPACE = N_("The images it was made from are not here: placed by its frame of reference.")
_RESAMPLED = N_(
    "Its voxels are not those of the images: {theirs} mL as sent, {here} mL as shown and exported."
)
_NOT_ALL = N_("Caution: {count} of its {all} frames are not shown; its volume is of the others.")
_NONE = N_("None of its {all} frames can be placed.")
_UNNAMED = N_("Caution: {count} values of its pixels name no segment that it defines: not shown.")
_FILLED = N_("Its outline was filled on the images.")
_SHAPES = N_("Caution: {count} of the {all} shapes that draw it are not shown.")
_LOST_SPACE = N_(
    "It states another frame of reference than the images that it names, and does not lie on them."
)
_OTHER_SPACE_SAME_PLACE = N_(
    "It states another frame of reference than the images that it names; it lies exactly on them."
)


@dataclass
class Placed:
    """A place, or why there is none. mask: (z, y, x) on the stack's grid, None for a point."""

    stack: Stack | None = None
    location_mm: Point = (0.0, 0.0, 0.0)
    mask: Bools | None = None
    phase: int = 0
    why: Message | None = None
    notes: list[Message] = field(default_factory=list)
    is_wrong: bool = False  # a place is stated that cannot be true: no other is looked for


def nowhere(template: str) -> Placed:
    """No place, and the reason."""
    return Placed(why=Message(template))


class Regions:
    """Segmentations of one study, each read once."""

    def __init__(self, archive: Archive, cancel: Cancel | None) -> None:
        self._archive = archive
        self._cancel = cancel
        self._read: dict[str, StoredRegions] = {}

    def of(self, sop_instance_uid: str) -> StoredRegions:
        """Voxels of an object; ``BadInput`` where they cannot be read or it does not say where."""
        if sop_instance_uid not in self._read:
            # One at a time is held: a file of a hundred organs may fill much memory.
            self._read = {
                sop_instance_uid: stored_regions(
                    self._archive, sop_instance_uid, cancel=self._cancel
                )
            }
        return self._read[sop_instance_uid]


def place_segment(regions: StoredRegions, number: int, stacks: Sequence[Stack]) -> Placed:
    """One segment on the images that it was drawn on, and what of it is not shown."""
    missing, frames = regions.pieces.lost.get(number, (0, 0))
    block = regions.pieces.block(number)
    if block is None and missing and missing == frames:
        return Placed(why=Message(_NONE, {"all": frames}))
    placed = _on_images(regions, block, stacks)
    if regions.pieces.unnamed:
        placed.notes.insert(0, Message(_UNNAMED, {"count": regions.pieces.unnamed}))
    if missing:
        placed.notes.insert(0, Message(_NOT_ALL, {"count": missing, "all": frames}))
    return placed


def _on_images(regions: StoredRegions, block: MaskBlock | None, stacks: Sequence[Stack]) -> Placed:
    if block is None:
        return nowhere(N_("The segment is empty."))
    if not regions.stacks:
        shared = {s.frame_of_reference_uid for s in stacks}
        known = regions.about.frame_of_reference_uid in shared
        return nowhere(NO_IMAGE if known else OTHER_SPACE)
    images = set(regions.about.images)
    best = max(regions.stacks, key=lambda s: _shared_images(s, images))
    notes: list[Message] = []
    theirs, ours = regions.about.frame_of_reference_uid, best.frame_of_reference_uid
    if theirs and ours and theirs != ours:
        if not _same_voxels(block.grid, best.grid):
            return nowhere(_LOST_SPACE)
        notes.append(Message(_OTHER_SPACE_SAME_PLACE))
    elif not _shared_images(best, images) and best.series_uid not in regions.about.series_uids:
        best = max(regions.stacks, key=lambda s: _covered(s, block))
        notes.append(Message(_BY_SPACE))
    first = next((uid for uid in regions.about.images if _has(best, uid)), "")
    plane = plane_of(best, first, 0) if first else None
    if not best.is_volume:
        return _on_flat(best, plane, block, notes)
    mask = block.on_grid(best.grid)
    if not mask.any():
        return nowhere(OUTSIDE)
    here = int(mask.sum()) * best.grid.voxel_ml
    exact = int(mask.sum()) == int(block.array.sum()) and _same_voxels(block.grid, best.grid)
    if not exact:
        said = {"theirs": f"{block.volume_ml:.3g}", "here": f"{here:.3g}"}
        notes.append(Message(_RESAMPLED, said))
    phase = plane.phase if plane is not None else 0
    return Placed(best, _point(centre_lps(mask, best.grid)), mask, phase, notes=notes)


def _on_flat(
    stack: Stack, plane: ImagePlane | None, block: MaskBlock, notes: list[Message]
) -> Placed:
    """A segment on single images, on which no mask of a volume can lie: its middle."""
    centre = _point(centre_lps(block.array, block.grid))
    phase = plane.phase if plane is not None else 0
    return Placed(stack, centre, None, phase, notes=notes)


def _shared_images(stack: Stack, images: set[str]) -> int:
    return sum(1 for frame in stack.frames if frame.sop_instance_uid in images)


def _has(stack: Stack, uid: str) -> bool:
    return any(frame.sop_instance_uid == uid for frame in stack.frames)


def _covered(stack: Stack, block: MaskBlock) -> int:
    return int(block.on_grid(stack.grid).sum())


def _same_voxels(theirs: Grid, ours: Grid) -> bool:
    """Whether every voxel of one grid is a voxel of the other, its axes permuted or flipped."""
    turn = ours.inverse @ theirs.matrix
    return bool(np.abs(turn - np.rint(turn)).max() < 0.02) and bool(
        (np.abs(np.rint(turn[:3, :3])).sum(axis=0) == 1).all()
    )


def place_stated(
    stated: StatedFinding, stacks: Sequence[Stack], regions: Regions, here: set[str]
) -> Placed:
    """A finding of a report: by its segment, its coordinates, else by the image it names.

    here: segmentations of the study.
    """
    found: list[Placed] = []
    for ref in stated.segments:
        found.append(_of_segment(ref, stacks, regions, here))
        if found[-1].stack is not None:
            return found[-1]
    if stated.graphics:
        found.append(_place_graphics(stated, stacks))
        if found[-1].stack is not None or found[-1].is_wrong:
            return found[-1]
    for image in stated.images:
        plane, stack = _plane_at(image, stacks)
        if plane is not None and stack is not None:
            middle = _point(plane.grid.centre_lps)
            return Placed(stack, middle, None, plane.phase, notes=[Message(_AT_IMAGE)])
    if found:
        return found[0]
    return nowhere(NO_IMAGE if stated.images else NO_PLACE)


def _of_segment(ref: ImageRef, stacks: Sequence[Stack], regions: Regions, here: set[str]) -> Placed:
    if ref.sop_instance_uid not in here:
        return nowhere(NO_SEGMENT)
    try:
        read = regions.of(ref.sop_instance_uid)
    except (BadInput, NotFound) as error:
        return Placed(why=error.message)
    number = ref.segments[0] if ref.segments else 1
    if number not in {segment.number for segment in read.about.segments}:
        return nowhere(NO_SEGMENT)
    return place_segment(read, number, stacks)


def _plane_at(ref: ImageRef, stacks: Sequence[Stack]) -> tuple[ImagePlane | None, Stack | None]:
    frame = ref.frames[0] if ref.frames else 0
    for stack in stacks:
        plane = plane_of(stack, ref.sop_instance_uid, frame)
        if plane is not None:
            return plane, stack
    return None, None


def _place_graphics(stated: StatedFinding, stacks: Sequence[Stack]) -> Placed:
    """Outlines filled on the stack that most of them lie on; else the middle of all points."""
    named = [ref.sop_instance_uid for ref in stated.images]
    near = sorted(stacks, key=lambda s: not any(_has(s, uid) for uid in named))
    lying: dict[str, list[tuple[Graphic, ImagePlane | None, Stack]]] = {}
    flaws = [graphic.flaw for graphic in stated.graphics if graphic.flaw]
    for graphic in stated.graphics:
        plane, stack = (None, None) if graphic.flaw else _stack_for(graphic, near)
        if stack is not None and not _lies_on(graphic, plane, stack):
            flaws.append(OUTSIDE)
        elif stack is not None:
            lying.setdefault(stack.id, []).append((graphic, plane, stack))
    if not lying and flaws:
        return Placed(why=Message(flaws[0]), is_wrong=True)
    if not lying:
        in_space = stated.graphics[0].space is Space.PATIENT
        return nowhere(OTHER_SPACE if in_space else NO_IMAGE)
    chosen = max(lying.values(), key=len)
    stack = chosen[0][2]
    mask = np.zeros(stack.grid.shape, dtype=bool)
    points: list[Floats] = []
    phase = 0
    for graphic, plane, _ in chosen:
        phase = plane.phase if plane is not None else phase
        outline = in_patient(graphic, plane)
        if outline is None:
            continue
        points.append(outline[0])
        if stack.is_volume:
            _fill(mask, stack, graphic, *outline)
    missing = len(stated.graphics) - len(points)
    said = {"count": missing, "all": len(stated.graphics)}
    notes = [Message(_SHAPES, said)] if missing else []
    if mask.any():
        centre = _point(centre_lps(mask, stack.grid))
        return Placed(stack, centre, mask, phase, notes=[Message(_FILLED), *notes])
    if not points:
        return nowhere(NO_PLACE)
    middle = np.vstack(points).mean(axis=0)
    if stack.is_volume and not stack.grid.contains(middle):
        return nowhere(OUTSIDE)
    return Placed(stack, _point(middle), None, phase, notes=notes)


def _lies_on(graphic: Graphic, plane: ImagePlane | None, stack: Stack) -> bool:
    """Whether the middle of a graphic is on its image; in the patient, within the stack, or over
    an image of a stack that is no volume."""
    outline = in_patient(graphic, plane)
    if outline is None:
        return True
    middle = outline[0].mean(axis=0)
    if plane is not None:
        grids = [plane.grid]
    elif stack.is_volume:
        return stack.grid.contains(middle)
    else:
        every = (plane_at(stack, 0, z) for z in range(stack.grid.shape[0]))
        grids = [one.grid for one in every if one is not None]
    return any(_is_over(grid, middle) for grid in grids)


def _is_over(grid: Grid, place: Floats) -> bool:
    """Whether a point lies in front of or behind a picture, not beside it."""
    x, y, _ = grid.to_index(place)
    return bool(-0.5 <= x <= grid.shape[2] - 0.5 and -0.5 <= y <= grid.shape[1] - 0.5)


def _stack_for(graphic: Graphic, stacks: Sequence[Stack]) -> tuple[ImagePlane | None, Stack | None]:
    """The image that a graphic is drawn on; in the patient, the finest stack that holds it."""
    if graphic.space is not Space.PATIENT:
        return plane_for(graphic, stacks)
    same = [
        s
        for s in stacks
        if s.frame_of_reference_uid and s.frame_of_reference_uid == graphic.frame_of_reference_uid
    ]
    middle = np.asarray(graphic.points, dtype=np.float64).mean(axis=0)
    holding = [s for s in same if s.is_volume and s.grid.contains(middle)]
    images = {ref.sop_instance_uid for ref in graphic.images}
    holding.sort(key=lambda s: (-_shared_images(s, images), s.grid.slice_distance_mm))
    return None, next(iter(holding or same), None)


def _fill(mask: Bools, stack: Stack, graphic: Graphic, outline: Floats, closed: bool) -> None:
    """Set the voxels inside an outline that lies in one slice, or inside an ellipsoid."""
    if graphic.kind == "ELLIPSOID" and len(graphic.points) == 6:
        mask |= _ellipsoid(np.asarray(graphic.points, dtype=np.float64), stack.grid)
        return
    if graphic.kind in {"POINT", "MULTIPOINT"} or not closed or len(outline) < 3:
        return
    # To a thousandth of a pixel: files hold single precision, and edges on centres must not waver.
    index = np.round(stack.grid.to_index(outline), 3)
    z = round(float(index[:, 2].mean()))
    if not 0 <= z < stack.grid.shape[0] or np.abs(index[:, 2] - z).max() > 0.51:
        return  # across the slices: it has no voxels of its own
    found = filled(index[:, :2], (stack.grid.shape[1], stack.grid.shape[2]))
    if found is not None:
        block, (row, column) = found
        mask[z, row : row + block.shape[0], column : column + block.shape[1]] |= block


def _ellipsoid(points: Floats, grid: Grid) -> Bools:
    """Voxels within an ellipsoid given by the ends of its three axes (PS3.3 C.18.9.1.2)."""
    centre = points.mean(axis=0)
    halves = [(points[i + 1] - points[i]) / 2 for i in (0, 2, 4)]
    across = np.stack([half / float(half @ half) for half in halves])
    z, y, x = np.indices(grid.shape)
    places = grid.to_lps(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1).astype(np.float64))
    inside = (((places - centre) @ across.T) ** 2).sum(axis=1) <= 1.0
    return np.asarray(inside.reshape(grid.shape))


def _point(place: Floats) -> Point:
    return float(place[0]), float(place[1]), float(place[2])
