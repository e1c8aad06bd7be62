"""The models of a workstation: those that came with the program, and those a person installed.

Installed packages lie in ``models/<id>/<version>-<hash>/`` of the home; the file ``current``
beside them names the one in use and is replaced in one step, so that there is never half a model:
older versions stay as history. A package of the same id, or that supersedes it, takes the place
of one that came with the program until it is removed.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import psutil
from pydantic import Field, ValidationError

from workstation.ai.keys import TRUSTED
from workstation.ai.package import BrokenPackage, ModelPackage, list_packages, load_package
from workstation.ai.trust import SHIPPED, Trust, trust_of
from workstation.ai.vocabulary import Strict
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message, NotFound
from workstation.settings import Settings

MODELS = "models"
CURRENT = "current"
SWITCHED_OFF = "models_off.json"
_INCOMING = ".incoming"
_VERSION = re.compile(r"^\d+\.\d+\.\d+-[0-9a-f]{12}$")
_ID = re.compile(r"^[a-z0-9][a-z0-9-]*$")

State = Literal["usable", "refused", "off", "replaced"]


class Switched(Strict):
    """Who switched a model off, when and why."""

    by: str
    when: str
    reason: str = ""


class _SwitchedOff(Strict):
    format: Literal["onescan-models-off/1"]
    off: dict[str, Switched]
    on: dict[str, Switched] = Field(default_factory=dict)  # of those that are off from the start


@dataclass(frozen=True)
class Entry:
    """A package and what became of it. place: "program" or "site". reason: why it is not usable.
    older: folders of earlier versions kept, oldest first."""

    id: str
    folder: Path
    place: Literal["program", "site"]
    state: State
    package: ModelPackage | None = None
    reason: Message | None = None
    switched: Switched | None = None
    older: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shelf:
    """Every package that is there, in order of id."""

    entries: tuple[Entry, ...]

    @property
    def usable(self) -> list[ModelPackage]:
        """What may run."""
        return [e.package for e in self.entries if e.state == "usable" and e.package is not None]

    @property
    def refused(self) -> list[BrokenPackage]:
        """What may not, and why."""
        return [
            BrokenPackage(e.folder, e.reason, e.id)
            for e in self.entries
            if e.state == "refused" and e.reason is not None
        ]

    def entry(self, id: str) -> Entry:
        """The package of this id that is in use, or would be; ``NotFound``."""
        found = [e for e in self.entries if e.id == id]
        for one in found:
            if one.state != "replaced":
                return one
        if found:
            return found[0]
        raise NotFound(N_("There is no model {id} on this workstation."), id=id)


def site_folder(home: Path) -> Path:
    """Where installed packages lie."""
    return home / MODELS


# --- what is there


_kept: dict[tuple[Path, Path], tuple[object, Shelf]] = {}
_keeping = threading.Lock()


def installed(settings: Settings) -> Shelf:
    """Every package of this workstation, hashed anew only where a file changed.

    The worker hashes the network once more, on the very bytes that it loads.
    """
    home, shipped = settings.home, settings.models
    known_by = (home, shipped)
    signature = [_signature(p) for p in (shipped, site_folder(home))]
    signature += [_of_file(p) for p in (home / TRUSTED, home / SWITCHED_OFF, SHIPPED)]
    with _keeping:
        kept = _kept.get(known_by)
        if kept is None or kept[0] != signature:
            kept = (signature, _look(settings))
            _kept[known_by] = kept
    return kept[1]


def _of_file(path: Path) -> list[tuple[str, int, int]]:
    try:
        about = path.stat()
    except OSError:
        return []
    return [(path.name, about.st_size, about.st_mtime_ns)]


def _signature(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of every file: they differ when a package was changed."""
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        found += [(path.relative_to(folder).as_posix(), *about[1:]) for about in _of_file(path)]
    return found


def _look(settings: Settings) -> Shelf:
    trust = trust_of(settings.home)
    entries = [*_shipped(settings.models, trust), *_site(settings.home, trust)]
    entries.sort(key=lambda e: (e.id, e.place))
    try:
        said = _switched(settings.home)
    except BadInput as error:
        # What a person switched off is not known any more: better none than the wrong one.
        return Shelf(tuple(replace(e, state="refused", reason=error.message) for e in entries))
    return Shelf(tuple(_replaced(entries, _off(entries, said))))


def _off(entries: list[Entry], said: _SwitchedOff) -> Mapping[str, Switched]:
    """What does not run: switched off by a person, or off from the start and not switched on."""
    from_start = {
        e.id: Switched(by="", when=e.package.manifest.built)
        for e in entries
        if e.package is not None and e.package.manifest.off_by_default and e.id not in said.on
    }
    return from_start | said.off


def _shipped(models: Path, trust: Trust) -> Iterator[Entry]:
    good, broken = list_packages(models, trust)
    for package in good:
        yield Entry(package.manifest.id, package.folder, "program", "usable", package)
    for one in broken:
        yield Entry(one.folder.name, one.folder, "program", "refused", reason=one.reason)


