"""What the network is compared with: the workstation's cavity finder that needs no training.

It follows the roundest bright region that beats and that a dark ring surrounds through slices and
phases (``analyses.heart._cavity``). Its edge level was once chosen on public ACDC cases, so that
it is measured there at its best. It knows the cavity alone.
"""

from __future__ import annotations

import numpy as np

from workstation.analyses.heart._cavity import Plane, cavities

CYCLE = 6


def segment(images: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Cavity (2, z, y, x) of end-diastole and end-systole (2, z, y, x); empty where it finds none.

    It wants a beat: the two phases are repeated in turn.
    """
    beat = np.concatenate([images] * (CYCLE // 2)).astype(np.float32)
    found = cavities(beat, Plane(pixel_mm, pixel_mm))
    return np.zeros(images.shape, dtype=bool) if found is None else found[:2]
