"""Which models a site uses: acts of persons, with permission, whole or not at all, in the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ai.bad import BAD, bundle, sound, write
from tests.ai.packages import MAKER, trust_maker
from workstation.ai import shelf
from workstation.ai.check import checked
from workstation.ai.keys import site_key_file, trusted_keys
from workstation.ai.shelf import installed
from workstation.ai.trust import trust_of
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.errors import BadInput, Cancelled, NotAllowed, NotFound
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.work import Cancel
from workstation.reading import models
from workstation.settings import Settings

BOSS = Actor("boss", Role.ADMIN)
READER = Actor("li", Role.READER)


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "随程序", ai_threads=1)


def log(archive: Archive) -> list[tuple[str, str]]:
    return [(row.actor, str(row.reason)) for row in archive.audit()]


def test_install_says_who_signed_and_enters_the_log(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    done = models.install(archive, settings, bundle(sound(tmp_path)), actor=BOSS)
    assert (done.signer.name, done.before) == (MAKER.name, "")
    assert [p.sha256 for p in installed(settings).usable] == [done.package.sha256]
    ((actor, reason),) = log(archive)
    assert actor == "boss"
    assert done.package.sha256 in reason
    assert MAKER.fingerprint in reason
    assert verify(archive).ok


@pytest.mark.parametrize("kind", ["card altered", "unknown key", "path upwards", "zip bomb"])
def test_what_is_refused_leaves_everything_as_it_was(
    archive: Archive, settings: Settings, tmp_path: Path, kind: str
) -> None:
    before = models.install(archive, settings, bundle(sound(tmp_path / "a")), actor=BOSS)
    make, expected = BAD[kind]
    with pytest.raises(BadInput) as caught:
        models.install(archive, settings, make(tmp_path / "b"), actor=BOSS)
    assert expected in str(caught.value)
    assert installed(settings).entry("tiny").folder == before.package.folder
    assert installed(settings).entry("tiny").state == "usable"
    assert len(log(archive)) == 1
    assert list((shelf.site_folder(settings.home) / ".incoming").iterdir()) == []


def test_only_those_who_may(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    path, key = bundle(sound(tmp_path)), tmp_path / "k.pem"
    key.write_text(MAKER.public_pem, encoding="ascii")
    for actor in (READER, MACHINE):
        for act in (
            lambda actor=actor: models.install(archive, settings, path, actor=actor),
            lambda actor=actor: models.remove(archive, settings, "tiny", actor=actor),
            lambda actor=actor: models.switch(archive, settings, "tiny", False, actor=actor),
            lambda actor=actor: models.trust_key(archive, settings, key, "x", actor=actor),
            lambda actor=actor: models.distrust_key(archive, settings, "x", actor=actor),
            lambda actor=actor: models.own_key(archive, settings, actor=actor),
            lambda actor=actor: models.sign(archive, settings, tmp_path / "tiny", actor=actor),
        ):
            with pytest.raises(NotAllowed, match="may not do this: manage models"):
                act()
    assert log(archive) == []
    assert not site_key_file(settings.home).exists()
    assert len(trusted_keys(settings.home)) == 1
    assert Actor("z", Role.REVIEWER).may(Permission.MANAGE_MODELS)


def test_newer_replaces_older_but_not_the_other_way_unasked(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    old, new = sound(tmp_path / "1"), sound(tmp_path / "2", version="1.10.0")
    first = models.install(archive, settings, bundle(new, "tiny-1.10.0"), actor=BOSS)
    with pytest.raises(NotAllowed, match=r"version 1\.10\.0 is newer than 1\.0\.0"):
        models.install(archive, settings, bundle(old), actor=BOSS)
    back = models.install(archive, settings, bundle(old), actor=BOSS, older=True)
    assert back.before == "1.10.0"
    entry = installed(settings).entry("tiny")
    assert entry.folder == back.package.folder
    assert entry.older == (first.package.folder.name,)


def test_a_refused_newer_version_still_counts_as_newer(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    old, new = sound(tmp_path / "1"), sound(tmp_path / "2", version="1.10.0")
    first = models.install(archive, settings, bundle(new, "tiny-1.10.0"), actor=BOSS)
    with (first.package.folder / "card.md").open("a", encoding="utf-8") as card:
        card.write("x")
    assert installed(settings).entry("tiny").state == "refused"
    with pytest.raises(NotAllowed, match=r"version 1\.10\.0 is newer than 1\.0\.0"):
        models.install(archive, settings, bundle(old), actor=BOSS)
    assert models.install(archive, settings, bundle(old), actor=BOSS, older=True).before == "1.10.0"


def test_stopping_keeps_nothing(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        models.install(archive, settings, bundle(sound(tmp_path)), actor=BOSS, cancel=cancel)
    assert installed(settings).entries == ()
    assert list((shelf.site_folder(settings.home) / ".incoming").iterdir()) == []


def test_remove_and_switch(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    sound(settings.models)
    with pytest.raises(NotAllowed, match="came with the program"):
        models.remove(archive, settings, "tiny", actor=BOSS)
    models.switch(archive, settings, "tiny", False, actor=BOSS, reason="假阳性多")
    assert installed(settings).usable == []
    models.switch(archive, settings, "tiny", True, actor=BOSS)
    models.install(archive, settings, bundle(sound(tmp_path, version="1.2.0"), "tiny-1.2.0"),
                   actor=BOSS)  # fmt: skip
    models.remove(archive, settings, "tiny", actor=BOSS)
    assert [p.manifest.version for p in installed(settings).usable] == ["1.0.0"]
    for unknown in ("nobody", ".."):
        with pytest.raises(NotFound):
            models.remove(archive, settings, unknown, actor=BOSS)
        with pytest.raises(NotFound):
            models.switch(archive, settings, unknown, False, actor=BOSS)
    assert [reason for _, reason in log(archive)][:2] == [
        "Model tiny was switched off. 假阳性多", "Model tiny was switched on. ",
    ]  # fmt: skip


def test_keys_are_trusted_and_no_more(archive: Archive, home: Path, tmp_path: Path) -> None:
    settings = Settings(home=home, models=home / "随程序", ai_threads=1)
    path, file = bundle(sound(tmp_path)), tmp_path / "maker.pem"
    file.write_text(MAKER.public_pem, encoding="ascii")
    with pytest.raises(BadInput, match="does not trust"):
        models.install(archive, settings, path, actor=BOSS)
    models.trust_key(archive, settings, file, "影像科研组", actor=BOSS)
    models.install(archive, settings, path, actor=BOSS)
    key = models.distrust_key(archive, settings, "影像科研组", actor=BOSS)
    assert key.fingerprint == MAKER.fingerprint
    assert installed(settings).usable == []
    assert "does not trust" in str(installed(settings).refused[0].reason)
    assert [MAKER.fingerprint in reason for _, reason in log(archive)] == [True, True, True]


def test_site_signs_what_it_made(archive: Archive, home: Path, tmp_path: Path) -> None:
    """Code beside the package is left where it is, and out of the file."""
    settings = Settings(home=home, models=home / "随程序", ai_threads=1)
    place = sound(tmp_path)
    (place / "SIGNATURE").unlink()
    write("train.py")(place)
    done = models.sign(archive, settings, place, actor=BOSS, to=tmp_path / "出")
    assert done.file is not None
    assert done.file.name == "tiny-1.0.0.onescan.zip"
    assert (place / "train.py").is_file()
    with checked(done.file, home, trust_of(home)) as report:
        assert report.ok, report.refusal
    with pytest.raises(BadInput, match=r"train\.py is program code"):
        models.install(archive, settings, place, actor=BOSS)
    models.install(archive, settings, done.file, actor=BOSS)
    assert [p.manifest.id for p in installed(settings).usable] == ["tiny"]
    words = [reason for _, reason in log(archive)]
    assert words[0] == "A signing key for models was made for this site."
    assert words[1].startswith("Model tiny 1.0.0 was signed")


def test_nobody_vouches_for_an_example_that_does_not_come_out(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    place = BAD["label that does not come out"][0](tmp_path).parent / "tiny"
    (place / "SIGNATURE").unlink()
    with pytest.raises(BadInput, match="label spot does not come out"):
        models.sign(archive, settings, place, actor=BOSS)
    assert not (place / "SIGNATURE").exists()
    assert log(archive) == []
