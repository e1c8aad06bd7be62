"""The greyscale transformations of a presentation state as one window of a stored image.

PS3.3 C.11.1 (Modality LUT), C.11.8 (Softcopy VOI LUT), C.11.6 (Softcopy Presentation LUT), in this
order: stored sample, value, grey of the window, grey of the screen. A view holds values that have
gone through the image's own rescale; the state's takes its place, so it is followed back first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.document import PresentationState, StateTable, StateWindow
from workstation.domain.errors import N_, Message
from workstation.domain.volume import Frame
from workstation.viewing.window_level import Window

Floats = NDArray[np.float64]
POINTS = 4096
NOT_UNDONE = N_(
    "Its lookup table for values is not applied: the image has one of its own, which cannot be "
    "undone."
)


def window_of_state(
    state: PresentationState, voi: StateWindow | None, own: Window, frame: Frame
) -> tuple[Window | None, Message | None]:
    """Window that shows an image as the state asks, None to leave it, and what cannot be applied.

    voi: what the state asks of this image. own: the view's window, used where it asks nothing.
    frame: the image, whose rescale led to the values in the view.
    """
    table, rescale, said = state.table, state.rescale, None
    if frame.lut and table is not None:
        table, said = None, Message(NOT_UNDONE)
    other = rescale is not None and not frame.lut and not _same(rescale, frame)
    if table is None and not other and not state.grey:
        return (None if voi is None else Window(voi.centre, voi.width, voi.grey)), said
    slope, intercept = frame.slope or 1.0, frame.intercept
    if table is not None:
        stored = np.arange(table.first, table.first + len(table.values), dtype=np.float64)
        if len(stored) > POINTS:
            stored = np.linspace(stored[0], stored[-1], POINTS)
        values = _looked_up(table, stored)
        shown = stored * slope + intercept
    else:
        low, high = _ends(voi, own)
        values = np.linspace(low, high, POINTS)
        shown = values
        if other and rescale is not None and voi is not None:
            shown = (values - rescale[1]) / (rescale[0] or 1.0) * slope + intercept
    grey = _windowed(values, voi, own if table is None else None)
    if state.grey:
        evenly = np.linspace(0.0, 1.0, len(state.grey))
        grey = np.interp(grey, evenly, state.grey)
    if shown[0] > shown[-1]:
        shown, grey = shown[::-1], grey[::-1]
    width = max(float(shown[-1] - shown[0]), 1e-6)
    centre = float(shown[0]) + width / 2
    return Window(centre, width, tuple(float(g) for g in np.round(grey, 6))), said


def _same(rescale: tuple[float, float], frame: Frame) -> bool:
    return bool(np.allclose(rescale, (frame.slope, frame.intercept), rtol=1e-6, atol=1e-6))


def _looked_up(table: StateTable, stored: Floats) -> Floats:
    places = np.clip(np.rint(stored).astype(int) - table.first, 0, len(table.values) - 1)
    return np.asarray(np.asarray(table.values, dtype=np.float64)[places])


def _ends(voi: StateWindow | None, own: Window) -> tuple[float, float]:
    if voi is None:
        return own.low, own.high
    return voi.centre - voi.width / 2, voi.centre + voi.width / 2


def _windowed(values: Floats, voi: StateWindow | None, own: Window | None) -> Floats:
    """Grey 0..1 of values by the state's window; else by the view's, else over their whole range
    (C.11.8: without a VOI LUT the full range of the values is shown)."""
    if voi is None and own is None:
        low, high = float(values.min()), float(values.max())
        return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0))
    if voi is None:
        assert own is not None
        if own.curve:
            return _along(values, own.low, own.width, own.curve)
        return np.asarray(np.clip((values - own.low) / max(own.width, 1e-6), 0.0, 1.0))
    if voi.grey:
        return _along(values, voi.centre - voi.width / 2, voi.width, voi.grey)
    if voi.function == "LINEAR" and voi.width > 1:
        grey = (values - (voi.centre - 0.5)) / (voi.width - 1) + 0.5
    elif voi.function == "LINEAR":
        grey = (values > voi.centre - 0.5).astype(np.float64)
    else:
        grey = (values - voi.centre) / voi.width + 0.5
    return np.asarray(np.clip(grey, 0.0, 1.0))


def _along(values: Floats, low: float, width: float, curve: tuple[float, ...]) -> Floats:
    evenly = np.linspace(0.0, 1.0, len(curve))
    return np.asarray(np.interp((values - low) / max(width, 1e-6), evenly, curve))
