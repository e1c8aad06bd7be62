"""Colour maps for images that are laid over others: data with its source, tables of 256 colours."""

from __future__ import annotations

import functools
import itertools
import tomllib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput
from workstation.text import RESOURCES

NAMES = (
    N_("Hot iron"),
    N_("Hot metal"),
    N_("Rainbow"),
    N_("Viridis"),
    N_("Perfusion, blue to red"),
    N_("Difference, blue and red"),
    N_("Grey"),
)
"""What the maps of ``resources/colour_maps`` are called on screen."""


@dataclass(frozen=True)
class ColourMap:
    """knots: (place 0..1, red, green, blue 0..255), rising from 0 to 1. source: whose it is."""

    id: str
    name: str
    source: str
    knots: tuple[tuple[float, int, int, int], ...]

    @property
    def table(self) -> NDArray[np.uint8]:
        """(256, 3) red, green, blue."""
        return _table(self.knots)

    def overlay(self, opacity: float, ramp: float = 0.1) -> NDArray[np.uint32]:
        """(256,) premultiplied ARGB: the lowest ``ramp`` of the table fades to transparent."""
        return _overlay(self.knots, round(opacity, 3), ramp)


@functools.lru_cache(maxsize=32)
def _table(knots: tuple[tuple[float, int, int, int], ...]) -> NDArray[np.uint8]:
    at = np.linspace(0.0, 1.0, 256)
    places = [k[0] for k in knots]
    parts = [np.interp(at, places, [k[channel] for k in knots]) for channel in (1, 2, 3)]
    table = np.rint(np.stack(parts, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return np.asarray(table, dtype=np.uint8)


@functools.lru_cache(maxsize=64)
def _overlay(
    knots: tuple[tuple[float, int, int, int], ...], opacity: float, ramp: float
) -> NDArray[np.uint32]:
    rising = np.linspace(0.0, 1.0, 256) / ramp if ramp > 0 else np.ones(256)
    alpha = np.minimum(rising, 1.0) * opacity
    parts = np.rint(_table(knots) * alpha[:, None]).astype(np.uint32)
    whole = np.rint(alpha * 255).astype(np.uint32)
    table = (whole << 24) | (parts[:, 0] << 16) | (parts[:, 1] << 8) | parts[:, 2]
    table.setflags(write=False)
    return np.asarray(table, dtype=np.uint32)


@functools.cache
def colour_maps() -> dict[str, ColourMap]:
    """Every colour map that is installed, by id, in the file's order."""
    path = RESOURCES / "colour_maps" / "colour_maps.toml"
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))["map"]
        found = [_read(entry) for entry in given]
    except (OSError, tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise BadInput(
            N_("The colour maps in {file} cannot be used ({why})."), file=path.name, why=str(error)
        ) from error
    return {each.id: each for each in found}


def _read(entry: dict[str, object]) -> ColourMap:
    knots = entry["knots"]
    if not isinstance(knots, list):
        raise ValueError("knots")
    rows = tuple((float(k[0]), int(k[1]), int(k[2]), int(k[3])) for k in knots)
    places = [row[0] for row in rows]
    rising = all(b > a for a, b in itertools.pairwise(places))
    if places[0] != 0 or places[-1] != 1 or not rising:
        raise ValueError("knots must rise from 0 to 1")
    if any(not 0 <= part <= 255 for row in rows for part in row[1:]):
        raise ValueError("colours are 0 to 255")
    return ColourMap(str(entry["id"]), str(entry["name"]), str(entry["source"]), rows)
