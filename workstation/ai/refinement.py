"""Words of a package for bringing a coarse mask's edge to where the image's values say it is.

``workstation/ai/refine.py`` does what they say.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workstation.ai.vocabulary import Strict


class Edge(Strict):
    """grow_mm: how far outside the mask voxels are taken in. trim_mm: how deep inside it voxels
    are given up; null for any depth. smooth_mm: the image is smoothed by a Gaussian of this sigma
    before its values are looked at."""

    grow_mm: float = Field(default=0.0, ge=0.0, le=30.0)
    trim_mm: float | None = Field(default=None, ge=0.0)
    smooth_mm: float = Field(default=0.0, ge=0.0, le=5.0)


class Values(Edge):
    """Near the mask's edge, a voxel belongs to it where its value lies from ``low`` to ``high``."""

    op: Literal["values"]
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError("values run from low to high")
        return self


class LikeCore(Edge):
    """``values`` with bounds of the mask's own: the median of what lies deeper than ``core_mm``,
    and ``deviations`` of it (from the median absolute deviation, ``least`` at least) to each side.
    """

    op: Literal["like_core"]
    core_mm: float = Field(ge=0.0)
    deviations: float = Field(gt=0.0)
    least: float = Field(ge=0.0)


class Smooth(Strict):
    """What is thinner than about ``radius_mm`` goes, gaps and steps of that size are filled."""

    op: Literal["smooth"]
    radius_mm: float = Field(gt=0.0, le=10.0)


class Largest(Strict):
    """Only the largest 26-connected pieces are kept."""

    op: Literal["largest"]
    pieces: int = Field(default=1, ge=1)


class Fill(Strict):
    """Holes are filled, slice by slice or as hollows of the volume."""

    op: Literal["fill"]
    where: Literal["slices", "volume"]


class Without(Strict):
    """What labels listed before this one hold, by their key, is theirs."""

    op: Literal["without"]
    labels: tuple[str, ...] = Field(min_length=1)


class AtLeast(Strict):
    """A mask of less than ``ml`` in all is empty: too little of an organ to speak of it."""

    op: Literal["at_least"]
    ml: float = Field(gt=0.0)


Refine = Annotated[
    Values | LikeCore | Smooth | Largest | Fill | AtLeast | Without, Field(discriminator="op")
]
