"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPOSITORY / "workstation").rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))
LANGUAGE = REPOSITORY / "resources" / "languages" / "zh_CN"

# Library to the only places that may import it (architecture.md).
ONLY_IN = {
    "PySide6": ("workstation/ui/", "workstation/desktop.py"),
    "vtkmodules": ("workstation/render/", "workstation/ui/volume_view.py"),
    "vtk": (),
    "onnxruntime": ("workstation/ai/worker",),
    "openvino": ("workstation/ai/worker",),
    "sqlalchemy": ("workstation/archive/",),
    "sqlite3": ("workstation/archive/",),
    "pydicom": ("workstation/dicom/",),
    "pynetdicom": ("workstation/dicom/",),
    "highdicom": ("workstation/dicom/",),
    "cv2": ("workstation/documents/movie.py", "workstation/render/grey.py"),
}
NETWORK = {"requests", "urllib.request", "http.client", "httpx", "aiohttp", "ftplib", "smtplib"}
ALLOWED_TOP = {
    ".ci", ".github", ".gitattributes", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
    "README.md", "README.zh_CN.md", "installer", "models", "pyproject.toml", "resources",
    "start.py", "tests", "workstation",
}  # fmt: skip


def tracked() -> list[Path]:
    """Files git tracks, or, outside a checkout, those that would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, "the house rules are checked in a git checkout"
    paths = (REPOSITORY / p for p in listed.stdout.decode().split("\0") if p)
    return [p for p in paths if p.is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def messages_in(path: Path) -> Iterator[tuple[int, str]]:
    """String literals given to tr(), N_() or Message() in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        first = node.args[0]
        is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if called in {"tr", "N_"} and is_text:
            assert isinstance(first, ast.Constant)
            yield node.lineno, str(first.value)


def catalogue() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(LANGUAGE.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    found[str(message.id)] = str(message.string)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_file_is_short_and_has_a_docstring(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    assert lines <= (150 if name_of(path) == "workstation/ui/window.py" else 400), (
        f"{lines} lines: split by noun"
    )
    assert ast.get_docstring(ast.parse(source)), "a file says in one line what it is"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    missing = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                missing.append(node.name)
            if isinstance(node, ast.ClassDef) and "ui/" not in name_of(path):
                missing += [
                    f"{node.name}.{child.name}"
                    for child in node.body
                    if isinstance(child, ast.FunctionDef)
                    and not child.name.startswith("_")
                    and not ast.get_docstring(child)
                    and not any(getattr(d, "attr", "") == "setter" for d in child.decorator_list)
                ]
    assert not missing


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    """Complaint 25 too: nothing can fetch a model at the start, for nothing can use a network."""
    wrong = []
    for module in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
        top = module.split(".")[0]
        places = ONLY_IN.get(top)
        if places is not None and not any(name_of(path).startswith(p) for p in places):
            wrong.append(module)
        if module in NETWORK or top in NETWORK:
            wrong.append(module)
    assert not wrong


def test_no_file_is_named_for_nothing() -> None:
    bad = re.compile(r"(utils?|managers?|helpers?|misc|common)(_|$|\.)")
    assert not [name_of(p) for p in SOURCES if bad.search(p.name)]


def test_top_level_is_as_fixed() -> None:
    top = {p.relative_to(REPOSITORY).parts[0] for p in tracked()}
    assert top <= ALLOWED_TOP


def test_every_text_is_in_the_chinese_catalogue() -> None:
    known = catalogue()
    missing = [
        f"{name_of(path)}:{line}: {text}"
        for path in SOURCES
        for line, text in messages_in(path)
        if not known.get(text)
    ]
    assert not missing, "\n".join(missing)


def test_translations_keep_their_slots() -> None:
    slots = re.compile(r"\{(\w+)[^}]*\}")
    wrong = [
        english
        for english, chinese in catalogue().items()
        if chinese and set(slots.findall(english)) != set(slots.findall(chinese))
    ]
    assert not wrong


def test_no_english_key_has_two_translations() -> None:
    seen: dict[str, str] = {}
    clashes = []
    for path in sorted(LANGUAGE.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                key, value = str(message.id), str(message.string)
                if key and seen.setdefault(key, value) != value:
                    clashes.append(f"{path.name}: {key}: {seen[key]} / {value}")
    assert not clashes, "\n".join(clashes)


def test_nothing_names_a_machine_or_a_registry() -> None:
    bad = re.compile(
        r"py[p]i\.org|pythonhos[t]ed|npm[j]s\.|deb\.debi[a]n|/w[o]rk/|/r[o]ot/|/home/\w+/"
    )
    found = []
    for path in tracked():
        if path.suffix in {".otf", ".png", ".onnx", ".npz", ".dcm"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [name_of(path) for _ in [0] if bad.search(text)]
    assert not found


def test_no_image_data_is_committed() -> None:
    suffixes = (".dcm", ".nii", ".nii.gz", ".nrrd", ".mha")
    assert not [name_of(p) for p in tracked() if p.name.endswith(suffixes)]


def test_no_test_is_skipped() -> None:
    marks = re.compile(r"pytest\.sk[i]p|mark\.(sk[i]p|xf[a]il)|importorsk[i]p")
    assert not [name_of(p) for p in TESTS if marks.search(p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_lock_pins_everything_with_hashes(lock: str) -> None:
    text = (REPOSITORY / "installer" / lock).read_text(encoding="utf-8")
    entries = [e for e in re.split(r"\n(?=\S)", text.strip()) if not e.startswith("#")]
    assert len(entries) > 40
    assert all("==" in e and "--hash=sha256:" in e for e in entries)
    assert "://" not in text


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    names = [*project["dependencies"], *extras["test"], *extras["train"]]
    contributing = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    bare = [re.split(r"[<>=!~; ]", n)[0] for n in names]
    assert not [n for n in bare if f"`{n}`" not in contributing]
