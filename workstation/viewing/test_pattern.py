"""A test pattern to judge a screen by eye, made by formula after SMPTE RP 133 and AAPM TG18-QC
(AAPM On-line Report 03, 2005): grey steps, 5 % and 95 % patches, ramps, line pairs, geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 18  # TG18-QC: 0 to 255 in equal steps of 15
CORNER = 4  # TG18-QC: corners of a step differ from it by so much
BACKGROUND = 128
LINE = 191  # crosshatch, 75 % as in SMPTE
LETTER_CONTRASTS = (15, 11, 8, 5, 4, 3, 2, 1)  # digital steps above the ground, as in TG18-QC
LETTER_GROUNDS = (0, 128, 240)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Patch:
    """A part of the pattern: left, top, width, height in pixels, and its grey."""

    left: int
    top: int
    width: int
    height: int
    grey: int

    def of(self, picture: Picture) -> Picture:
        """Its pixels."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Pattern:
    """picture: (y, x) uint8, one value a device pixel. steps: the grey steps, dark to bright.
    dark, bright: the 5 % patch in 0 % and the 95 % patch in 100 %. lines: blocks of line pairs.
    grounds: where letters of ever less contrast are to be written."""

    picture: Picture
    steps: tuple[Patch, ...]
    dark: tuple[Patch, Patch]
    bright: tuple[Patch, Patch]
    lines: tuple[Patch, ...]
    grounds: tuple[Patch, ...]
    ramps: tuple[Patch, Patch]


def make_pattern(width: int, height: int) -> Pattern:
    """The pattern for a screen of so many device pixels, at least 320 by 240."""
    if width < 320 or height < 240:
        raise ValueError(f"too small for a test pattern: {width} x {height}")
    picture = np.full((height, width), BACKGROUND, dtype=np.uint8)
    _geometry(picture)
    side = min(width, height)
    step = min(width * 7 // 90, side // 9)  # of one grey step
    middle, centre = width // 2, height // 2
    steps = []
    for number in range(STEPS):
        grey = round(number * 255 / (STEPS - 1))
        row, column = divmod(number, STEPS // 2)
        # The second row runs back, so that neighbours differ by one step all the way round.
        column = column if row == 0 else STEPS // 2 - 1 - column
        left = middle - step * STEPS // 4 + column * step
        top = centre - step * 2 if row == 0 else centre + step
        patch = Patch(left, top, step, step, grey)
        patch.of(picture)[...] = grey
        _corners(patch.of(picture), grey)
        steps.append(patch)
    dark = _inset(picture, Patch(middle - step * 2, centre - step, step * 2, step * 2, 0), 13)
    bright = _inset(picture, Patch(middle, centre - step, step * 2, step * 2, 255), 242)
    left, right = middle - step * STEPS // 4, middle + step * STEPS // 4
    ramp_high = max(6, step // 3)
    ramps = (
        _ramp(picture, Patch(left, centre - step, middle - step * 2 - left, step * 2, 0)),
        _ramp(
            picture,
            Patch(middle + step * 2, centre - step, right - middle - step * 2, step * 2, 0),
        ),
    )
    lines = tuple(_line_pairs(picture, step))
    grounds = []
    for number, grey in enumerate(LETTER_GROUNDS):
        wide = step * 3 - step // 4
        patch = Patch(left + number * step * 3 + step // 8, centre + step * 2 + ramp_high,
                      wide, step - ramp_high, grey)  # fmt: skip
        patch.of(picture)[...] = grey
        grounds.append(patch)
    return Pattern(picture, tuple(steps), dark, bright, lines, tuple(grounds), ramps)


def _geometry(picture: Picture) -> None:
    """A border on the outermost pixels, a crosshatch of squares, diagonals of the corners."""
    height, width = picture.shape
    cell = max(8, min(width, height) // 18)
    for x in range(width // 2 % cell, width, cell):
        picture[:, x] = LINE
    for y in range(height // 2 % cell, height, cell):
        picture[y, :] = LINE
    picture[[0, -1], :] = 255
    picture[:, [0, -1]] = 255
    arm = cell * 2
    for y, x in ((4, 4), (4, width - 5), (height - 5, 4), (height - 5, width - 5)):
        along = 1 if x < width // 2 else -1
        down = 1 if y < height // 2 else -1
        xs, ys = x + along * np.arange(arm), y + down * np.arange(arm)
        picture[y, xs] = 255
        picture[ys, x] = 255
        picture[ys, xs] = 255


def _corners(patch: Picture, grey: int) -> None:
    """Small squares in the corners: a little brighter and darker in turn."""
    size = max(2, patch.shape[0] // 6)
    up, down = min(grey + CORNER, 255), max(grey - CORNER, 0)
    if grey - CORNER < 0:
        down = grey + 2 * CORNER
    if grey + CORNER > 255:
        up = grey - 2 * CORNER
    inset = max(1, size // 2)
    near, far = slice(inset, inset + size), slice(-inset - size, -inset)
    patch[near, near] = patch[far, far] = up
    patch[near, far] = patch[far, near] = down


def _inset(picture: Picture, around: Patch, grey: int) -> tuple[Patch, Patch]:
    around.of(picture)[...] = around.grey
    edge = around.width // 4
    inner = Patch(
        around.left + edge, around.top + edge, around.width - 2 * edge, around.height - 2 * edge,
        grey,
    )  # fmt: skip
    inner.of(picture)[...] = grey
    return around, inner


def _ramp(picture: Picture, patch: Patch) -> Patch:
    """Every grey there is, from top to bottom: bands or jumps in it are faults of the chain."""
    grey = np.rint(np.linspace(0, 255, patch.height)).astype(np.uint8)
    patch.of(picture)[...] = grey[:, None]
    return patch


def _line_pairs(picture: Picture, step: int) -> list[Patch]:
    """Lines one and two pixels wide, upright and lying, in the corners and the middle of edges."""
    height, width = picture.shape
    size = max(16, step // 2) // 4 * 4
    far_x, far_y = width - 3 * size, height - 2 * size
    found = []
    for left, top in ((size, size), (far_x, size), (size, far_y), (far_x, far_y),
                      (width // 2 - size, size)):  # fmt: skip
        for half, upright in ((0, True), (size, False)):
            block = Patch(left + half, top, size, size, -1)
            n = np.arange(size)
            one, two = (n % 2 * 255).astype(np.uint8), (n // 2 % 2 * 255).astype(np.uint8)
            pixels = block.of(picture)
            middle = size // 2
            if upright:
                pixels[:middle, :], pixels[middle:, :] = one[None, :], two[None, :]
            else:
                pixels[:, :middle], pixels[:, middle:] = one[:, None], two[:, None]
            found.append(block)
    return found
