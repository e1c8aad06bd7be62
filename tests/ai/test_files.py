"""Images from files and masks to files, in their place in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from workstation.ai.files import is_picture, load_image, write_mask
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix

TURN = np.array([[0.0, -1.0, 0.0], [0.6, 0.0, -0.8], [0.8, 0.0, 0.6]])


def oblique() -> Grid:
    return oblique_of(4, 5, 6)


def oblique_of(z: int, y: int = 20, x: int = 10) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = TURN * (0.7, 0.9, 3.0)
    affine[:3, 3] = (-10.0, 22.5, 7.25)
    return Grid((z, y, x), as_matrix(affine))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_mask_there_and_back_under_a_chinese_path(home: Path, ending: str) -> None:
    mask = np.random.default_rng(4).random((4, 5, 6)) > 0.5
    path = write_mask(home / f"掩膜{ending}", mask, oblique())
    assert path.name == f"掩膜{ending}"
    array, grid = load_image(path)
    assert np.array_equal(array > 0, mask)
    assert np.allclose(grid.matrix, oblique().matrix, atol=1e-5)


def test_tilted_stack_is_not_straightened(home: Path) -> None:
    affine = np.diag([0.8, 0.8, 4.0, 1.0])
    affine[1, 2] = 1.3  # shear of a tilted gantry
    grid = Grid((4, 5, 6), as_matrix(affine))
    path = write_mask(home / "m.nii.gz", np.ones(grid.shape, dtype=bool), grid)
    assert path.name == "m.nrrd"
    assert np.allclose(load_image(path)[1].matrix, affine, atol=1e-6)


def test_pictures_grey_and_colour(home: Path) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    sitk.WriteImage(sitk.GetImageFromArray(grey), str(home / "g.png"))
    array, grid = load_image(home / "g.png")
    assert np.array_equal(array, grey[None])
    assert grid.shape == (1, 3, 4)
    colour = np.zeros((3, 4, 3), dtype=np.uint8)
    colour[..., 1] = 100
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(home / "c.png"))
    array, _ = load_image(home / "c.png")
    assert np.allclose(array, 58.7)
    assert is_picture(home / "c.png")


def test_what_cannot_be_read_is_named(home: Path) -> None:
    (home / "x.nii").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"x\.nii is not an image"):
        load_image(home / "x.nii")
    with pytest.raises(BadInput, match=r"There is no file .*y\.nii"):
        load_image(home / "y.nii")
    series = sitk.GetImageFromArray(np.zeros((2, 3, 4, 5), dtype=np.float32), isVector=False)
    sitk.WriteImage(series, str(home / "t.nii"))
    with pytest.raises(BadInput, match=r"t\.nii is a time series"):
        load_image(home / "t.nii")
    with pytest.raises(BadInput, match="cannot be written"):
        write_mask(home / "no" / "m.nii", np.ones(oblique().shape, dtype=bool), oblique())


def test_voxels_lie_where_itk_says(shared_data: Path | None, home: Path) -> None:
    path = home / "made.nii.gz"
    if shared_data is None:
        write_mask(path, np.random.default_rng(5).random((30, 20, 10)) > 0.5, oblique_of(30))
    else:
        path = min((shared_data / "mr_ms_lesions").rglob("*FLAIR*.nii.gz"))
    array, grid = load_image(path)
    image = sitk.ReadImage(str(path))
    index = (3, 17, 29)
    assert np.allclose(grid.to_lps(index), image.TransformIndexToPhysicalPoint(index), atol=1e-4)
    assert array[29, 17, 3] == image[index]
