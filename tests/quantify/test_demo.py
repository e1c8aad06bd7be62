"""The demo studies' known answers, found again by the analyses."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.analyses.chest.nodule_candidates import find as find_nodules
from workstation.analyses.vessel.stenosis import find as find_stenoses
from workstation.demo.chest_scan import chest_scan
from workstation.demo.head import HeadShape
from workstation.demo.scans import tof_scan
from workstation.demo.thorax import ChestShape


@pytest.mark.parametrize(("d_min", "proposed"), [(1.2, True), (2.9, False)])
def test_angiogram(d_min: float, proposed: bool) -> None:
    """One stenosis of M1, 58.6 % within 8 points and at its place; without it, nothing."""
    scan = tof_scan(HeadShape(seed=7, ventricles=1.3, atrophy=0.5), seed=4, d_min_mm=d_min)
    found = find_stenoses(np.asarray(scan.array, dtype=np.float32), scan.grid)
    assert len(found) == int(proposed)
    for candidate in found:
        assert np.linalg.norm(np.subtract(candidate.location_mm, scan.stenosis_lps)) < 2.0
        assert candidate.quantity.value == pytest.approx(scan.stenosis.percent, abs=8.0)
        numbers = {q.name.en: q.value for q in candidate.others}
        assert numbers["Minimal lumen diameter"] == pytest.approx(d_min, abs=0.2)
        assert candidate.site.en == "Right intracranial artery"


def test_chest() -> None:
    """All three nodules, 6 to 14 mm, on a vessel and at the pleura too, and at most one more."""
    scan = chest_scan(ChestShape(seed=4), seed=2, matrix=320)
    found = find_nodules(np.asarray(scan.array, dtype=np.float32), scan.grid)
    assert len(found) <= len(scan.nodules) + 1
    for nodule in scan.nodules:
        away = [float(np.linalg.norm(np.subtract(c.location_mm, nodule.centre_mm))) for c in found]
        assert min(away) < 2.5, nodule.place
        nearest = found[int(np.argmin(away))]
        assert nearest.quantity.value == pytest.approx(nodule.diameter_mm, abs=0.5)
        volume = nearest.others[0].value
        assert volume == pytest.approx(nodule.volume_mm3, rel=0.2), nodule.place
