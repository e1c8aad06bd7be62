"""Canonical JSON and digests are the ground that audit and signatures stand on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from workstation.domain.artefact import Wording, canonical_json, digest_of
from workstation.domain.errors import Message
from workstation.domain.finding import (
    REPORTED,
    TRANSITIONS,
    Action,
    FindingState,
    next_state,
)


def test_canonical_json_is_sorted_and_keeps_chinese() -> None:
    assert canonical_json({"b": 1, "a": Wording("x", "脑")}) == '{"a":{"en":"x","zh":"脑"},"b":1}'


def test_same_moment_in_two_zones_has_one_digest() -> None:
    moment = datetime(2026, 11, 21, 9, 14, tzinfo=UTC)
    east = moment.astimezone(timezone(timedelta(hours=8)))
    assert digest_of(moment) == digest_of(east)


def test_not_a_number_cannot_be_stored() -> None:
    with pytest.raises(ValueError):
        canonical_json(float("nan"))


def test_message_fills_its_slots() -> None:
    assert str(Message("{n} files", {"n": 3})) == "3 files"


def test_only_people_leave_proposed_and_every_state_can_be_reached() -> None:
    reached = set(TRANSITIONS.values())
    assert reached == set(FindingState)
    assert FindingState.PROPOSED not in REPORTED
    assert FindingState.REJECTED not in REPORTED


def test_a_move_not_in_the_table_is_refused() -> None:
    from workstation.domain.errors import NotAllowed

    with pytest.raises(NotAllowed):
        next_state(FindingState.PROPOSED, Action.REOPEN)
    with pytest.raises(NotAllowed):
        next_state(FindingState.ACCEPTED, Action.ADD)
