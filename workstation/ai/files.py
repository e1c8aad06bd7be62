"""Image files that are not DICOM: what ``models run`` and ``analyse`` read and write.

SimpleITK speaks LPS millimetres and arrays (z, y, x), as this product does; nothing is flipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix

PICTURE_ENDINGS = (".png",)


def is_picture(path: Path) -> bool:
    """Whether a file of this name has no size in mm, so that volumes of it mean nothing."""
    return path.name.lower().endswith(PICTURE_ENDINGS)


def _grid_of(image: sitk.Image) -> Grid:
    affine = np.eye(4)
    directions = np.asarray(image.GetDirection(), dtype=np.float64).reshape(3, 3)
    affine[:3, :3] = directions * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    x, y, z = image.GetSize()
    return Grid((int(z), int(y), int(x)), as_matrix(affine))


def _read(path: Path) -> sitk.Image:
    if not path.is_file():
        raise BadInput(N_("There is no file {path}."), path=str(path))
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise BadInput(
            N_("{path} is not an image that can be read (NIfTI, NRRD, MetaImage or PNG)."),
            path=str(path),
        ) from error


_TIME_UNITS = (8, 16, 24)
"""NIfTI-1 ``xyzt_units``, its bits for s, ms and us; ITK makes seconds of each."""


def load_series(path: Path) -> tuple[NDArray[Any], Grid, float | None]:
    """Array (t, z, y, x), grid of each volume, and seconds from one to the next; None where the
    file does not say them in a unit. A file with one volume gives one. Errors as ``load_image``.
    """
    image = _read(path)
    if image.GetDimension() != 4:
        array, grid = load_image(path)
        return array[None], grid, None
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise BadInput(N_("{path} has several values in each voxel."), path=str(path))
    units = image.GetMetaData("xyzt_units") if image.HasMetaDataKey("xyzt_units") else ""
    stated = units.isdigit() and int(units) & 0x38 in _TIME_UNITS
    step_s = image.GetSpacing()[3]
    return (
        sitk.GetArrayFromImage(image),
        _grid_of(image[:, :, :, 0]),
        step_s if stated and step_s > 0 else None,
    )


def load_image(path: Path) -> tuple[NDArray[Any], Grid]:
    """Array (z, y, x) and grid of a NIfTI, NRRD or MetaImage volume, or of a PNG as one slice.

    The pixels of a picture have no size in mm: they count as 1 mm (``is_picture``).
    A colour picture becomes its luminance (ITU-R BT.601). Raises ``BadInput`` that names the file.
    """
    image = _read(path)
    picture = is_picture(path)
    channels = image.GetNumberOfComponentsPerPixel()
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    array = sitk.GetArrayFromImage(image)
    if channels > 1 and not picture:
        raise BadInput(N_("{path} has several values in each voxel."), path=str(path))
    if channels > 1:
        weights = np.array([0.299, 0.587, 0.114])
        colour = array[..., :3] if channels >= 3 else array[..., :1].repeat(3, axis=-1)
        array = (colour @ weights).astype(np.float32)
    if image.GetDimension() == 2:
        flat = Grid((1, *array.shape), as_matrix(np.eye(4)))
        return array[None], flat
    if image.GetDimension() != 3:
        raise BadInput(N_("{path} is a time series; give one volume."), path=str(path))
    return array, _grid_of(image)


def write_mask(path: Path, mask: NDArray[np.bool_], grid: Grid) -> Path:
    """``mask`` (z, y, x) as an image file of 0 and 1; otherwise as ``write_image``."""
    return write_image(path, mask.astype(np.uint8), grid)


def write_image(path: Path, array: NDArray[Any], grid: Grid) -> Path:
    """``array`` (z, y, x) as an image file in its place in the patient; the path written.

    A stack with a tilted gantry is sheared, which NIfTI's rotation cannot hold: it is written as
    ``.nrrd`` beside the asked name. Raises ``BadInput`` where the file cannot be written.
    """
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(tuple(grid.matrix[:3, 3]))
    image.SetDirection(tuple(grid.directions.ravel()))
    if grid.tilt_deg > 0.01 and path.name.lower().endswith((".nii", ".nii.gz")):
        path = path.with_name(path.name.rsplit(".nii", 1)[0] + ".nrrd")
    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise BadInput(N_("{path} cannot be written."), path=str(path)) from error
    return path
