"""What an importer could read off a foreign folder, and what only a person can answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from workstation.ai.imports.refusals import read_json
from workstation.ai.manifest import Accept, Area, Coded, Evidence, Performance, Source, Words
from workstation.ai.vocabulary import Infer, Post, Pre, Strict
from workstation.domain.errors import N_, BadInput


@dataclass(frozen=True)
class Channel:
    """One input. modality: empty where the folder does not say it. in_plane_mm, slice_mm: what
    the training images had, None where that is unknown."""

    name: str
    modality: tuple[str, ...] = ()
    in_plane_mm: tuple[float, float] | None = None
    slice_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Region:
    """One output. index: channel of the network."""

    index: int
    name: str


class LabelAnswer(Strict):
    """What a person says of one label; everything may be left out."""

    name: Words | None = None
    code: Coded | None = None
    category: Coded | None = None
    site: Words | None = None
    colour: tuple[int, int, int] | None = None
    area: Area | None = None
    template_key: str | None = None
    proposes: str | None = Field(default=None, pattern="^(one|each|none)$")
    min_volume_ml: float | None = Field(default=None, ge=0.0)
    leave_out: bool = False


@dataclass(frozen=True)
class Taken:
    """A foreign model, read. network: torch, or None for a description alone. notes: what a
    person should know of this import, as (English, Chinese) sentences. suggestions: by the names
    of regions, what they mean where the tool's own names are known."""

    tool: str
    name: str
    channels: tuple[Channel, ...]
    regions: tuple[Region, ...]
    pre: Pre
    infer: Infer
    post: Post
    layout: str
    network: Any
    licence: str = ""
    version: str = "1.0.0"
    description: str = ""
    authors: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    suggestions: Mapping[str, LabelAnswer] = field(default_factory=dict)


class Answers(Strict):
    """``answers.json``: what the foreign folder cannot know.

    Without ``intended_use`` and a modality for every channel the package stays a draft.
    channels: by channel name, fields of ``accept``. orientation: letters of index x, y, z as the
    training files lay, where the tool itself does not turn them. trainer: name of a trainer of
    your own that builds the same network as nnU-Net's. mirroring: false leaves out test-time
    mirroring. folds: which of an ensemble, default all.
    """

    id: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+$")
    name: Words | None = None
    area: Area | None = None
    stat: bool = False
    licence: str | None = None
    licence_text: str | None = None
    authors: tuple[str, ...] = ()
    regulatory: Words | None = None
    intended_use: Words | None = None
    contraindications: Words | None = None
    training_statement: Words | None = None
    synthetic_only: bool = False
    sources: tuple[Source, ...] = ()
    evidence: Evidence = "none"
    performance: tuple[Performance, ...] = ()
    channels: dict[str, dict[str, Any]] = Field(default_factory=dict)
    labels: dict[str, LabelAnswer] = Field(default_factory=dict)
    orientation: str | None = Field(default=None, pattern=r"^[LRPAHF]{3}$")
    trainer: str | None = None
    mirroring: bool = True
    folds: tuple[str, ...] = ()
    max_ram_mb: int = Field(default=8192, ge=64)
    timeout_s: int = Field(default=1800, ge=1)


def read_answers(path: Path | None) -> Answers:
    """The person's answers; all open where there is no file. Raises ``BadInput``."""
    if path is None:
        return Answers()
    read_json(path)  # names what is wrong with the file itself
    try:
        return Answers.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(N_("{file} cannot be read ({why})."), file=path.name,
                       why=f"{where}: {first['msg']}") from error  # fmt: skip


def key_of(name: str, taken: set[str]) -> str:
    """A label's or channel's key from its name: small letters, digits, underscores; unique."""
    base = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "label"
    if not base[0].isalpha():
        base = f"n_{base}"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}_{number}", number + 1
    taken.add(key)
    return key


def id_of(name: str) -> str:
    """A package id from a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def accept_of(channel: Channel, key: str, answers: Answers, flat: bool) -> Accept:
    """Which series a channel takes: what training images had, widened by a fifth, unless answered.

    Raises ``BadInput`` where an answer is no field of ``accept``.
    """
    said: dict[str, Any] = {
        "channel": key,
        "modality": channel.modality or ("OT",),
        "in_plane_mm": _widened(channel.in_plane_mm),
        "slice_mm": _widened(channel.slice_mm),
        "min_slices": 1 if flat else 3,
        "refuse_flags": (
            "missing slices", "uneven spacing", "pixel spacing unknown", "position unknown",
            "tilted gantry",
        ),
    }  # fmt: skip
    given = answers.channels.get(channel.name, answers.channels.get(key, {}))
    for word, value in given.items():
        said[word] = tuple(value) if isinstance(value, list) else value
    try:
        return Accept.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(
            N_("{file} cannot be read ({why})."), file="answers.json",
            why=f"channels.{channel.name}.{'.'.join(str(p) for p in first['loc'])}: {first['msg']}",
        ) from error  # fmt: skip


def _widened(span: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if span is None else (round(span[0] / 1.2, 3), round(span[1] * 1.2, 3))
