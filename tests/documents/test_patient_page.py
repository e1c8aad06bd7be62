"""The page for the patient: accepted findings in plain words, every number the signed report's."""

from __future__ import annotations

import re
import struct
from dataclasses import replace

import pytest

from tests.documents.material import SIGNED_AT, example_report
from tests.documents.test_pdf import LANGUAGES, page_of, pages_of, squeezed
from workstation.documents.page import RESEARCH, date_text, report_number
from workstation.documents.patient_items import (
    TONES,
    Marker,
    entries_of,
    load_plain_words,
    runs,
)
from workstation.documents.patient_page import Places, patient_data, patient_pdf, patient_pngs
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import BadInput
from workstation.domain.finding import REPORTED, Finding, shown_value
from workstation.domain.measurement import Measurement, shown_number
from workstation.domain.report import SignedReport
from workstation.guidelines import load_guideline

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_GENERAL = {"120"}  # the ambulance


def page(report: SignedReport, language: str, *, released: bool = True) -> bytes:
    places: Places = {f.id: [(0.3, 0.2)] for f in report.findings[:1]}
    return patient_pdf(report, language, places=places, moment=SIGNED_AT, released=released)


def with_numbers(report: SignedReport, finding: Finding, *numbers: tuple[str, str, float, str]
                 ) -> SignedReport:  # fmt: skip
    """The report with further numbers of a finding: name, code, value, unit."""
    added = tuple(
        Measurement(
            f"n{n}", report.study_uid, finding.series_uid, Wording(name, name),
            Code(code, "99ONESCAN", name), value, unit, "f", "s", (), MadeBy("f", "1"), finding.id,
        )
        for n, (name, code, value, unit) in enumerate(numbers)
    )  # fmt: skip
    return replace(report, measurements=(*report.measurements, *added))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_on_the_page_is_one_that_the_signed_report_prints(language: str) -> None:
    report = example_report("brain-heart", language)
    stenosis = next(f for f in report.findings if f.template_key == "stenosis")
    report = with_numbers(
        report, stenosis, ("Minimal", "397413000", 1.234, "mm"), ("Normal", "DISTALREF", 3.2, "mm")
    )
    text = " ".join(" ".join(pages_of(page(report, language))).split())
    scales = load_plain_words().words["scales"].in_language(language)
    said, sources = text.split(scales)
    assert "Bozkurt" in sources, "where the words of the scales come from"
    printed = squeezed(" ".join(pages_of(page_of(report))))
    spoken = [f for f in report.findings if f.state in REPORTED]
    own = {shown_value(f).split(" ")[0] for f in spoken if f.value is not None}
    own |= {shown_number(m).split(" ")[0] for m in report.measurements}
    for value in ("12.3", "62.0", "58.3", "1.2", "3.2"):
        assert value in own and value in said and value in printed
    edges = {f"{b.start:g}" for e in entries_of(report) if e.guideline for b in e.guideline.bands}
    known = own | edges | _GENERAL | {"40"} | {str(e.number) for e in entries_of(report)}
    patient = report.study.patient
    for words in (date_text(report.study.date), report_number(report.study_uid, report.number),
                  f"{int(patient.age[:-1])} 岁", f"{int(patient.age[:-1])} years", "M1",
                  "M1 段"):  # fmt: skip
        said = said.replace(words, " ")
    assert set(_NUMBER.findall(said)) <= known


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_accepted_findings_alone(language: str) -> None:
    report = example_report("brain-heart", language)
    kept = replace(report, findings=tuple(replace(f, confidence=0.87) for f in report.findings))
    text = squeezed(" ".join(pages_of(page(kept, language))))
    scales = load_plain_words().words["scales"].in_language(language)
    rejected = next(f for f in report.findings if f.state.value == "rejected")
    assert squeezed(rejected.site.in_language(language)) not in text
    assert "87" not in text.split(squeezed(scales))[0], "no confidence"
    cyst = next(f for f in report.findings if f.template_key == "other" and f.state in REPORTED)
    assert squeezed(cyst.label.in_language(language)) in text, "nothing accepted is left out"
    assert squeezed(RESEARCH) in text
    assert squeezed(report.signer_name) in text and squeezed(report.study.patient.name) in text
    assert len(entries_of(report)) == len([f for f in report.findings if f.state in REPORTED])


def test_only_a_preview_is_marked_as_not_released() -> None:
    report = example_report("brain-heart")
    marked = load_plain_words().words["not_released"].zh
    assert squeezed(marked) in squeezed(" ".join(pages_of(page(report, "zh_CN", released=False))))
    assert squeezed(marked) not in squeezed(" ".join(pages_of(page(report, "zh_CN"))))


def test_without_an_accepted_finding_there_is_no_page() -> None:
    report = example_report("brain-heart")
    with pytest.raises(BadInput, match="look like a normal result"):
        page(replace(report, findings=()), "en")