def _site(home: Path, trust: Trust) -> Iterator[Entry]:
    models = site_folder(home)
    for place in sorted(models.iterdir()) if models.is_dir() else ():
        if not place.is_dir() or not _ID.match(place.name):
            continue
        versions = sorted(
            (p for p in place.iterdir() if _VERSION.match(p.name)),
            key=lambda p: p.stat().st_mtime_ns,
        )
        name = _current(place)
        folder = place / name
        older = tuple(p.name for p in versions if p.name != name)
        if not name and not versions:
            continue
        try:
            if not name:
                raise BadInput(N_("Model {model}: {file} is missing."), model=place.name,
                               file=CURRENT)  # fmt: skip
            package = load_package(folder, trust, id=place.name)
        except BadInput as error:
            yield Entry(place.name, folder, "site", "refused", reason=error.message, older=older)
        else:
            yield Entry(place.name, folder, "site", "usable", package, older=older)


def _current(place: Path) -> str:
    try:
        name = (place / CURRENT).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if _VERSION.match(name) else ""


def _replaced(entries: list[Entry], off: Mapping[str, Switched]) -> Iterator[Entry]:
    """Entries with those that others take the place of, or that were switched off."""
    own = {e.id for e in entries if e.place == "site"}
    superseded: dict[str, str] = {}
    for entry in entries:
        said = entry.package.manifest if entry.package is not None else None
        if said is None or entry.id in superseded or entry.id in off:
            continue
        if entry.place == "program" and entry.id in own:
            continue
        superseded |= {old: said.id for old in said.supersedes if old != said.id}
    for entry in entries:
        if entry.place == "program" and entry.id in own:
            words = N_("Another version of it is installed here and takes its place.")
            yield replace(entry, state="replaced", reason=Message(words))
        elif entry.state == "usable" and entry.id in superseded:
            words = N_("The model {id} takes its place.")
            reason = Message(words, {"id": superseded[entry.id]})
            yield replace(entry, state="replaced", reason=reason)
        elif entry.id in off:
            switched = off[entry.id]
            state: State = "refused" if entry.state == "refused" else "off"
            reason = entry.reason or _why_off(switched)
            yield replace(entry, state=state, reason=reason, switched=switched)
        else:
            yield entry


def _why_off(switched: Switched) -> Message:
    if switched.by:
        return Message(N_("{name} switched it off."), {"name": switched.by})
    return Message(N_("It is off until somebody switches it on: its card says how it falls short."))


# --- on and off


def switched_off(home: Path) -> Mapping[str, Switched]:
    """Ids of models that a person switched off. ``BadInput`` where the list cannot be read."""
    return _switched(home).off


def _switched(home: Path) -> _SwitchedOff:
    path = home / SWITCHED_OFF
    if not path.exists():
        return _SwitchedOff(format="onescan-models-off/1", off={})
    try:
        return _SwitchedOff.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(
            N_("{file} cannot be read ({why}): no model runs until it is put right."),
            file=SWITCHED_OFF, why=type(error).__name__,
        ) from error  # fmt: skip


def switch(home: Path, id: str, on: bool, by: str, reason: str = "") -> None:
    """Switch a model on or off for this workstation."""
    before = _switched(home)
    word = Switched(by=by, when=now().isoformat(timespec="seconds"), reason=reason)
    ons = {key: one for key, one in before.on.items() if key != id}
    offs = {key: one for key, one in before.off.items() if key != id}
    (ons if on else offs)[id] = word
    said = _SwitchedOff(format="onescan-models-off/1", off=offs, on=ons).model_dump(mode="json")
    _write(home / SWITCHED_OFF, json.dumps(said, ensure_ascii=False, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    """The file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


# --- coming and going


@contextmanager
def incoming(home: Path) -> Iterator[Path]:
    """An empty folder on the volume of the models, gone afterwards with what is left in it."""
    sweep(home)
    place = _aside(home)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def put_in_place(home: Path, package: ModelPackage) -> Path:
    """Move a checked package from its ``incoming`` folder to its place and make it current.

    The version in use until now stays in place until the moment when the new one is.
    """
    said = package.manifest
    place = site_folder(home) / said.id
    place.mkdir(parents=True, exist_ok=True)
    folder = place / f"{said.version}-{package.sha256[:12]}"
    if folder.exists():  # the same package once more, perhaps damaged since: the fresh one stays
        old = package.folder.parent / f"old-{secrets.token_hex(4)}"
        folder.replace(old)
    package.folder.replace(folder)
    _write(place / CURRENT, folder.name + "\n")
    return folder


def take_away(home: Path, id: str) -> None:
    """Remove an installed package with every earlier version of it; ``NotFound``."""
    place = site_folder(home) / id
    if not _ID.match(id) or not place.is_dir():
        raise NotFound(N_("There is no installed model {id}."), id=id)
    # Out of sight in one step; what Windows still holds open goes when it is let go.
    gone = _aside(home)
    gone.parent.mkdir(parents=True, exist_ok=True)
    place.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _aside(home: Path) -> Path:
    return site_folder(home) / _INCOMING / f"{os.getpid()}-{secrets.token_hex(8)}"


def sweep(home: Path) -> None:
    """Delete what installations left behind that were killed; others' that run are let be."""
    place = site_folder(home) / _INCOMING
    for left in place.iterdir() if place.is_dir() else ():
        owner = left.name.split("-")[0]
        if not owner.isdigit() or not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
