"""``SHA256SUMS`` of a package: which files belong to it and what each of them is.

A package is a closed set of data files. Program code that lies beside it in the repository (how a
network was trained) is no part of the package: it is not listed, not read and never executed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path, PurePosixPath

from workstation.domain.errors import N_, BadInput

SUMS = "SHA256SUMS"
SIGNATURE = "SIGNATURE"
MODEL = "model.onnx"
MANIFEST = "manifest.json"
CARD = "card.md"
REQUIRED = (MANIFEST, MODEL, CARD, "LICENSE")

DATA = frozenset({".json", ".onnx", ".md", ".txt", ".csv", ".npz", ".png", ".jpg"})
"""Endings of files that a package may hold."""
_BARE = re.compile(r"^(LICENSE|NOTICE|AUTHORS|CITATION)([.-][A-Za-z0-9._-]+)?$")
CODE = frozenset(
    {
        ".py", ".pyc", ".pyo", ".pyd", ".pyw", ".pyz", ".whl", ".egg", ".ipynb", ".so", ".dll",
        ".dylib", ".exe", ".com", ".scr", ".msi", ".sys", ".elf", ".o", ".a", ".pkl",
        ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt", ".sh", ".bash", ".zsh", ".bat",
        ".cmd", ".ps1", ".psm1", ".vbs", ".js", ".mjs", ".wasm", ".jar", ".class", ".lua", ".pl",
        ".rb", ".php", ".r", ".c", ".cc", ".cpp", ".h", ".cu", ".ptx", ".rs", ".go", ".lnk",
        ".desktop", ".html", ".htm", ".svg", ".keras", ".engine", ".trt",
    }
)  # fmt: skip
"""Endings of what some program would run, or unpickle, which is the same."""
_CODE_STARTS = (b"#!", b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm")
_SUM_LINE = re.compile(r"^([0-9a-f]{64}) [ *](.+)$")
_MAX_SUMS = 1 << 20
_MAX_FILES = 512


def is_data(name: str) -> bool:
    """Whether a package may hold a file of this name (a path inside it, with slashes)."""
    path = PurePosixPath(name)
    if any(part.startswith(".") or part == "__pycache__" for part in path.parts):
        return False
    return path.suffix.lower() in DATA or _BARE.match(path.name) is not None


def is_code(name: str) -> bool:
    """Whether a file of this name is program code, or something that is run when it is opened."""
    path = PurePosixPath(name)
    return path.suffix.lower() in CODE or "__pycache__" in path.parts


def starts_like_code(start: bytes) -> bool:
    """Whether a file that begins so is a program, whatever it is called."""
    return start.startswith(_CODE_STARTS)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path) -> list[str]:
    """Every file in ``folder`` except sums and signature, as relative paths with slashes.

    Links are listed as files, whatever they point to.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            found.append(path.relative_to(folder).as_posix())
    return [name for name in found if name not in (SUMS, SIGNATURE)]


def package_files(folder: Path) -> list[str]:
    """The files of ``folder`` that are part of the package: what is data, and no link."""
    return [n for n in files_in(folder) if is_data(n) and not (folder / n).is_symlink()]


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` of the package in ``folder`` (the last step before it is signed)."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in package_files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def parse_sums(data: bytes, model: str) -> dict[str, str]:
    """Path to SHA-256 from the bytes of ``SHA256SUMS``. Raises ``BadInput``."""
    listed: dict[str, str] = {}
    if len(data) > _MAX_SUMS:
        raise BadInput(N_("Model {model}: {file} is too large."), model=model, file=SUMS)
    for line in data.decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.match(line)
        if match is None:
            raise BadInput(N_("Model {model}: SHA256SUMS has an unreadable line."), model=model)
        if match[2] in listed:
            raise BadInput(
                N_("Model {model}: {file} is listed twice in SHA256SUMS."),
                model=model,
                file=match[2],
            )
        listed[match[2]] = match[1]
        if len(listed) > _MAX_FILES:
            raise BadInput(
                N_("Model {model}: it has more than {limit} files."), model=model, limit=_MAX_FILES
            )
    return listed


def read_sums(folder: Path) -> bytes:
    """The bytes of ``SHA256SUMS``. Raises ``BadInput`` where there is none."""
    path = folder / SUMS
    if path.is_symlink() or not path.is_file():
        raise BadInput(N_("Model {model}: SHA256SUMS is missing."), model=folder.name)
    with path.open("rb") as file:
        return file.read(_MAX_SUMS + 1)


def same_hash(found: str, expected: str) -> bool:
    """Whether two hexadecimal hashes are equal."""
    return hmac.compare_digest(found, expected)


def refuse_kind(model: str, name: str, *, program: bool = False) -> BadInput:
    """Why a package may not hold the file ``name``; program: its content says what it is."""
    if program or is_code(name):
        return BadInput(
            N_("Model {model}: {file} is program code; a package holds data only."),
            model=model,
            file=name,
        )
    return BadInput(
        N_("Model {model}: {file} is of a kind that a package may not hold."),
        model=model,
        file=name,
    )
