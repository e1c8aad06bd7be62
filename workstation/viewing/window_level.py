"""Window centre and width: the DICOM formula, automatic windows, presets by number key."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_
from workstation.domain.volume import Stack, Volume


@dataclass(frozen=True)
class Window:
    """Centre and width in the volume's unit; width is positive.

    curve: grey (0 to 1) evenly from ``low`` to ``high``, as a file's VOI LUT or sigmoid draws it;
    empty for a straight line. Dragging stretches and shifts it (``moved``).
    """

    centre: float
    width: float
    curve: tuple[float, ...] = ()

    def moved(self, centre: float, width: float) -> Window:
        """Another centre and width, of the same shape."""
        return Window(centre, width, self.curve)

    @property
    def low(self) -> float:
        """Value at half a width below the centre."""
        return self.centre - self.width / 2

    @property
    def high(self) -> float:
        """Value at half a width above the centre."""
        return self.centre + self.width / 2


@dataclass(frozen=True)
class Preset:
    """A named window on a number key. ``percentiles`` where it depends on the image (MR)."""

    key: int
    name: str
    window: Window | None = None
    percentiles: tuple[float, float] | None = None


# Brain, soft tissue, bone, lung and liver: the OHIF viewer's CT presets; stroke and subdural:
# common neuroradiology settings; vessels: CT angiography.
CT_PRESETS: tuple[Preset, ...] = (
    Preset(3, N_("Brain"), Window(40, 80)),
    Preset(4, N_("Stroke"), Window(40, 40)),
    Preset(5, N_("Subdural"), Window(75, 215)),
    Preset(6, N_("Bone"), Window(480, 2500)),
    Preset(7, N_("Lung"), Window(-600, 1500)),
    Preset(8, N_("Soft tissue"), Window(40, 400)),
    Preset(9, N_("Vessels"), Window(300, 600)),
)
MR_PRESETS: tuple[Preset, ...] = (
    Preset(3, N_("Full range"), percentiles=(0.0, 100.0)),
    Preset(4, N_("Soft"), percentiles=(1.0, 99.5)),
    Preset(5, N_("Standard"), percentiles=(2.0, 98.0)),
    Preset(6, N_("Contrasty"), percentiles=(10.0, 95.0)),
    Preset(7, N_("Dark tissue"), percentiles=(0.5, 85.0)),
    Preset(8, N_("Bright tissue"), percentiles=(50.0, 99.8)),
    Preset(9, N_("Vessels"), percentiles=(85.0, 99.95)),
)
PET_PRESETS: tuple[Preset, ...] = (
    Preset(3, "SUV 0–5", Window(2.5, 5)),
    Preset(4, "SUV 0–2.5", Window(1.25, 2.5)),
    Preset(5, "SUV 0–7", Window(3.5, 7)),
    Preset(6, "SUV 0–10", Window(5, 10)),
    Preset(7, "SUV 0–15", Window(7.5, 15)),
    Preset(8, "SUV 0–20", Window(10, 20)),
    Preset(9, "SUV 0–30", Window(15, 30)),
)
"""For values that are SUV; the first is what a PET opens with (OHIF: width 5, level 2.5)."""
LUNG, SOFT_TISSUE = Window(-600, 1500), Window(40, 400)
AUTO_PERCENTILES = (0.1, 99.9)
_SAMPLE = 200_000


def seen_in(window: Window, area: str) -> Window:
    """The window a finding of an area is looked at in: blood and organs do not show in a lung
    window, which is left for soft tissue; every other window stays."""
    return SOFT_TISSUE if window == LUNG and area not in ("", "chest") else window


def presets_for(modality: str, unit: str = "") -> tuple[Preset, ...]:
    """Presets 3-9: fixed windows for CT and for SUV, percentiles for everything else."""
    if unit.startswith("{SUV"):
        return PET_PRESETS
    return CT_PRESETS if modality == "CT" else MR_PRESETS


def sample(array: NDArray[Any]) -> NDArray[Any]:
    """About 200,000 values evenly over the array: enough for percentiles, quick on any size."""
    flat = array.reshape(-1)
    # An odd stride does not fall in step with rows, which are of even length.
    return flat[:: max(1, flat.size // _SAMPLE) | 1]


def percentile_window(array: NDArray[Any], low: float, high: float) -> Window:
    """The window between two percentiles of the values, width at least a thousandth of them."""
    values = sample(array)
    values = values[np.isfinite(values)]
    if not values.size:
        return Window(0.5, 1.0)
    bottom, top = (float(v) for v in np.percentile(values, (low, high)))
    width = top - bottom
    if width <= 0:
        bottom, top = float(values.min()), float(values.max())
        width = top - bottom
    floor = 1.0 if np.issubdtype(array.dtype, np.integer) else max(1e-6, abs(top) * 1e-3)
    return Window((bottom + top) / 2, max(width, floor))


def file_windows(stack: Stack) -> list[tuple[Window, str]]:
    """Every window that the file brings, with its own words: curves first, as they are meant."""
    found = []
    for curve in stack.curves:
        width = max(curve.last - curve.first, 1e-6)
        window = Window(curve.first + width / 2, width, curve.grey)
        found.append((window, curve.explanation))
    sigmoid = {round(w.centre, 6) for w, _ in found}
    linear = stack.windows
    if not linear and stack.window is not None:
        linear = ((stack.window[0], stack.window[1], ""),)
    for centre, width, words in linear:
        if width > 0 and round(centre, 6) not in sigmoid:
            found.append((Window(centre, width), words))
    return found


def default_window(stack: Stack, values: NDArray[Any] | None = None) -> Window:
    """What a series opens with: what its role asks, the file's own window, else percentiles.

    values: voxels to take percentiles of; without them a stack that needs them gets (0.5, 1).
    """
    if stack.role == "CT head":
        return Window(40, 80)
    if stack.unit.startswith("{SUV"):
        first = PET_PRESETS[0].window
        assert first is not None
        return first
    own = file_windows(stack)
    if own:
        return own[0][0]
    if values is None:
        return Window(0.5, 1.0)
    return percentile_window(values, *AUTO_PERCENTILES)


def window_for_key(key: int, volume: Volume) -> tuple[Window, str] | None:
    """The window that number key 0-9 asks for and its English name; None where there is none."""
    if key == 0:
        return percentile_window(volume.array, *AUTO_PERCENTILES), N_("Automatic window")
    if key in (1, 2):
        own = file_windows(volume.stack)
        if len(own) < key:
            return None
        window, words = own[key - 1]
        named = N_("The file's own window") if key == 1 else N_("The file's second window")
        return window, words or named
    for preset in presets_for(volume.stack.modality, volume.stack.unit):
        if preset.key == key:
            if preset.window is not None:
                return preset.window, preset.name
            if preset.percentiles is not None:
                return percentile_window(volume.array, *preset.percentiles), preset.name
    return None


def to_grey(
    values: NDArray[Any], window: Window, invert: bool = False, background: float | None = None
) -> NDArray[np.uint8]:
    """Values to 8-bit grey by PS3.3 C.11.2.1.2: LINEAR for integers, LINEAR_EXACT for reals.

    values: any shape. background: a value that stays black even when inverted (outside the
    patient's array). Result: same shape, 0..255, rounded.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        lut = grey_table(values.dtype, window, invert, background)
        return np.asarray(np.take(lut, values.view(_unsigned(values.dtype)), mode="clip"))
    low, span = window.low, max(window.width, 1e-12)
    if window.curve:
        scaled = _along(values, window)
    else:
        scaled = _straight(values, low, span)
    if invert:
        np.subtract(255.0, scaled, out=scaled)
    np.rint(scaled, out=scaled)
    grey = scaled.astype(np.uint8)
    if invert and background is not None:
        grey[values == background] = 0
    return grey


def _along(values: NDArray[Any], window: Window) -> NDArray[np.float32]:
    """Grey 0..255 by the window's curve; values beyond it get its ends."""
    places = (values.astype(np.float32) - np.float32(window.low)) / np.float32(window.width)
    evenly = np.linspace(0.0, 1.0, len(window.curve))
    return np.asarray(np.interp(places, evenly, window.curve) * 255.0, dtype=np.float32)


def _straight(values: NDArray[Any], low: float, span: float) -> NDArray[np.float32]:
    # Ends first: "outside" is -1e30, which a narrow window would carry beyond what floats hold.
    scaled = np.clip(values.astype(np.float32), np.float32(low), np.float32(low + span))
    scaled -= np.float32(low)
    scaled *= np.float32(255.0 / span)
    return np.asarray(np.clip(scaled, 0.0, 255.0, out=scaled))


@functools.lru_cache(maxsize=32)
def grey_table(
    dtype: np.dtype[Any], window: Window, invert: bool, background: float | None
) -> NDArray[np.uint8]:
    """Grey of every value of an 8- or 16-bit integer type, indexed by its unsigned bits."""
    value = _every_value(dtype)
    if window.curve:
        grey = np.rint(_along(value, window))
    elif window.width > 1:
        grey = value * np.float32(255 / (window.width - 1))
        grey += np.float32((0.5 - (window.centre - 0.5) / (window.width - 1)) * 255)
        np.clip(grey, 0, 255, out=grey)
        np.rint(grey, out=grey)
    else:  # PS3.3: width 1 is a threshold at centre - 0.5
        grey = np.where(value <= window.centre - 0.5, np.float32(0), np.float32(255))
    if invert:
        grey = 255 - grey
    table = grey.astype(np.uint8)
    if background is not None and background == np.iinfo(dtype).min and background < 0:
        table[value == background] = 0
    table.setflags(write=False)
    return np.asarray(table, dtype=np.uint8)


@functools.lru_cache(maxsize=4)
def _every_value(dtype: np.dtype[Any]) -> NDArray[np.float32]:
    unsigned = _unsigned(dtype)
    bits = np.arange(np.iinfo(unsigned).max + 1, dtype=np.int64).astype(unsigned)
    return bits.view(dtype).astype(np.float32)


def _unsigned(dtype: np.dtype[Any]) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if dtype.itemsize == 1 else np.uint16
