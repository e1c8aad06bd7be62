"""Where words beside marks stand: over no other words, within the view, near what they name.

No Qt. Boxes are (left, top, right, bottom) in logical pixels of the view, y down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats

Flags = NDArray[np.bool_]
Box = tuple[float, float, float, float]

_GAP = 8.0
_RINGS = 3
_MOST = 60  # words in one picture: beyond them nobody reads, and looking for room takes long
_NEAR = 13  # the wished place and the twelve of the first ring


@dataclass(frozen=True)
class Label:
    """Words to place. size: (width, height). about: the box of what they speak of.

    at: top left where they would stand with nothing else about. pinned: the reader put them
    there; they are placed before others.
    """

    id: str
    size: tuple[float, float]
    about: Box
    at: tuple[float, float]
    pinned: bool = False


@dataclass
class Places:
    """``boxes``: where each label stands; None: there is no room for it.

    ``chosen`` says which place of its row each label took: given to the next call, labels stay on
    the side of their mark where they were while pictures are scrolled, pushed and zoomed.
    """

    boxes: dict[str, Box | None] = field(default_factory=dict)
    chosen: dict[str, int] = field(default_factory=dict)


def places_of(
    labels: Sequence[Label],
    area: Box,
    *,
    taken: Sequence[Box] = (),
    lines: Floats | None = None,
    before: Mapping[str, int] | None = None,
) -> Places:
    """A place for each label: earlier ones choose first, and pinned ones before all others.

    taken: boxes where nothing may stand. lines: (n, 2) points of what is drawn; labels keep off
    these where another place is as near. before: ``chosen`` of the picture before.
    """
    found, held = Places(), dict(before or {})
    boxes = np.asarray(taken, dtype=np.float64).reshape(-1, 4)
    points = np.zeros((0, 2)) if lines is None else np.asarray(lines, dtype=np.float64)
    without: list[tuple[float, float]] = []  # sizes that have no room any more
    for label in sorted(labels, key=lambda each: not each.pinned):
        if any(label.size[0] >= wide and label.size[1] >= high for wide, high in without):
            found.boxes[label.id] = None
            continue
        row = _row(label, area)
        number = _first_free(row, boxes, points, held.get(label.id, -1), pinned=label.pinned)
        if number is not None:
            box: Floats | None = row[number]
            found.chosen[label.id] = number
        else:
            box = _anywhere(label, area, boxes)
        if box is None:
            found.boxes[label.id] = None
            without.append(label.size)
            continue
        found.boxes[label.id] = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        boxes = np.vstack([boxes, box])
    return found


def _row(label: Label, area: Box) -> Floats:
    """(n, 4) boxes in the order in which they are wished: the place itself, then rings about it.

    None leaves the area; empty where the words are larger than it.
    """
    width, height = label.size
    if width > area[2] - area[0] or height > area[3] - area[1]:
        return np.zeros((0, 4))
    left, top, right, bottom = label.about
    middle = ((left + right - width) / 2, (top + bottom - height) / 2)
    corners = [label.at]
    for ring in range(_RINGS):
        gap = _GAP + ring * (height + 4.0)
        east, west = right + gap, left - gap - width
        north, south = top - gap - height, bottom + gap
        corners += [
            (east, bottom - height), (east, top), (east, middle[1]),
            (west, bottom - height), (west, top), (west, middle[1]),
            (right - width, south), (left, south), (middle[0], south),
            (right - width, north), (left, north), (middle[0], north),
        ]  # fmt: skip
    return _inside(np.asarray(corners, dtype=np.float64), label.size, area)


def _inside(corners: Floats, size: tuple[float, float], area: Box) -> Floats:
    """Boxes (n, 4) of a size with their corners (n, 2) pushed into the area."""
    x = np.clip(corners[:, 0], area[0], area[2] - size[0])
    y = np.clip(corners[:, 1], area[1], area[3] - size[1])
    return np.stack([x, y, x + size[0], y + size[1]], axis=1)


def _first_free(
    row: Floats, boxes: Floats, points: Floats, before: int, *, pinned: bool
) -> int | None:
    """Which box of a row to take: where it was, else the first clear of words and of lines."""
    free = ~_meets(row, boxes)
    if not free.any():
        return None
    if pinned and free[0]:
        return 0
    if 0 <= before < min(_NEAR, len(row)) and free[before]:
        return before  # also over a line that came there: words that jump cannot be read
    clear = free & ~_covers(row, points)
    near = clear[:_NEAR]
    for wanted in (near, free[:_NEAR], clear, free):
        if wanted.any():
            return int(np.argmax(wanted))
    return None


def _meets(boxes: Floats, others: Floats) -> Flags:
    """(n,) whether each box overlaps any of others; touching edges do not."""
    if not len(others) or not len(boxes):
        return np.zeros(len(boxes), dtype=np.bool_)
    a, b = boxes[:, None], others[None]
    apart = (
        (a[..., 0] >= b[..., 2])
        | (a[..., 2] <= b[..., 0])
        | (a[..., 1] >= b[..., 3])
        | (a[..., 3] <= b[..., 1])
    )
    return np.asarray(~apart.all(axis=1))


def _covers(boxes: Floats, points: Floats) -> Flags:
    """(n,) whether any point lies in each box."""
    if not len(points) or not len(boxes):
        return np.zeros(len(boxes), dtype=np.bool_)
    x, y = points[:, 0], points[:, 1]
    inside = (
        (x >= boxes[:, None, 0])
        & (x <= boxes[:, None, 2])
        & (y >= boxes[:, None, 1])
        & (y <= boxes[:, None, 3])
    )
    return np.asarray(inside.any(axis=1))


def _anywhere(label: Label, area: Box, boxes: Floats) -> Floats | None:
    """The free place nearest to the wished one; None where the whole area has none.

    A box that fits anywhere can be pushed left and up until it touches the edge or another box, so
    that trying these places alone misses none.
    """
    width, height = label.size
    if width > area[2] - area[0] or height > area[3] - area[1] or len(boxes) >= _MOST:
        return None
    xs = np.unique([area[0], label.at[0], *boxes[:, 2], *(boxes[:, 0] - width)])
    ys = np.unique([area[1], label.at[1], *boxes[:, 3], *(boxes[:, 1] - height)])
    xs = xs[(xs >= area[0]) & (xs <= area[2] - width)]
    ys = ys[(ys >= area[1]) & (ys <= area[3] - height)]
    corners = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    order = np.argsort(np.hypot(*(corners - label.at).T), kind="stable")
    row = np.hstack([corners[order], corners[order] + (width, height)])
    for start in range(0, len(row), 256):  # the nearest are asked first: few are needed
        part = row[start : start + 256]
        free = ~_meets(part, boxes)
        if free.any():
            return np.asarray(part[int(np.argmax(free))])
    return None
