"""Structured reports of other templates and character sets: trees with places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.sr_places import walk
from workstation.dicom.sr_tree import read_tree
from workstation.documents.tree_page import tree_page
from workstation.domain.artefact import new_uid
from workstation.domain.document import Space
from workstation.domain.image_plane import in_patient
from workstation.text import set_language

IMAGE = "1.2.840.10008.5.1.4.1.1.1.2"


def coded(value: str, meaning: str, scheme: str = "DCM") -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return [item]


def content(kind: str, relation: str, name: tuple[str, str] | None, *children: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    if name is not None:
        item.ConceptNameCodeSequence = coded(*name)
    if children:
        item.ContentSequence = list(children)
    return item


def with_code(item: Dataset, value: str, meaning: str) -> Dataset:
    item.ConceptCodeSequence = coded(value, meaning)
    return item


def coordinates(relation: str, name: tuple[str, str], kind: str, points: list[float]) -> Dataset:
    by_reference = Dataset()
    by_reference.RelationshipType = "SELECTED FROM"
    by_reference.ReferencedContentItemIdentifier = [1, 2, 1]
    item = content("SCOORD", relation, name, by_reference)
    item.GraphicType, item.GraphicData = kind, points
    return item


def document(path: Path, root: Dataset, charset: str, title: str) -> Path:
    root.SpecificCharacterSet = charset
    root.SOPClassUID, root.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.65", new_uid()
    root.StudyInstanceUID, root.SeriesInstanceUID, root.Modality = new_uid(), new_uid(), "SR"
    root.SeriesDescription = title
    root.CompletionFlag, root.VerificationFlag = "PARTIAL", "UNVERIFIED"
    root.ContentDate, root.ContentTime = "20260102", "030405"
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    root.file_meta.MediaStorageSOPClassUID = root.SOPClassUID
    root.file_meta.MediaStorageSOPInstanceUID = root.SOPInstanceUID
    root.save_as(path, enforce_file_format=True)
    return path


def chest_cad(path: Path) -> Path:
    """TID 4100: findings are codes, coordinates refer to an image library by its place."""
    uid = "1.2.3.4"
    image = content("IMAGE", "CONTAINS", None)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = IMAGE, uid
    image.ReferencedSOPSequence = [reference]
    size = content("NUM", "HAS PROPERTIES", ("103355008", "Width"))
    measured = Dataset()
    measured.NumericValue = "12.5"
    measured.MeasurementUnitsCodeSequence = coded("mm", "millimeter", "UCUM")
    size.MeasuredValueSequence = [measured]
    size.ContentSequence = [coordinates("INFERRED FROM", ("121112", "Source"), "POLYLINE",
                                        [10.0, 20.0, 22.5, 20.0])]  # fmt: skip
    finding = with_code(
        content(
            "CODE", "CONTAINS", ("111059", "Single Image Finding"),
            with_code(content("CODE", "HAS CONCEPT MOD", ("111056", "Rendering Intent")),
                      "111150", "Presentation Required"),
            coordinates("HAS PROPERTIES", ("111010", "Center"), "POINT", [16.5, 24.5]),
            coordinates("HAS PROPERTIES", ("111041", "Outline"), "POLYLINE",
                        [10.0, 20.0, 22.0, 20.0, 22.0, 30.0, 10.0, 20.0]),
            size,
        ),
        "27925004", "Nodule",
    )  # fmt: skip
    failed = with_code(
        content("CODE", "CONTAINS", ("111063", "Failed Detections")), "111234", "Mass detection"
    )
    root = content(
        "CONTAINER", "", ("111036", "Chest CAD Report"),
        with_code(content("CODE", "HAS CONCEPT MOD", ("121049", "Language")), "en", "English"),
        content("CONTAINER", "CONTAINS", ("111028", "Image Library"), image),
        with_code(
            content("CODE", "CONTAINS", ("111017", "CAD Processing and Findings Summary"),
                    content("CONTAINER", "INFERRED FROM", ("111034", "Individual Findings"),
                            finding)),
            "111242", "All algorithms succeeded; with findings"),
        content("CONTAINER", "CONTAINS", ("111064", "Summary of Detections"), failed),
    )  # fmt: skip
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "4100"
    root.ContentTemplateSequence = [template]
    return document(path, root, "ISO_IR 192", "CAD")


def test_a_cad_report_is_read_with_its_failures_and_places(tmp_path: Path) -> None:
    """Complaint 18: only TID 1500 was read."""
    tree = read_tree(chest_cad(tmp_path / "cad.dcm"))
    assert tree.title == "Chest CAD Report" and tree.template == "4100" and not tree.complete
    (place,) = tree.places
    assert place.label == "Nodule"
    assert [(n.name, n.value, n.unit) for n in place.numbers] == [("Width", 12.5, "mm")]
    assert [g.kind for g in place.graphics] == ["POINT", "POLYLINE", "POLYLINE"]
    # By reference: the image is the one that the library lists.
    assert {g.images[0].sop_instance_uid for g in place.graphics} == {"1.2.3.4"}
    assert place.graphics[0].points == ((16.0, 24.0),) and place.graphics[0].space is Space.PIXEL
    assert in_patient(place.graphics[0], None) is None
    set_language("en")
    page = tree_page(tree)
    assert "Failed Detections" in page and "All algorithms succeeded" in page
    assert f"place:{place.path}" in page and "Width" in page


@pytest.mark.parametrize(
    ("charset", "coding"),
    [("GB18030", "gb18030"), ("GBK", "gbk"), ("ISO_IR 192", "utf-8"), ("", "gb18030"),
     ("ISO_IR 100", "gb18030")],
)  # fmt: skip
def test_chinese_text_in_any_character_set(tmp_path: Path, charset: str, coding: str) -> None:
    """Complaint 24: GB18030 garbled, also deep in the tree, also where the file lies."""
    words = "右肺上叶见磨玻璃结节，约 8 mm。"
    text = content("TEXT", "CONTAINS", ("121071", "X" * 12))
    text.TextValue = "Y" * 48
    root = content("CONTAINER", "", ("18748-4", "Diagnostic Imaging Report"),
                   content("CONTAINER", "CONTAINS", ("121070", "Findings"), text))  # fmt: skip
    path = document(tmp_path / "sr.dcm", root, "ISO_IR 6", "basic")
    data = path.read_bytes()
    encoded = words.encode(coding)
    assert len(encoded) <= 48
    data = data.replace(b"Y" * 48, encoded + b" " * (40 - len(encoded)))
    stated = charset.encode().ljust(10 if charset else 8, b" ")
    if charset:
        data = data.replace(b"\x08\x00\x05\x00CS\x08\x00ISO_IR 6",
                            b"\x08\x00\x05\x00CS\x0a\x00" + stated)  # fmt: skip
    else:
        data = data.replace(b"\x08\x00\x05\x00CS\x08\x00ISO_IR 6", b"\x08\x00\x05\x00CS\x00\x00")
    path.write_bytes(data)
    read = [item.words for item in walk(read_tree(path).root) if item.value_type == "TEXT"]
    assert read == [words]


def test_what_other_programs_wrote(shared_data: Path | None) -> None:
    """Reports of dcmqi, highdicom and DCMTK where they are there."""
    if shared_data is None:
        return
    corner = shared_data / "dicom_corner_cases"
    tree = read_tree(corner / "dcmqi_data/sr-example/sr.dcm")
    (place,) = tree.places
    assert place.label.startswith("Neoplasm") and place.segments
    by_name = {n.name: n for n in place.numbers}
    assert by_name["SUVbw (Mean)"].value == pytest.approx(6.01529)
    assert by_name["SUVbw (Mean)"].unit == "{SUVbw}g/ml"
    groups = read_tree(corner / "highdicom_test_files/sr_document_with_multiple_groups.dcm")
    assert [p.label for p in groups.places] == ["Nodule Lung", "Aorta", "Vertebra"]
    basic = read_tree(corner / "pydicom_test_files/test-SR.dcm")
    assert basic.verified_by == "Riesmeier^Jörg" and basic.complete
    for name in ("reportsi.dcm", "reportsi_with_empty_number_tags.dcm"):
        assert "Section Heading" in tree_page(read_tree(corner / "pydicom_test_files" / name))


def test_numbers_keep_their_last_digit(tmp_path: Path) -> None:
    path = chest_cad(tmp_path / "cad.dcm")
    ds = pydicom.dcmread(path)
    number = ds.ContentSequence[2].ContentSequence[0].ContentSequence[0].ContentSequence[3]
    number.MeasuredValueSequence[0].FloatingPointValue = np.pi
    ds.save_as(path)
    assert read_tree(path).places[0].numbers[0].value == np.pi
