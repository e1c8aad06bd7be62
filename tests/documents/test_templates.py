"""Templates are data: each is complete, speaks both languages and says only what was decided."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.documents.material import example, example_draft, example_material
from workstation.analyses.chest._phantom import chest, volume_of
from workstation.documents.sentences import Material, compose
from workstation.documents.templates import (
    TEMPLATES,
    choose_template,
    load_template,
    template_names,
)
from workstation.domain.errors import NotFound
from workstation.domain.finding import REPORTED, FindingState
from workstation.domain.measurement import format_value
from workstation.domain.volume import Frame
from workstation.guidelines import GUIDELINES, load_guideline

LANGUAGES = ("zh_CN", "en")
KEYS = {"wmh", "stenosis", "lv_function", "nodule", "hippocampus", "brain_mass", "other"}
SLOTS = {
    "label", "site", "value", "name", "value_clause", "measures_clause", "grade_clause", "sites",
    "count",
}  # fmt: skip


def texts(name: str, language: str, material: Material | None = None) -> dict[str, list[str]]:
    sections = compose(load_template(name), language, material or example_material(name))
    return {s.key: [t.text for t in s.sentences] for s in sections}


def test_both_templates_are_installed() -> None:
    assert template_names() == ("brain-heart", "oncology")
    with pytest.raises(NotFound, match="brain-heart, oncology"):
        load_template("spine")


@pytest.mark.parametrize("name", ["brain-heart", "oncology"])
def test_phrases_know_every_key_and_only_known_slots(name: str) -> None:
    template = load_template(name)
    assert set(template.phrases) == KEYS | ({"bleed"} if name == "brain-heart" else set())
    for phrase in template.phrases.values():
        wordings = [phrase.one.findings, phrase.one.impression, phrase.value_clause]
        for words in [*wordings, *(w for w in (phrase.many, phrase.unranked) if w)]:
            found = [set(re.findall(r"\{(\w+)\}", text)) for text in (words.en, words.zh)]
            assert found[0] | found[1] <= SLOTS
            assert found[0] == found[1], "both languages say the same"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["brain-heart", "oncology"])
def test_every_sentence_is_of_a_decided_finding(name: str, language: str) -> None:
    findings = {f.id: f for f in example_material(name).findings}
    draft = example_draft(name, language)
    spoken = set()
    for section in draft.sections:
        for sentence in section.sentences:
            assert "{" not in sentence.text
            spoken |= set(sentence.finding_ids)
            if section.key.startswith("findings") or section.key == "impression":
                assert sentence.finding_ids
    assert spoken == {f.id for f in findings.values() if f.state in REPORTED}
    assert spoken != set(findings), "the example holds findings that must stay silent"


def test_brain_heart_says_what_it_should_in_chinese() -> None:
    said = texts("brain-heart", "zh_CN")
    assert said["findings_brain"] == [
        "双侧大脑白质见FLAIR高信号灶，体积约12.3 mL。",
        "左颞极：蛛网膜囊肿。",
    ]
    assert said["findings_heart"] == [
        "左心室功能：射血分数 58.3 %。舒张末容积 121.5 mL，收缩末容积 50.6 mL。"
    ]
    # The urgent finding comes first, graded as the cited bands say.
    assert said["impression"][0] == (
        "左侧大脑中动脉M1段狭窄，狭窄程度约62.0 %，中度（50%～<70%）。"
    )
    assert not any("梗死" in line for lines in said.values() for line in lines)


def test_several_nodules_become_one_impression() -> None:
    assert texts("oncology", "en")["impression"] == [
        "2 nodules (Right upper lobe, Left lower lobe); the largest at Left lower lobe, "
        "mean diameter 15.0 mm."
    ]


@pytest.mark.parametrize("name", ["brain-heart", "oncology"])
def test_whatever_is_ranked_can_be_said_unranked_too(name: str) -> None:
    for phrase in load_template(name).phrases.values():
        assert (phrase.many is None) is (phrase.unranked is None)


@pytest.mark.parametrize("change", [{"value": None}, {"value": 4.0, "unit": "mL"}])
def test_no_largest_is_named_while_one_has_no_comparable_value(change: dict[str, Any]) -> None:
    material = example_material("oncology")
    nodules = [f for f in material.findings if f.template_key == "nodule" and f.state in REPORTED]
    for unmeasured in range(2):
        group = [replace(f, **change) if n == unmeasured else f for n, f in enumerate(nodules)]
        said = texts("oncology", "en", replace(material, findings=group))
        assert said["impression"] == ["2 nodules (Right upper lobe, Left lower lobe)."]
        said = texts("oncology", "zh_CN", replace(material, findings=group))
        assert said["impression"][0].startswith("2个结节（")
        assert "最大" not in said["impression"][0]


def test_images_are_counted_once_however_often_a_grid_shows_them() -> None:
    shown = [Frame("", "", 0, -1, 0.0)]  # a missing slice is no image
    shown += [Frame(f"{n // 4}", f"1.{n // 4}", 0, -1, 1.0 * n) for n in range(112)]
    stack = replace(volume_of(*chest((8.0, 8.0, 8.0))).stack, frames=tuple(shown))
    material = Material([], [], [], [stack], {})
    assert texts("oncology", "en", material)["method"] == ["CT: CT chest (28 images)."]
    one_file = [Frame("a", "1.1", n, -1, 1.0 * n) for n in range(5)]
    material = Material([], [], [], [replace(stack, frames=tuple(one_file))], {})
    assert texts("oncology", "en", material)["method"] == ["CT: CT chest (5 images)."]


def test_a_finding_without_a_site_reads_well() -> None:
    material = example_material("oncology")
    bare = replace(material.findings[0], site=replace(material.findings[0].site, en="", zh=""))
    for language, begin in (("en", "Nodule"), ("zh_CN", "见结节")):
        said = texts("oncology", language, replace(material, findings=[bare]))
        assert said["findings_chest"][0].startswith(begin)


def test_no_finding_is_never_shown_as_normal() -> None:
    for name in template_names():
        for language in LANGUAGES:
            said = texts(name, language, Material([], [], [], [], {}))
            assert said["impression"] == []
            assert len(said["not_judged"]) == 1
            whole = " ".join(line for lines in said.values() for line in lines).lower()
            assert "normal" not in whole
            assert "正常" not in whole
            assert "未见异常" not in whole


def test_refusals_are_listed() -> None:
    said = texts("brain-heart", "en")["not_judged"]
    assert said[0].startswith("Myocardial perfusion: ")


def test_numbers_in_sentences_are_those_of_format_value() -> None:
    material = example_material("brain-heart")
    joined = " ".join(line for lines in texts("brain-heart", "en").values() for line in lines)
    for finding in material.findings:
        if finding.state in REPORTED and finding.value is not None:
            assert format_value(finding.value, finding.unit) in joined
    for measurement in material.measurements:
        assert format_value(measurement.value, measurement.unit) in joined


@pytest.mark.parametrize(
    ("areas", "expected"),
    [
        (("brain", "vessel", "heart"), "brain-heart"),
        (("chest",), "oncology"),
        (("abdomen", "other"), "oncology"),
        (("chest", "brain", "brain"), "brain-heart"),
        (("other",), "brain-heart"),
        ((), "brain-heart"),
    ],
)
def test_template_follows_the_regions(areas: tuple[str, ...], expected: str) -> None:
    assert choose_template(areas) == expected


def test_an_unknown_region_goes_by_modality() -> None:
    assert choose_template(("other",), ("CT",)) == "oncology"
    assert choose_template(("other", "other"), ("MR", "PT")) == "oncology"
    assert choose_template(("other",), ("MR",)) == "brain-heart"
    assert choose_template(("brain",), ("CT",)) == "brain-heart"


def test_every_guideline_has_a_citation_and_is_used() -> None:
    used = {p.guideline for n in template_names() for p in load_template(n).phrases.values()}
    assert {p.stem for p in GUIDELINES.glob("stenosis*.toml")} <= used
    for id in used - {""}:
        assert re.search(r"\d{4};\d+:\d+", load_guideline(id).citation)


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        (0.0, "mild"), (49.94, "mild"), (49.95, "moderate"), (50.0, "moderate"),
        (69.94, "moderate"), (69.96, "severe"), (70.0, "severe"), (99.9, "severe"),
        (100.0, "occlusion"),
    ],
)  # fmt: skip
def test_stenosis_bands_at_their_edges_agree_with_what_is_printed(value: float, grade: str) -> None:
    words = load_guideline("stenosis-intracranial").grade(value, "%")
    assert words is not None
    assert words.en.startswith(grade)
    printed = float(format_value(value, "%").split()[0])
    starts = {"mild": 0, "moderate": 50, "severe": 70, "occlusion": 100}
    assert starts[grade] <= printed


def test_a_band_of_another_unit_is_not_used() -> None:
    assert load_guideline("stenosis-intracranial").grade(62.0, "mm") is None


def test_examples_stand_beside_their_templates() -> None:
    for name in template_names():
        assert (TEMPLATES / name / "example.json").is_file()
        states = {f["state"] for f in example(name)["findings"]}
        assert states - {s.value for s in REPORTED}, "an example has a finding that stays silent"
        assert FindingState.ACCEPTED.value in states
