"""``analyse`` on files: inputs, parameters, results, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests.command_line import CommandLine
from workstation.ai.files import write_image
from workstation.domain.analysis import (
    AnalysisSpec,
    Choice,
    InputSpec,
    Kind,
    Parameter,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.reading.analysis_files import read_inputs
from workstation.reading.analysis_tables import numbers_of, read_curve, read_line

GRID = Grid((4, 5, 6), as_matrix(np.diag([1.0, 2.0, 3.0, 1.0])))


def spec_of(*inputs: InputSpec, parameters: tuple[Parameter, ...] = ()) -> AnalysisSpec:
    return AnalysisSpec(
        "brain/test", "1.0.0", Wording("Test", "测试"), "brain", (), "", "", "", (),
        inputs=inputs, parameters=parameters,
    )  # fmt: skip


def series_file(path: Path, volumes: int, step: float, units: int) -> Path:
    """A 4-D NIfTI whose header states its step in the given ``xyzt_units``."""
    parts = [sitk.GetImageFromArray(np.full(GRID.shape, v, np.int16)) for v in range(volumes)]
    image = sitk.JoinSeries(parts, 0.0, step)
    sitk.WriteImage(image, str(path))
    header = bytearray(path.read_bytes())
    header[123] = units  # NIfTI-1: xyzt_units, one byte
    path.write_bytes(header)
    return path


def test_a_mask_from_a_file_is_measured(tmp_path: Path) -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[1:3, 1:4, 1:5] = 2
    mask[0, 0, 0] = 1
    path = write_image(tmp_path / "脑 白质.nii.gz", mask, GRID)
    done = CommandLine(tmp_path / "home")("analyse", "wmh_load", "--json",
        "--input", f"wmh={path}#2", "--to", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.code == 0, done.err
    said = done.json
    values = {q["name"]: (q["value"], q["unit"]) for q in said["quantities"]}
    assert values["White matter hyperintensity volume"] == (pytest.approx(24 * 6 / 1000), "mL")
    assert said["analysis"] == "brain/wmh_load" and said["formula"] and said["source"]


def test_the_list_says_what_to_give(tmp_path: Path) -> None:
    done = CommandLine(tmp_path)("analyse", "--list", "--json")
    assert done.code == 0
    found = {one["id"]: one for one in done.json["analyses"]}
    heart = found["heart/lv_function"]
    assert [one["key"] for one in heart["inputs"]] == ["cine", "lv_endo", "lv_epi"]
    assert found["brain/wmh_load"]["inputs"][0]["kind"] == "mask"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["wmh_load"], "--input wmh=PATH"),
        (["wmh_load", "--input", "wmh"], "KEY=VALUE"),
        (["wmh_load", "--input", "wmh=nowhere.nii"], "nowhere.nii"),
        (["wmh_load", "--input", "lesions=x.nii"], "wmh"),
        (["wmh_load", "--input", "wmh=x.nii", "--param", "size=3"], "size"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = CommandLine(tmp_path)("analyse", *arguments)
    assert done.code == 1
    assert said in done.err and "Traceback" not in done.err


def test_times_of_a_series_come_from_its_header_in_its_unit(tmp_path: Path) -> None:
    dynamic = InputSpec("dynamic", Kind.SERIES, Wording("Dynamic", "动态"), axis="time")
    path = series_file(tmp_path / "ms.nii", 3, 1500.0, 2 | 16)
    inputs, cautions = read_inputs(spec_of(dynamic), {"dynamic": [path]}, {})
    assert inputs.images["dynamic"].positions == (0.0, 1.5, 3.0)
    assert inputs.images["dynamic"].array()[2].mean() == 2.0
    assert not cautions
    unstated = series_file(tmp_path / "none.nii", 3, 1500.0, 0)
    inputs, _ = read_inputs(spec_of(dynamic), {"dynamic": [unstated]}, {})
    assert inputs.images["dynamic"].positions == ()
    given = {"dynamic": (4.0, 0.0, 2.0)}
    inputs, _ = read_inputs(spec_of(dynamic), {"dynamic": [unstated]}, {}, given)
    assert inputs.images["dynamic"].positions == (0.0, 2.0, 4.0)
    assert [v.array.mean() for v in inputs.images["dynamic"].volumes] == [1.0, 2.0, 0.0]
    with pytest.raises(BadInput, match="3 volumes"):
        read_inputs(spec_of(dynamic), {"dynamic": [unstated]}, {}, {"dynamic": (0.0, 1.0)})


def test_sidecars_tell_b_values_and_echo_times(tmp_path: Path) -> None:
    dwi = InputSpec("dwi", Kind.SERIES, Wording("DWI", "弥散"), axis="b-value")
    path = series_file(tmp_path / "d.nii", 2, 1.0, 10)
    (tmp_path / "d.bval").write_text("0 1000\n", encoding="utf-8")
    inputs, _ = read_inputs(spec_of(dwi), {"dwi": [path]}, {})
    assert inputs.images["dwi"].positions == (0.0, 1000.0)
    echoes = InputSpec("echoes", Kind.SERIES, Wording("Echoes", "多回波"), axis="echo time")
    files = []
    for name, seconds in (("late", 0.02), ("early", 0.005)):
        files.append(write_image(tmp_path / f"{name}.nii", np.zeros(GRID.shape, np.int16), GRID))
        (tmp_path / f"{name}.json").write_text(json.dumps({"EchoTime": seconds}), encoding="utf-8")
    inputs, _ = read_inputs(spec_of(echoes), {"echoes": files}, {})
    assert inputs.images["echoes"].positions == pytest.approx((5.0, 20.0))
    assert inputs.images["echoes"].volumes[0].stack.description == "early.nii"


def test_a_file_without_a_unit_is_taken_with_a_caution(tmp_path: Path) -> None:
    ct = InputSpec("ct", Kind.IMAGE, Wording("CT", "CT"), unit="[hnsf'U]")
    path = write_image(tmp_path / "ct.nii", np.zeros(GRID.shape, np.int16), GRID)
    _, cautions = read_inputs(spec_of(ct), {"ct": [path]}, {})
    assert "does not state its unit" in str(cautions[0])


def test_masks_and_images_must_share_their_voxels(tmp_path: Path) -> None:
    image = InputSpec("image", Kind.IMAGE, Wording("Image", "图像"))
    mask = InputSpec("mask", Kind.MASK, Wording("Mask", "分割"))
    one = write_image(tmp_path / "a.nii", np.ones(GRID.shape, np.int16), GRID)
    moved = Grid(GRID.shape, as_matrix([[1, 0, 0, 5], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]))
    other = write_image(tmp_path / "b.nii", np.ones(GRID.shape, np.uint8), moved)
    with pytest.raises(BadInput, match="same voxels"):
        read_inputs(spec_of(image, mask), {"image": [one], "mask": [other]}, {})
    with pytest.raises(BadInput, match="same voxels"):  # in whichever order they are taken
        read_inputs(spec_of(mask, image), {"image": [one], "mask": [other]}, {})
    inputs, _ = read_inputs(spec_of(image, mask), {"image": [one], "mask": [one]}, {})
    assert inputs.mask(mask).all() and inputs.image(image).grid == inputs.grid


def test_curves_and_points_from_tables(tmp_path: Path) -> None:
    path = tmp_path / "aif.csv"
    path.write_text("\ufefft (min);aif\n0;1\n0.5;3,5\n".replace(",", "."), encoding="utf-8")
    curve = read_curve(path, "time", "mmol/L")
    assert curve.x.tolist() == [0.0, 30.0] and curve.y.tolist() == [1.0, 3.5]
    path.write_text("0,1\n2,4\n", encoding="utf-8")
    assert read_curve(path, "time", "").x.tolist() == [0.0, 2.0]
    path.write_text("0,1\n0,4\n", encoding="utf-8")
    with pytest.raises(BadInput, match="must rise"):
        read_curve(path, "time", "")
    path.write_text("a,b\n1,x\n", encoding="utf-8")
    with pytest.raises(BadInput, match="2 columns"):
        read_curve(path, "time", "")
    path.write_text("x,y,z\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert read_line(path).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert numbers_of("0, 500 1000") == (0.0, 500.0, 1000.0)
    with pytest.raises(BadInput, match="no list"):
        numbers_of("0, x")


def test_parameters_are_checked() -> None:
    te = Parameter("te_ms", Wording("TE", "TE"), None, "ms", 1.0, 200.0)
    ways = (Choice("osvd", Wording("a", "甲")), Choice("csvd", Wording("b", "乙")))
    way = Parameter("way", Wording("Way", "方法"), "osvd", choices=ways)
    flip = Parameter("flip", Wording("Flip", "翻转"), False)
    assert te.checked("30") == 30.0 and te.checked(None) is None
    assert way.checked("csvd") == "csvd" and flip.checked("yes") is True
    for parameter, wrong in ((te, "0"), (te, "nan"), (te, "x"), (way, "fft"), (flip, "2")):
        with pytest.raises(BadInput):
            parameter.checked(wrong)


def test_a_table_whose_columns_are_not_sure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "曲线.csv"
    path.write_text("0,0,1,5\n1,5,2,5\n3,0,1,0\n", encoding="utf-8")  # decimals with commas
    with pytest.raises(BadInput, match="more cells than columns"):
        read_curve(path, "time", "")
    path.write_text("t,c,place\n0,1,a\n2,4,b\n", encoding="utf-8")
    assert read_curve(path, "time", "").y.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("head", "last"),
    [
        ("time_msec,c", 1.5),
        ("时间（毫秒）,浓度", 1.5),
        ("t [seconds],c", 1500.0),
        ("时间/分,c", 9e4),
    ],
)
def test_times_in_the_unit_that_their_name_ends_with(
    tmp_path: Path, head: str, last: float
) -> None:
    for encoding in ("utf-8-sig", "gb18030"):
        path = tmp_path / f"{encoding}.csv"
        path.write_text(f"{head}\n0,1\n1500,4\n", encoding=encoding)
        assert read_curve(path, "time", "").x[-1] == pytest.approx(last)


@pytest.mark.parametrize("values", [(0, 1, 2), (-1, 1), (30, 70), (0.0, 0.2, 0.9)])
def test_what_may_be_no_mask_is_not_taken_for_one(
    tmp_path: Path, values: tuple[float, ...]
) -> None:
    mask = InputSpec("mask", Kind.MASK, Wording("Mask", "分割"))
    array = np.resize(np.array(values, np.float32), GRID.shape)
    path = write_image(tmp_path / "a.nii", array, GRID)
    with pytest.raises(BadInput, match="has several values"):
        read_inputs(spec_of(mask), {"mask": [path]}, {})
    inputs, _ = read_inputs(spec_of(mask), {"mask": [path.with_name("a.nii#1")]}, {})
    assert np.array_equal(inputs.mask(mask), array == 1)
