"""The findings panel has exactly one row for each model and measure, whatever came of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ai.packages import identity, trust_maker, write_package
from workstation.analyses import find_analyses
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.finding import HAND, Finding, FindingState
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.judge import JudgeRow, KnownJudge, RowState
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.volume import Stack
from workstation.reading.judges import known_judges, looks_for_emergencies
from workstation.settings import Settings
from workstation.viewing.judge_rows import rows_of

STACK = Stack(
    id="s", study_uid="1", series_uid="1.1", series_number=1, description="", modality="MR",
    frame_of_reference_uid="", grid=Grid((2, 2, 2), as_matrix(np.eye(4))), frames=(), phases=1,
    dtype="int16", stored_dtype="int16", unit="1", window=None, photometric="MONOCHROME2",
    samples=1, flags=(), notes=(), role="FLAIR", role_reason="", region="brain",
    slice_thickness_mm=1.0, calibrated="patient", made_from=(), made_by=MadeBy("assemble", "1"),
)  # fmt: skip
BOTH = Wording("x", "x")


def judge(id: str, **changes: Any) -> KnownJudge:
    return replace(KnownJudge(id, Wording(id, id), MadeBy(id, "1")), **changes)


def finding(by: str, id: str = "f", **changes: Any) -> Finding:
    plain = Finding(
        id, "1", "1.1", "s", BOTH, Code("X", "99", "x"), BOTH, FindingState.PROPOSED,
        MadeBy(by, "1", "abc"), ("s",), (0.0, 0.0, 0.0), value=3.0, unit="mL", template_key="wmh",
    )  # fmt: skip
    return replace(plain, **changes)


def outcome(what: str, found: int = 0) -> Outcome:
    return Outcome("o" + what, "1", "1.1", "s", what, BOTH, found, ("s",), MadeBy(what, "1"))


def refusal(what: str, made_from: tuple[str, ...] = ("s",)) -> Refusal:
    why = Message("It is not what it was made for.")
    return Refusal("r" + what, "1", "", what, BOTH, why, MadeBy(what, "1"), made_from)


def states(rows: list[JudgeRow]) -> dict[str, RowState]:
    found = {row.judge.id: row.state for row in rows}
    assert len(found) == len(rows), "one row each"
    return found


def test_each_thing_that_can_come_of_a_judge() -> None:
    judges = [
        judge("found"), judge("silent"), judge("refused"), judge("partly"), judge("elsewhere"),
        judge("broken", broken=Message("altered")), judge("waits"), judge("doubts"),
        judge("load", measure=True, needs_mask="wmh"),
        judge("idle", measure=True, needs_mask="nodule"),
        judge("vessel", measure=True, roles=("TOF",)),
        judge("absent", installed=False, modalities=("MR",), roles=("FLAIR",)),
        judge("of ct", installed=False, modalities=("CT",)),
    ]  # fmt: skip
    doubtful = replace(outcome("doubts"), doubts=(Message("unlike"),))
    number = Measurement(
        "m", "1", "1.1", BOTH, Code("X", "99", "x"), 1.5, "%", "load", "", ("s",),
        MadeBy("load", "1"),
    )  # fmt: skip
    rows = rows_of(
        judges, [STACK], [finding("found")], [number],
        [refusal("refused"), refusal("partly"), refusal("elsewhere", ())],
        [outcome("found", 1), outcome("silent"), outcome("partly"), doubtful],
    )  # fmt: skip
    assert states(rows) == {
        "found": RowState.FOUND,
        "load": RowState.FOUND,
        "doubts": RowState.UNCERTAIN,
        "refused": RowState.NOT_JUDGED,
        "partly": RowState.NOT_JUDGED,  # silence on one series is no answer for the other
        "broken": RowState.NOT_JUDGED,
        "waits": RowState.WAITING,
        "silent": RowState.NOT_FOUND,
        "elsewhere": RowState.NOT_APPLICABLE,
        "idle": RowState.NOT_APPLICABLE,
        "vessel": RowState.NOT_APPLICABLE,
        "absent": RowState.NOT_INSTALLED,  # and nothing of what looks at CT alone
    }
    order = [row.state for row in rows]
    assert order == sorted(order, key=list(RowState).index)


def test_numbers_are_found_though_nothing_is_proposed() -> None:
    volume = Measurement(
        "m", "1", "1.1", BOTH, Code("X", "99", "x"), 1500.0, "mL", "organs", "", ("s",),
        MadeBy("organs", "1"),
    )  # fmt: skip
    judges = [judge("organs"), judge("flow", measure=True)]
    of_flow = replace(volume, id="n", made_by=MadeBy("flow", "1"))
    rows = rows_of(judges, [STACK], [], [volume, of_flow], [], [outcome("organs"), outcome("flow")])
    assert states(rows) == {"organs": RowState.FOUND, "flow": RowState.FOUND}
    assert states(rows_of(judges, [STACK], [], [], [], [outcome("flow")]))["flow"] is (
        RowState.NOT_FOUND
    )


def test_while_the_machine_reads() -> None:
    judges = [judge("now"), judge("next"), judge("done")]
    rows = rows_of(judges, [STACK], [], [], [], [outcome("done")], reading=True, running="now")
    assert states(rows) == {
        "now": RowState.RUNNING, "next": RowState.WAITING, "done": RowState.NOT_FOUND,
    }  # fmt: skip


def test_emergencies_stand_first_and_strangers_have_a_row() -> None:
    mine = finding(HAND, "own", made_by=MadeBy(HAND, "li"))
    rows = rows_of(
        [judge("plain"), judge("stat", stat=True)],
        [STACK],
        [finding("plain", "a"), finding("stat", "b", urgent=True), finding("Vendor X", "c"), mine],
        [], [], [outcome("removed")],
    )  # fmt: skip
    assert [row.judge.id for row in rows][:1] == ["stat"]
    assert rows[0].number == (3.0, "mL")
    assert {row.judge.id for row in rows} == {"stat", "plain", "Vendor X", "removed"}
    assert [row.judge.installed for row in rows if row.judge.id == "Vendor X"] == [False]


def test_known_judges_are_packages_measures_and_the_catalogue(home: Path) -> None:
    trust_maker(home)
    settings = Settings(home=home, models=home / "模型")
    assert not looks_for_emergencies(settings)
    write_package(settings.models, identity(), stat=True)
    assert looks_for_emergencies(settings)
    known = {one.id: one for one in known_judges(settings)}
    assert known["tiny"].installed
    assert {spec.id for spec, _ in find_analyses()} <= known.keys()
    assert not known["brain-wmh"].installed
    assert known["brain-wmh"].use is not None
    write_package(settings.models, identity(), id="brain-wmh")
    assert {one.id: one for one in known_judges(settings)}["brain-wmh"].installed
    (settings.models / "tiny" / "model.onnx").write_bytes(b"x")
    (broken,) = [one for one in known_judges(settings) if one.id == "tiny"]
    assert broken.broken is not None


@pytest.mark.parametrize("by", ["plain", "stat"])
def test_a_rejected_finding_stays_in_its_row(by: str) -> None:
    rows = rows_of([judge(by)], [STACK], [finding(by, state=FindingState.REJECTED)], [], [], [])
    assert states(rows) == {by: RowState.FOUND}


def test_no_other_number_stands_for_one_that_an_edit_took_away() -> None:
    """An edited left ventricle has no ejection fraction any more; its volume is not shown as it."""
    lv = judge("heart/lv_function", measure=True, roles=("FLAIR",))
    volume = Measurement(
        "m", "1", "1.1", Wording("End-diastolic volume", "舒张末期容积"), Code("X", "99", "x"),
        149.0, "mL", "stacked slices", "", (), MadeBy("heart/lv_function", "1"), finding_id="f",
    )  # fmt: skip
    before = finding("heart/lv_function", value=61.5, unit="%", original_value=61.5)
    edited = replace(before, value=None, state=FindingState.EDITED)
    for shown, number in ((before, (61.5, "%")), (edited, None)):
        (row,) = rows_of([lv], [STACK], [shown], [volume], [], [])
        assert row.number == number
    (row,) = rows_of([lv], [STACK], [], [volume], [], [])
    assert row.number == (149.0, "mL")  # a measure without findings still says its number
