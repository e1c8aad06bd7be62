"""PNG files that hold pixels and their size in mm, and nothing else: no name, no program, no time.

Written by hand because image libraries add text chunks of their own (PNG 3rd edition, W3C 2025).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_bytes(pixels: NDArray[Any], *, mm_per_pixel: float = 0.0) -> bytes:
    """(rows, columns) grey or (rows, columns, 3) colour uint8 as PNG; 0 mm: size not stated."""
    array = np.ascontiguousarray(pixels, dtype=np.uint8)
    rows, columns = array.shape[:2]
    kind = 0 if array.ndim == 2 else 2
    line = columns * (1 if kind == 0 else 3)
    # Filter 1 (what is left of a pixel is taken off): images of tissue shrink by a third.
    flat = array.reshape(rows, line)
    step = line // columns
    filtered = flat.copy()
    filtered[:, step:] -= flat[:, :-step]
    lines = np.concatenate([np.ones((rows, 1), dtype=np.uint8), filtered], axis=1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0))]
    if mm_per_pixel > 0:
        per_metre = round(1000.0 / mm_per_pixel)
        chunks.append((b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)))
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
