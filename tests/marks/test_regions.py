"""Ultrasound regions of an image that was made smaller afterwards scale nothing."""

from __future__ import annotations

from pathlib import Path

from tests.marks.drawn import at_index
from workstation.archive.store import Archive
from workstation.dicom.ultrasound import fit
from workstation.domain.calibration import Region
from workstation.domain.mark import MarkKind
from workstation.domain.mark_numbers import numbers_of
from workstation.domain.pages import drawing_grid
from workstation.domain.people import MACHINE
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake

HALVED = "dicom_corner_cases/pydicom_test_files/examples_ybr_color.dcm"


def test_a_region_beyond_its_image_is_not_believed() -> None:
    """complaint 13: lengths of a halved image would be half of what they are."""
    region = Region(84, 31, 595, 414, 0.51, 0.51, "mm", "mm")
    assert fit([region], 480, 640)
    assert not fit([region], 240, 320)
    assert fit([Region(0, 0, 640, 480, 0.5, 0.5, "mm", "mm")], 480, 640)


def test_a_real_halved_image_is_measured_in_pixels(shared_data: Path | None, home: Path) -> None:
    """complaint 13"""
    if shared_data is None:
        return
    archive = Archive(home)
    report = intake(archive, [shared_data / HALVED], actor=MACHINE)
    (stack,) = assemble(archive, report.study_uids[0], actor=MACHINE)
    archive.close()
    grid = drawing_grid(stack)
    mark = at_index(MarkKind.LENGTH, [(100, 100, 4), (130, 140, 4)], grid, stack_id=stack.id)
    (length,) = numbers_of(mark, stack)
    assert (round(length.value, 6), length.unit) == (50.0, "{pixels}")