def test_an_organ_without_an_accepted_finding_is_not_called_normal() -> None:
    report = example_report("brain-heart")
    brain = tuple(f for f in report.findings if f.area == "brain")
    said = patient_data(replace(report, findings=brain), "en", places={}, released=True)["cannot"]
    assert any("Blood vessels, Heart. That does not mean" in line for line in said)


def test_a_number_lies_in_its_band() -> None:
    report = example_report("brain-heart")
    stenosis = next(f for f in report.findings if f.template_key == "stenosis")
    for value, band, tone in ((49.9, 0, "good"), (50.0, 1, "look"), (69.94, 1, "look"),
                              (70.0, 2, "act"), (100.0, 3, "act")):  # fmt: skip
        (entry,) = entries_of(replace(report, findings=(replace(stenosis, value=value),)))
        assert entry.markers[0].band == band and entry.worst is not None
        assert entry.worst.tone == tone
    (entry,) = entries_of(replace(report, findings=(replace(stenosis, value=60.0),)))
    assert entry.markers == (Marker(1, 0.5),)


def test_one_thing_measured_in_two_ways_is_said_once_with_both_numbers() -> None:
    report = example_report("brain-heart")
    pump = next(f for f in report.findings if f.template_key == "lv_function")
    other = replace(pump, id="e" * 32, value=49.4)
    (entry,) = entries_of(replace(report, findings=(pump, other)))
    said = runs(entry, "en")
    assert [text for text, strong in said if strong] == ["58.3 %", "49.4 %"]
    assert [marker.band for marker in entry.markers] == [2, 1]
    assert entry.worst is not None and entry.worst.words.en == "slightly weakened"


def test_a_scale_by_grades_shows_the_higher_one() -> None:
    report = example_report("brain-heart")
    wmh = replace(
        next(f for f in report.findings if f.template_key == "wmh"),
        template_key="other", formula="brain/wmh_fazekas",
    )  # fmt: skip
    graded = with_numbers(
        replace(report, findings=(wmh,)), wmh,
        ("PV", "FAZEKASPV", 1.0, "1"), ("Deep", "FAZEKASDEEP", 2.0, "1"),
    )  # fmt: skip
    (entry,) = entries_of(graded)
    assert entry.item.key == "wmh-graded" and [m.band for m in entry.markers] == [2]


def test_the_bullseye_carries_the_values_of_its_segments() -> None:
    report = example_report("brain-heart")
    scar = replace(
        next(f for f in report.findings if f.template_key == "lv_function"),
        template_key="other", formula="heart/lge", value=5.2,
    )  # fmt: skip
    name = "Late enhancement, part of the segment, 4 basal inferior"
    valued = with_numbers(
        replace(report, findings=(scar,)), scar, (name, "LGEEXTENT", 62.0, "%"),
        (name.replace("4 basal inferior", "17 apex"), "LGEEXTENT", 0.0, "%"),
    )  # fmt: skip
    heart = patient_data(valued, "zh_CN", places={}, released=True)["organs"][0]
    assert heart["segments"][3] == 0.62 and heart["segments"][16] == 0.0
    assert heart["segments"][0] == -1.0, "a segment without a value has none"
    assert heart["marks"] == [{"number": 1, "segment": 4}]


def test_the_picture_is_the_page_at_print_resolution() -> None:
    (png,) = patient_pngs(page(example_report("brain-heart"), "zh_CN"))
    wide, high = struct.unpack(">II", png[16:24])
    assert (wide, high) == (2480, 3508)
    at = png.index(b"pHYs")
    assert struct.unpack(">IIB", png[at + 4 : at + 13]) == (11811, 11811, 1)
    assert b"tEXt" not in png and b"iTXt" not in png


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_that_no_font_has_is_spelled_out(language: str) -> None:
    report = example_report("brain-heart")
    patient = replace(report.study.patient, name="王\U0001f600")
    odd = replace(report, study=replace(report.study, patient=patient))
    assert "U+1F600" in squeezed(" ".join(pages_of(page(odd, language))))


def test_every_sentence_is_whole_in_both_languages() -> None:
    whole = load_plain_words()
    assert whole.items[-1].key == "any", "the last takes what has no sentence of its own"
    keys = [item.key for item in whole.items]
    assert len(keys) == len(set(keys))
    for item in whole.items:
        for words in (item.says, item.bare, item.means, *(w.words for w in item.words)):
            assert words.en.isascii() and not words.zh.isascii()
        assert {w.tone for w in item.words} <= set(TONES)
        if item.scale:
            guideline = load_guideline(item.scale)
            assert guideline.citation and guideline.unit == (item.unit if not item.number else "1")
    for key in ("look", "act"):
        assert whole.tones[key].zh


def test_what_cannot_wait_is_said_at_the_organ_and_first_of_all() -> None:
    report = example_report("brain-heart")
    bleed = replace(
        next(f for f in report.findings if f.template_key == "wmh"), template_key="bleed"
    )
    data = patient_data(replace(report, findings=(bleed,)), "en", places={}, released=True)
    assert data["organs"][0]["badge"] == {"text": "see a doctor at once", "tone": "act"}
    assert data["next"][0].startswith("See a doctor at once")
