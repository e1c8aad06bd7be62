"""Complaint 13: ultrasound lengths count with the region they lie in, and in no other."""

from __future__ import annotations

import pytest

from workstation.domain.calibration import NO_SCALE, Region, region_at, span

TISSUE = Region(100, 50, 299, 249, 0.2, 0.25, "mm", "mm", kind="tissue")
SPECTRUM = Region(0, 300, 639, 479, 0.01, -0.5, "s", "cm/s", origin_y=400.0, kind="spectrum")
INSET = Region(250, 200, 349, 299, 0.4, 0.4, "mm", "mm", low=True)
REGIONS = (TISSUE, SPECTRUM, INSET)


def test_the_region_at_a_place() -> None:
    """Borders belong to the region; of overlapping ones the high-priority one counts."""
    assert region_at(REGIONS, 100, 50) is TISSUE
    assert region_at(REGIONS, 299.4, 249) is TISSUE
    assert region_at(REGIONS, 99, 50) is None
    assert region_at(REGIONS, 260, 210) is TISSUE
    assert region_at(REGIONS, 320, 260) is INSET
    assert region_at((), 1, 1) is None


def test_lengths_of_each_region() -> None:
    """3 across and 4 down in a spectrum is 0.03 s and 2 cm/s, which have no common length."""
    inside = span((110, 60), (140, 92), TISSUE.scale, TISSUE.scale)
    assert inside.length == pytest.approx(10.0)  # 30 x 0.2 mm and 32 x 0.25 mm: 6, 8, 10
    assert TISSUE.scale.is_length
    spectrum = span((10, 310), (13, 314), SPECTRUM.scale, SPECTRUM.scale)
    assert (spectrum.across, spectrum.down) == pytest.approx((0.03, 2.0))
    assert (spectrum.unit_across, spectrum.unit_down) == ("s", "cm/s")
    assert spectrum.length is None and not SPECTRUM.scale.is_length
    assert SPECTRUM.value_at(100, 380) == pytest.approx((1.0, 10.0))
    outwards = span((110, 60), (10, 310), TISSUE.scale, NO_SCALE)
    assert outwards.length == pytest.approx((100**2 + 250**2) ** 0.5)
    assert outwards.unit_across == "px"
