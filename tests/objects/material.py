"""A small series with marks on it, and what reads DICOM beside us."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
from pydicom import dcmread

from tests.quantify.made import write_slices
from workstation.dicom.evidence import read_sources
from workstation.dicom.headers import read_header
from workstation.dicom.mark_groups import Sources
from workstation.dicom.stacks import build_stacks
from workstation.domain.artefact import new_id, new_uid
from workstation.domain.geometry import Floats, Grid
from workstation.domain.image_plane import plane_at
from workstation.domain.mark import KeyImage, Mark, MarkKind, MarkNumber, as_points
from workstation.domain.study import Instance
from workstation.domain.volume import Stack

AT = datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A series on the disk, its stack, and the headers that objects refer to."""

    study_uid: str
    files: list[Path]
    instances: list[Instance]
    stack: Stack
    sources: Sources


def made(folder: Path, grid: Grid, *, modality: str = "CT") -> Made:
    study_uid = new_uid()
    files = write_slices(folder, grid, study_uid, modality=modality)
    if modality == "CT":
        for path in files:
            ds = dcmread(path)
            ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
            ds.WindowCenter, ds.WindowWidth = 40, 400
            ds.save_as(path)
    headers = [read_header(path) for path in files]
    instances = [h.instance("0" * 63 + str(i % 10), 1) for i, h in enumerate(headers)]
    stacks = build_stacks(study_uid, headers[0].series, instances)
    assert len(stacks) == 1
    sources = {str(s.SOPInstanceUID): s for s in read_sources(files)}
    return Made(study_uid, files, instances, stacks[0], Sources(stacks, sources))


PIXELS: dict[MarkKind, list[tuple[float, float]]] = {
    MarkKind.LENGTH: [(3.25, 4.5), (17.125, 12.75)],
    MarkKind.POLYLINE: [(2, 2), (8.3, 3.7), (9, 15), (20.2, 16.4)],
    MarkKind.ANGLE: [(2, 3), (9.1, 9.9), (20, 4)],
    MarkKind.COBB: [(2, 3), (18, 5), (3, 15), (19, 12)],
    MarkKind.BIDIRECTIONAL: [(4, 9), (18, 9.5), (11, 4), (11.5, 14)],
    MarkKind.RECTANGLE: [(15, 14), (5.5, 3.5)],
    MarkKind.ELLIPSE: [(4.25, 2.5), (11.75, 17)],
    MarkKind.FREEHAND: [(4, 4), (12, 3), (16, 9), (10, 16), (3.5, 11)],
    MarkKind.BRUSH: [(7, 7)],
    MarkKind.PROBE: [(13, 6)],
    MarkKind.ARROW: [(10, 10), (19, 17)],
    MarkKind.TEXT: [(6, 15)],
    MarkKind.CARDIOTHORACIC: [(6, 9), (14, 9), (2, 14), (21, 14)],
    MarkKind.CALIBRATION: [(1, 1), (1, 18)],
}
NUMBERS = (
    MarkNumber("Length", 12.345678901234567, "mm", "length"),
    MarkNumber("Mean", -1 / 3, "[hnsf'U]", "voxels"),
)


def mark_of(made: Made, kind: MarkKind, z: int = 2, *, on_image: bool = True) -> Mark:
    """A mark of a kind on slice ``z``, or half a millimetre behind it where on no image."""
    plane = plane_at(made.stack, 0, z)
    assert plane is not None
    points = plane.to_mm(PIXELS[kind])
    right, down = as_points(plane.grid.directions[:, :2].T)
    if not on_image:
        turned = np.asarray(right) * 0.8 + plane.grid.slice_normal * 0.6
        points = plane.grid.centre_lps + (points - points[0]) @ _onto(right, turned)
        right = as_points(turned[None])[0]
    return Mark(
        id=new_id(),
        study_uid=made.study_uid,
        series_uid=made.stack.series_uid,
        stack_id=made.stack.id,
        frame_of_reference_uid=made.stack.frame_of_reference_uid,
        kind=kind,
        points_mm=as_points(points),
        right=right,
        down=down,
        by="王医生",
        at=AT,
        sop_instance_uid=plane.sop_instance_uid if on_image else "",
        frame=plane.frame if on_image else 0,
        words="右侧小结节\n随访"
        if kind in {MarkKind.TEXT, MarkKind.ARROW, MarkKind.LENGTH}
        else "",
        known_mm=20.0 if kind is MarkKind.CALIBRATION else 0.0,
        numbers=()
        if kind in {MarkKind.TEXT, MarkKind.ARROW}
        else (MarkNumber("Known length", 20.0, "mm", "stated"),)
        if kind is MarkKind.CALIBRATION
        else NUMBERS,
    )


def _onto(a: tuple[float, float, float], b: Floats) -> Floats:
    """Matrix for row vectors that takes direction ``a`` to ``b`` and leaves what is square."""
    one = np.asarray(a)
    return np.eye(3) - np.outer(one, one) + np.outer(one, b)


def key_image(
    made: Made, z: int, words: str = "", window: tuple[float, float] | None = None
) -> KeyImage:
    plane = plane_at(made.stack, 0, z)
    assert plane is not None
    return KeyImage(
        id=new_id(),
        study_uid=made.study_uid,
        series_uid=made.stack.series_uid,
        stack_id=made.stack.id,
        sop_instance_uid=plane.sop_instance_uid,
        frame=plane.frame,
        phase=0,
        by="王医生",
        at=AT,
        window=window,
        words=words,
    )


def errors_of(path: Path) -> list[str]:
    """Error lines of dicom3tools' validator; where it is not installed, only that it reads."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        print("dciodvfy (dicom3tools) is not installed: the file is only read")
        assert pydicom.dcmread(path).SOPInstanceUID
        return []
    done = subprocess.run([tool, str(path)], capture_output=True, check=False, timeout=120)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith("Error")]


def dsrdump(path: Path) -> str:
    """What DCMTK prints of a report; empty, said aloud, where it is not installed."""
    tool = shutil.which("dsrdump")
    if tool is None:
        print("dsrdump (DCMTK) is not installed: the file is not read by it")
        return ""
    done = subprocess.run(
        [tool, "+Pc", "+U8", str(path)], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "replace")


def checked_by_dcmtk(path: Path) -> list[str]:
    """What DCMTK finds wrong with a presentation state; nothing, said aloud, where it is absent."""
    tool = shutil.which("dcmpschk")
    if tool is None:
        print("dcmpschk (DCMTK) is not installed: the state is not checked by it")
        return []
    done = subprocess.run([tool, str(path)], capture_output=True, check=False, timeout=120)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert "Testing" in text
    # It calls every character outside ASCII an error, whatever the character set says.
    return [block for block in text.split("E: Error")[1:] if block.isascii()]
