"""What is installed on a workstation: places, versions, on and off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ai.bad import sound
from tests.ai.packages import identity, trust_maker, write_package
from workstation.ai import shelf
from workstation.ai.package import load_package
from workstation.ai.shelf import Shelf, installed
from workstation.ai.trust import trust_of
from workstation.domain.errors import BadInput, NotFound
from workstation.settings import Settings


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "随程序")


def bring(settings: Settings, **changes: object) -> Path:
    """Install a package as ``reading.models`` does, without a person."""
    with shelf.incoming(settings.home) as place:
        folder = sound(place, **changes)
        return shelf.put_in_place(settings.home, load_package(folder, trust_of(settings.home)))


def states(found: Shelf) -> dict[tuple[str, str], str]:
    return {(e.id, e.place): e.state for e in found.entries}


def test_installed_takes_the_place_of_shipped_and_gives_it_back(settings: Settings) -> None:
    sound(settings.models)
    assert states(installed(settings)) == {("tiny", "program"): "usable"}
    folder = bring(settings, version="1.1.0")
    found = installed(settings)
    assert states(found) == {("tiny", "program"): "replaced", ("tiny", "site"): "usable"}
    assert [p.manifest.version for p in found.usable] == ["1.1.0"]
    assert found.entry("tiny").folder == folder
    shelf.take_away(settings.home, "tiny")
    assert states(installed(settings)) == {("tiny", "program"): "usable"}
    assert not [p for p in shelf.site_folder(settings.home).rglob("*") if p.is_file()]


def test_a_damaged_installed_one_does_not_fall_back_silently(settings: Settings) -> None:
    sound(settings.models)
    folder = bring(settings, version="1.1.0")
    (folder / "card.md").write_text("other", encoding="utf-8")
    found = installed(settings)
    assert found.usable == []
    assert states(found) == {("tiny", "program"): "replaced", ("tiny", "site"): "refused"}
    assert "card.md was altered" in str(found.refused[0].reason)
    assert found.refused[0].id == "tiny"


def test_earlier_versions_are_kept(settings: Settings) -> None:
    first = bring(settings)
    second = bring(settings, version="1.1.0")
    entry = installed(settings).entry("tiny")
    assert entry.folder == second
    assert entry.older == (first.name,)
    assert first.is_dir()
    bring(settings)  # back to the first: the same folder, whole again
    assert installed(settings).entry("tiny").folder == first


def test_supersedes(settings: Settings) -> None:
    write_package(settings.models, identity(), id="old-tiny")
    bring(settings, supersedes=["old-tiny"])
    found = installed(settings)
    assert states(found)["old-tiny", "program"] == "replaced"
    assert "tiny takes its place" in str(found.entry("old-tiny").reason)
    shelf.switch(settings.home, "tiny", False, "boss")
    assert states(installed(settings))["old-tiny", "program"] == "usable"


def test_two_that_supersede_each_other_leave_one(settings: Settings) -> None:
    write_package(settings.models, identity(), id="a", supersedes=["b"])
    write_package(settings.models, identity(), id="b", supersedes=["a"])
    assert [p.manifest.id for p in installed(settings).usable] == ["a"]


def test_switched_off_and_on(settings: Settings) -> None:
    sound(settings.models)
    shelf.switch(settings.home, "tiny", False, "boss", "too many false positives")
    entry = installed(settings).entry("tiny")
    assert entry.state == "off"
    assert entry.switched is not None
    assert (entry.switched.by, entry.switched.reason) == ("boss", "too many false positives")
    assert installed(settings).usable == []
    assert installed(settings).refused == []
    shelf.switch(settings.home, "tiny", True, "boss")
    assert installed(settings).entry("tiny").state == "usable"


def test_what_is_off_by_default_waits_for_somebody(settings: Settings) -> None:
    write_package(settings.models, identity(), off_by_default=True)
    entry = installed(settings).entry("tiny")
    assert entry.state == "off" and "card" in str(entry.reason)
    shelf.switch(settings.home, "tiny", True, "boss")
    assert installed(settings).entry("tiny").state == "usable"
    shelf.switch(settings.home, "tiny", False, "boss", "too many alarms")
    entry = installed(settings).entry("tiny")
    assert entry.state == "off" and entry.switched is not None and entry.switched.by == "boss"
    shelf.switch(settings.home, "tiny", True, "boss")
    assert installed(settings).entry("tiny").state == "usable"


def test_unreadable_switch_list_runs_nothing(settings: Settings) -> None:
    sound(settings.models)
    (settings.home / shelf.SWITCHED_OFF).write_text('{"format": 1}', encoding="utf-8")
    found = installed(settings)
    assert found.usable == []
    assert "models_off.json cannot be read" in str(found.refused[0].reason)
    with pytest.raises(BadInput):
        shelf.switch(settings.home, "tiny", True, "boss")


def test_a_change_is_seen_and_nothing_else_is_hashed_again(settings: Settings) -> None:
    place = sound(settings.models)
    first = installed(settings)
    assert installed(settings) is first
    (place / "card.md").write_text("other", encoding="utf-8")
    assert installed(settings).usable == []


def test_a_killed_installation_leaves_the_version_in_use(settings: Settings) -> None:
    folder = bring(settings)
    place = shelf.site_folder(settings.home)
    shutil.copytree(folder, place / ".incoming" / "4194305-half" / "tiny")  # no such process
    shutil.copytree(folder, folder.with_name("1.1.0-0123456789ab"))  # moved, not yet current
    entry = installed(settings).entry("tiny")
    assert (entry.state, entry.folder) == ("usable", folder)
    with shelf.incoming(settings.home) as running:
        shelf.sweep(settings.home)
        assert running.is_dir()
    assert list((place / ".incoming").iterdir()) == []


def test_current_that_points_elsewhere_is_refused(settings: Settings) -> None:
    folder = bring(settings)
    for name in ("../../..", "", str(settings.models)):
        (folder.parent / "current").write_text(name, encoding="utf-8")
        assert installed(settings).entry("tiny").state == "refused"


def test_unknown_ids(settings: Settings) -> None:
    with pytest.raises(NotFound):
        installed(settings).entry("nobody")
    for id in ("nobody", "..", "../..", ""):
        with pytest.raises(NotFound):
            shelf.take_away(settings.home, id)
