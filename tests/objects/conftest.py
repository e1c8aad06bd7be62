"""The study with every kind of object, imported once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.objects.room import Room
from tests.objects.study import Files, write_study
from tests.objects.study import _images as write_images
from workstation.archive.store import Archive
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake


@pytest.fixture(scope="session")
def objects_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the study imported and assembled; copied, never changed."""
    folder = tmp_path_factory.mktemp("对象")
    files = write_study(folder / "files")
    home = folder / "home"
    archive = Archive(home)
    report = intake(archive, [files.folder])
    assert report.refused == () and report.instances == 30
    assemble(archive, files.study_uid)
    archive.close()
    return home


@pytest.fixture
def archive(objects_home: Path, tmp_path: Path) -> Archive:
    home = tmp_path / "家"
    shutil.copytree(objects_home, home)
    return Archive(home)


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Files]:
    """A home with the images alone; copied, never changed."""
    folder = tmp_path_factory.mktemp("厂商")
    files = write_images(folder / "ct")
    archive = Archive(folder / "home")
    intake(archive, [folder / "ct"])
    assemble(archive, files.study_uid)
    archive.close()
    return folder / "home", files


@pytest.fixture
def room(imported: tuple[Path, Files], tmp_path: Path) -> Iterator[Room]:
    made = Room(*imported, tmp_path)
    yield made
    made.archive.close()
