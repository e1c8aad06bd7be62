"""What is always written on an image of its stack: which phase, which side, which view."""

from __future__ import annotations

import numpy as np

from workstation.domain.geometry import Floats, direction_letters
from workstation.domain.volume import Stack
from workstation.text import tr
from workstation.viewing.viewport import Viewport

_OPPOSITE = str.maketrans("LRAPHF", "RLPAFH")


def phase_text(stack: Stack, phase: int) -> str:
    """ "Time 12.5 s (26/110)", "Cardiac phase 3/25 · 64 ms"; empty where phases have no names."""
    if phase >= len(stack.phase_labels) or not stack.phase_axis:
        return ""
    label = stack.phase_labels[phase]
    axis = tr(stack.phase_axis)
    number = f"{phase + 1}/{stack.phases}"
    counted = label if number in label else f"{label} ({number})"
    return f"{axis[:1].upper()}{axis[1:]} {counted}"


def side_text(stack: Stack) -> str:
    """Laterality, body part and view as the file states them: "R  BREAST  CC"."""
    parts = (stack.laterality, stack.body_part, stack.view_position)
    if not stack.laterality and not stack.view_position:
        return ""  # a body part alone says nothing that the picture does not
    return "　".join(part for part in parts if part)


def edge_letters(viewport: Viewport, direction: Floats) -> str:
    """What of the patient lies in a direction of the picture (LPS); empty where nobody says.

    Of images without a place the file's own letters are turned and mirrored as the picture is.
    """
    if viewport.volume is None or viewport.grid is None:
        return ""
    across, down = viewport.volume.stack.patient_orientation
    if not across:
        return direction_letters(direction) if viewport.is_oriented else ""
    matrix = viewport.grid.matrix[:3, :3]
    steps = matrix / np.linalg.norm(matrix, axis=0)
    x, y = float(direction @ steps[:, 0]), float(direction @ steps[:, 1])
    letters, along = (across, x) if abs(x) >= abs(y) else (down, y)
    return letters if along > 0 else letters.translate(_OPPOSITE)
