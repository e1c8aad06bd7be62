"""Which series goes into which pane when a study opens: protocols are data, rules are here."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import plane_name
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack
from workstation.text import RESOURCES
from workstation.viewing.viewport import Projection, Slab

THIN = Slab()
_WORTH_CUTTING = 12


@dataclass(frozen=True)
class Pane:
    """What one pane of a layout shows. stack_id empty: nothing. solid: the 3D view.

    preset: number key of the window it opens with, -1 for the series' own.
    """

    stack_id: str = ""
    kind: PlaneKind = PlaneKind.ACQUIRED
    slab: Slab = THIN
    solid: bool = False
    preset: int = -1


@dataclass(frozen=True)
class Slot:
    """A pane before stacks are known: the roles it wants, best first."""

    roles: tuple[str, ...]
    pane: Pane


@dataclass(frozen=True)
class Protocol:
    """A named arrangement for studies that have the roles of ``needs``."""

    name: str
    needs: tuple[str, ...]
    slots: tuple[Slot, ...]


def read_protocol(path: Path) -> Protocol:
    """A protocol from ``resources/hanging_protocols``; ``BadInput`` names a faulty file."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        slots = tuple(_slot(entry) for entry in given["pane"])
        return Protocol(str(given["name"]), tuple(given["needs"]), slots)
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise BadInput(
            N_("The hanging protocol {file} cannot be used ({why})."),
            file=path.name,
            why=str(error),
        ) from error


def _slot(entry: dict[str, Any]) -> Slot:
    slab = Slab(
        float(entry.get("slab_mm", 0.0)), Projection(entry.get("projection", Projection.MAX.value))
    )
    pane = Pane(
        "",
        PlaneKind(entry.get("plane", "acquired")),
        slab,
        bool(entry.get("solid")),
        int(entry.get("preset", -1)),
    )
    return Slot(tuple(entry["roles"]), pane)


@functools.cache
def protocols() -> tuple[Protocol, ...]:
    """Every protocol that is installed, by file name."""
    folder = RESOURCES / "hanging_protocols"
    return tuple(read_protocol(path) for path in sorted(folder.glob("*.toml")))


def hang(stacks: Sequence[Stack]) -> tuple[Pane, Pane, Pane, Pane]:
    """Four panes for a study.

    The protocol whose needs are all there and that fills most panes wins; what it leaves empty is
    filled with series not yet shown. A study of one volume gets its three planes and 3D.
    """
    shown = [s for s in stacks if Flag.LOCALISER not in s.flags] or list(stacks)
    best: list[Pane] = []
    for protocol in protocols():
        roles = {s.role for s in shown}
        if not all(need in roles for need in protocol.needs):
            continue
        panes = _fill(protocol.slots, shown)
        if sum(bool(p.stack_id) for p in panes) > sum(bool(p.stack_id) for p in best):
            best = panes
    if not best:
        best = _generic(shown)
    used = {p.stack_id for p in best}
    rest = [Pane(s.id) for s in shown if s.id not in used]
    # Then other planes of what has enough slices to be worth cutting another way.
    seen = {(p.stack_id, p.kind) for p in best}
    for stack in shown:
        if stack.is_volume and min(stack.grid.shape) >= _WORTH_CUTTING:
            planes = (PlaneKind.CORONAL, PlaneKind.SAGITTAL, PlaneKind.AXIAL)
            own = PlaneKind(plane_name(stack.grid))
            rest += [
                Pane(stack.id, k) for k in planes if k is not own and (stack.id, k) not in seen
            ]
    best += [Pane()] * (4 - len(best))
    filled = [p if p.stack_id or not rest else rest.pop(0) for p in best]
    return filled[0], filled[1], filled[2], filled[3]


def _fill(slots: Sequence[Slot], stacks: Sequence[Stack]) -> list[Pane]:
    panes: list[Pane] = []
    for slot in slots:
        needs_volume = slot.pane.solid or slot.pane.kind is not PlaneKind.ACQUIRED
        fit = [s for s in stacks if s.role in slot.roles and (s.is_volume or not needs_volume)]
        fit.sort(key=lambda s: (slot.roles.index(s.role), s.slice_thickness_mm or 99.0))
        panes.append(replace(slot.pane, stack_id=fit[0].id) if fit else Pane())
    return panes


def three_planes(stack_id: str) -> tuple[Pane, Pane, Pane, Pane]:
    """One volume as acquired or axial, coronal, sagittal and 3D."""
    return (
        Pane(stack_id, PlaneKind.AXIAL),
        Pane(stack_id, PlaneKind.CORONAL),
        Pane(stack_id, PlaneKind.SAGITTAL),
        Pane(stack_id, solid=True),
    )


def _generic(stacks: Sequence[Stack]) -> list[Pane]:
    volumes = [s for s in stacks if s.is_volume and s.grid.shape[0] > 3]
    if len(stacks) == 1 and volumes:
        first, second, third, solid = three_planes(volumes[0].id)
        return [Pane(first.stack_id), second, third, solid]
    ordered = sorted(stacks, key=lambda s: (not s.is_volume, not s.role, s.series_number))
    return [Pane(s.id) for s in ordered[:4]]
