"""Which series may be put beside which."""

from __future__ import annotations

from dataclasses import replace

from tests.viewer.images import GRIDS, stack_of
from workstation.viewing.priors import may_overlap


def test_a_heart_is_not_offered_for_registration_to_a_head() -> None:
    stack = stack_of(next(iter(GRIDS.values())))
    parts = {name: replace(stack, region=name) for name in ("brain", "vessel", "heart", "chest")}
    assert not may_overlap(parts["brain"], parts["heart"])
    assert may_overlap(parts["brain"], parts["vessel"])
    assert may_overlap(parts["chest"], parts["heart"])
    assert may_overlap(parts["brain"], replace(stack, region="other"))
    assert may_overlap(parts["brain"], replace(stack, region=""))
