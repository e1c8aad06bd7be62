"""Users: who may be added, who gets in, and how long the others wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import argon2
import pytest

from tests.archive.samples import ADMIN, READER, WHY
from workstation.archive import passwords, people
from workstation.archive.people import add_user, authenticate, change_password, set_enabled
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.artefact import now
from workstation.domain.errors import BadInput, NotAllowed
from workstation.domain.people import MACHINE, Permission, Role, User

PASSWORD = "correct horse 马"


def make_key(name: str, password: str) -> tuple[str, str]:
    return f"certificate of {name}", f"key under {len(password)}"


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    add_user(opened, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
    yield opened
    opened.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """How far the sign-in's clock is put forward."""
    shift = [timedelta()]
    monkeypatch.setattr(people, "now", lambda: now() + shift[0])
    return shift


def refusal(archive: Archive, name: str, password: str) -> str:
    with pytest.raises(NotAllowed) as caught:
        authenticate(archive, name, password)
    return str(caught.value)


def test_a_user_signs_in(archive: Archive) -> None:
    user = authenticate(archive, "li", PASSWORD)
    assert user == archive.user("li")
    assert (user.display_name, user.role, user.enabled) == ("李医生", Role.READER, True)
    assert user.certificate_pem == "certificate of 李医生"
    assert user.password_hash.startswith("$argon2id$") and PASSWORD not in user.password_hash
    assert (archive.audit()[-1].actor, archive.audit()[-1].permission) == ("li", "sign in")
    composed, decomposed = "pässwörd1", "pa\u0308sswo\u0308rd1"
    add_user(archive, MACHINE, "b", "", Role.ADMIN, composed, make_key)
    assert authenticate(archive, "b", decomposed).display_name == "b"


def test_unknown_name_and_wrong_password_sound_alike_and_are_recorded(archive: Archive) -> None:
    wrong, unknown = refusal(archive, "li", "wrong password"), refusal(archive, "typed-secret", "x")
    assert wrong == unknown
    *_, first, second = archive.audit()
    assert first.reason.params == {"name": "li"}
    assert "typed-secret" not in str(second.reason), "it may have been a password"
    assert first.actor == second.actor == MACHINE.name


def test_five_failures_make_one_wait_longer_and_longer(
    archive: Archive, clock: list[timedelta]
) -> None:
    for _ in range(5):
        assert "wrong" in refusal(archive, "li", "wrong password")
    entries = len(archive.audit())
    assert "Try again in 30 seconds" in refusal(archive, "li", PASSWORD)
    assert len(archive.audit()) == entries, "while one waits nothing is tried"
    clock[0] = timedelta(seconds=31)
    assert "wrong" in refusal(archive, "li", "wrong password")
    assert "Try again" in refusal(archive, "li", PASSWORD)
    clock[0] = timedelta(seconds=200)
    assert authenticate(archive, "li", PASSWORD)
    assert "wrong" in refusal(archive, "li", "wrong password")
    assert authenticate(archive, "li", PASSWORD), "a sign-in that works starts the count anew"


def test_unknown_names_wait_too_and_others_do_not(archive: Archive) -> None:
    for _ in range(5):
        refusal(archive, "nobody", "x")
    assert "Try again" in refusal(archive, "nobody", "x")
    assert authenticate(archive, "li", PASSWORD)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(4, None), (5, 30), (6, 60), (9, 480), (10, 900), (1000, 900)]
)
def test_how_long_one_waits(failures: int, seconds: int | None) -> None:
    at = datetime(2024, 1, 31)
    until = passwords.wait_until([at] * failures)
    assert until == (None if seconds is None else at + timedelta(seconds=seconds))


def test_a_disabled_user_stays_out_and_keeps_what_is_theirs(archive: Archive) -> None:
    set_enabled(archive, ADMIN, "li", False)
    assert "disabled" in refusal(archive, "li", PASSWORD)
    assert "wrong" in refusal(archive, "li", "wrong password")
    set_enabled(archive, ADMIN, "li", True)
    assert authenticate(archive, "li", PASSWORD)
    assert [user.enabled for user in archive.history(User, "li")] == [True, False, True]


def test_a_hash_of_lower_cost_is_renewed(archive: Archive) -> None:
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with archive.write(MACHINE, Permission.MANAGE_USERS, WHY) as writer:
        writer.put(replace(archive.user("li"), password_hash=cheap))
    assert passwords.needs_rehash(cheap)
    renewed = authenticate(archive, "li", PASSWORD)
    assert not passwords.needs_rehash(renewed.password_hash)
    assert authenticate(archive, "li", PASSWORD) == renewed


def test_a_password_is_changed_with_the_key(archive: Archive) -> None:
    changed = change_password(
        archive, "li", PASSWORD, "another one", lambda key, old, new: f"{key} -> {len(new)}"
    )
    assert changed.key_pem == f"key under {len(PASSWORD)} -> 11"
    assert "wrong" in refusal(archive, "li", PASSWORD)
    assert authenticate(archive, "li", "another one") == changed
    with pytest.raises(BadInput):
        change_password(archive, "li", "another one", "short", lambda key, old, new: key)
    assert verify(archive).ok


def test_who_may_not_be_added(archive: Archive) -> None:
    for name in ("", "  ", "a b", "a/b", "x" * 65, "ta\tb"):
        with pytest.raises(BadInput):
            add_user(archive, MACHINE, name, "", Role.READER, PASSWORD, make_key)
    for name in ("li", "LI", " li ", "ｌｉ", "workstation"):
        with pytest.raises(NotAllowed, match="already"):
            add_user(archive, MACHINE, name, "", Role.READER, PASSWORD, make_key)
    with pytest.raises(BadInput, match="8 characters"):
        add_user(archive, MACHINE, "wang", "", Role.READER, "1234567", make_key)
    with pytest.raises(NotAllowed, match="may not"):
        add_user(archive, READER, "wang", "", Role.READER, PASSWORD, make_key)
    add_user(archive, ADMIN, "王医生", "", Role.REVIEWER, "12345678", make_key)
    assert [user.name for user in archive.users()] == ["li", "王医生"]


def test_no_room_writes_a_user_in_passing(archive: Archive) -> None:
    with archive.write(READER, Permission.REVIEW, WHY) as writer, pytest.raises(NotAllowed):
        writer.put(archive.user("li"))
        writer.put(User("x", "x", Role.ADMIN, "", "", "", now()))


def test_no_secret_of_a_user_is_in_what_is_printed_of_him(archive: Archive) -> None:
    """Neither alone nor inside of something else: tracebacks and logs print whole objects."""
    user = archive.user("li")
    assert user.password_hash.startswith("$argon2id$") and user.key_pem.startswith("key under")
    for shown in (repr(user), str(user), f"{user}", repr([user]), repr({"user": user})):
        assert user.password_hash not in shown and user.key_pem not in shown
        assert "argon2" not in shown and "key under" not in shown
        assert "'li'" in shown
    assert PASSWORD not in repr(authenticate(archive, "li", PASSWORD))
