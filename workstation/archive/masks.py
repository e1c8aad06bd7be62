"""Voxels of a mask as bytes: the block that holds them, one bit a voxel, deflated."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, Tampered
from workstation.domain.mask import MaskInfo, bounding_block
from workstation.domain.voxel_set import VoxelSet


def pack(
    array: NDArray[np.bool_],
) -> tuple[bytes, tuple[int, int, int], tuple[int, int, int]]:
    """Bytes, origin and shape (z, y, x) of the smallest block of ``array`` (z, y, x)."""
    (z, y, x), shape = bounding_block(array)
    block = array[z : z + shape[0], y : y + shape[1], x : x + shape[2]]
    return zlib.compress(np.packbits(block, axis=None).tobytes(), 6), (z, y, x), shape


def unpack(data: bytes, info: MaskInfo) -> NDArray[np.bool_]:
    """The full (z, y, x) array of ``info.grid``; ``Tampered`` where the bytes do not fit."""
    return unpack_block(data, info).full()


def unpack_block(data: bytes, info: MaskInfo) -> VoxelSet:
    """The block that was stored; ``Tampered`` where the bytes do not fit what is known of it."""
    shape = info.shape_zyx
    count = shape[0] * shape[1] * shape[2]
    try:
        bits = np.frombuffer(zlib.decompress(data), dtype=np.uint8)
        if bits.size != (count + 7) // 8:
            raise _unfit(info)
        voxels = np.unpackbits(bits, count=count).reshape(shape).view(np.bool_)
        block = VoxelSet(info.grid, voxels, info.origin_zyx)
    except (zlib.error, ValueError) as error:
        raise _unfit(info) from error
    if block.count != info.voxel_count:
        raise _unfit(info)
    return block


def _unfit(info: MaskInfo) -> Tampered:
    return Tampered(
        N_("The voxels of mask {id} are not those that were stored. Restore them from the backup."),
        id=info.id,
    )
