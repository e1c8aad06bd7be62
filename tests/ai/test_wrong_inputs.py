"""Wrong input for the shipped model is refused or called uncertain; right input is not refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.wrong_images import (
    OTHER_SEQUENCES,
    TRAINED,
    UNSEEN,
    Picture,
    real,
    right_generated,
    spoilt,
    strange,
    upright,
)
from tests.wrong_inputs import claimed, stack_of, wrong_headers
from tests.wrong_judging import CAUTION, MODELS, judge, rows
from workstation.ai.gate import find_inputs
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.quality import judge_image
from workstation.domain.geometry import Grid, as_matrix
from workstation.text import say


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return load_package(MODELS / "brain-wmh")


@pytest.fixture(scope="module")
def head() -> Picture:
    (one,) = right_generated(range(9300, 9301))
    return one


def test_a_right_image_is_accepted(package: ModelPackage, head: Picture) -> None:
    heard = judge(package, *claimed(head))
    assert (heard.gate, heard.answer, heard.words) == ("none", "accepted", ())
    assert heard.unlikeness is not None
    assert heard.unlikeness < 1.0


def test_wrong_headers_of_a_right_image(package: ModelPackage, head: Picture) -> None:
    heard = {one.what: one for one in wrong_headers(package, head)}
    assert {what for what, one in heard.items() if one.answer != "refused"} == {"field of 0.2 T"}
    assert heard["field of 0.2 T"].answer == CAUTION
    assert "860 ms" in str(heard["inversion time of 860 ms"].words[0])


def test_a_spoilt_image_is_told(package: ModelPackage, head: Picture) -> None:
    heard = [judge(package, *claimed(picture)) for picture in spoilt(head)]
    passed = [one.what for one in heard if one.seen and one.answer == "accepted"]
    assert passed == []
    said = {one.what: " ".join(str(word) for word in one.words) for one in heard}
    for what, words in (
        ("upside down", "upside down"),
        ("front to back", "front to back"),
        ("upper half of the slices", "mm"),
        ("a slice copied over its neighbours", "repeat the one before"),
        ("blank slices between", "hold no image"),
    ):
        assert words in said[what], (what, said[what])


def test_what_cannot_be_told_is_said_to_be_so(package: ModelPackage, head: Picture) -> None:
    """A mirror image of a symmetric head passes: nobody may believe that passing means right."""
    mirrored = next(one for one in spoilt(head) if one.what == "left to right")
    assert not mirrored.seen
    assert judge(package, *claimed(mirrored)).answer == "accepted"
    table = list(rows([judge(package, *claimed(mirrored))]))
    assert "nothing in the image tells" in table[-1]


def test_what_never_was_a_head_is_told(package: ModelPackage) -> None:
    heard = [judge(package, *claimed(picture)) for picture in strange()]
    assert [one.what for one in heard if one.answer == "accepted"] == []
    for one in heard:
        for word in one.words:
            assert say(word, lang="zh_CN") != say(word, lang="en")  # in the reader's language


def test_real_flair_is_not_refused(package: ModelPackage, shared_data: Path | None) -> None:
    if shared_data is None:
        return
    for name in (*UNSEEN, *TRAINED):
        heard = judge(package, *claimed(real(shared_data, name)))
        assert heard.answer == "accepted", (name, heard)


def test_real_other_images_are_told(package: ModelPackage, shared_data: Path | None) -> None:
    if shared_data is None:
        return
    for name in OTHER_SEQUENCES:
        heard = judge(package, *claimed(real(shared_data, name)))
        assert heard.answer != "accepted", (name, heard)


def test_the_package_s_own_example_is_accepted(package: ModelPackage) -> None:
    given = np.load(package.folder / "example" / "input.npz")
    array = given["flair"]
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), as_matrix(given["affine"]))
    assert find_inputs(package.manifest, [stack_of(upright("example", array, grid))]).inputs
    assert judge_image(package.manifest.qc, [array], [grid]).doubts == ()
