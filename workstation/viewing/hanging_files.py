"""Hanging protocols as files: those installed, and those that readers saved in their home."""

from __future__ import annotations

import functools
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from workstation.domain.artefact import new_id
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.plane import PlaneKind
from workstation.domain.role import BY_NAME, REGIONS
from workstation.text import RESOURCES
from workstation.viewing.hanging import (
    BULLSEYE,
    MAX_COLUMNS,
    MAX_ROWS,
    Pane,
    Protocol,
    Slot,
    Stage,
)
from workstation.viewing.viewport import Projection, Slab

FOLDER = "hanging_protocols"
MAX_NAME = 60
_WILD = re.compile(r"\*([A-Z]{2})?")  # any series, or any of a DICOM modality
_PROTOCOL = {"name", "needs", "wants", "regions", "modalities", "prior", "alone", "stage",
             "example"}  # fmt: skip
_STAGE = {"name", "rows", "columns", "pane", "workspace"}
_PANE = {"roles", "plane", "slab_mm", "projection", "preset", "solid", "fused", "prior", "same_as",
         "drawing", "phase", "minus"}  # fmt: skip


def read_protocol(path: Path, *, own: bool = False) -> Protocol:
    """A protocol from its file; ``BadInput`` names a faulty file and what is wrong in it."""
    try:
        return _protocol(path.stem, tomllib.loads(path.read_text(encoding="utf-8")), own)
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(
            N_("The hanging protocol {file} cannot be used ({why})."),
            file=path.name,
            why=f"{type(error).__name__}: {error}",
        ) from error
    except OSError as error:
        raise BadInput(
            N_("The hanging protocol {file} cannot be used ({why})."),
            file=path.name,
            why=type(error).__name__,
        ) from error


def _only(given: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"unknown entry: {', '.join(unknown)}")


def _roles(given: Any) -> tuple[str, ...]:
    roles = (given,) if isinstance(given, str) else tuple(given)
    wrong = [r for r in roles if r not in BY_NAME and not _WILD.fullmatch(str(r))]
    if wrong:
        raise ValueError(f"no such role: {', '.join(map(str, wrong))}")
    return roles


def _protocol(id: str, given: dict[str, Any], own: bool) -> Protocol:
    _only(given, _PROTOCOL)
    name = str(given["name"]).strip()
    if not name or len(name) > MAX_NAME:
        raise ValueError("name")
    regions = tuple(given.get("regions", ()))
    if set(regions) - set(REGIONS):
        raise ValueError(f"no such region: {regions}")
    stages = tuple(_stage(entry, name) for entry in given["stage"])
    if not stages:
        raise ValueError("stage")
    return Protocol(
        id=id,
        name=name,
        stages=stages,
        needs=tuple(_roles(need) for need in given.get("needs", ())),
        wants=_roles(given.get("wants", ())),
        regions=regions,
        modalities=tuple(str(m) for m in given.get("modalities", ())),
        prior=bool(given.get("prior", False)),
        alone=bool(given.get("alone", False)),
        own=own,
    )


def _stage(given: dict[str, Any], name: str) -> Stage:
    _only(given, _STAGE)
    rows, columns = int(given["rows"]), int(given["columns"])
    if not (1 <= rows <= MAX_ROWS and 1 <= columns <= MAX_COLUMNS):
        raise ValueError(f"rows {rows}, columns {columns}")
    slots = tuple(_slot(entry, number) for number, entry in enumerate(given["pane"]))
    if not slots or len(slots) > rows * columns:
        raise ValueError(f"{len(slots)} panes in {rows} x {columns}")
    workspace = str(given.get("workspace", ""))
    if workspace not in ("", *REGIONS):
        raise ValueError(f"no such region: {workspace}")
    return Stage(str(given.get("name", name)), rows, columns, slots, workspace)


def _slot(given: dict[str, Any], number: int) -> Slot:
    _only(given, _PANE)
    slab_mm, preset = float(given.get("slab_mm", 0.0)), int(given.get("preset", -1))
    drawing, same_as = str(given.get("drawing", "")), int(given.get("same_as", -1))
    if not 0.0 <= slab_mm <= 100.0 or not -1 <= preset <= 9:
        raise ValueError(f"slab_mm {slab_mm}, preset {preset}")
    phase, minus = int(given.get("phase", 0)), int(given.get("minus", -1))
    if phase < 0 or minus < -1 or minus == phase:
        raise ValueError(f"phase {phase}, minus {minus}")
    if drawing not in ("", BULLSEYE) or not -1 <= same_as < number:
        raise ValueError(f"drawing {drawing!r}, same_as {same_as}")
    pane = Pane(
        kind=PlaneKind(given.get("plane", "acquired")),
        slab=Slab(slab_mm, Projection(given.get("projection", Projection.MAX.value))),
        solid=bool(given.get("solid", False)),
        preset=preset,
        drawing=drawing,
        phase=phase,
        minus=minus,
    )
    return Slot(
        _roles(given.get("roles", ())),
        pane,
        fused_roles=_roles(given.get("fused", ())),
        prior=bool(given.get("prior", False)),
        same_as=same_as,
    )


