"""Findings of a detector: each by itself, with its own chance. Arrays (z, y, x)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Piece:
    """One finding. label: key. origin: (z, y, x) where ``mask`` lies on the original grid. score:
    chance 0..1."""

    label: str
    origin: tuple[int, int, int]
    mask: NDArray[np.bool_]
    score: float

    @property
    def block(self) -> tuple[slice, slice, slice]:
        """Where it lies in an array of the original grid."""
        z, y, x = (slice(o, o + n) for o, n in zip(self.origin, self.mask.shape, strict=True))
        return z, y, x

    def whole(self, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """The mask on the whole grid."""
        out = np.zeros(shape, dtype=bool)
        out[self.block] = self.mask
        return out


def store_pieces(pieces: Sequence[Piece], folder: Path) -> list[dict[str, Any]]:
    """Write the masks as files; what ``stored_pieces`` reads again."""
    said = []
    for number, piece in enumerate(pieces):
        file = f"piece{number}.npy"
        np.save(folder / file, piece.mask)
        entry = {"label": piece.label, "origin": list(piece.origin), "score": piece.score}
        said.append(entry | {"file": file})
    return said


def stored_pieces(said: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[Piece]:
    """The findings that ``store_pieces`` wrote."""
    for one in said:
        z, y, x = one["origin"]
        mask = np.load(folder / one["file"], allow_pickle=False)
        yield Piece(str(one["label"]), (z, y, x), mask, float(one["score"]))
