"""Marks and centrelines drawn while nobody is signed in, kept on the disk until somebody is.

They belong to nobody yet, so they are no artefacts: they lie beside the desk, are written as they
are drawn, and go when they are stored in somebody's name, in the same transaction.
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.archive.encoding import decode
from workstation.archive.store import Archive
from workstation.domain.centreline import Centreline
from workstation.domain.errors import ReaderError
from workstation.domain.mark import Mark, MarkEdit
from workstation.domain.mark_voxels import Painted
from workstation.domain.mark_waiting import Waiting

MARKS = "waiting marks"
LINES = "waiting centrelines"
_log = logging.getLogger(__name__)


def save_marks(archive: Archive, waiting: Sequence[Waiting]) -> None:
    """Everything that waits, in order, in place of what was saved before."""
    archive.save_desk(MARKS, marks_state(waiting))


def marks_state(waiting: Iterable[Waiting]) -> dict[str, Any]:
    """As ``Archive.save_desk`` takes it."""
    return {"waiting": [_written(each) for each in waiting]}


def saved_marks(archive: Archive) -> list[Waiting]:
    """What waited when the program ended. What cannot be read is left out, and logged."""
    found = []
    for each in archive.desk(MARKS).get("waiting", []):
        try:
            found.append(_read(each))
        except (KeyError, TypeError, ValueError, zlib.error, ReaderError) as error:
            _log.error("a waiting mark cannot be read: %s", type(error).__name__)
    return found


def _written(waiting: Waiting) -> dict[str, Any]:
    edit, painted = waiting.edit, waiting.painted
    planes = {
        str(z): {
            "shape": list(plane.shape),
            "bits": base64.b64encode(zlib.compress(np.packbits(plane).tobytes())).decode("ascii"),
        }
        for z, plane in (painted or {}).items()
    }
    return {
        "study_uid": waiting.study_uid,
        "by": waiting.by,
        "edit": None if edit is None else {"before": edit.before, "after": edit.after},
        "painted": None if painted is None else planes,
    }


def _read(written: dict[str, Any]) -> Waiting:
    edit, planes = written["edit"], written["painted"]
    painted: Painted | None = None
    if planes is not None:
        painted = {int(z): _plane(plane) for z, plane in planes.items()}
    made = None if edit is None else MarkEdit(_mark(edit["before"]), _mark(edit["after"]))
    return Waiting(str(written["study_uid"]), made, int(written["by"]), painted)


def _plane(written: dict[str, Any]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    rows, columns = written["shape"]
    bits = np.frombuffer(zlib.decompress(base64.b64decode(written["bits"])), np.uint8)
    flat = np.unpackbits(bits, count=rows * columns)
    return flat.reshape(rows, columns).astype(np.bool_)


def _mark(written: dict[str, Any] | None) -> Mark | None:
    return None if written is None else decode(Mark, str(written["id"]), json.dumps(written))


@dataclass(frozen=True)
class WaitingLines:
    """Centrelines that wait. unstored: ids of those that were never stored; removed: of those
    that are to be taken away."""

    lines: tuple[Centreline, ...] = ()
    unstored: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


def save_lines(archive: Archive, waiting: WaitingLines) -> None:
    """Everything that waits, in place of what was saved before."""
    state = {
        "lines": list(waiting.lines),
        "unstored": sorted(waiting.unstored),
        "removed": sorted(waiting.removed),
    }
    archive.save_desk(LINES, state)


def saved_lines(archive: Archive) -> WaitingLines:
    """What waited when the program ended. What cannot be read is left out, and logged."""
    state = archive.desk(LINES)
    lines = []
    for each in state.get("lines", []):
        try:
            lines.append(decode(Centreline, str(each["id"]), json.dumps(each)))
        except (KeyError, TypeError, ReaderError) as error:
            _log.error("a waiting centreline cannot be read: %s", type(error).__name__)
    return WaitingLines(
        tuple(lines), frozenset(state.get("unstored", [])), frozenset(state.get("removed", []))
    )
