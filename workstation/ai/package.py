"""Model packages on disk: found, hashed, validated, vouched for; else refused by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from workstation import __version__
from workstation.ai.manifest import Manifest
from workstation.ai.network import check_network
from workstation.ai.sums import (
    CARD,
    MANIFEST,
    MODEL,
    REQUIRED,
    SIGNATURE,
    SUMS,
    files_in,
    is_code,
    is_data,
    parse_sums,
    read_sums,
    refuse_kind,
    same_hash,
    sha256_of,
    starts_like_code,
    write_sums,
)
from workstation.ai.trust import Signer, Trust, vouch
from workstation.domain.artefact import MadeBy
from workstation.domain.errors import N_, BadInput, Message

__all__ = [
    "CARD", "MANIFEST", "MODEL", "REQUIRED", "SIGNATURE", "SUMS", "BrokenPackage", "ModelPackage",
    "list_packages", "load_package", "sha256_of", "write_sums",
]  # fmt: skip

_LARGEST_MANIFEST = 1 << 20


@dataclass(frozen=True)
class ModelPackage:
    """An installed model. sha256: of ``SHA256SUMS``, hence of every file; model_sha256: of the
    network, checked once more by the worker on the very bytes that it loads. signer: who vouches
    for it; None where nobody was asked, which is so only for its maker's own work."""

    folder: Path
    manifest: Manifest
    sha256: str
    model_sha256: str
    signer: Signer | None = None

    @property
    def model_path(self) -> Path:
        """The network."""
        return self.folder / MODEL

    def listed(self, file: str) -> str:
        """SHA-256 that the package lists for one of its files. Raises ``BadInput`` where the list
        is not the one that was loaded."""
        sums = read_sums(self.folder)
        if not same_hash(hashlib.sha256(sums).hexdigest(), self.sha256):
            raise BadInput(
                N_("Model {model}: {file} was altered (its SHA-256 is not the one listed)."),
                model=self.manifest.id,
                file=SUMS,
            )
        return parse_sums(sums, self.manifest.id)[file]

    @property
    def made_by(self) -> MadeBy:
        """What artefacts of this model name as their maker."""
        return MadeBy(self.manifest.id, self.manifest.version, self.sha256)


@dataclass(frozen=True)
class BrokenPackage:
    """A folder that is no usable package, and why. id: the package's; default the folder's."""

    folder: Path
    reason: Message
    id: str = ""


def check_files(folder: Path, name: str, sums: bytes, *, code_beside: bool) -> dict[str, str]:
    """The files of a package by ``SHA256SUMS``, each one there, of a kind that may be, and as
    listed. code_beside: whether code that is not listed may lie there. Raises ``BadInput``."""
    listed = parse_sums(sums, name)
    present = files_in(folder)
    for file in present:
        if (folder / file).is_symlink():
            raise BadInput(N_("Model {model}: {file} is a link, not a file."),
                           model=name, file=file)  # fmt: skip
    for required in REQUIRED:
        if required not in present:
            raise BadInput(N_("Model {model}: {file} is missing."), model=name, file=required)
    for file in present:
        if file in listed or (code_beside and (is_code(file) or _is_hidden(file))):
            continue
        if is_code(file):
            raise refuse_kind(name, file)
        raise BadInput(
            N_("Model {model}: {file} is not listed in SHA256SUMS."), model=name, file=file
        )
    for file, expected in listed.items():
        if not is_data(file):
            raise refuse_kind(name, file)
        if file not in present:
            raise BadInput(N_("Model {model}: {file} is missing."), model=name, file=file)
        with (folder / file).open("rb") as opened:
            if starts_like_code(opened.read(8)):
                raise refuse_kind(name, file, program=True)
        if not same_hash(sha256_of(folder / file), expected):
            raise BadInput(
                N_("Model {model}: {file} was altered (its SHA-256 is not the one listed)."),
                model=name,
                file=file,
            )
    return listed


def _is_hidden(file: str) -> bool:
    return any(part.startswith(".") for part in file.split("/"))


def parse_manifest(data: bytes, model: str) -> Manifest:
    """A manifest from its bytes. Raises ``BadInput`` that says where it is wrong."""
    why = "too large"
    if len(data) <= _LARGEST_MANIFEST:
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            why = f"{where}: {first['msg']}" if where else first["msg"]
    raise BadInput(
        N_("Model {model}: {file} cannot be used ({why})."), model=model, file=MANIFEST, why=why
    )


def read_manifest(folder: Path, name: str) -> Manifest:
    """``manifest.json`` of the package ``name``. Raises ``BadInput``."""
    with (folder / MANIFEST).open("rb") as file:
        manifest = parse_manifest(file.read(_LARGEST_MANIFEST + 1), name)
    if manifest.id != name:
        raise BadInput(
            N_("Model {model}: manifest.json names another model, {id}."),
            model=name,
            id=manifest.id,
        )
    if _numbers(manifest.min_app) > _numbers(__version__):
        raise BadInput(
            N_("Model {model}: it needs version {wanted} of this program, this is {present}."),
            model=name,
            wanted=manifest.min_app,
            present=__version__,
        )
    return manifest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def load_package(folder: Path, trust: Trust | None = None, *, id: str = "") -> ModelPackage:
    """The package in ``folder``, every file checked against ``SHA256SUMS``.

    trust: whom to believe; somebody of these must vouch for the package. Without it nobody is
    asked: only for a maker who looks at work that is not signed yet. id: the package's, where
    the folder is named otherwise. Program code beside a package that comes with the program, or
    that is being made, is left alone; anywhere else it is refused.

    Raises ``BadInput`` that names the file and what is wrong with it: nobody vouches for it,
    altered, missing or unlisted file, unreadable manifest, network with external data, foreign
    operators or another opset than the manifest says.
    """
    if not folder.is_dir():
        raise BadInput(N_("There is no model folder {path}."), path=str(folder))
    name = id or folder.name
    sums = read_sums(folder)
    signer = None if trust is None else vouch(name, sums, read_signature(folder), trust)
    code_beside = signer is None or signer.kind == "program"
    listed = check_files(folder, name, sums, code_beside=code_beside)
    manifest = read_manifest(folder, name)
    check_network(folder / MODEL, name, manifest, listed[MODEL])
    if manifest.pre.locate is not None and manifest.pre.locate.file not in listed:
        raise BadInput(
            N_("Model {model}: {file} is missing."), model=name, file=manifest.pre.locate.file
        )
    return ModelPackage(folder, manifest, sha256_of(folder / SUMS), listed[MODEL], signer)


def read_signature(folder: Path) -> bytes | None:
    """The bytes of ``SIGNATURE``, None where there is none."""
    path = folder / SIGNATURE
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(1 << 17)


def list_packages(
    models: Path, trust: Trust | None
) -> tuple[list[ModelPackage], list[BrokenPackage]]:
    """Every package under ``models`` in order of name, and every folder that is a broken one.

    A folder without ``manifest.json`` and without ``SHA256SUMS`` is no package and not listed.
    trust: as of ``load_package``.
    """
    good: list[ModelPackage] = []
    broken: list[BrokenPackage] = []
    if not models.is_dir():
        return good, broken
    for folder in sorted(path for path in models.iterdir() if path.is_dir()):
        if not any((folder / name).exists() for name in (MANIFEST, SUMS)):
            continue
        try:
            good.append(load_package(folder, trust))
        except BadInput as error:
            broken.append(BrokenPackage(folder, error.message))
    return good, broken
