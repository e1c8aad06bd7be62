"""Every stack of every folder of images: its voxels summed, beside SimpleITK's sum of the files.

``python -m tests.every_series ../shared/data`` prints one line of Markdown a stack and totals.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK

from tests.dicom_in.test_shared_data import Imported
from tests.tables import asked_for, table
from workstation.dicom.volumes import read_into
from workstation.domain.errors import ReaderError
from workstation.domain.volume import Flag, Frame, Stack

HEADS = ("folder", "stack", "images", "grid", "unit", "flags", "sum of values", "SimpleITK")


@dataclass(frozen=True)
class Row:
    """One stack; sums over every stored image once, in the stack's unit. theirs None: not asked."""

    folder: str
    stack: Stack
    images: int
    ours: float | None
    theirs: float | None
    why: str = ""

    @property
    def differs(self) -> bool:
        """Whether SimpleITK's values are others, beyond rounding to 32-bit reals."""
        if self.ours is None or self.theirs is None:
            return False
        return abs(self.ours - self.theirs) > 1e-5 * max(1.0, abs(self.theirs))

    @property
    def cells(self) -> tuple[str, ...]:
        """As a line of the table."""
        stack = self.stack
        grid = "x".join(str(n) for n in reversed(stack.grid.shape))
        if stack.phases > 1:
            grid += f", {stack.phases} phases ({stack.phase_axis})"
        name = f"{stack.modality} {stack.description or stack.series_number}"
        flags = ", ".join(flag.value for flag in stack.flags) or "-"
        same = "-" if self.theirs is None else f"{self.theirs:.1f}" if self.differs else "same"
        total = self.why if self.ours is None else f"{self.ours:.1f}"
        return (
            self.folder, name, str(self.images), grid, stack.unit, flags, total, same,
        )  # fmt: skip


def _frames(stack: Stack) -> list[Frame]:
    unique = {(f.sha256, f.number, f.tile): f for f in stack.frames if f.sha256}
    return list(unique.values())


def row_of(folder: str, stack: Stack, imported: Imported) -> Row:
    """Sum a stack's images both ways."""
    frames, locate = _frames(stack), imported.archive.blob_path
    shape = stack.grid.shape[1:] if stack.samples == 1 else (*stack.grid.shape[1:], 3)
    ours = 0.0
    try:
        for frame in frames:
            out = np.zeros(shape, dtype=stack.dtype)
            read_into(stack, frame, locate(frame.sha256), out)
            ours += float(out.astype(np.float64).sum())
    except ReaderError as error:
        return Row(folder, stack, len(frames), None, None, str(error))
    files = dict.fromkeys(f.sha256 for f in frames)
    whole = len(files) == len(frames) or len(frames) == stack.phases * stack.grid.shape[0]
    # SimpleITK turns MONOCHROME1 round and knows no dose grid scaling.
    other = stack.photometric == "MONOCHROME1" or stack.modality == "RTDOSE"
    if stack.samples != 1 or stack.suv_factor is not None or other or not whole:
        return Row(folder, stack, len(frames), ours, None)
    theirs = 0.0
    try:
        for sha256 in files:
            image = SimpleITK.ReadImage(str(locate(sha256)))
            theirs += float(SimpleITK.GetArrayViewFromImage(image).astype(np.float64).sum())
    except RuntimeError:
        return Row(folder, stack, len(frames), ours, None)
    return Row(folder, stack, len(frames), ours, theirs)


def rows(imported: Imported) -> Iterator[Row]:
    """A row for every stack of every folder."""
    for folder, stacks in imported.stacks.items():
        for stack in stacks:
            yield row_of(folder, stack, imported)


def totals(found: list[Row]) -> str:
    """What came of all stacks, in one sentence."""
    asked = [row for row in found if row.theirs is not None]
    volumes = sum(Flag.NOT_A_VOLUME not in row.stack.flags for row in found)
    return (
        f"{len(found)} stacks, {volumes} of them volumes, {sum(r.images for r in found)} images; "
        f"{len(asked)} summed by SimpleITK too: {sum(row.differs for row in asked)} differ."
    )


def main() -> int:
    """Print the table of the folder given; 1 where SimpleITK disagrees."""
    with asked_for(__doc__) as imported:
        found = list(rows(imported))
    sys.stdout.write(table(HEADS, [row.cells for row in found]))
    sys.stdout.write(f"\n{totals(found)}\n")
    return int(any(row.differs for row in found))


if __name__ == "__main__":
    sys.exit(main())
