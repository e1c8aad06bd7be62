"""Diffusion: the fit, its noise floor, the core, the mirror image, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.brain._head import brain_on_mr, midplane, mirror_mask
from workstation.analyses.brain.adc import BRAIN, DWI, REGION, analyse, fit_adc, halved
from workstation.domain.analysis import AnalysisInputs, Images
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix


def plain() -> AnalysisInputs:
    """The known answer without a region to compare."""
    inputs = halved()
    return replace(inputs, masks={BRAIN.key: inputs.masks[BRAIN.key]})


def values(inputs: AnalysisInputs) -> dict[str, float]:
    return {q.name.en: q.value for q in analyse(inputs).quantities}


def test_a_halved_signal_is_0_693() -> None:
    signals = np.array([[1000.0], [500.0]], dtype=np.float32)
    assert fit_adc(signals, np.array([0.0, 1000.0]), 0.0)[0] == pytest.approx(693.147, abs=0.001)


def test_more_b_values_of_one_coefficient_give_it_whatever_their_weights() -> None:
    b = np.array([0.0, 50.0, 400.0, 800.0, 1000.0])
    truth = np.array([300.0, 700.0, 1100.0, 3000.0])
    signals = (500.0 * np.exp(-b[:, None] * truth / 1e6)).astype(np.float32)
    np.testing.assert_allclose(fit_adc(signals, b, 0.0), truth, rtol=1e-4)


def test_the_weights_are_the_squared_signal() -> None:
    """Against the normal equations written out for one voxel off any line."""
    b = np.array([0.0, 500.0, 1000.0])
    s = np.array([900.0, 700.0, 300.0])
    design = np.stack([np.ones(3), -b], axis=1)
    weight = np.diag(s**2)
    slope = np.linalg.solve(design.T @ weight @ design, design.T @ weight @ np.log(s))[1]
    found = fit_adc(s[:, None].astype(np.float32), b, 0.0)[0]
    assert found == pytest.approx(slope * 1e6, rel=1e-5)


def test_noise_zeros_and_negative_diffusion_are_not_judged() -> None:
    b = np.array([0.0, 500.0, 1000.0])
    columns = [
        [1000.0, 600.0, 30.0],  # the last at the floor: from the first two
        [1000.0, 20.0, 10.0],  # one sample above the floor: not judged
        [0.0, 0.0, 0.0],
        [500.0, 600.0, 700.0],  # rises with b: no diffusion
        [-5.0, 100.0, 50.0],  # a negative sample is left out
    ]
    found = fit_adc(np.array(columns, dtype=np.float32).T, b, 40.0)
    assert found[0] == pytest.approx(-np.log(0.6) / 500 * 1e6, rel=1e-5)
    assert np.isnan(found[1:4]).all()
    assert found[4] == pytest.approx(np.log(2.0) / 500 * 1e6, rel=1e-5)


def test_the_core_is_found_without_a_mask_of_the_brain() -> None:
    said = values(replace(halved(), masks={}))
    assert said["Volume with reduced ADC"] == pytest.approx(6.4)
    assert said["Median ADC of the brain"] == pytest.approx(693.147, abs=0.01)


def test_threshold_and_smallest_cluster_are_parameters() -> None:
    inputs = plain()
    assert values(replace(inputs, values={"core_below": 450.0}))["Volume with reduced ADC"] == 0.0
    assert values(replace(inputs, values={"least_ml": 7.0}))["Volume with reduced ADC"] == 0.0
    assert not analyse(replace(inputs, values={"least_ml": 7.0})).candidates
    found = analyse(inputs).candidates
    assert len(found) == 1 and found[0].mask is not None and found[0].mask.sum() == 400


def test_dark_tissue_on_dwi_is_no_core_unless_asked() -> None:
    """Iron and old blood have a low ADC and no signal."""
    inputs, dark = plain(), halved().masks[REGION.key]
    low, high = inputs.volumes
    volumes = tuple(
        replace(v, array=np.where(dark, v.array * 0.3, v.array).astype(np.float32))
        for v in (low, high)
    )
    images = {DWI.key: Images(volumes, (0.0, 1000.0), DWI.axis)}
    given = replace(inputs, images=images)
    assert values(given)["Volume with reduced ADC"] == 0.0
    said = values(replace(given, values={"dwi_bright": False}))
    assert said["Volume with reduced ADC"] == pytest.approx(6.4)


@pytest.mark.parametrize("b", [(), (0.0, 50.0), (1000.0, 1000.0)])
def test_without_two_b_values_it_refuses(b: tuple[float, ...]) -> None:
    inputs = halved()
    images = {DWI.key: Images(inputs.volumes, b, DWI.axis)}
    with pytest.raises(BadInput, match="b-value"):
        analyse(replace(inputs, images=images))


def test_an_empty_series_has_no_brain() -> None:
    grid = Grid((4, 20, 20), as_matrix(np.diag([2.0, 2.0, 5.0, 1.0])))
    with pytest.raises(BadInput, match="No brain"):
        brain_on_mr(np.zeros(grid.shape, np.float32), grid)


@pytest.mark.parametrize(("yaw", "offset"), [(0.0, 0.0), (0.15, 6.0), (-0.1, -4.0)])
def test_the_midplane_of_a_turned_head(yaw: float, offset: float) -> None:
    grid = Grid((16, 72, 72), as_matrix(np.diag([3.0, 3.0, 8.0, 1.0])))
    z, y, x = np.indices(grid.shape)
    places = np.stack([x * 3.0 - 106.5 - offset, y * 3.0 - 106.5, z * 8.0 - 60.0])
    across = places[0] * np.cos(yaw) + places[1] * np.sin(yaw)
    along = -places[0] * np.sin(yaw) + places[1] * np.cos(yaw)
    head = (across / 65) ** 2 + (along / 85) ** 2 + (places[2] / 62) ** 2 <= 1
    plane = midplane(head, grid)
    angle = np.degrees(np.arctan2(plane.normal[1], plane.normal[0]))
    assert angle == pytest.approx(np.degrees(yaw), abs=2.0)
    centre = np.array([106.5 + offset, 106.5, 60.0])
    assert abs(float(plane.side_mm(centre))) < 1.0
    spot = (across - 35) ** 2 + along**2 + places[2] ** 2 < 15**2
    other = mirror_mask(spot, grid, plane)
    expected = (across + 35) ** 2 + along**2 + places[2] ** 2 < 15**2
    overlap = 2 * (other & expected).sum() / (other.sum() + expected.sum())
    assert overlap > 0.8


@pytest.mark.parametrize(("across", "site"), [(0, "Left"), (1, "Right")])
def test_the_side_is_that_of_the_brain_however_it_lies_in_the_image(across: int, site: str) -> None:
    """A head 16 mm beside the middle of its images, a lesion 12 mm beside the middle of the head:
    by the image alone it would be in no half."""
    made = halved()
    shift = (-1) ** (across + 1) * 8  # voxels of 2 mm: against the side of the lesion
    lesion = np.zeros_like(made.masks[REGION.key])
    lesion[3:7, 20:28, 27:33] = True
    lesion = lesion if not across else lesion[:, :, ::-1]
    brain = np.roll(made.masks[BRAIN.key], shift, axis=2)
    lesion = np.roll(lesion, shift, axis=2)
    zero = np.where(brain, np.float32(800.0), np.float32(0.0))
    signals = (zero, np.where(lesion, zero * np.float32(np.exp(-0.5)), zero * np.float32(0.5)))
    volumes = tuple(
        replace(volume, array=signal)
        for volume, signal in zip(made.images[DWI.key].volumes, signals, strict=True)
    )
    images = {DWI.key: replace(made.images[DWI.key], volumes=volumes)}
    (found,) = analyse(replace(made, images=images, masks={BRAIN.key: brain})).candidates
    assert found.site.en == f"{site} half of the brain"
