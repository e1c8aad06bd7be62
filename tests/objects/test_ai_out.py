"""What the machine found, before and after a reader signs, as other programs read it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from tests.objects.material import dsrdump, errors_of
from tests.reading.readable import PASSWORD, STUDY_UID, WHY, make_readable, make_user
from workstation.archive.store import Archive
from workstation.dicom.report_content import read_report
from workstation.dicom.segmentation import read_seg
from workstation.domain.artefact import Code
from workstation.domain.finding import Finding, FindingState
from workstation.domain.origin import ARTIFICIAL_INTELLIGENCE, Algorithm
from workstation.domain.people import MACHINE, Permission, Role
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.ai_results import ai_files
from workstation.reading.draft import draft
from workstation.reading.export import export
from workstation.reading.foreign import take_in
from workstation.reading.intake import intake
from workstation.reading.quantify import quantify
from workstation.reading.sign import sign

SHA256 = "ab" * 32
MODEL = Algorithm(
    "brain-wmh",
    "1.2.0",
    ARTIFICIAL_INTELLIGENCE,
    f"brain-wmh sha256:{SHA256}"[:64],
    (f"sha256={SHA256}", "provider=OpenVINOExecutionProvider", "precision=float32"),
)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Two proposals of a model, one refusal, nothing decided."""
    opened = Archive(tmp_path / "家")
    found = make_readable(opened, tmp_path)
    declare(opened, found, MODEL)
    yield opened
    opened.close()


def declare(archive: Archive, found: list[Finding], algorithm: Algorithm) -> None:
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        for finding in found:
            category = Code("49755003", "SCT", "Morphologically Abnormal Structure")
            site = Code("68523003", "SCT", "Cerebral white matter")
            writer.put(replace(finding, algorithm=algorithm, category=category, site_code=site))


def written(archive: Archive, folder: Path) -> dict[str, Path]:
    folder.mkdir()
    paths = {}
    for kind, name, data in ai_files(archive, STUDY_UID, site_name="医院", lang="zh_CN"):
        paths[kind] = folder / name
        paths[kind].write_bytes(data)
        assert errors_of(paths[kind]) == [], kind
    return paths


def test_proposals_go_out_unverified_with_their_algorithm(archive: Archive, tmp_path: Path) -> None:
    files = written(archive, tmp_path / "out")
    report = pydicom.dcmread(files["sr_ai"])
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert "VerifyingObserverSequence" not in report
    found = archive.all(Finding, STUDY_UID)
    read = read_report(files["sr_ai"].read_bytes())
    assert {n.tracking_id for n in read.numbers} == {f.id for f in found}
    assert dict(read.texts)["Could not judge"] == "左心室功能: A test writes."
    content = hd.sr.srread(files["sr_ai"]).content
    groups = content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 2
    for group, finding in zip(groups, found, strict=True):
        assert finding.value is not None
        volume = next(m for m in group.get_measurements() if m.name.value == "118565006")
        assert volume.value == float(f"{finding.value:.2g}" if finding.value < 0.995
                                     else f"{finding.value:.1f}")  # fmt: skip
        assert group.finding_category.value == "49755003"
        assert group.finding_sites[0].value.value == "68523003"
    for item in _below(report):
        if item.get("ConceptNameCodeSequence"):
            code = item.ConceptNameCodeSequence[0].CodeValue
            if code == "111002":
                assert f"sha256={SHA256}" in item.TextValue
                assert "precision=float32" in item.TextValue
            if code == "111000":
                assert item.ConceptCodeSequence[0].CodeValue == "123110"
    shown = dsrdump(files["sr_ai"])
    assert not shown or ("brain-wmh" in shown and "UNVERIFIED" in shown)


