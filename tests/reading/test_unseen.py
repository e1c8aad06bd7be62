"""A series that nothing was said of names who could look at it."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Stack, generated_volume
from workstation.reading.unseen import of_unseen
from workstation.text import say


def stack(role: str) -> Stack:
    grid = Grid((4, 8, 8), as_matrix(np.eye(4)))
    zeros = np.zeros(grid.shape, dtype=np.int16)
    return generated_volume(zeros, grid, modality="MR", unit="1", role=role, region="heart").stack


@pytest.mark.parametrize(
    ("role", "english", "chinese"),
    [
        ("LGE", "Measured only when a person starts it: ", "仅在人工启动时测量"),
        ("T1 map", "Measured only when a person starts it: ", "仅在人工启动时测量"),
        ("T2", "Nothing installed looks at this series.", "没有已安装的模型或分析"),
        ("", "Nothing installed looks at this series.", "没有已安装的模型或分析"),
    ],
)
def test_measures_that_a_person_can_start_are_named(role: str, english: str, chinese: str) -> None:
    reason = of_unseen(stack(role)).reason
    assert say(reason, lang="en").startswith(english)
    assert say(reason, lang="zh_CN").startswith(chinese)


def test_two_measures_of_one_series_are_both_named() -> None:
    reason = of_unseen(stack("T1 map")).reason
    assert "; " in say(reason, lang="en")
    assert "；" in say(reason, lang="zh_CN")
