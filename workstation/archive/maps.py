"""Voxels of a derived map as bytes: float32, little endian, (z, y, x), deflated."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, Tampered


def pack(values: NDArray[np.float32]) -> bytes:
    """Bytes of ``values`` (z, y, x)."""
    return zlib.compress(np.ascontiguousarray(values, dtype="<f4").tobytes(), 1)


def unpack(data: bytes, info: DerivedMap) -> NDArray[np.float32]:
    """The array that was stored; ``Tampered`` where the bytes do not fit what is known of it."""
    try:
        return np.frombuffer(zlib.decompress(data), dtype="<f4").reshape(info.grid.shape)
    except (zlib.error, ValueError) as error:
        raise Tampered(
            N_("The voxels of map {id} are not those that were stored. Restore them from the "
               "backup."),
            id=info.id,
        ) from error  # fmt: skip
