"""A diffusion series of b 0 and b 1000, which is shown as two stacks, is measured as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import CommandLine
from workstation.analyses.brain.adc import DWI, halved
from workstation.archive.store import Archive
from workstation.dicom.folder import read_folder
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.volume import Stack
from workstation.reading.analysis_images import along

HEADER = SeriesHeader(
    modality="MR", patient_name="Split^One=分列", patient_id="S1", birth_date="19600101",
    sex="F", age="064Y", study_uid="2.25.7801", study_date="20240601", study_time="090000",
    study_description="头颅MR", accession="S1", series_uid="2.25.7801.1", series_number=3,
    series_description="Ax DWI", series_time="090500", frame_of_reference_uid="2.25.7801.2",
    body_part="HEAD", window=(500.0, 1000.0), slice_thickness_mm=5.0,
)  # fmt: skip


def write(folder: Path, b: tuple[float, ...]) -> None:
    """The known answer of ``adc``, an exponential decay, at the b-values ``b``."""
    low, high = (volume.array.astype(np.float64) for volume in halved().volumes)
    rate = np.log(np.maximum(low, 1.0) / np.maximum(high, 1.0)) / 1000.0
    array = np.stack([np.rint(low * np.exp(-rate * value)) for value in b])
    header = replace(HEADER, of_phase={"DiffusionBValue": b})
    write_series(folder, array.astype(np.int16), halved().volumes[0].grid, header)


@pytest.mark.parametrize("b", [(0.0, 1000.0), (0.0, 500.0, 1000.0)])
def test_the_stacks_of_one_series_are_measured_together_and_once(
    tmp_path: Path, b: tuple[float, ...]
) -> None:
    folder = tmp_path / "弥散 DWI"
    write(folder, b)
    cli = CommandLine(tmp_path / "家 home")
    assert cli("user", "add", "li", "--role", "reader").code == 0
    assert cli("import", str(folder)).code == 0
    read = cli("--json", "read", "last")
    assert read.code == 0, read.err
    archive = Archive(tmp_path / "家 home")
    try:
        stacks = archive.all(Stack, HEADER.study_uid)
        assert len(stacks) == len(b)
        (outcome,) = [o for o in archive.all(Outcome, HEADER.study_uid) if o.what == "brain/adc"]
        assert set(outcome.made_from) == {stack.id for stack in stacks}
        numbers = {
            m.name.en: m.value
            for m in archive.all(Measurement, HEADER.study_uid)
            if m.made_by.name == "brain/adc"
        }
        assert numbers["Median ADC of the brain"] == pytest.approx(693.147, rel=2e-3)
        assert not [r for r in archive.all(Refusal, HEADER.study_uid) if r.what == "series"]
    finally:
        archive.close()
    done = cli("analyse", "adc", "--json", "--input", f"dwi={folder}")
    assert done.code == 0, done.err
    said = {q["name"]: q["value"] for q in done.json["quantities"]}
    assert said["Median ADC of the brain"] == pytest.approx(693.147, rel=2e-3)


def test_stacks_that_leave_open_which_is_meant_stay_alone(tmp_path: Path) -> None:
    write(tmp_path / "a", (0.0, 1000.0))
    first, second = read_folder(tmp_path / "a").stacks
    assert along(DWI, second, (first, second)) == (first, second)
    assert along(DWI, second, ()) == (second,)
    twin = replace(first, id="other")
    assert along(DWI, second, (first, second, twin)) == (second,)
