"""The fragments of encapsulated pixel data (PS3.5 annex A.4), found by their item headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_ITEM = 0xE000FFFE  # (FFFE,E000) as two little-endian halves read as one number
_END = 0xE0DDFFFE


@dataclass(frozen=True)
class Fragments:
    """offset_table: Basic Offset Table entries. parts: (offset, length) of each fragment's bytes.

    start: of the first fragment's item header, which offsets count from. complete: whether the
    sequence delimiter, or the exact end of the file after a whole fragment, was reached.
    """

    offset_table: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]
    start: int
    complete: bool


def find_fragments(file: BinaryIO, offset: int, size: int) -> Fragments:
    """Walk the items from ``offset``, where the pixel element's value starts. Reads no pixels."""
    parts: list[tuple[int, int]] = []
    table: tuple[int, ...] = ()
    first = -1
    place = offset
    complete = False
    while place + 8 <= size:
        file.seek(place)
        tag, length = struct.unpack("<LL", file.read(8))
        if tag == _END:
            complete = True
            break
        if tag != _ITEM or length == 0xFFFFFFFF or place + 8 + length > size:
            break
        if first < 0:
            data = file.read(length // 4 * 4)
            table = struct.unpack(f"<{len(data) // 4}L", data)
            first = place + 8 + length
        else:
            parts.append((place + 8, length))
        place += 8 + length
        complete = place == size and bool(parts)
    return Fragments(table, tuple(parts), first, complete and bool(parts))


def frame_parts(found: Fragments, frames: int, number: int) -> list[tuple[int, int]]:
    """Which fragments make frame ``number`` of ``frames``; raises ``IndexError`` if none do.

    One fragment a frame is by far the most common; otherwise the offset table says, and without
    one all fragments are the only frame's.
    """
    parts = list(found.parts)
    if frames <= 1:
        return parts
    if len(parts) == frames:
        return [parts[number]]
    if len(found.offset_table) == frames:
        begins = [found.start + o for o in found.offset_table] + [2**63]
        return [p for p in parts if begins[number] <= p[0] - 8 < begins[number + 1]]
    raise IndexError("the fragments of a frame cannot be told apart")
