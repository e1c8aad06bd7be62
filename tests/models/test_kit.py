"""What training programs share, as far as it needs no torch: numbers, papers, gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from models.kit import cards, intervals, pictures, wrong
from models.kit.gate import Fit, Sample, calibrated, numbers_of, sampled
from models.kit.variations import Scan, Spread
from workstation.ai.acceptance import Likeness
from workstation.ai.appearance import overview_of
from workstation.ai.quality import likeness_remarks
from workstation.domain.geometry import Grid, as_matrix


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, Stat Med 17:857, table I: 81 of 263, method 3.
    assert intervals.wilson(81, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(0, 10)[1] == 0.0
    assert intervals.wilson(10, 10)[2] == pytest.approx(1.0)


def test_bootstrap_of_a_mean_is_near_its_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    value, low, high = intervals.bootstrap(values, seed=1)
    half = 1.96 * values.std() / 20
    assert value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((value - half, value + half), abs=0.03)
    assert intervals.bootstrap(values, seed=1) == (value, low, high)


def test_groups_are_drawn_whole() -> None:
    groups = [[1.0] * 9, [0.0]]
    value, low, high = intervals.grouped_bootstrap(
        groups, 3, lambda some: sum(map(sum, some)) / sum(map(len, some))
    )
    assert (value, low, high) == (0.9, 0.0, 1.0)


def test_card_shows_measured_numbers_or_none_at_all() -> None:
    metrics = {"cases": {"a 1": [{"dice": 0.91234}, {"n": 3}]}, "said": "yes"}
    assert cards.filled("{cases_a}", {"cases": {"a": 2}}) == "2"
    assert cards.values_of(metrics)["cases_a 1_0_dice"] == "0.91234"
    with pytest.raises(KeyError, match="absent, other"):
        cards.filled("{said} {absent} {other}", metrics)


def test_rows_of_numbers_stand_on_one_line() -> None:
    assert cards.json_text({"a": [1, 2.5], "b": "x"}) == '{\n  "a": [1, 2.5],\n  "b": "x"\n}\n'


def test_outlines_lie_on_the_anatomy(tmp_path: Path) -> None:
    image = np.zeros((2, 20, 30))
    image[:, 5:12, 8:15] = 100.0
    pictures.overlay(tmp_path / "a.png", image, image > 50, None, [0, 1], columns=2, times=2)
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.png")))
    assert drawn.shape == (40, 120, 3)
    red = (drawn == (255, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(red[:, :60])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 24, 15, 30)
    assert not red[10:24, 16:30].any()


def _body(seed: int) -> NDArray[np.float32]:
    """An egg with a bright core, a dark hole below it and grain."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices((24, 60, 50)).astype(float)
    size = rng.uniform(0.9, 1.1)
    wide = 1.0 - 0.25 * (z - 12) / 12
    egg = ((z - 12) / 11) ** 2 + ((y - 30) / 26) ** 2 + ((x - 25) / (20 * wide)) ** 2 < size
    core = ((z - 14) / 5) ** 2 + ((y - 26) / 9) ** 2 + ((x - 25) / 8) ** 2 < size
    hole = ((z - 6) / 3) ** 2 + ((y - 36) / 8) ** 2 + ((x - 25) / 6) ** 2 < size
    image = egg * 100.0 + core * 60.0 - hole * 75.0 + rng.normal(0, 2.0, egg.shape)
    return np.asarray(np.maximum(image, 0.0), dtype=np.float32)


def test_fitted_gate_knows_its_own_and_tells_strangers() -> None:
    rng = np.random.default_rng(0)
    spread = Spread(keep_mm=60.0)
    spacing = np.array([4.0, 2.0, 2.0])

    def sample(seed: int, real: bool, check: bool) -> Sample:
        scan = Scan(f"egg{seed}", "egg", _body(seed), spacing, real)
        return Sample("egg", scan.name, real, sampled(rng, scan, 3, spread), check)

    samples = [sample(k, k < 4, k > 7) for k in range(10)]
    said, record = calibrated(samples, Fit(), "eggs", turned={"axes": ["z"]})
    likeness = Likeness.model_validate_json(cards.json_text(said))
    assert set(record) == {"egg, outline", "egg, layers", "egg, contrast", "egg, texture"}

    def words(image: NDArray[Any]) -> list[str]:
        scan = Scan("x", "egg", np.asarray(image, np.float32), spacing, True)
        assert numbers_of(scan)["texture"].shape == (5,)
        return [
            one.answer
            for one in likeness_remarks(likeness, overview_of(scan.image, scan.grid, "LPH"))[0]
        ]

    assert words(_body(77)) == []
    assert "refuse" in words(_body(77)[::-1])
    assert "refuse" in words(rng.normal(50.0, 20.0, (24, 60, 50)))


def test_wrong_inputs_are_the_right_one_spoilt_in_the_axes_of_the_patient() -> None:
    array = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    # Stored from head to feet: "upside down" must be so in the patient, not in the file.
    feet_last = Grid((4, 5, 6), as_matrix(np.diag([1.0, 2.0, -3.0, 1.0])))
    made = {one.en: one for one in wrong.spoilt(array, feet_last)}
    np.testing.assert_array_equal(made["upside down"].array, array)
    np.testing.assert_array_equal(made["front to back"].array, array[::-1, ::-1])
    np.testing.assert_array_equal(made["left and right mirrored"].array, array[::-1, :, ::-1])
    halves = [made[f"{end} half of the slices"].array for end in ("lower", "upper")]
    np.testing.assert_array_equal(np.concatenate(halves), array[::-1])
    assert made["noise"].grid.spacing_mm == (1.0, 2.0, 3.0)
    assert [one.en for one in made.values() if not one.seen] == ["left and right mirrored"]


def test_the_table_of_wrong_inputs_gives_the_reason_in_both_languages() -> None:
    row = {"en": "noise", "zh": "噪声", "seen": False, "answer": "refused"}
    said = {"rows": [row | {"why": {"en": "It is noise.", "zh": "是噪声。"}}]}
    assert "| noise | refused (nothing in the image tells) | It is noise. |" in wrong.table(
        said, "en"
    )
    assert "| 噪声 | 拒绝（图像本身无法分辨） | 是噪声。 |" in wrong.table(said, "zh")
