"""Which models a site uses: every act is a named person's, checked, and entered in the log.

The package is judged completely before anything of it stands in its place; the log's row and the
last step that makes the act true are one transaction.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from workstation.ai import shelf
from workstation.ai.bundle import write_bundle
from workstation.ai.canary import Canary, sing_all
from workstation.ai.check import CheckReport, checked
from workstation.ai.keys import (
    SiteKey,
    TrustedKey,
    add_trusted_key,
    find_trusted_key,
    fingerprint_of,
    read_public_key,
    remove_trusted_key,
    short,
    site_key,
    site_key_file,
)
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.sums import read_sums, write_sums
from workstation.ai.trust import Signer, sign_package, trust_of, vouch
from workstation.archive.schema import full_disk
from workstation.archive.store import Archive
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.people import Actor, Permission
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.settings import Settings

_ACT = Permission.MANAGE_MODELS


@dataclass(frozen=True)
class Installed:
    """A package that stands in its place. before: the version it replaced, "" where none."""

    package: ModelPackage
    signer: Signer
    before: str


def limits_of(settings: Settings) -> Limits:
    """What one run may take by the settings."""
    return Limits(settings.ai_memory_mb, settings.ai_timeout_s, settings.ai_threads)


def run_canaries(
    settings: Settings, progress: Progress = no_progress, cancel: Cancel | None = None
) -> list[Canary]:
    """Every usable package's own example, once on this machine; one that comes out differently
    is refused from then on, with the reason."""
    packages = shelf.installed(settings).usable
    return sing_all(packages, settings.home, limits_of(settings), progress, cancel)


def check(
    settings: Settings,
    source: Path,
    *,
    id: str = "",
    unsigned: bool = False,
    with_example: bool = True,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> CheckReport:
    """Look at a package without installing it; its files are gone afterwards if it was a ZIP."""
    trust = None if unsigned else trust_of(settings.home)
    with checked(
        source, settings.home, trust, id=id, limits=limits_of(settings),
        with_example=with_example, progress=progress, cancel=cancel,
    ) as report:  # fmt: skip
        return report


def install(
    archive: Archive,
    settings: Settings,
    source: Path,
    *,
    actor: Actor,
    older: bool = False,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Installed:
    """Install the package in ``source``, a ZIP file or a folder, example and all.

    older: also over a newer version. Raises ``NotAllowed`` (no permission, or a newer version is
    there), ``BadInput`` that names what is wrong, ``Cancelled``; then everything is as before.
    """
    archive.check(actor, _ACT)
    if not source.exists():
        raise BadInput(N_("There is no file or folder {path}."), path=str(source))
    home = settings.home
    with full_disk(home), shelf.incoming(home) as place:
        taken = source
        if source.is_dir():
            # Judged and installed from one copy: the folder may change under our hands.
            _check_size(source)
            taken = place / source.name
            try:
                copy_into(home, source, taken)
            except OSError as error:  # shutil.Error is one
                raise BadInput(N_("{path} cannot be copied ({why})."), path=str(source),
                               why=type(error).__name__) from error  # fmt: skip
        with checked(
            taken, home, trust_of(home), limits=limits_of(settings), progress=progress,
            cancel=cancel,
        ) as report:  # fmt: skip
            if report.refusal is not None:
                raise BadInput(report.refusal.template, **report.refusal.params)
            package, signer = report.package, report.signer
            assert package is not None and signer is not None
            before = _version_before(settings, package, older)
            said = package.manifest
            reason = Message(
                N_("Model {id} {version} was installed ({sha256}), signed by {signer}."),
                {"id": said.id, "version": said.version, "sha256": package.sha256,
                 "signer": f"{signer.name} {signer.fingerprint}".strip()},
            )  # fmt: skip
            with archive.write(actor, _ACT, reason):
                folder = shelf.put_in_place(home, package)
    moved = load_package(folder, trust_of(home), id=said.id)
    return Installed(moved, signer, before)


def copy_into(home: Path, source: Path, target: Path) -> None:
    """Copy a folder to one below ``home``, links as links. Raises ``OSError``, and ``ReaderError``
    at the first byte for which the disk has no room."""

    def copy(one: str, to: str) -> str:
        # Here, not around the whole: copytree gathers failures and forgets what they were.
        with full_disk(home):
            return shutil.copy2(one, to)

    with full_disk(home):
        shutil.copytree(source, target, symlinks=True, copy_function=copy, dirs_exist_ok=True)


def _check_size(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    if len(files) > 1000 or sum(path.stat().st_size for path in files) > 4 << 30:
        raise BadInput(N_("{path} is too large to be a model package."), path=str(folder))


def _version_before(settings: Settings, package: ModelPackage, older: bool) -> str:
    said = package.manifest
    known = [e for e in shelf.installed(settings).entries if e.id == said.id]
    own = [e for e in known if e.place == "site"] or [e for e in known if e.package]
    if not own:
        return ""
    # Of a package that is refused (altered, or nobody trusts its key any more) the folder tells.
    there = own[0].package
    before = there.manifest.version if there is not None else own[0].folder.name.split("-")[0]
    if not before:
        return ""
    if _numbers(before) > _numbers(said.version) and not older:
        raise NotAllowed(
            N_("Model {id}: version {before} is newer than {version}. Say so explicitly to go "
               "back to an older one."),
            id=said.id, before=before, version=said.version,
        )  # fmt: skip
    return before


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def remove(archive: Archive, settings: Settings, id: str, *, actor: Actor) -> None:
    """Remove an installed package with its earlier versions. What came with the program cannot
    be removed, only switched off. What the model found stays in the archive."""
    archive.check(actor, _ACT)
    entries = [e for e in shelf.installed(settings).entries if e.id == id]
    if entries and all(e.place == "program" for e in entries):
        raise NotAllowed(
            N_("Model {id} came with the program: it can be switched off, not removed."), id=id
        )
    reason = Message(N_("Model {id} was removed."), {"id": id})
    with archive.write(actor, _ACT, reason):
        shelf.take_away(settings.home, id)


def switch(
    archive: Archive, settings: Settings, id: str, on: bool, *, actor: Actor, reason: str = ""
) -> None:
    """Switch a model on or off for this workstation."""
    archive.check(actor, _ACT)
    shelf.installed(settings).entry(id)
    words = N_("Model {id} was switched on. {reason}") if on else N_(
        "Model {id} was switched off. {reason}")  # fmt: skip
    with archive.write(actor, _ACT, Message(words, {"id": id, "reason": reason})):
        shelf.switch(settings.home, id, on, actor.name, reason)


# --- keys


def trust_key(
    archive: Archive, settings: Settings, file: Path, name: str, *, actor: Actor
) -> TrustedKey:
    """Trust the public key in ``file`` from now on, as ``name``'s."""
    archive.check(actor, _ACT)
    public = read_public_key(file)
    reason = Message(
        N_("The key {fingerprint} is trusted to sign models, as {name}."),
        {"fingerprint": fingerprint_of(public), "name": name.strip()},
    )
    with archive.write(actor, _ACT, reason):
        return add_trusted_key(settings.home, public, name, actor.name)


