"""Passwords as argon2id hashes (RFC 9106), and how long failed tries must wait."""

from __future__ import annotations

import functools
import unicodedata
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from workstation.domain.errors import N_, BadInput

MINIMUM_LENGTH = 8
FREE_TRIES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)

# RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


def _prepared(password: str) -> str:
    # Keyboards and input methods compose the same character differently.
    return unicodedata.normalize("NFC", password)


def check_rule(password: str) -> None:
    """Raise ``BadInput`` where a new password is too short."""
    if len(_prepared(password)) < MINIMUM_LENGTH:
        raise BadInput(N_("A password needs at least {count} characters."), count=MINIMUM_LENGTH)


def hash_password(password: str) -> str:
    """The argon2id hash of a new password, with its salt and cost; ``BadInput`` if too short."""
    check_rule(password)
    return _hasher.hash(_prepared(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        return _hasher.verify(password_hash, _prepared(password))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return _hasher.check_needs_rehash(password_hash)


@functools.cache
def hash_of_nobody() -> str:
    """A hash that nothing matches, so that an unknown name takes as long as a wrong password."""
    return _hasher.hash("no user has this password")


def wait_until(failures: list[datetime]) -> datetime | None:
    """When the next try is allowed after ``failures`` in a row (oldest first); None: at once.

    Five tries are free; then 30 s, doubling with each further failure up to 15 minutes.
    """
    beyond = len(failures) - FREE_TRIES
    if beyond < 0:
        return None
    wait: timedelta = min(FIRST_WAIT * (1 << min(beyond, 10)), LONGEST_WAIT)
    return failures[-1] + wait
