"""Review: every sequence of acts leaves what a small model of them says, journaled act by act."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.archive.samples import (
    ADMIN,
    CODE,
    LABEL,
    MODEL,
    READER,
    REVIEWER,
    WHY,
    make_finding,
    make_series,
    make_stack,
    make_study,
)
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.artefact import Wording, new_id
from workstation.domain.errors import BadInput, NotAllowed, NotFound
from workstation.domain.finding import (
    REPORTED,
    TRANSITIONS,
    Action,
    Decision,
    Finding,
    FindingState,
    is_by_hand,
)
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.stale import current_ids, is_stale
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading import review

UID = "1.2.3"
SITE = Wording("left", "左侧")
SHAPE = (6, 8, 10)
VOXEL_ML = 0.5 * 0.75 * 4.0 / 1000
PLACE = (1.0, -2.5, 3.0)  # where the model said it was


def block(size: int) -> NDArray[np.bool_]:
    """A mask of 2 * size voxels."""
    array = np.zeros(SHAPE, dtype=np.bool_)
    array[1:3, 2, :size] = True
    return array


def propose(archive: Archive, stack: Stack, size: int = 4, **changes: Any) -> Finding:
    """What a model proposes, as it would be stored."""
    mask = archive.store_mask(
        block(size), study_uid=UID, series_uid=stack.series_uid, stack_id=stack.id, label=LABEL,
        grid=stack.grid, made_from=(stack.id,), made_by=MODEL,
    )  # fmt: skip
    values: dict[str, Any] = {"value": mask.volume_ml} | changes
    finding = make_finding(
        stack_id=stack.id, mask_id=mask.id, original_mask_id=mask.id, location_mm=PLACE, **values
    )
    with archive.write(MACHINE, Permission.ANALYSE, WHY, UID) as writer:
        writer.put(mask)
        writer.put(finding)
    return finding


def put_study(archive: Archive) -> Stack:
    stack = make_stack()
    with archive.write(MACHINE, Permission.IMPORT, WHY, UID) as writer:
        writer.add_instances(make_study(), make_series(), [])
        writer.put(stack)
        writer.set_state(UID, StudyState.ANALYSED)
    return stack


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


@pytest.fixture
def stack(archive: Archive) -> Stack:
    return put_study(archive)


def test_accepting_is_one_journaled_act(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    entries = len(archive.audit())
    accepted = review.accept(archive, READER, finding.id, reason="典型")
    assert accepted == replace(finding, state=FindingState.ACCEPTED)
    assert archive.get(Finding, finding.id) == accepted
    (decision,) = archive.all(Decision, UID)
    assert (decision.before, decision.after) == (FindingState.PROPOSED, FindingState.ACCEPTED)
    assert (decision.actor, decision.reason, decision.action) == (READER, "典型", Action.ACCEPT)
    assert decision.mask_before == decision.mask_after == finding.mask_id
    (entry,) = archive.audit()[entries:]
    assert [e[0] for e in entry.entries] == ["study", "finding", "decision"]
    assert (entry.actor, entry.permission, entry.study_uid) == ("li", "review", UID)


@pytest.mark.parametrize("actor", [MACHINE, ADMIN], ids=["machine", "admin"])
def test_only_readers_and_reviewers_decide(archive: Archive, stack: Stack, actor: Actor) -> None:
    finding = propose(archive, stack)
    before = (archive.audit(), archive.blob_files())
    acts: list[Callable[[], Finding]] = [
        lambda: review.accept(archive, actor, finding.id),
        lambda: review.reject(archive, actor, finding.id),
        lambda: review.reopen(archive, actor, finding.id),
        lambda: review.edit(archive, actor, finding.id, block(2)),
        lambda: review.undo(archive, actor, finding.id),
        lambda: review.add(archive, actor, stack, LABEL, CODE, SITE, block(2)),
    ]
    for act in acts:
        with pytest.raises(NotAllowed, match="may not"):
            act()
    assert (archive.audit(), archive.blob_files()) == before
    assert review.accept(archive, REVIEWER, finding.id).state is FindingState.ACCEPTED


def test_an_edit_measures_anew_and_keeps_what_the_model_drew(
    archive: Archive, stack: Stack
) -> None:
    finding = propose(archive, stack, confidence=0.5)
    edited = review.edit(archive, READER, finding.id, block(7))
    assert edited.state is FindingState.EDITED
    assert edited.value == pytest.approx(14 * VOXEL_ML)
    assert (edited.unit, edited.formula) == ("mL", "volume by voxel count")
    assert (edited.original_mask_id, edited.original_value) == (finding.mask_id, finding.value)
    assert (edited.edits, edited.edit_at) == ((finding.mask_id, edited.mask_id), 1)
    assert (edited.made_by, edited.confidence) == (MODEL, 0.5)
    assert np.array_equal(archive.load_mask(edited.mask_id), block(7))
    assert np.array_equal(archive.load_mask(finding.mask_id), block(4))
    index = stack.grid.to_index(edited.location_mm)
    x, y, z = (round(float(v)) for v in index)
    assert block(7)[z, y, x], "a click jumps into the mask"
    mask = archive.get(MaskInfo, edited.mask_id)
    assert (mask.made_by.name, mask.made_by.version) == ("reader", "li")
    (decision,) = archive.all(Decision, UID)
    assert (decision.mask_before, decision.mask_after) == (finding.mask_id, edited.mask_id)
    assert (decision.value_before, decision.value_after) == (finding.value, edited.value)


def test_undo_and_redo_walk_the_steps_and_survive_a_restart(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    one = review.edit(archive, READER, finding.id, block(2))
    two = review.edit(archive, READER, finding.id, block(3))
    assert review.undo(archive, READER, finding.id).mask_id == one.mask_id
    back = review.undo(archive, READER, finding.id)
    assert (back.mask_id, back.value, back.location_mm) == (finding.mask_id, finding.value, PLACE)
    assert back.state is FindingState.PROPOSED, "nothing of the edits is left: undecided again"
    assert archive.study(UID).state is StudyState.IN_REVIEW
    last = archive.all(Decision, UID)[-1]
    assert (last.before, last.after) == (FindingState.EDITED, FindingState.PROPOSED)
    assert (last.action, last.reason, last.mask_after) == (Action.EDIT, "undo", finding.mask_id)
    with pytest.raises(NotAllowed, match="Nothing to undo"):
        review.undo(archive, READER, finding.id)
    again = Archive(archive.home)
    assert review.redo(again, READER, finding.id) == replace(one, edits=two.edits)
    assert review.redo(again, READER, finding.id) == two
    with pytest.raises(NotAllowed, match="Nothing to redo"):
        review.redo(again, READER, finding.id)
    again.close()
    review.undo(archive, READER, finding.id)
    three = review.edit(archive, READER, finding.id, block(5))
    assert three.edits == (finding.mask_id, one.mask_id, three.mask_id)


def test_an_accepted_finding_is_accepted_again_when_its_edits_are_undone(
    archive: Archive, stack: Stack
) -> None:
    finding = propose(archive, stack)
    review.accept(archive, READER, finding.id)
    review.edit(archive, READER, finding.id, block(2))
    assert review.undo(archive, READER, finding.id).state is FindingState.ACCEPTED
    assert review.redo(archive, READER, finding.id).state is FindingState.EDITED
    assert review.undo(archive, READER, finding.id).state is FindingState.ACCEPTED
    review.reject(archive, READER, finding.id)
    review.edit(archive, READER, finding.id, block(3))
    undone = review.undo(archive, READER, finding.id)
    assert undone.state is FindingState.PROPOSED, "neither rejected any more nor agreed to"


def test_a_number_that_is_no_volume_is_cleared_by_an_edit_and_back_after_undo(
    archive: Archive, stack: Stack
) -> None:
    finding = propose(archive, stack, value=62.0, unit="%", formula="vessel/stenosis")
    edited = review.edit(archive, READER, finding.id, block(2))
    assert (edited.value, edited.unit, edited.original_value) == (None, "%", 62.0)
    assert review.undo(archive, READER, finding.id).value == 62.0


def test_reopening_brings_the_original_back(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    review.edit(archive, READER, finding.id, block(2))
    review.edit(archive, READER, finding.id, block(3))
    reopened = review.reopen(archive, READER, finding.id)
    assert reopened == replace(finding, original_value=finding.value)
    assert len(archive.history(Finding, finding.id)) == 4


def test_nothing_drawn_or_another_shape_is_refused(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    with pytest.raises(BadInput, match="reject it"):
        review.edit(archive, READER, finding.id, np.zeros(SHAPE, dtype=np.bool_))
    with pytest.raises(BadInput, match="shape"):
        review.edit(archive, READER, finding.id, np.ones((2, 2, 2), dtype=np.bool_))
    with pytest.raises(NotFound):
        review.accept(archive, READER, "no such finding")
    assert archive.all(Decision) == []


def test_added_from_a_mask_or_from_a_place(archive: Archive, stack: Stack) -> None:
    drawn = review.add(archive, READER, stack, LABEL, CODE, SITE, block(5), template_key="wmh")
    assert drawn.state is FindingState.ADDED and is_by_hand(drawn)
    assert drawn.value == pytest.approx(10 * VOXEL_ML) and drawn.unit == "mL"
    assert (drawn.area, drawn.template_key, drawn.original_mask_id) == ("brain", "wmh", "")
    inside = tuple(float(v) for v in stack.grid.centre_lps)
    point = review.add(
        archive, READER, stack, LABEL, CODE, SITE, None, (inside[0], inside[1], inside[2])
    )
    assert (point.mask_id, point.value, point.location_mm) == ("", None, inside)
    first = review.edit(archive, READER, point.id, block(2))
    assert (first.state, first.edits) == (FindingState.ADDED, ("", first.mask_id))
    assert review.undo(archive, READER, point.id) == replace(first, **_shown(point), edit_at=0)
    assert [d.action for d in archive.all(Decision, UID)][:2] == [Action.ADD, Action.ADD]
    for array, place in ((None, None), (None, (999.0, 0.0, 0.0)), (block(0), None)):
        with pytest.raises(BadInput):
            review.add(archive, READER, stack, LABEL, CODE, SITE, array, place)
    assert archive.study(UID).state is StudyState.READY


def _shown(finding: Finding) -> dict[str, Any]:
    names = ("mask_id", "value", "unit", "formula", "value_name", "location_mm")
    return {name: getattr(finding, name) for name in names}


def test_what_was_edited_or_added_stays_so_through_reject_and_accept(
    archive: Archive, stack: Stack
) -> None:
    finding = propose(archive, stack)
    review.edit(archive, READER, finding.id, block(2))
    review.reject(archive, READER, finding.id)
    with pytest.raises(NotAllowed, match="rejected"):
        review.undo(archive, READER, finding.id)
    assert review.accept(archive, READER, finding.id).state is FindingState.EDITED
    added = review.add(archive, READER, stack, LABEL, CODE, SITE, block(2))
    review.reject(archive, READER, added.id)
    assert review.reopen(archive, READER, added.id).state is FindingState.ADDED


def test_the_study_moves_with_its_findings(archive: Archive, stack: Stack) -> None:
    first, second = propose(archive, stack), propose(archive, stack)
    assert archive.study(UID).state is StudyState.ANALYSED
    review.accept(archive, READER, first.id)
    assert archive.study(UID).state is StudyState.IN_REVIEW
    review.reject(archive, READER, second.id)
    assert archive.study(UID).state is StudyState.READY
    review.reopen(archive, READER, first.id)
    assert archive.study(UID).state is StudyState.IN_REVIEW


def test_findings_of_a_signed_study_wait_for_a_correction(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    review.accept(archive, READER, finding.id)
    with archive.write(READER, Permission.SIGN, WHY, UID) as writer:
        writer.set_state(UID, StudyState.SIGNED)
    acts: list[Callable[[], Finding]] = [
        lambda: review.reject(archive, READER, finding.id),
        lambda: review.edit(archive, READER, finding.id, block(2)),
        lambda: review.add(archive, READER, stack, LABEL, CODE, SITE, block(2)),
    ]
    for act in acts:
        with pytest.raises(NotAllowed, match="correction"):
            act()
    assert archive.get(Finding, finding.id).state is FindingState.ACCEPTED
    with archive.write(READER, Permission.SIGN, WHY, UID) as writer:
        writer.set_state(UID, StudyState.IN_REVIEW)  # what sign.correct does
    assert review.reject(archive, READER, finding.id).state is FindingState.REJECTED


def test_a_measurement_of_the_old_mask_reads_as_stale(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    measured = Measurement(
        new_id(), UID, stack.series_uid, LABEL, CODE, 1.0, "mL", "volume", "source",
        (stack.id, finding.mask_id), MODEL, finding.id,
    )  # fmt: skip

    def stale() -> bool:
        ids = current_ids(archive.all(Stack, UID), archive.all(Finding, UID))
        return is_stale(measured.made_from, ids)

    assert not stale()
    review.edit(archive, READER, finding.id, block(2))
    assert stale()
    review.undo(archive, READER, finding.id)
    assert not stale()
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.withdraw(Stack, stack.id)
    assert stale(), "the stack was assembled anew"


def test_two_windows_decide_on_what_is_there_now(archive: Archive, stack: Stack) -> None:
    finding = propose(archive, stack)
    other = Archive(archive.home)
    review.accept(other, REVIEWER, finding.id)
    with pytest.raises(NotAllowed, match="accepted cannot be moved by: accept"):
        review.accept(archive, READER, finding.id)
    other.close()


@dataclass
class Model:
    """A finding as a reader thinks of it: sizes of its masks, and where it stands."""

    by_hand: bool
    steps: list[int] = field(default_factory=lambda: [4])
    at: int = 0
    state: FindingState = FindingState.PROPOSED
    acts: int = 0
    unedited: FindingState = FindingState.PROPOSED  # where it stood when last at step 0

    def act(self, action: Action) -> bool:
        """Whether the table lets it; the state after."""
        after = TRANSITIONS.get((self.state, action))
        if after is None:
            return False
        if self.by_hand and after is not FindingState.REJECTED:
            after = FindingState.ADDED
        if action is Action.REOPEN and not self.by_hand:
            self.steps, self.at = self.steps[:1], 0
        if after is FindingState.ACCEPTED and self.at > 0:
            after = FindingState.EDITED
        self.state = after
        if self.at == 0:
            self.unedited = after
        self.acts += 1
        return True

    def edit(self, size: int) -> bool:
        """A new step; what was undone is gone."""
        before = self.unedited
        if not self.act(Action.EDIT):
            return False
        self.unedited = before
        self.steps = [*self.steps[: self.at + 1], size]
        self.at += 1
        return True

    def step(self, by: int) -> bool:
        """Undo or redo."""
        if self.state is FindingState.REJECTED or not 0 <= self.at + by < len(self.steps):
            return False
        before = self.unedited
        self.at += by
        self.act(Action.EDIT)
        self.unedited = before
        if self.at == 0 and not self.by_hand:
            accepted = before is FindingState.ACCEPTED
            self.state = FindingState.ACCEPTED if accepted else FindingState.PROPOSED
            self.unedited = self.state
        return True


_acts = st.lists(
    st.one_of(
        st.sampled_from(["accept", "reject", "reopen", "undo", "redo"]),
        st.integers(1, 9),  # an edit to that size
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(by_hand=st.booleans(), acts=_acts)
def test_any_sequence_of_acts_agrees_with_the_model(by_hand: bool, acts: list[str | int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        stack = put_study(archive)
        model = Model(by_hand)
        if by_hand:
            finding = review.add(archive, READER, stack, LABEL, CODE, SITE, block(4))
            model.state = FindingState.ADDED
        else:
            finding = propose(archive, stack)
        journal = len(archive.all(Decision))
        for act in acts:
            before = archive.get(Finding, finding.id)
            try:
                if isinstance(act, int):
                    review.edit(archive, READER, finding.id, block(act))
                    worked = True
                else:
                    getattr(review, act)(archive, READER, finding.id)
                    worked = True
            except NotAllowed:
                worked = False
                assert archive.get(Finding, finding.id) == before
            if isinstance(act, int):
                expected = model.edit(act)
            elif act in {"undo", "redo"}:
                expected = model.step(-1 if act == "undo" else 1)
            else:
                expected = model.act(Action(act))
            assert worked is expected, (act, model)
            now = archive.get(Finding, finding.id)
            assert now.state is model.state
            assert now.edit_at == model.at
            size = model.steps[model.at]
            assert np.array_equal(archive.load_mask(now.mask_id), block(size))
            assert now.value == pytest.approx(2 * size * VOXEL_ML)
            if not by_hand:
                assert now.original_mask_id == finding.mask_id
                if now.state in {FindingState.PROPOSED, FindingState.ACCEPTED}:
                    assert now.mask_id == finding.mask_id, "as the model drew it"
                assert now.state is not FindingState.ADDED
            assert (now.state in REPORTED) is (
                now.state not in {FindingState.PROPOSED, FindingState.REJECTED}
            )
        decisions = archive.all(Decision)
        assert len(decisions) - journal == model.acts
        chain = [d.after for d in decisions]
        assert [d.before for d in decisions[1:]] == chain[:-1]
        undecided = archive.get(Finding, finding.id).state is FindingState.PROPOSED
        if decisions:
            wanted = StudyState.IN_REVIEW if undecided else StudyState.READY
            assert archive.study(UID).state is wanted
        assert verify(archive).ok
        archive.close()
