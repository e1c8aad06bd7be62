"""Generated head CT: anatomy in Hounsfield units, five kinds of bleeding, the scanner."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from workstation.demo.bleeds import BledHead, BleedKind, add_bleed, healthy, truth_of
from workstation.demo.head import random_shape
from workstation.demo.head_ct import CtHead, paint_ct_head
from workstation.demo.head_ct_scan import (
    CtProtocol,
    grid_of,
    hardened,
    random_protocol,
    scan_head,
)
from workstation.demo.tissue import Tissue

PLAIN = CtProtocol(noise_hu=0.0, hardening=0.0, sharpened=0.0, holder=False)


@pytest.fixture(scope="module")
def head() -> CtHead:
    rng = np.random.default_rng(42)
    return paint_ct_head(random_shape(rng), rng)


@pytest.fixture(scope="module")
def bled(head: CtHead) -> dict[BleedKind, BledHead]:
    return {
        kind: add_bleed(healthy(head), kind, 12.0, np.random.default_rng((4, number)))
        for number, kind in enumerate(BleedKind)
    }


def test_tissues_have_their_hounsfield_units(head: CtHead) -> None:
    def middle(*tissues: Tissue) -> float:
        return float(np.median(head.hounsfield[np.isin(head.label, [int(t) for t in tissues])]))

    assert -5.0 < middle(Tissue.VENTRICLE, Tissue.CSF) < 16.0
    assert middle(Tissue.WHITE) + 3.0 < middle(Tissue.GREY) < 45.0
    assert middle(Tissue.FAT) < -60.0
    assert middle(Tissue.BONE) > 500.0
    assert 40.0 < middle(Tissue.CARTILAGE) < 65.0  # dura
    brain = np.isin(head.label, [int(Tissue.GREY), int(Tissue.WHITE)])
    assert (head.vault_mm[brain] < 0.0).mean() > 0.999


@pytest.mark.parametrize("kind", list(BleedKind))
def test_a_bleeding_has_its_size_and_lies_within_the_skull(
    kind: BleedKind, bled: dict[BleedKind, BledHead]
) -> None:
    one = bled[kind]
    # Ventricles may be too small for the whole of it, and a clot is not an ellipsoid.
    assert 5.0 < one.volume_ml(kind) < 30.0
    blood = truth_of(one.blood) > 0.5
    assert (one.head.vault_mm[blood] < 0.8).all()
    denser = one.hounsfield[blood].mean() - np.median(
        one.head.hounsfield[one.head.label == int(Tissue.WHITE)]
    )
    assert denser > 3.0


def test_where_each_kind_lies(bled: dict[BleedKind, BledHead]) -> None:
    def mask(kind: BleedKind) -> np.ndarray:
        return bled[kind].blood[kind] > 0.5

    head = bled[BleedKind.EPIDURAL].head
    wet = np.isin(head.label, [int(Tissue.VENTRICLE), int(Tissue.CHOROID)])
    assert wet[mask(BleedKind.VENTRICULAR)].mean() > 0.95
    depth = -head.vault_mm
    for kind in (BleedKind.EPIDURAL, BleedKind.SUBDURAL):
        assert depth[mask(kind)].min() < 1.5  # on the table, or on dura that starts there
    tissue = np.isin(head.label, [int(Tissue.GREY), int(Tissue.WHITE)])
    around = head.label[mask(BleedKind.SUBARACHNOID)]
    assert tissue[mask(BleedKind.PARENCHYMAL)].mean() > 0.4
    assert (around == int(Tissue.CSF)).mean() > 0.5


def test_the_scan_keeps_place_volume_and_value(bled: dict[BleedKind, BledHead]) -> None:
    kind = BleedKind.EPIDURAL
    for protocol in (PLAIN, CtProtocol(tilt_deg=18.5, pitch_deg=-8.0, noise_hu=0.0, hardening=0.0,
                                       sharpened=0.0, holder=False, slices=38)):  # fmt: skip
        scan = scan_head(bled[kind], protocol, 1)
        assert scan.grid == grid_of(protocol)
        assert scan.volume_ml(kind) == pytest.approx(bled[kind].volume_ml(kind), rel=0.06)
        inside = ndimage.binary_erosion(scan.blood[kind], np.ones((3, 5, 5), dtype=bool))
        mine = bled[kind].hounsfield[bled[kind].blood[kind] > 0.99]
        assert scan.array[inside].mean() == pytest.approx(mine.mean(), abs=6.0)
    assert abs(scan.grid.tilt_deg) == pytest.approx(18.5, abs=0.01)


def test_the_same_seed_is_the_same_scan(bled: dict[BleedKind, BledHead]) -> None:
    one = bled[BleedKind.SUBDURAL]
    rng = np.random.default_rng(5)
    protocol = random_protocol(rng, 1.0)
    first, again, other = (scan_head(one, protocol, seed).array for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_dense_bones_darken_what_lies_between_them() -> None:
    bone = np.zeros((1, 200, 200), dtype=np.float32)
    bone[0, 85:115, 40:75] = bone[0, 85:115, 125:160] = 900.0
    change = hardened(bone, 1.0)
    assert change[0, 95:105, 90:110].mean() < -1.5
    assert change[0, 20:30, 90:110].mean() > -0.5
    assert np.abs(hardened(np.zeros_like(bone), 1.0)).max() == 0.0
