"""Tries 3D in a process of its own: ``python -m workstation.render.probe`` prints "works".

A broken graphics driver may end the process that asks it; that must not be the reading room.
"""

from __future__ import annotations

import sys

import numpy as np

from workstation.domain.geometry import Grid, as_matrix
from workstation.render.volume import VolumeScene
from workstation.viewing.solid_camera import look_from
from workstation.viewing.solid_copy import prepared
from workstation.viewing.solid_presets import knots_in_values, preset


def main() -> int:
    """Render a bright cube and look whether it is there: exit code 0 if so."""
    scene = VolumeScene()
    if not scene.works():
        return 1
    array = np.full((16, 16, 16), -1000, dtype=np.int16)
    array[4:12, 4:12, 4:12] = 1000
    grid = Grid(array.shape, as_matrix(np.eye(4)))
    copy, look = prepared(array, grid), preset("ct_bone")
    scene.set_copy(copy)
    scene.set_look(look, knots_in_values(look, copy.values))
    seen = scene.render(look_from(grid), 48, 48)[..., :3].max()
    scene.close()
    sys.stdout.write("works\n" if seen > 30 else "dark\n")
    return 0 if seen > 30 else 1


if __name__ == "__main__":
    sys.exit(main())
