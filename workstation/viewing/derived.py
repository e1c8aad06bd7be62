"""Derived maps as volumes that any view can show or lay over others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, Message
from workstation.domain.volume import Flag, Stack, Volume

PREFIX = "map-"
CALCULATED = (PREFIX, "minus:")


def is_calculated(stack_id: str) -> bool:
    """Whether a stack is a map or a difference that somebody asked to see: it has no files, and is
    hung only where it was asked for."""
    return stack_id.startswith(CALCULATED)


"""What ids of stacks that show a map begin with."""
OUTSIDE = np.float32(-1e30)
"""Shown where nothing was judged: below every window, as in ``viewing.subtraction``."""


def volume_of(info: DerivedMap, values: NDArray[np.float32], base: Stack, words: str) -> Volume:
    """``values`` (z, y, x) of a map as a volume on its own grid. words: what it is called.

    base: the stack that it was made of; what its images said of greys and phases is not the map's.
    """
    low, high = info.window
    array = np.where(np.isfinite(values), values, OUTSIDE).astype(np.float32)
    stack = replace(
        base,
        id=PREFIX + info.id,
        description=words,
        grid=info.grid,
        frames=(),
        phases=1,
        phase_labels=(),
        phase_axis="",
        dtype="float32",
        stored_dtype="float32",
        unit=info.unit,
        window=((low + high) / 2, max(high - low, 1e-12)),
        windows=(),
        curves=(),
        photometric="MONOCHROME2",
        samples=1,
        flags=(Flag.CALCULATED,),
        notes=(Message(N_("Calculated by {what}, not acquired."), {"what": str(info.made_by)}),),
        role="",
        role_reason="",
        made_from=info.made_from,
        made_by=info.made_by,
    )
    return Volume(array, info.grid, stack)
