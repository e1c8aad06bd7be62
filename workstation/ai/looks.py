"""The ways in which a package looks at an image, each from voxels to masks on the original grid.

The whole image under a sliding window; boxes found by registration (``located``); the whole image
for boxes that a detector gives (``boxes``); places that classical filters propose.
Arrays (z, y, x).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.atlas import grid_about, read_atlas
from workstation.ai.boxes import Solid, boxes_in, linked
from workstation.ai.limits import Unsuitable
from workstation.ai.located import locate, masks_of, shown
from workstation.ai.manifest import Label, Manifest
from workstation.ai.pieces import Piece
from workstation.ai.postprocess import LabelMask, activate, found_masks
from workstation.ai.preprocess import Prepared, check_quality, prepare
from workstation.ai.resampling import resampled
from workstation.ai.sliding_window import Image, Stream, slide
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid
from workstation.imaging.blobs import Spot, outline_of, spots
from workstation.imaging.lungs import lungs

Looked = Callable[[float], None]
Timed = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Seen:
    """masks: each label on the original grid, one at a time. pieces: of a detector, each finding by
    itself, surest first. doubts: why the result is not to be relied upon."""

    masks: Iterator[LabelMask]
    pieces: tuple[Piece, ...] = ()
    doubts: tuple[Message, ...] = ()


def look(
    manifest: Manifest,
    arrays: Sequence[NDArray[Any]],
    grids: Sequence[Grid],
    stream: Stream,
    template: bytes,
    *,
    threads: int,
    looked: Looked,
    timed: Timed,
) -> Seen:
    """Show the image to the network as the manifest says.

    template: the file that ``pre.locate`` names. timed: counts what happens inside for a named
    stage. Raises ``Unsuitable`` where the image is not what the model was made for.
    """
    if manifest.pre.locate is not None:
        return _located(manifest, arrays[0], grids[0], stream, template, threads, looked, timed)
    if manifest.candidates is not None:
        return _judged(manifest, arrays[0], grids[0], stream, looked, timed)
    with timed("prepare"):
        prepared = prepare(manifest.pre, arrays, grids)
        check_quality(manifest.qc, prepared)
    planes = slide(prepared.array, manifest.infer, stream, manifest.pre.pad_value, looked)
    if manifest.boxes is not None:
        return _boxed(manifest, prepared, planes)
    return Seen(found_masks(planes, prepared, manifest))


def _located(
    manifest: Manifest,
    array: NDArray[Any],
    grid: Grid,
    stream: Stream,
    template: bytes,
    threads: int,
    looked: Looked,
    timed: Timed,
) -> Seen:
    said = manifest.pre.locate
    assert said is not None
    try:
        atlas = read_atlas(template)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInput(
            N_("Model {model}: {file} cannot be used ({why})."),
            model=manifest.id, file=said.file, why=str(error),
        ) from error  # fmt: skip

    def predict(batch: Image) -> Image:
        return next(stream(iter([batch])))

    with timed("prepare"):
        found = locate(manifest, atlas, array, grid, predict, threads, looked)
    return Seen(masks_of(manifest, found, grid), doubts=found.doubts)


def _boxed(manifest: Manifest, prepared: Prepared, planes: Iterator[tuple[int, Image]]) -> Seen:
    """A detector's boxes, filled, slice by slice."""
    said = manifest.boxes
    assert said is not None
    heats = [label.index for label in manifest.labels]
    limits = [label.threshold or manifest.post.threshold or 0.5 for label in manifest.labels]
    pixel_mm = prepared.frame.work.spacing_mm[0]

    def flats() -> Iterator[tuple[int, list[Any]]]:
        for z, plane in planes:
            if max(*heats, *said.sides) >= len(plane):
                raise BadInput(
                    N_("The network has {found} output channels, manifest.json names channel "
                       "{expected}."),
                    found=len(plane), expected=max(*heats, *said.sides),
                )  # fmt: skip
            chances = plane.copy()
            chances[heats] = activate(plane[heats], manifest.post.activation)
            yield z, boxes_in(chances, heats, limits, said, pixel_mm)

    step_mm = prepared.frame.work.spacing_mm[2]
    return _on_original(manifest, prepared, linked(flats(), said, step_mm))


