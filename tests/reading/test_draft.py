"""The draft speaks only of decided findings, keeps the reader's words, and knows when it is old."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reading.readable import STUDY_UID, WHY, make_readable
from workstation.archive.store import Archive
from workstation.domain.artefact import Wording
from workstation.domain.errors import Message, NotAllowed, NotFound
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.report import ReportDraft
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.draft import draft, is_current, obstacles, warnings, write_free_text
from workstation.reading.quantify import quantify
from workstation.text import say

LI = Actor("li", Role.READER)


@pytest.fixture
def archive(home: Path) -> Archive:
    return Archive(home)


@pytest.fixture
def findings(archive: Archive, tmp_path: Path) -> list[Finding]:
    return make_readable(archive, tmp_path)


def texts(drafted: ReportDraft) -> dict[str, list[str]]:
    return {s.key: [t.text for t in s.sentences] for s in drafted.sections}


def whys(archive: Archive) -> list[str]:
    return [str(o.why) for o in obstacles(archive, STUDY_UID)]


def remade(archive: Archive) -> ReportDraft:
    return draft(archive, STUDY_UID, language="en", actor=LI)


def test_the_machines_draft_says_nothing_of_what_it_proposes(
    archive: Archive, findings: list[Finding]
) -> None:
    drafted = draft(archive, STUDY_UID, language="zh_CN")
    assert drafted.template == "brain-heart"
    assert not drafted.reviewed
    assert texts(drafted)["findings_brain"] == []
    assert texts(drafted)["impression"] == []
    assert [o.finding_id for o in obstacles(archive, STUDY_UID)][:2] == [f.id for f in findings]
    assert archive.study(STUDY_UID).state is StudyState.ANALYSED


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_what_was_told_beside_a_number_stands_beside_it_in_the_report(
    archive: Archive, findings: list[Finding], language: str
) -> None:
    told = Message("No calibration was given, so no calcium mass is stated.")
    with archive.write(LI, Permission.REVIEW, Message("t"), STUDY_UID) as writer:
        writer.put(replace(findings[0], cautions=(told,)))
    review.accept(archive, LI, findings[0].id)
    said = texts(draft(archive, STUDY_UID, language=language, actor=LI))
    (text,) = said["findings_brain"]
    assert text.endswith(say(told, lang=language))
    assert say(told, lang=language) not in " ".join(said["impression"])


def test_nothing_in_the_way_once_all_is_decided(archive: Archive, findings: list[Finding]) -> None:
    review.accept(archive, LI, findings[0].id)
    review.reject(archive, LI, findings[1].id)
    assert whys(archive) == ["There is no draft of the report yet."]
    drafted = remade(archive)
    assert drafted.reviewed
    assert whys(archive) == []
    assert archive.study(STUDY_UID).state is StudyState.READY
    brain = next(s for s in drafted.sections if s.key == "findings_brain")
    assert [s.finding_ids for s in brain.sentences] == [(findings[0].id,)]
    assert "Left cerebral white matter" in brain.sentences[0].text


def test_the_machines_draft_of_a_decided_study_still_needs_a_reader(
    archive: Archive, findings: list[Finding]
) -> None:
    for finding in findings:
        review.accept(archive, LI, finding.id)
    draft(archive, STUDY_UID)
    assert whys(archive) == ["No person has reviewed the draft: a reader must make it again."]
    remade(archive)
    assert whys(archive) == []


def test_a_study_without_findings_needs_a_reader_too(archive: Archive, tmp_path: Path) -> None:
    make_readable(archive, tmp_path, findings=0)
    draft(archive, STUDY_UID)
    assert whys(archive) == ["No person has reviewed the draft: a reader must make it again."]
    remade(archive)
    assert whys(archive) == []
    assert [str(w) for w in warnings(archive, STUDY_UID)] == ["The impression is empty."]


def test_every_change_makes_the_draft_stale(archive: Archive, findings: list[Finding]) -> None:
    for finding in findings:
        review.accept(archive, LI, finding.id)
    stale = "The draft is older than what it is made of: make it again."
    for change in (
        lambda: review.reject(archive, LI, findings[1].id),
        lambda: write_free_text(archive, LI, STUDY_UID, "impression", "建议复查。"),
        lambda: write_free_text(archive, LI, STUDY_UID, "impression", ""),
    ):
        drafted = remade(archive)
        assert is_current(archive, drafted)
        assert whys(archive) == []
        change()
        assert not is_current(archive, drafted)
        assert whys(archive) == [stale]
    measured = archive.all(Measurement, STUDY_UID)[0]
    remade(archive)
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.put(replace(measured, value=measured.value + 1))
    assert whys(archive) == [stale]


def test_an_edit_makes_its_measurement_stale(archive: Archive, findings: list[Finding]) -> None:
    array = archive.load_mask(findings[0].mask_id)
    array[2] = np.True_
    review.edit(archive, LI, findings[0].id, array)
    review.reject(archive, LI, findings[1].id)
    remade(archive)
    (obstacle,) = obstacles(archive, STUDY_UID)
    assert obstacle.finding_id == findings[0].id
    said = "Lesion count was measured before the last change: measure it again."
    assert say(obstacle.why, lang="en") == str(obstacle.why) == said
    assert say(obstacle.why, lang="zh_CN") == "病灶数 是在最近一次修改之前测量的，请重新测量。"


def test_an_undecided_finding_is_named_in_the_readers_language(
    archive: Archive, findings: list[Finding]
) -> None:
    bare = replace(findings[1], site=Wording("", ""))
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.put(bare)
    first, second = obstacles(archive, STUDY_UID)[:2]
    assert say(first.why, lang="zh_CN") == (
        "脑白质高信号（左侧脑白质）尚未判定：请接受、修改或拒绝。"
    )
    assert say(first.why, lang="en") == (
        "White matter hyperintensity (Left cerebral white matter) is undecided: "
        "accept, edit or reject it."
    )
    assert say(second.why, lang="zh_CN").startswith("脑白质高信号尚未判定")


def test_a_number_that_an_edit_took_away_blocks_signing_until_undone_or_rejected(
    archive: Archive, findings: list[Finding]
) -> None:
    degree = replace(findings[0], template_key="stenosis", unit="%", value=62.0)
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.put(replace(degree, original_value=62.0))
    array = archive.load_mask(degree.mask_id)
    array[2] = np.True_
    review.edit(archive, LI, degree.id, array)
    review.reject(archive, LI, findings[1].id)
    quantify(archive, STUDY_UID, actor=LI)
    remade(archive)
    (obstacle,) = obstacles(archive, STUDY_UID)
    assert obstacle.finding_id == degree.id
    assert say(obstacle.why, lang="zh_CN") == (
        "脑白质高信号（左侧脑白质）在轮廓修改后没有数值：请撤销修改或拒绝该所见。"
    )
    review.undo(archive, LI, degree.id)
    review.accept(archive, LI, degree.id)
    quantify(archive, STUDY_UID, actor=LI)
    remade(archive)
    assert whys(archive) == []


def test_free_text_is_kept_when_the_draft_is_made_again(
    archive: Archive, findings: list[Finding]
) -> None:
    write_free_text(archive, LI, STUDY_UID, "clinical", "头晕 2 周。")
    for finding in findings:
        review.accept(archive, LI, finding.id)
        drafted = remade(archive)
        clinical = next(s for s in drafted.sections if s.key == "clinical")
        assert clinical.free_text == "头晕 2 周。"
        assert clinical.sentences == ()


def test_free_text_goes_only_into_sections_that_exist(
    archive: Archive, findings: list[Finding]
) -> None:
    assert findings
    for section in ("nonsense", "correction"):
        with pytest.raises(NotFound, match=section):
            write_free_text(archive, LI, STUDY_UID, section, "x")


def test_the_template_can_be_chosen_and_stays_chosen(
    archive: Archive, findings: list[Finding]
) -> None:
    assert findings
    assert draft(archive, STUDY_UID, template="oncology").template == "oncology"
    assert draft(archive, STUDY_UID).template == "oncology"
    with pytest.raises(NotFound):
        draft(archive, STUDY_UID, template="spine")


def test_the_template_follows_the_region(archive: Archive, findings: list[Finding]) -> None:
    assert findings
    (stack,) = archive.all(Stack, STUDY_UID)
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.put(replace(stack, region="chest"))
        for finding in findings:
            writer.put(replace(finding, area="chest"))
    assert draft(archive, STUDY_UID).template == "oncology"


def test_the_same_draft_again_writes_nothing(archive: Archive, findings: list[Finding]) -> None:
    assert findings
    draft(archive, STUDY_UID)
    before = archive.last_change(), len(archive.audit())
    draft(archive, STUDY_UID)
    assert (archive.last_change(), len(archive.audit())) == before


def test_an_administrator_writes_no_reports(archive: Archive, findings: list[Finding]) -> None:
    assert findings
    with pytest.raises(NotAllowed):
        draft(archive, STUDY_UID, actor=Actor("root", Role.ADMIN))
