"""Slices and images of a stack as stored, for whoever measures on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from workstation.archive.store import Archive
from workstation.dicom.volumes import read_frame, read_image
from workstation.domain.errors import ReaderError
from workstation.domain.mark_voxels import Slices
from workstation.domain.volume import Stack


def stored_slices(archive: Archive, stack: Stack, phase: int) -> Slices:
    """Slices of one phase as stored, each read once; None where one cannot be read."""
    return _each_once(lambda z: read_frame(stack, phase, z, archive.blob_path))


def stored_images(archive: Archive, stack: Stack, phase: int) -> Slices:
    """The images of ``acquired_frames`` of one phase, as ``stored_slices`` gives slices."""
    return _each_once(lambda number: read_image(stack, phase, number, archive.blob_path))


def _each_once(read_one: Callable[[int], NDArray[Any]]) -> Slices:
    read: dict[int, NDArray[Any] | None] = {}

    def slice_at(z: int) -> NDArray[Any] | None:
        if z not in read:
            try:
                read[z] = read_one(z)
            except ReaderError:
                read[z] = None
        return read[z]

    return slice_at
