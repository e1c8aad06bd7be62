"""Parametric maps come in as volumes of their quantity, in its unit."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from tests.objects.material import made
from tests.quantify.made import grid_of
from workstation.dicom.headers import read_header
from workstation.dicom.stacks import build_stacks
from workstation.dicom.volumes import read_volume
from workstation.domain.artefact import new_uid


@pytest.mark.parametrize("kind", ["float32", "uint16"])
def test_values_and_unit_are_those_of_the_map(tmp_path: Path, kind: str) -> None:
    grid = grid_of(turn_deg=23.0)
    given = made(tmp_path / "in", grid, modality="MR")
    sources = [pydicom.dcmread(path) for path in given.files]
    rng = np.random.default_rng(1)
    if kind == "float32":
        pixels = rng.normal(1e-3, 2e-4, grid.shape).astype(np.float32)
        slope, intercept, values = 1.0, 0.0, pixels.astype(np.float64)
    else:
        pixels = rng.integers(0, 3000, grid.shape).astype(np.uint16)
        slope, intercept = 2.5e-6, -1e-4
        values = (pixels * slope + intercept).astype(np.float64)
    shown = (1e-3, 1e-3) if kind == "float32" else (1500.0, 3000.0)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="ADC",
        lut_explanation="apparent diffusion coefficient",
        unit=codes.UCUM.SquareMillimeterPerSecond,
        value_range=(pixels.min().item(), pixels.max().item()),
        slope=slope,
        intercept=intercept,
        quantity_definition=codes.DCM.ApparentDiffusionCoefficient,
    )
    written = hd.pm.ParametricMap(
        source_images=sources,
        pixel_array=pixels,
        series_instance_uid=new_uid(),
        series_number=5,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(*shown)],
    )
    path = tmp_path / "map.dcm"
    written.save_as(path)
    header = read_header(path)
    assert header.attributes["RealWorldQuantity"] == "Apparent Diffusion Coefficient"
    stacks = build_stacks(header.study.study_uid, header.series, [header.instance("0" * 64, 1)])
    assert len(stacks) == 1
    stack = stacks[0]
    assert stack.unit == "mm2/s" and stack.is_volume
    volume = read_volume(stack, lambda sha256: path)
    assert volume.array.dtype == np.float32
    assert np.allclose(volume.grid.matrix, grid.matrix, atol=1e-4)
    assert np.allclose(volume.array, values, rtol=1e-6, atol=1e-9)
    assert stack.window is not None
    centre, width = (1e-3, 1e-3) if kind == "float32" else (1500 * slope + intercept, 3000 * slope)
    assert stack.window == pytest.approx((centre, width))
