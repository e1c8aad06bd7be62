"""Which series fit: every gate at its edge, and the reason that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.archive.samples import make_stack
from workstation import text
from workstation.ai.gate import misfit
from workstation.ai.manifest import Accept
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Flag, Stack


def accept(**changes: Any) -> Accept:
    return Accept.model_validate(
        {"channel": "image", "modality": ("MR",), "roles": ("FLAIR",)} | changes
    )


def stack(**changes: Any) -> Stack:
    """12 slices 4 mm apart, pixels 0.5 x 0.75 mm."""
    grid = Grid((12, 8, 10), as_matrix(np.diag([0.5, 0.75, 4.0, 1.0])))
    return replace(make_stack(), grid=grid, flags=(), series_number=7, **changes)


def reason(accepts: Accept, one: Stack) -> str:
    failed = misfit(accepts, one)
    return "" if failed is None else str(failed.reason)


@pytest.mark.parametrize(
    ("gate", "change", "said"),
    [
        ({}, {}, ""),
        ({"roles": ()}, {"role": ""}, ""),
        ({}, {"modality": "CT"}, "the study has no FLAIR series"),
        ({"roles": ()}, {"modality": "CT"}, "the study has no MR series"),
        ({}, {"role": "T2"}, "the study has no FLAIR series"),
        ({}, {"samples": 3}, "series 7 is in colour"),
        ({}, {"flags": (Flag.NOT_A_VOLUME,)}, "series 7 is not a volume"),
        ({"needs_volume": False}, {"flags": (Flag.NOT_A_VOLUME,)}, ""),
        ({}, {"phases": 20}, "series 7 is a time series of 20 phases"),
        ({"phases": "each"}, {"phases": 20}, ""),
        ({"phases": "each"}, {}, ""),
        (
            {"phases": "each", "min_phases": 8},
            {"phases": 7},
            "series 7 has 7 phases, the model needs 8",
        ),
        ({}, {"flags": (Flag.TILTED,)}, ""),
        ({"refuse_flags": ("tilted gantry",)}, {"flags": (Flag.TILTED,)}, "7 is not accepted"),
        ({"units": ("[hnsf'U]",)}, {"unit": "1"}, "values of series 7 have no known unit"),
        ({"min_slices": 12}, {}, ""),
        ({"min_slices": 13}, {}, "series 7 has 12 slices, the model needs 13"),
        ({"in_plane_mm": (0.5, 0.75)}, {}, ""),
        ({"in_plane_mm": (0.5, 0.7)}, {}, "pixels of 0.75 mm, the model accepts 0.5 to 0.7 mm"),
        ({"in_plane_mm": (0.6, 0.8)}, {}, "pixels of 0.5 mm, the model accepts 0.6 to 0.8 mm"),
        ({"slice_mm": (1.0, 4.0)}, {}, ""),
        ({"slice_mm": (1.0, 3.9)}, {}, "lie 4.0 mm apart, the model accepts 1.0 to 3.9 mm"),
        ({"coverage_mm": 44.0}, {}, ""),
        ({"coverage_mm": 45.0}, {}, "covers 44 mm, the model needs 45 mm"),
    ],
)
def test_gate(gate: dict[str, Any], change: dict[str, Any], said: str) -> None:
    found = reason(accept(**gate), replace(stack(), **change))
    assert said in found
    assert bool(found) == bool(said)


def test_reason_in_chinese() -> None:
    failed = misfit(accept(min_slices=20), stack())
    assert failed is not None
    assert (
        text.say(failed.reason, lang="zh_CN")
        == "没有合适的序列：序列 7 只有 12 层，模型需要 20 层。"
    )
