"""The commands that draw marks, and how each is drawn."""

from __future__ import annotations

from workstation.domain.errors import N_
from workstation.domain.mark import MarkKind

TOOLS: dict[str, MarkKind] = {
    "distance": MarkKind.LENGTH,
    "path": MarkKind.POLYLINE,
    "angle": MarkKind.ANGLE,
    "cobb": MarkKind.COBB,
    "two_diameters": MarkKind.BIDIRECTIONAL,
    "rectangle": MarkKind.RECTANGLE,
    "ellipse": MarkKind.ELLIPSE,
    "freehand": MarkKind.FREEHAND,
    "paint_region": MarkKind.BRUSH,
    "probe": MarkKind.PROBE,
    "arrow": MarkKind.ARROW,
    "text": MarkKind.TEXT,
    "cardiothoracic": MarkKind.CARDIOTHORACIC,
    "calibration": MarkKind.CALIBRATION,
}
"""Command to what it draws."""

DRAG = N_("Drag, or click twice  [Esc]")
HINTS: dict[MarkKind, str] = {
    MarkKind.POLYLINE: N_("Click corners, double-click ends  [Enter]"),
    MarkKind.ANGLE: N_("Click end, corner, end  [Esc]"),
    MarkKind.COBB: N_("Drag or click one end plate, then the other  [Esc]"),
    MarkKind.BIDIRECTIONAL: N_("Long diameter first, then the short one across  [Esc]"),
    MarkKind.CARDIOTHORACIC: N_("Heart first, then the inner chest  [Esc]"),
    MarkKind.FREEHAND: N_("Drag round the region  [Esc]"),
    MarkKind.PROBE: N_("Click  [Esc]"),
    MarkKind.TEXT: N_("Click  [Esc]"),
}
"""How to draw each kind, where it is not ``DRAG``; catalogue keys."""
