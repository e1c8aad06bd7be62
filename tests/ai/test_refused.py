"""Every package of ``tests.ai.bad`` is refused with its file named, and nothing of it stays."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ai.bad import BAD, bundle, sound
from tests.ai.packages import manifest, trust_maker
from workstation.ai.bundle import open_bundle
from workstation.ai.check import checked
from workstation.ai.manifest import Manifest
from workstation.ai.package import parse_manifest
from workstation.ai.trust import trust_of
from workstation.domain.errors import BadInput


def left(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


@pytest.mark.parametrize("kind", BAD)
def test_bad_package_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    make, expected = BAD[kind]
    home = tmp_path / "家"
    home.mkdir()
    trust_maker(home)
    source = make(tmp_path / "made")
    before = left(tmp_path)
    with checked(source, home, trust_of(home)) as report:
        assert not report.ok
        assert report.refusal is not None
        assert expected in str(report.refusal)
        if kind in ("unsigned", "unknown key", "signature of another package"):
            assert left(tmp_path) == before  # not even unpacked before somebody vouched
    assert left(tmp_path) == before


def test_sound_package_passes(tmp_path: Path) -> None:
    trust_maker(tmp_path)
    with checked(bundle(sound(tmp_path / "made")), tmp_path, trust_of(tmp_path)) as report:
        assert report.ok, report.refusal
        assert [step.name for step in report.steps] == [
            "ZIP file", "Signature", "Files", "Manifest", "Network", "Model card",
            "Example files", "Example, run in the worker",
        ]  # fmt: skip
        assert report.signer is not None
        assert report.signer.name == "Maker of tests"


def test_package_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """As a file manager packs it, by the folder's context menu."""
    trust_maker(tmp_path)
    place = sound(tmp_path / "made")
    path = tmp_path / "anything.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(place.rglob("*")):
            archive.write(file, f"tiny/{file.relative_to(place).as_posix()}")
    with checked(path, tmp_path, trust_of(tmp_path), with_example=False) as report:
        assert report.ok, report.refusal


def test_same_package_gives_the_same_file(tmp_path: Path) -> None:
    first, second = (bundle(sound(tmp_path / name)) for name in "ab")
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        names = [n for n in one.namelist() if n != "SIGNATURE"]  # it carries the time
        assert [one.read(n) for n in names] == [other.read(n) for n in names]
        assert all(i.date_time == (1980, 1, 1, 0, 0, 0) for i in one.infolist())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bundle(sound(tmp_path_factory.mktemp("whole"))).read_bytes()


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 40),
)
def test_damaged_archive_is_refused_or_reads_the_same(
    tmp_path: Path, whole: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """Whatever bytes change: a plain refusal, or every file as it was (the hashes tell)."""
    data = bytearray(whole)
    for at, value in changes:
        # Mostly the directory at the end: that is where the judgement is made.
        data[-1 - at % 1200 if at % 3 else at % len(data)] = value
    path = tmp_path / "damaged.zip"
    path.write_bytes(bytes(data[: len(data) - cut] if cut % 4 == 1 else data))
    trust_maker_once(tmp_path)
    before = left(tmp_path)
    with checked(path, tmp_path, trust_of(tmp_path), with_example=False) as report:
        if report.ok:
            assert report.package is not None
            assert report.package.sha256 == sums_of(whole)
    assert left(tmp_path) == before


def trust_maker_once(home: Path) -> None:
    if not (home / "trusted_keys.json").exists():
        trust_maker(home)


def sums_of(whole: bytes) -> str:
    import hashlib
    import io

    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return hashlib.sha256(archive.read("SHA256SUMS")).hexdigest()


NAMES = st.text(
    alphabet=st.sampled_from("ab./\\:\0 -Cé~*?|\n"), min_size=1, max_size=12
)  # every letter that means something in a path somewhere


@FUZZ
@given(name=NAMES)
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "named.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"1")
    try:
        with open_bundle(path) as opened:
            names = list(opened.entries)
    except BadInput as error:
        assert "named.zip" in str(error)
        return
    place = tmp_path / "place"
    for one in names:
        assert place in (place / one).resolve().parents


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@FUZZ
@given(where=st.sampled_from(sorted(manifest())), value=JSON)
def test_any_manifest_is_read_or_refused(where: str, value: Any) -> None:
    said = {**manifest(), where: value}
    try:
        read = parse_manifest(json.dumps(said).encode("utf-8"), "tiny")
    except BadInput as error:
        assert "manifest.json cannot be used" in str(error)
    else:
        assert isinstance(read, Manifest)
