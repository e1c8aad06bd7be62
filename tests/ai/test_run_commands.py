"""``models run`` on files: one, and several in one go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.ai.packages import identity, trust_maker, write_package
from tests.command_line import CommandLine
from workstation.ai.files import load_image, write_mask
from workstation.domain.geometry import Grid, as_matrix

GRID = Grid((5, 9, 7), as_matrix(np.diag([0.7, 0.9, 3.1, 1.0])))


def spots(seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(GRID.shape) > 0.7


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> CommandLine:
    trust_maker(home)
    models = tmp_path / "模型"
    write_package(models, identity())
    said = f"models = '{models.as_posix()}'\nai_threads = 1\n"
    (home / "settings.toml").write_text(said, encoding="utf-8")
    return CommandLine(home)


def test_several_images_by_one_command(cli: CommandLine, tmp_path: Path) -> None:
    names = ("张三.nii.gz", "b/two.nii.gz", "c/two.nii.gz")
    files = []
    for seed, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        files.append(write_mask(tmp_path / name, spots(seed), GRID))
    missing = tmp_path / "missing.nii.gz"
    to = tmp_path / "out"
    ran = cli("--json", "models", "run", "tiny", "--input", *map(str, files), "--to", str(to))
    assert (ran.code, ran.err) == (0, "")
    runs = ran.json["runs"]
    for seed, (run, folder) in enumerate(zip(runs, ("张三", "2-two", "3-two"), strict=True)):
        mask, grid = load_image(to / folder / "tiny-spot.nii.gz")
        assert np.array_equal(mask > 0, spots(seed))
        assert np.allclose(grid.matrix, GRID.matrix, atol=1e-5)
        assert run["precision"] == "float32"
        assert run["labels"][0]["voxels"] == int(spots(seed).sum())
    # One that cannot be read leaves the others theirs.
    ran = cli("--json", "models", "run", "tiny", "--input", str(missing), str(files[0]),
              "--to", str(tmp_path / "again"))  # fmt: skip
    assert ran.code == 1
    failed, done = ran.json["runs"]
    assert "There is no file or folder" in failed["error"]
    assert done["labels"][0]["voxels"] == int(spots(0).sum())


def test_one_image_lies_where_it_was_asked_for(cli: CommandLine, tmp_path: Path) -> None:
    file = write_mask(tmp_path / "one.nii.gz", spots(1), GRID)
    ran = cli("models", "run", "tiny", "--input", str(file), "--to", str(tmp_path / "out"))
    assert (ran.code, ran.err) == (0, "")
    assert np.array_equal(load_image(tmp_path / "out" / "tiny-spot.nii.gz")[0] > 0, spots(1))