def _below(item: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _below(child)


def test_segments_are_the_masks_bit_for_bit_and_say_who_drew_them(
    archive: Archive, tmp_path: Path
) -> None:
    files = written(archive, tmp_path / "out")
    data = files["seg_ai"].read_bytes()
    found = {f.id: f for f in archive.all(Finding, STUDY_UID)}
    for segment in read_seg(data, archive.all(Stack, STUDY_UID)[0].grid):
        mask = archive.load_mask(found[segment.tracking_id].mask_id)
        assert np.array_equal(segment.mask, mask)
        assert segment.algorithm_type == "AUTOMATIC"
    header = hd.seg.segread(io.BytesIO(data))
    assert header.ContentQualification == "RESEARCH"
    for described in header.SegmentSequence:
        known = described.SegmentationAlgorithmIdentificationSequence[0]
        assert (known.AlgorithmName, known.AlgorithmVersion) == ("brain-wmh", "1.2.0")
        assert known.AlgorithmSource == f"brain-wmh sha256:{SHA256}"[:64]
        assert f"sha256={SHA256}" in known.AlgorithmParameters
        assert described.AnatomicRegionSequence[0].CodeValue == "68523003"


def test_a_registered_product_is_called_one(archive: Archive, tmp_path: Path) -> None:
    found = archive.all(Finding, STUDY_UID)
    declare(archive, found, replace(MODEL, qualification="PRODUCT"))
    product = pydicom.dcmread(written(archive, tmp_path / "a")["seg_ai"])
    assert product.ContentQualification == "PRODUCT"
    declare(archive, found[:1], MODEL)  # one of research among them
    assert pydicom.dcmread(written(archive, tmp_path / "b")["seg_ai"]).ContentQualification == (
        "RESEARCH"
    )


def test_what_the_machine_found_stays_as_it_was_after_the_reader_signed(
    archive: Archive, tmp_path: Path
) -> None:
    before = {f.id: f for f in archive.all(Finding, STUDY_UID)}
    first, second = before.values()
    reader = make_user(archive, "li", "李医生", Role.READER).actor
    drawn = archive.load_mask(first.mask_id)
    drawn[5] = drawn[3]
    review.edit(archive, reader, first.id, drawn)
    review.reject(archive, reader, second.id)
    quantify(archive, STUDY_UID)
    draft(archive, STUDY_UID, actor=reader)
    sign(archive, STUDY_UID, user="li", password=PASSWORD)
    kept = {f.kind: f.path for f in export(archive, STUDY_UID, tmp_path / "all")}
    signed, ai = (pydicom.dcmread(kept[kind]) for kind in ("sr", "sr_ai"))
    assert (signed.VerificationFlag, ai.VerificationFlag) == ("VERIFIED", "UNVERIFIED")
    (segment,) = read_seg(kept["seg"].read_bytes())
    assert segment.algorithm_type == "SEMIAUTOMATIC"
    (proposed,) = read_seg(kept["seg_ai"].read_bytes())
    assert proposed.algorithm_type == "AUTOMATIC"
    assert int(proposed.mask.sum()) == int(archive.load_mask(first.mask_id).sum())
    texts = dict(read_report(kept["sr_ai"].read_bytes()).texts)
    assert "(brain-wmh 1.2.0)" in texts["Proposed, and rejected by the reader"]
    again = {f.kind: f.path for f in export(archive, STUDY_UID, tmp_path / "all")}
    assert again == kept, "the same bytes again"


def test_our_own_results_do_not_come_in_again_but_do_elsewhere(
    archive: Archive, tmp_path: Path
) -> None:
    written(archive, tmp_path / "out")
    before = archive.all(Finding, STUDY_UID)
    intake(archive, [tmp_path / "out"])
    take_in(archive, STUDY_UID)
    assert archive.all(Finding, STUDY_UID) == before
    other = Archive(tmp_path / "别处")
    intake(other, [tmp_path / "out"])
    take_in(other, STUDY_UID)
    found = other.all(Finding, STUDY_UID)
    assert {f.state for f in found} == {FindingState.PROPOSED}
    assert len(found) == 2 and all(f.origin and f.origin.unplaced for f in found)
    assert {str(f.algorithm) for f in found} == {"brain-wmh 1.2.0"}
    other.close()


def test_dcmqi_reads_the_measurements(archive: Archive, tmp_path: Path) -> None:
    files = written(archive, tmp_path / "out")
    tool = shutil.which("tid1500reader")
    if tool is None:
        print("tid1500reader (dcmqi) is not installed: the report is not read by it")
        return
    out = tmp_path / "read.json"
    done = subprocess.run(
        [tool, "--inputDICOM", str(files["sr_ai"]), "--outputMetadata", str(out)],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    read = json.loads(out.read_text(encoding="utf-8"))
    assert read["VerificationFlag"] == "UNVERIFIED" and len(read["Measurements"]) == 2
    for group in read["Measurements"]:
        known = group["measurementAlgorithmIdentification"]
        assert (known["AlgorithmName"], known["AlgorithmVersion"]) == ("brain-wmh", "1.2.0")
        assert f"sha256={SHA256}" in known["AlgorithmParameters"][0]
