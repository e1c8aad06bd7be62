"""Model packages on disk: found, hashed, validated; whatever was altered is refused by name."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from workstation.ai.manifest import Manifest
from workstation.ai.onnx_header import OnnxHeader, read_onnx_header
from workstation.domain.artefact import MadeBy
from workstation.domain.errors import N_, BadInput, Message

SUMS = "SHA256SUMS"
SIGNATURE = "SIGNATURE"
MODEL = "model.onnx"
REQUIRED = ("manifest.json", MODEL, "card.md", "LICENSE")
_SUM_LINE = re.compile(r"^([0-9a-f]{64}) [ *](.+)$")
_STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


@dataclass(frozen=True)
class ModelPackage:
    """An installed model. sha256: of ``SHA256SUMS``, hence of every file; model_sha256: of the
    network, checked once more by the worker on the very bytes that it loads."""

    folder: Path
    manifest: Manifest
    sha256: str
    model_sha256: str

    @property
    def model_path(self) -> Path:
        """The network."""
        return self.folder / MODEL

    @property
    def made_by(self) -> MadeBy:
        """What artefacts of this model name as their maker."""
        return MadeBy(self.manifest.id, self.manifest.version, self.sha256)


@dataclass(frozen=True)
class BrokenPackage:
    """A folder under ``models`` that is no usable package, and why."""

    folder: Path
    reason: Message


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[str]:
    """Every file that the sums must list, as paths relative to ``folder`` with slashes."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        # Byte code appears whenever somebody runs train.py; it is never executed from here.
        if path.is_file() and "__pycache__" not in inside.parts:
            found.append(inside.as_posix())
    return [name for name in found if name not in (SUMS, SIGNATURE)]


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` of every file in ``folder`` (the last step of building a package)."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def _read_sums(folder: Path) -> dict[str, str]:
    name = folder.name
    path = folder / SUMS
    if not path.is_file():
        raise BadInput(N_("Model {model}: SHA256SUMS is missing."), model=name)
    listed: dict[str, str] = {}
    for line in path.read_bytes().decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.match(line)
        if match is None:
            raise BadInput(N_("Model {model}: SHA256SUMS has an unreadable line."), model=name)
        listed[match[2]] = match[1]
    return listed


def _check_files(folder: Path) -> dict[str, str]:
    name = folder.name
    listed = _read_sums(folder)
    present = set(_files(folder))
    for required in REQUIRED:
        if required not in present:
            raise BadInput(N_("Model {model}: {file} is missing."), model=name, file=required)
    for file in sorted(present - listed.keys()):
        raise BadInput(
            N_("Model {model}: {file} is not listed in SHA256SUMS."), model=name, file=file
        )
    for file, expected in listed.items():
        if file not in present:
            raise BadInput(N_("Model {model}: {file} is missing."), model=name, file=file)
        if not hmac.compare_digest(sha256_of(folder / file), expected):
            raise BadInput(
                N_("Model {model}: {file} was altered (its SHA-256 is not the one listed)."),
                model=name,
                file=file,
            )
    return listed


def _read_manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        why = f"{where}: {first['msg']}" if where else first["msg"]
        raise BadInput(
            N_("Model {model}: {file} cannot be used ({why})."),
            model=folder.name,
            file="manifest.json",
            why=why,
        ) from error
    if manifest.id != folder.name:
        raise BadInput(
            N_("Model {model}: manifest.json names another model, {id}."),
            model=folder.name,
            id=manifest.id,
        )
    return manifest


@functools.lru_cache(maxsize=64)
def _header(path: Path, sha256: str) -> OnnxHeader:
    return read_onnx_header(path)


def _check_network(folder: Path, manifest: Manifest, sha256: str) -> None:
    name = folder.name
    header = _header(folder / MODEL, sha256)
    if header.external_data:
        raise BadInput(
            N_("Model {model}: {file} keeps weights in another file, {other}; that is refused."),
            model=name,
            file=MODEL,
            other=header.external_data[0],
        )
    foreign = sorted(header.node_domains - _STANDARD_DOMAINS - header.function_domains)
    if foreign:
        raise BadInput(
            N_("Model {model}: {file} uses operators that are not standard ({domain})."),
            model=name,
            file=MODEL,
            domain=foreign[0],
        )
    if header.opset != manifest.io.opset:
        raise BadInput(
            N_("Model {model}: {file} has opset {found}, manifest.json says {expected}."),
            model=name,
            file=MODEL,
            found=header.opset,
            expected=manifest.io.opset,
        )


def load_package(folder: Path) -> ModelPackage:
    """The package in ``folder``, every file checked against ``SHA256SUMS``.

    Raises ``BadInput`` that names the file and what is wrong with it: altered, missing or
    unlisted file, unreadable manifest, network with external data, foreign operators or another
    opset than the manifest says.
    """
    if not folder.is_dir():
        raise BadInput(N_("There is no model folder {path}."), path=str(folder))
    listed = _check_files(folder)
    manifest = _read_manifest(folder)
    _check_network(folder, manifest, listed[MODEL])
    return ModelPackage(folder, manifest, sha256_of(folder / SUMS), listed[MODEL])


def list_packages(models: Path) -> tuple[list[ModelPackage], list[BrokenPackage]]:
    """Every package under ``models`` in order of name, and every folder that is a broken one.

    A folder without ``manifest.json`` and without ``SHA256SUMS`` is no package and not listed.
    """
    good: list[ModelPackage] = []
    broken: list[BrokenPackage] = []
    if not models.is_dir():
        return good, broken
    for folder in sorted(path for path in models.iterdir() if path.is_dir()):
        if not any((folder / name).exists() for name in ("manifest.json", SUMS)):
            continue
        try:
            good.append(load_package(folder))
        except BadInput as error:
            broken.append(BrokenPackage(folder, error.message))
    return good, broken
