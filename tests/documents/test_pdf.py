"""Pages as a reader sees them: text read back from the PDF, standards checked in its objects."""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pypdfium2
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from tests.documents.material import example_draft, example_material, example_report, renamed
from tests.marks.conftest import STACK
from tests.marks.drawn import at_index, mark_of
from workstation.documents.manifest import report_json
from workstation.documents.page import RESEARCH, report_number
from workstation.documents.pdf import KeyImage, draft_pdf, report_pdf
from workstation.domain.finding import REPORTED
from workstation.domain.mark import Mark, MarkKind, MarkNumber
from workstation.domain.measurement import format_value
from workstation.domain.plane import PlaneKind, axes_of
from workstation.domain.report import ReportKind, SignedReport
from workstation.domain.volume import Stack

TEMPLATES = ("brain-heart", "oncology")
LANGUAGES = ("zh_CN", "en")


def pages_of(pdf: bytes) -> list[str]:
    """Text of each page, without the spaces that only set Chinese apart from Latin."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


def squeezed(text: str) -> str:
    return "".join(text.split())


def page_of(report: SignedReport, **more: Any) -> bytes:
    return report_pdf(report, report_json(report), site_name="示例医院", role="报告医师", **more)


def png(width: int = 40, height: int = 30) -> bytes:
    rows = b"".join(b"\0" + bytes((x * 6) % 256 for x in range(width)) for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TEMPLATES)
def test_example_of_each_template_renders(name: str, language: str) -> None:
    report = example_report(name, language)
    pages = pages_of(page_of(report))
    whole = squeezed("".join(pages))
    for section in report.draft.sections:
        for sentence in section.sentences:
            assert squeezed(sentence.text) in whole
    for page in pages:
        assert squeezed(RESEARCH) in squeezed(page)
        assert report_number(report.study_uid, 1) in page
    for finding in report.findings:
        shown = finding.label.in_language(language)
        assert (squeezed(shown) in whole) or finding.state not in REPORTED
    assert report.study.patient.name in whole
    assert report.signer_name in whole
    assert "〓" not in whole


def test_every_number_is_printed_as_the_screen_shows_it() -> None:
    report = example_report("brain-heart")
    whole = "".join(pages_of(page_of(report))).replace(" ", " ")
    for finding in report.findings:
        if finding.state in REPORTED and finding.value is not None:
            assert squeezed(format_value(finding.value, finding.unit)) in squeezed(whole)
    for measurement in report.measurements:
        shown = format_value(measurement.value, measurement.unit)
        assert squeezed(shown) in squeezed(whole)
        assert measurement.formula in whole
    assert "brain-wmh 1.0.0" in " ".join(whole.split())


def marks_on(stack: Stack) -> tuple[Mark, ...]:
    """A length on the fourth image and one on a cut plane, as they are stored."""
    grid = stack.grid
    number = MarkNumber("Length", 23.456, "mm", "distance", "patient")
    flat = at_index(MarkKind.LENGTH, [(10, 10, 3), (30, 10, 3)], grid, stack_id=stack.id)
    across = mark_of(
        MarkKind.LENGTH, grid.to_lps(np.array([[10, 10, 2.0], [10, 10, 6.0]])), grid,
        axes_of(PlaneKind.CORONAL, grid), id="mark-2", stack_id=stack.id, words="上下径",
    )  # fmt: skip
    return replace(flat, numbers=(number,)), replace(across, numbers=(number,))


@pytest.mark.parametrize("language", LANGUAGES)
def test_marks_say_of_which_series_and_image_they_are(language: str) -> None:
    stack = replace(STACK, series_number=7)
    report = example_report("brain-heart")
    report = replace(report, draft=replace(report.draft, language=language), marks=marks_on(stack))
    draft = draft_pdf(
        report.study, report.draft, report.findings, report.measurements,
        site_name="示例医院", marks=report.marks, stacks=[stack],
    )  # fmt: skip
    for pdf in (page_of(report, stacks=[stack]), draft):
        whole = squeezed("".join(pages_of(pdf)))
        flat, cut = ("序列7，图像4", "序列7，重建平面")
        if language == "en":
            flat, cut = "series7,image4", "series7,cutplane"
        assert flat in whole and cut in whole and "23.5mm" in whole
    gone = squeezed("".join(pages_of(page_of(report))))
    assert "23.5mm" in gone and "图像4" not in gone  # its series is not there: nothing is guessed


def test_rejected_and_undecided_findings_are_silent() -> None:
    assert "梗死" not in "".join(pages_of(page_of(example_report("brain-heart"))))
    assert "右肺中叶" not in squeezed("".join(pages_of(page_of(example_report("oncology")))))


@pytest.mark.parametrize(
    "name",
    ["#[王]$医*生_`x`", '王"小\\明"', "= 标题", "<王>@ref", "#import \"x\"", "{\"a\":1}", "//王"],
)  # fmt: skip
def test_a_name_is_printed_as_it_is_and_never_run(name: str) -> None:
    whole = "".join(pages_of(page_of(renamed(example_report("oncology"), name))))
    assert squeezed(name) in squeezed(whole)


def test_a_character_no_font_has_is_spelled_out() -> None:
    whole = squeezed("".join(pages_of(page_of(renamed(example_report("oncology"), "王😀明")))))
    assert "王〓(U+1F600)明" in whole


def test_common_and_rare_characters_are_set() -> None:
    name = "䶮㙓䥽欧阳靐龘"
    assert name in squeezed("".join(pages_of(page_of(renamed(example_report("oncology"), name)))))


def test_only_the_fonts_of_the_project_are_used_and_all_are_embedded() -> None:
    reader = PdfFileReader(io.BytesIO(page_of(example_report("brain-heart"))))
    names = set()
    kids = reader.root["/Pages"]["/Kids"]
    for n in range(len(kids)):
        page = kids[n]
        assert page["/Type"] == "/Page"
        for held in page["/Resources"]["/Font"].values():
            font = held.get_object()
            descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
            assert "/FontFile3" in descriptor
            assert "/ToUnicode" in font
            names.add(str(font["/BaseFont"]).split("+")[-1])
    assert names
    assert all(n.startswith("NotoSansCJKsc-") for n in names)


def test_it_says_that_it_is_pdf_a_3b_and_carries_its_data() -> None:
    report = example_report("brain-heart")
    reader = PdfFileReader(io.BytesIO(page_of(report)))
    xmp = reader.root["/Metadata"].data
    assert b"<pdfaid:part>3</pdfaid:part>" in xmp
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    assert reader.root["/OutputIntents"]
    attached = reader.root["/AF"][0]
    assert str(attached["/AFRelationship"]) == "/Data"
    data = attached["/EF"]["/F"].data
    assert data == report_json(report)
    assert json.loads(data)["report"]["study"]["patient"]["name"] == "王建国"


def test_time_is_to_the_minute_with_its_zone() -> None:
    local = example_report("oncology").signed_at.astimezone()
    whole = " ".join("".join(pages_of(page_of(example_report("oncology")))).split())
    offset = local.strftime("%z")
    assert squeezed(f"{local:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:]})") in squeezed(whole)


def test_key_images_come_with_their_captions() -> None:
    report = example_report("oncology")
    plain = page_of(report)
    pictured = page_of(report, key_images=(KeyImage(png(), "结节 #1 [轴位]"),))
    assert squeezed("结节 #1 [轴位]") in squeezed("".join(pages_of(pictured)))
    assert pictured.count(b"/Subtype/Image") + pictured.count(b"/Subtype /Image") == 1
    assert plain.count(b"/Subtype/Image") + plain.count(b"/Subtype /Image") == 0


def test_an_addendum_names_what_it_follows_and_repeats_nothing() -> None:
    first = example_report("brain-heart")
    added = replace(
        first, number=2, kind=ReportKind.ADDENDUM, reason="会诊", addendum_text="另见点状灶。",
        previous_id=first.id, previous_digest="d" * 64, findings=(), measurements=(),
        draft=replace(first.draft, sections=()),
    )  # fmt: skip
    whole = squeezed("".join(pages_of(page_of(added, follows=first))))
    for text in ("另见点状灶。", "理由：会诊", report_number(first.study_uid, 1), "d" * 64):
        assert squeezed(text) in whole
    assert "12.3mL" not in whole


def test_a_long_report_numbers_its_pages_and_marks_each() -> None:
    first = example_report("brain-heart")
    long = "\n".join(f"第{n}行：既往史与随访记录，供参考。" for n in range(120))
    sections = tuple(
        replace(s, free_text=long) if s.key == "clinical" else s for s in first.draft.sections
    )
    pages = pages_of(page_of(replace(first, draft=replace(first.draft, sections=sections))))
    assert len(pages) >= 3
    for n, page in enumerate(pages, start=1):
        assert squeezed(f"第 {n} 页，共 {len(pages)} 页") in squeezed(page)
        assert squeezed(RESEARCH) in squeezed(page)


def test_a_draft_is_marked_on_every_page() -> None:
    report = example_report("oncology")
    material = example_material("oncology")
    pdf = draft_pdf(
        report.study, example_draft("oncology"), material.findings, material.measurements,
        site_name="示例医院",
    )  # fmt: skip
    for page in pages_of(pdf):
        assert "UNREVIEWEDDRAFT" in squeezed(page)
        assert "未审核草稿，未签署" in squeezed(page)
    assert report.signer_name not in "".join(pages_of(pdf))


def test_exponents_are_raised_where_the_font_has_no_glyph_for_them() -> None:
    report = example_report("brain-heart", "en")
    (first, *rest) = report.measurements
    adc = replace(first, value=449.2, unit="um2/s")
    text = squeezed("".join(pages_of(page_of(replace(report, measurements=(adc, *rest))))))
    assert "449×10−6mm²/s" in text and "U+207B" not in text
    assert format_value(1283.4, "um2/s") == "1283 ×10⁻⁶ mm²/s"