def _on_original(manifest: Manifest, prepared: Prepared, solids: list[Solid]) -> Seen:
    frame = prepared.frame
    painted = np.zeros(frame.work.shape, dtype=np.float32)
    top, row, column = (one.start or 0 for one in prepared.crop)
    for number in range(len(solids), 0, -1):  # the surest is painted last
        for z, flat in solids[number - 1].flats:
            left, upper, right, lower = flat.sides
            rows = slice(row + int(np.floor(upper)), row + int(np.ceil(lower)))
            columns = slice(column + int(np.floor(left)), column + int(np.ceil(right)))
            painted[top + z, rows, columns] = number
    full = np.zeros(frame.oriented.shape, dtype=np.int32)
    full[frame.region] = np.rint(resampled(painted, frame.back("nearest"))).astype(np.int32)
    numbered = np.ascontiguousarray(frame.axes.undo(full))
    pieces = []
    for number, place in enumerate(ndimage.find_objects(numbered, len(solids)), start=1):
        if place is None:  # wholly under a surer one
            continue
        solid = solids[number - 1]
        label = manifest.labels[solid.label].key
        origin = (place[0].start, place[1].start, place[2].start)
        pieces.append(Piece(label, origin, np.asarray(numbered[place] == number), solid.score))
    return Seen(union_of(manifest, pieces, numbered.shape), tuple(pieces))


def _judged(
    manifest: Manifest,
    array: NDArray[Any],
    grid: Grid,
    stream: Stream,
    looked: Looked,
    timed: Timed,
) -> Seen:
    """Places that classical filters propose, each shown to the network."""
    said = manifest.candidates
    assert said is not None
    with timed("prepare"):
        image = np.asarray(array, dtype=np.float32)
        try:
            inside = lungs(image, grid)
        except BadInput as error:
            raise Unsuitable(error.message.template, **error.message.params) from error
        found = spots(
            image,
            inside,
            grid,
            least_answer_hu=said.least_answer_hu,
            least_roundness=said.least_roundness,
        )[: said.most]
    spacing = np.diag([float(v or 1.0) for v in manifest.pre.spacing_mm])
    z, y, x = manifest.infer.patch

    def batches() -> Iterator[Image]:
        for first in range(0, len(found), manifest.infer.batch):
            some = found[first : first + manifest.infer.batch]
            middles = [grid.to_lps(np.array(one.index_zyx[::-1])) for one in some]
            boxes = [grid_about(middle, spacing, (z, y, x)) for middle in middles]
            yield np.stack([shown(manifest, image, grid, box) for box in boxes])[:, None]
            looked((first + len(some)) / len(found))

    judged: list[tuple[float, Label, Spot]] = []
    done = 0
    for out in stream(batches()):
        flat = np.asarray(out, dtype=np.float32).reshape(len(out), -1)
        chances = activate(flat.T, manifest.post.activation)
        for column in range(len(out)):
            for label in manifest.labels:
                limit = label.threshold or manifest.post.threshold or 0.5
                if chances[label.index, column] >= limit:
                    judged.append(
                        (float(chances[label.index, column]), label, found[done + column])
                    )
        done += len(out)
    judged.sort(key=lambda one: -one[0])
    return _distinct(manifest, judged, image, grid)


def _distinct(
    manifest: Manifest,
    judged: list[tuple[float, Label, Spot]],
    image: NDArray[np.float32],
    grid: Grid,
) -> Seen:
    """One finding for each thing: a spot inside one that is surer says nothing new."""
    taken = np.zeros(grid.shape, dtype=bool)
    pieces = []
    for score, label, spot in judged:
        at = np.clip(np.rint(spot.index_zyx).astype(int), 0, np.array(grid.shape) - 1)
        piece = Piece(label.key, *outline_of(image, grid, spot), score)
        if taken[tuple(at)] or taken[piece.block][piece.mask].mean() > 0.3:
            continue
        taken[piece.block] |= piece.mask
        pieces.append(piece)
    return Seen(union_of(manifest, pieces, grid.shape), tuple(pieces))


def union_of(
    manifest: Manifest, pieces: Sequence[Piece], shape: tuple[int, ...]
) -> Iterator[LabelMask]:
    """Each label's findings as one mask; its score is that of the surest."""
    for label in manifest.labels:
        mask = np.zeros(shape, dtype=bool)
        mine = [one for one in pieces if one.label == label.key]
        for one in mine:
            mask[one.block] |= one.mask
        yield LabelMask(label, mask, max((one.score for one in mine), default=0.0))
