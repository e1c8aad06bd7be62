"""Draws marks on a home until it is killed, telling each one that is stored.

python -m tests.marks.crash_child HOME
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.marks.drawn import mark_of
from tests.marks.study import READER, STUDY
from workstation.archive.store import Archive
from workstation.domain.mark import MarkEdit, MarkKind
from workstation.domain.volume import Stack
from workstation.reading import annotate


def main(home: Path) -> None:
    archive = Archive(home)
    (stack,) = archive.all(Stack, STUDY)
    for number in range(10000):
        points = stack.grid.to_lps(np.array([[10.0, 10, 4], [10.0 + number % 40, 40, 4]]))
        mark = mark_of(
            MarkKind.ELLIPSE, points, stack.grid, id=f"m{number}", study_uid=STUDY,
            series_uid=stack.series_uid, stack_id=stack.id,
        )  # fmt: skip
        annotate.keep(archive, READER, MarkEdit(None, mark))
        print(mark.id, flush=True)
        if number % 3 == 2:
            annotate.undo(archive, READER, STUDY)
            print(f"-{mark.id}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
