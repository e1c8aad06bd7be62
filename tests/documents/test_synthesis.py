"""Sentences on several organs together: offered by stated rules, said only when taken over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.documents.material import example_material
from tests.quantify.made import finding_of
from tests.quantify.test_quantify_room import READER, STUDY, bring, lesions
from workstation.archive.store import Archive
from workstation.documents.sentences import Material, compose
from workstation.documents.synthesis import RULES, Offer, load_rules, offers, rule_sets
from workstation.documents.templates import load_template
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import Message, NotAllowed, NotFound
from workstation.domain.finding import Finding, FindingState
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import StudyState
from workstation.reading.draft import draft, is_current, obstacles, offered, take_over

BRAIN_HEART = load_rules("brain-heart")


def finding(id: str, code: str, area: str, label: str = "x", site: str = "") -> Finding:
    made = finding_of(STUDY, id, FindingState.ACCEPTED)
    return replace(
        made, code=Code(code, "SCT", label), label=Wording(label, f"{label}·"),
        site=Wording(site, site), area=area, template_key="other", value=None, unit="",
    )  # fmt: skip


def infarct(side: str = "Left") -> Finding:
    return finding("i", "55641003", "brain", "Infarct", f"{side} frontal lobe")


def ef(percent: float) -> Finding:
    base = finding("e", "250907009", "heart", "Left ventricular function")
    return replace(base, value=percent, unit="%", value_code=Code("8811-2", "LN", "EF"))


def stenosis(percent: float, side: str = "Left") -> Finding:
    base = finding("s", "415582006", "vessel", "Arterial stenosis", f"{side} internal carotid")
    return replace(
        base,
        value=percent,
        unit="%",
        value_code=Code("408715008", "SCT", "Lumen Diameter Stenosis"),
    )


def ids(*findings: Finding) -> set[str]:
    return {offer.rule.id for offer in offers(BRAIN_HEART, findings, [])}


@pytest.mark.parametrize(("percent", "there"), [(29.9, True), (30.0, False), (55.0, False)])
def test_a_low_ejection_fraction_at_its_edge(percent: float, there: bool) -> None:
    assert ("cardiac-source-low-ef" in ids(infarct(), ef(percent))) is there
    assert ids(ef(percent)) == set()


@pytest.mark.parametrize(
    ("percent", "side", "there"),
    [(50.0, "Left", True), (49.9, "Left", False), (70.0, "Right", False), (70.0, "", False)],
)
def test_a_stenosis_counts_on_the_side_of_the_infarct(
    percent: float, side: str, there: bool
) -> None:
    assert ("stenosis-same-side" in ids(infarct(), stenosis(percent, side))) is there


def test_the_one_of_several_that_fits_is_found() -> None:
    other = replace(stenosis(90.0, "Right"), id="r")
    (offer,) = offers(BRAIN_HEART, [infarct(), other, stenosis(60.0)], [])
    assert offer.finding_ids == ("i", "s")
    assert "60.0 %" in offer.text("en") and "60.0 %" in offer.text("zh_CN")
    assert "Momjian" in offer.text("en")


@pytest.mark.parametrize("state", [FindingState.PROPOSED, FindingState.REJECTED])
def test_what_nobody_accepted_allows_nothing(state: FindingState) -> None:
    assert ids(infarct(), replace(ef(20.0), state=state)) == set()


def test_thrombus_hypertrophy_and_two_beds() -> None:
    thrombus = finding("t", "396339007", "heart", "Thrombus")
    assert ids(infarct(), thrombus) == {"cardiac-source-thrombus"}
    thick = finding("h", "55827005", "heart", "Left ventricular hypertrophy")
    assert ids(finding_of(STUDY, "w"), thick) == {"wmh-and-hypertrophy"}
    calcium = replace(
        finding("c", "112058", "heart", "Calcium"), value=120.0, unit="1",
        value_code=Code("112058", "DCM", "Calcium score"),
    )  # fmt: skip
    assert ids(stenosis(55.0), calcium) == {"two-beds"}
    assert ids(stenosis(55.0), replace(calcium, value=0.0)) == set()


@pytest.mark.parametrize("name", rule_sets())
def test_every_rule_speaks_both_languages_and_cites(name: str) -> None:
    rules = load_rules(name)
    assert rules and len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert any("\u4e00" <= c <= "\u9fff" for c in rule.words.zh)
        assert "doi:" in rule.citation and len(rule.needs) >= 2
        assert rule.version
    assert (RULES / f"{name}.toml").is_file() and name in {"brain-heart"}


def test_only_what_was_taken_over_is_said() -> None:
    template = load_template("brain-heart")
    material = replace(example_material("brain-heart"), findings=[infarct(), ef(20.0)])

    def said(material: Material) -> list[str]:
        sections = compose(template, "en", material)
        return [s.text for one in sections if one.key == "synthesis" for s in one.sentences]

    assert said(material) == []
    taken = replace(material, agreed={"cardiac-source-low-ef": ("i", "e")})
    (text,) = said(taken)
    assert "20.0 %" in text and text[0].isupper()
    assert said(replace(taken, findings=[infarct(), ef(45.0)])) == []
    # About another infarct the reader took nothing over; of two, the one of then is meant.
    other = replace(infarct("Right"), id="o")
    assert said(replace(taken, findings=[other, ef(20.0)])) == []
    (text,) = said(replace(taken, findings=[other, infarct(), ef(20.0)]))
    assert "left frontal lobe" in text


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def test_a_reader_takes_a_sentence_over_and_out(archive: Archive) -> None:
    bring(archive, lesions())
    with archive.write(READER, Permission.REVIEW, Message("t"), STUDY) as writer:
        for one in archive.all(Finding, STUDY):
            writer.put(replace(one, state=FindingState.ACCEPTED))
        for made in (infarct(), ef(25.0)):
            writer.put(made)
    draft(archive, STUDY, template="brain-heart", language="en", actor=READER)
    rules = [offer.rule.id for offer in offered(archive, STUDY)]
    assert rules == ["cardiac-source-low-ef"]
    take_over(archive, READER, STUDY, rules[0], said=True)
    before = draft(archive, STUDY, language="en", actor=READER)
    (section,) = [s for s in before.sections if s.key == "synthesis"]
    assert section.sentences[0].finding_ids == ("i", "e")
    take_over(archive, READER, STUDY, rules[0], said=False)
    now = archive.all(type(before), STUDY)[0]
    assert not is_current(archive, now)
    after = draft(archive, STUDY, language="en", actor=READER)
    assert not next(s for s in after.sections if s.key == "synthesis").sentences
    with pytest.raises(NotFound, match="does not allow"):
        take_over(archive, READER, STUDY, "two-beds", said=True)
    with pytest.raises(NotAllowed):
        take_over(archive, MACHINE, STUDY, rules[0], said=True)
    with archive.write(MACHINE, Permission.ANALYSE, Message("t"), STUDY) as writer:
        writer.set_state(STUDY, StudyState.SIGNED)
    with pytest.raises(NotAllowed, match="signed"):
        take_over(archive, READER, STUDY, rules[0], said=True)


def test_an_offer_names_the_findings_it_rests_on() -> None:
    (offer,) = offers(BRAIN_HEART, [infarct(), ef(10.0)], [])
    assert isinstance(offer, Offer) and offer.finding_ids == ("i", "e")


def test_a_sentence_whose_findings_changed_is_not_signed_over_in_silence(archive: Archive) -> None:
    bring(archive, lesions())
    with archive.write(READER, Permission.REVIEW, Message("t"), STUDY) as writer:
        for one in archive.all(Finding, STUDY):
            writer.put(replace(one, state=FindingState.ACCEPTED))
        for made in (infarct(), stenosis(60.0)):
            writer.put(made)
    draft(archive, STUDY, template="brain-heart", language="en", actor=READER)
    take_over(archive, READER, STUDY, "stenosis-same-side", said=True)

    def together() -> list[str]:
        made = draft(archive, STUDY, language="en", actor=READER)
        return [s.text for one in made.sections if one.key == "synthesis" for s in one.sentences]

    def lapses() -> list[str]:
        return [str(o.why) for o in obstacles(archive, STUDY) if "no longer said" in str(o.why)]

    assert len(together()) == 1 and not lapses()
    other = replace(infarct(), id="o", site=Wording("Left cerebellum", "左侧小脑"))
    with archive.write(READER, Permission.REVIEW, Message("t"), STUDY) as writer:
        writer.put(replace(infarct(), state=FindingState.REJECTED))
        writer.put(other)
    assert together() == [] and len(lapses()) == 1
    (offer,) = offered(archive, STUDY)
    assert offer.finding_ids == ("o", "s")
    take_over(archive, READER, STUDY, "stenosis-same-side", said=True)
    (text,) = together()
    assert "left cerebellum" in text and not lapses()
    with archive.write(READER, Permission.REVIEW, Message("t"), STUDY) as writer:
        writer.put(replace(other, state=FindingState.REJECTED))
    assert together() == [] and lapses() and offered(archive, STUDY) == []
    take_over(archive, READER, STUDY, "stenosis-same-side", said=False)
    assert together() == [] and not lapses()
