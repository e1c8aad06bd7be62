"""Workspaces of a visit over several organs: which it has, and what each of them lacks."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workstation.domain.errors import N_, BadInput
from workstation.domain.role import BY_NAME, REGIONS
from workstation.domain.volume import Stack
from workstation.text import RESOURCES
from workstation.viewing.hanging import shown_of

FILE = RESOURCES / "workspaces.toml"


@dataclass(frozen=True)
class Known:
    """A workspace as the data says. parts: for each, the roles that are it."""

    region: str
    parts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Workspace:
    """One organ's part of a visit. missing: the first role of each part that no series is."""

    region: str
    series: int
    missing: tuple[str, ...]


@functools.cache
def known_workspaces(path: Path = FILE) -> tuple[Known, ...]:
    """The workspaces of ``resources``. Raises ``BadInput`` where the file is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found = tuple(
            Known(str(one["region"]), tuple(tuple(part) for part in one["parts"]))
            for one in data["workspace"]
        )
        wrong = [r for one in found for part in one.parts for r in part if r not in BY_NAME]
        wrong += [one.region for one in found if one.region not in REGIONS]
        if wrong:
            raise KeyError(", ".join(wrong))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BadInput(
            N_("The file {path} cannot be read ({why})."), path=path.name, why=str(error)
        ) from error
    return found


def workspaces_of(stacks: Sequence[Stack]) -> tuple[Workspace, ...]:
    """The workspaces of a visit, those without a series too; none where it is of one organ."""
    shown = shown_of(stacks)
    found = []
    for known in known_workspaces():
        own = [stack for stack in shown if stack.region == known.region]
        roles = {stack.role for stack in own}
        missing = tuple(part[0] for part in known.parts if not roles.intersection(part))
        found.append(Workspace(known.region, len(own), missing))
    return tuple(found) if sum(one.series > 0 for one in found) > 1 else ()
