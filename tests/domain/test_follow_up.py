"""A warning where two examinations were reconstructed differently, and no other time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.marks.conftest import STACK
from workstation.domain.acquisition import DEEP, OTHER, Acquisition, Reconstruction
from workstation.domain.follow_up import mixed_reconstructions
from workstation.domain.volume import Stack


def stack(kind: str, role: str = "FLAIR", modality: str = "MR") -> Stack:
    made = Acquisition(reconstruction=Reconstruction(kind, "AiCE" if kind else ""))
    return replace(STACK, role=role, modality=modality, acquisition=made)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (DEEP, OTHER, "reconstruction now, another one before"),
        (DEEP, "", "reconstruction now, not stated before"),
        (OTHER, DEEP, "reconstruction before, another one now"),
        ("", DEEP, "reconstruction before, not stated now"),
    ],
)
def test_one_of_two_by_deep_learning(now: str, before: str, said: str) -> None:
    (message,) = mixed_reconstructions([stack(now)], [stack(before), stack(before)])
    assert said in message.template and message.params == {"series": "FLAIR"}


@pytest.mark.parametrize(
    ("now", "before"), [(DEEP, DEEP), (OTHER, OTHER), ("", ""), (OTHER, ""), ("", OTHER)]
)
def test_what_neither_states_is_not_warned_of(now: str, before: str) -> None:
    assert mixed_reconstructions([stack(now)], [stack(before)]) == ()


def test_only_series_for_the_same_purpose_are_compared() -> None:
    assert mixed_reconstructions([stack(DEEP)], [stack("", role="TOF")]) == ()
    assert mixed_reconstructions([stack(DEEP)], [stack("", modality="CT")]) == ()
    unnamed = [replace(stack(kind, role=""), description=d, region="brain")
               for kind, d in ((DEEP, "Ax SWI"), ("", "ax swi"))]  # fmt: skip
    assert len(mixed_reconstructions(unnamed[:1], unnamed[1:])) == 1
