"""What became of the public images, as a table: ``python -m tests.tables ../shared/data``.

Takes every folder that has DICOM files into a new home in a temporary folder, assembles its
stacks and prints one line of Markdown a folder. Nothing is written beside the images.
``tests.every_series`` prints a line a stack, ``tests.every_file`` a line a file of one folder, both
with sums by independent decoders.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from tests.dicom_in.test_shared_data import Imported, affine_difference
from workstation.domain.geometry import Floats
from workstation.domain.volume import Flag, Stack
from workstation.reading.intake import IntakeReport

HEADS = (
    "folder", "images in", "refused", "stacks", "volumes", "flags", "roles",
    "largest affine difference to SimpleITK",
)  # fmt: skip
UNLIKE_ITK = {Flag.UNEVEN_SPACING, Flag.TILTED}  # SimpleITK assumes even, square stacks


def is_dicom(path: Path) -> bool:
    """Whether a file has the preamble of PS3.10."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def dicom_folders(data: Path) -> list[str]:
    """Folders directly below ``data`` with at least one DICOM file, by name."""
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    return [f.name for f in folders if any(p.is_file() and is_dicom(p) for p in f.rglob("*"))]


def counted(names: Iterable[str]) -> str:
    """ "a 3, b 1", the most frequent first; "-" for none."""
    found = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in found) or "-"


def refused(report: IntakeReport) -> str:
    """How many files were refused, and each reason once with an example of its numbers."""
    if not report.refused:
        return "0"
    counts = Counter(one.reason.template for one in report.refused)
    example = {one.reason.template: str(one.reason) for one in reversed(report.refused)}
    reasons = "; ".join(f"{count} x {example[which]}" for which, count in counts.most_common())
    return f"{len(report.refused)}: {reasons}"


def header_positions(imported: Imported, stack: Stack) -> Floats:
    """ImagePositionPatient (n, 3) of the stack's single images, along its normal."""
    own = {frame.sha256 for frame in stack.frames}
    places = []
    for instance in imported.archive.instances_of(stack.series_uid):
        facts: Any = instance.attributes
        if instance.sha256 in own and "ImagePositionPatient" in facts:
            places.append(facts["ImagePositionPatient"])
    found = np.array(places, dtype=np.float64)
    return found[np.argsort(found @ stack.grid.slice_normal)]


def why_ours(imported: Imported, stack: Stack) -> str:
    """How far both lie from the headers where slices are uneven or the gantry was tilted.

    Ours: largest distance in mm of an acquired slice's corner from the line of the grid's corners.
    SimpleITK's: of its n-th slice's corner from where the n-th header says it is.
    """
    places = header_positions(imported, stack)
    beside = stack.grid.to_index(places)[:, :2] * stack.grid.spacing_mm[:2]
    itk = imported.itk_affine(stack)
    theirs = itk[:3, 3] + np.arange(len(places))[:, None] * itk[:3, 2]
    flags = " and ".join(sorted(flag.value for flag in UNLIKE_ITK & set(stack.flags)))
    return (
        f"{flags}: slices at most {np.abs(beside).max():.4f} mm beside our grid, "
        f"{np.linalg.norm(theirs - places, axis=1).max():.1f} mm from SimpleITK's, "
        f"which takes slices as even and square"
    )


def compared(imported: Imported, stacks: list[Stack]) -> str:
    """The largest difference over the volumes that SimpleITK can place, and why of the others."""
    volumes = [s for s in stacks if s.is_volume and s.modality in {"CT", "MR", "PT"}]
    alike = [s for s in volumes if not UNLIKE_ITK & set(s.flags)]
    parts = []
    if alike:
        most = max(affine_difference(s, imported.itk_affine(s)) for s in alike)
        parts.append(f"{most:.1e} mm over {len(alike)} volume{'s' * (len(alike) > 1)}")
    parts += dict.fromkeys(why_ours(imported, s) for s in volumes if UNLIKE_ITK & set(s.flags))
    return "; ".join(parts) or "no volume"


def rows(imported: Imported) -> list[tuple[str, ...]]:
    """One row of cells for each folder."""
    found: list[tuple[str, ...]] = []
    for name, report in imported.reports.items():
        stacks = imported.stacks[name]
        twice = f" (and {report.already} twice)" if report.already else ""
        found.append(
            (
                name,
                f"{report.instances}{twice}",
                refused(report),
                str(len(stacks)),
                str(sum(stack.is_volume for stack in stacks)),
                counted(flag.value for stack in stacks for flag in stack.flags),
                counted(stack.role or "none" for stack in stacks),
                compared(imported, stacks),
            )
        )
    return found


def table(heads: tuple[str, ...], cells: Sequence[tuple[str, ...]]) -> str:
    """Rows as Markdown."""
    lines: list[tuple[str, ...]] = [heads, ("---",) * len(heads), *cells]
    return "".join("| " + " | ".join(c.replace("|", "/") for c in line) + " |\n" for line in lines)


@contextmanager
def asked_for(doc: str | None) -> Iterator[Imported]:
    """The images of the folder that the command line names, in a home that goes away again."""
    asked = argparse.ArgumentParser(description=doc)
    asked.add_argument("data", type=Path, help="folder with one folder for each set of images")
    data: Path = asked.parse_args().data
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    with tempfile.TemporaryDirectory(prefix="onescan-table-") as home:
        imported = Imported(Path(home), data, dicom_folders(data))
        try:
            yield imported
        finally:
            imported.archive.close()


def main() -> int:
    """Print the table of the folder given."""
    with asked_for(__doc__) as imported:
        sys.stdout.write(table(HEADS, rows(imported)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