def distrust_key(archive: Archive, settings: Settings, wanted: str, *, actor: Actor) -> TrustedKey:
    """Trust a key no longer, named by its name or fingerprint. What it signed is refused."""
    archive.check(actor, _ACT)
    key = find_trusted_key(settings.home, wanted)
    reason = Message(
        N_("The key {fingerprint} of {name} is no longer trusted."),
        {"fingerprint": key.fingerprint, "name": key.name},
    )
    with archive.write(actor, _ACT, reason):
        remove_trusted_key(settings.home, key.fingerprint)
    return key


def own_key(archive: Archive, settings: Settings, *, actor: Actor, passphrase: str = "") -> SiteKey:
    """The site's signing key, made by ``actor`` where there is none yet."""
    archive.check(actor, _ACT)
    if site_key_file(settings.home).exists():
        return site_key(settings.home, passphrase=passphrase)
    reason = Message(N_("A signing key for models was made for this site."), {})
    with archive.write(actor, _ACT, reason):
        return site_key(settings.home, passphrase=passphrase, by=actor.name)


@dataclass(frozen=True)
class Signed:
    """A package that was signed. file: the ZIP file, where one was asked for."""

    package: ModelPackage
    key: SiteKey
    file: Path | None


def sign(
    archive: Archive,
    settings: Settings,
    folder: Path,
    *,
    actor: Actor,
    passphrase: str = "",
    to: Path | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Signed:
    """Vouch for the package in ``folder`` with the site's key; ``to``: also write it as one file.

    Everything is checked first, the example too: whoever vouches has seen it come out. Code in
    the folder is left alone and is no part of the package. ``NotAllowed`` at once, before
    anything was written, where the passphrase does not open the key.
    """
    archive.check(actor, _ACT)
    if not folder.is_dir():
        raise BadInput(N_("There is no model folder {path}."), path=str(folder))
    if site_key_file(settings.home).exists():
        own_key(archive, settings, actor=actor, passphrase=passphrase)
    write_sums(folder)
    with checked(
        folder, settings.home, None, limits=limits_of(settings), progress=progress, cancel=cancel
    ) as report:
        if report.refusal is not None:
            raise BadInput(report.refusal.template, **report.refusal.params)
    package = report.package
    assert package is not None
    key = own_key(archive, settings, actor=actor, passphrase=passphrase)
    said = package.manifest
    reason = Message(
        N_("Model {id} {version} was signed ({sha256}) with the key {key}."),
        {"id": said.id, "version": said.version, "sha256": package.sha256,
         "key": short(key.fingerprint)},
    )  # fmt: skip
    with archive.write(actor, _ACT, reason):
        signature = sign_package(folder, key)
        vouch(said.id, read_sums(folder), signature.read_bytes(), trust_of(settings.home))
    file = write_bundle(folder, to, f"{said.id}-{said.version}") if to is not None else None
    return Signed(package, key, file)