@functools.cache
def installed() -> tuple[Protocol, ...]:
    """Every protocol that came with the program, by file name."""
    return tuple(read_protocol(path) for path in sorted((RESOURCES / FOLDER).glob("*.toml")))


def own_protocols(home: Path) -> tuple[tuple[Protocol, ...], tuple[Message, ...]]:
    """Protocols that readers saved in ``home``, and one sentence for each that is faulty."""
    found, faults = [], []
    for path in sorted((home / FOLDER).glob("*.toml")):
        try:
            found.append(read_protocol(path, own=True))
        except BadInput as error:
            faults.append(error.message)
    return tuple(found), tuple(faults)


def save_protocol(home: Path, protocol: Protocol) -> Protocol:
    """Save a reader's protocol in ``home``; one of the same name is replaced. As it reads back.

    Raises ``BadInput`` where the name is empty or too long.
    """
    if not protocol.name.strip() or len(protocol.name.strip()) > MAX_NAME:
        raise BadInput(N_("A protocol needs a name of at most {n} characters."), n=MAX_NAME)
    same = [p for p in own_protocols(home)[0] if p.name == protocol.name.strip()]
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{same[0].id if same else 'own-' + new_id()[:12]}.toml"
    beside = path.with_suffix(".part")
    beside.write_text(as_toml(protocol), encoding="utf-8")
    kept = read_protocol(beside, own=True)  # what cannot be read back is never put in place
    beside.replace(path)
    return Protocol(**{**kept.__dict__, "id": path.stem})


def delete_protocol(home: Path, id: str) -> None:
    """Delete a protocol that a reader saved; ``BadInput`` for any other."""
    if id not in {p.id for p in own_protocols(home)[0]}:
        raise BadInput(N_("Only protocols that readers saved can be deleted."))
    (home / FOLDER / f"{id}.toml").unlink(missing_ok=True)


def as_toml(protocol: Protocol) -> str:
    """A protocol in the format of its file (TOML 1.0; JSON strings are TOML basic strings)."""

    def quoted(value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (tuple, list)):
            return "[" + ", ".join(quoted(v) for v in value) + "]"
        return json.dumps(value, ensure_ascii=False)

    lines = [f"name = {quoted(protocol.name.strip())}"]
    for key in ("needs", "wants", "regions", "modalities"):
        if getattr(protocol, key):
            lines.append(f"{key} = {quoted(getattr(protocol, key))}")
    for key in ("prior", "alone"):
        if getattr(protocol, key):
            lines.append(f"{key} = true")
    for stage in protocol.stages:
        lines += ["", "[[stage]]", f"name = {quoted(stage.name)}"]
        lines += [f"workspace = {quoted(stage.workspace)}"] if stage.workspace else []
        lines += [f"rows = {stage.rows}", f"columns = {stage.columns}"]
        for slot in stage.slots:
            lines += ["", "[[stage.pane]]", *_slot_lines(slot, quoted)]
    return "\n".join(lines) + "\n"


def _slot_lines(slot: Slot, quoted: Any) -> list[str]:
    pane = slot.pane
    said: dict[str, object] = {"roles": slot.roles}
    if pane.kind is not PlaneKind.ACQUIRED and pane.kind is not PlaneKind.OBLIQUE:
        said["plane"] = pane.kind.value
    if pane.slab.thickness_mm > 0:
        said |= {"slab_mm": pane.slab.thickness_mm, "projection": pane.slab.projection.value}
    for key, value, usual in (
        ("preset", pane.preset, -1),
        ("solid", pane.solid, False),
        ("fused", slot.fused_roles, ()),
        ("prior", slot.prior, False),
        ("same_as", slot.same_as, -1),
        ("drawing", pane.drawing, ""),
        ("phase", pane.phase, 0),
        ("minus", pane.minus, -1),
    ):
        if value != usual:
            said[key] = value
    return [f"{key} = {quoted(value)}" for key, value in said.items()]
