"""Known answers of the drift signals."""

from __future__ import annotations

import math

import pytest

from workstation.reading.drift import CUSUM_LIMIT, PSI_LIMIT, cusum, histogram, psi


def test_psi_by_hand() -> None:
    # (0.7 - 0.5) ln(0.7 / 0.5) + (0.3 - 0.5) ln(0.3 / 0.5) = 0.2 ln(7 / 3)
    assert psi((0.5, 0.5), (0.7, 0.3)) == pytest.approx(0.2 * math.log(7 / 3))
    assert psi((50, 50), (7, 3)) == pytest.approx(0.169460, abs=1e-6)  # counts, not shares
    assert psi((0.5, 0.5), (0.7, 0.3)) < PSI_LIMIT < psi((0.5, 0.5), (0.75, 0.25))


def test_psi_is_nothing_for_the_same_and_even_in_both_directions() -> None:
    assert psi((3, 4, 5), (6, 8, 10)) == pytest.approx(0.0, abs=1e-12)
    assert psi((10, 20, 70), (40, 30, 30)) == pytest.approx(psi((40, 30, 30), (10, 20, 70)))


def test_psi_of_an_empty_bin_is_finite_and_large() -> None:
    # half an observation in the empty bin: 0.5 / 20.5 against 10 / 20
    e, a = (0.5, 0.5), (0.5 / 20.5, 20 / 20.5)
    by_hand = sum((y - x) * math.log(y / x) for x, y in zip(e, a, strict=True))
    assert psi((10, 10), (0, 20)) == pytest.approx(by_hand)
    assert by_hand > 1.0
    with pytest.raises(ValueError, match="same bins"):
        psi((0, 0), (1, 1))
    with pytest.raises(ValueError, match="same bins"):
        psi((1, 1), (1, 1, 1))


def test_cusum_weights_by_hand() -> None:
    # Rate 0.1, odds doubled: 0.2 / 1.1. A rejection weighs ln(20 / 11), an acceptance ln(10 / 11).
    chart = cusum([True, True, False], 0.1)
    up, down = math.log(20 / 11), math.log(10 / 11)
    assert chart.values == pytest.approx((up, 2 * up, 2 * up + down))
    assert up == pytest.approx(0.597837, abs=1e-6)
    assert chart.signal is None


def test_cusum_signals_at_the_eighth_rejection_in_a_row_and_never_falls_below_nothing() -> None:
    chart = cusum([False] * 50 + [True] * 10, 0.1)
    assert set(chart.values[:50]) == {0.0}
    assert chart.signal == 57  # 8 x 0.5978 = 4.78 is the first height over 4.5
    assert chart.values[56] < CUSUM_LIMIT < chart.values[57]
    with pytest.raises(ValueError, match="between 0 and 1"):
        cusum([True], 0.0)


def test_a_steady_model_does_not_signal() -> None:
    assert cusum(([True] + [False] * 9) * 20, 0.1).signal is None


def test_histogram_borders_belong_to_the_upper_bin() -> None:
    assert histogram([0.0, 0.19, 0.2, 0.4, 0.79, 0.8, 1.0]) == (2, 1, 1, 1, 2)
