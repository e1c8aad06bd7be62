"""Local users: adding them, signing in, changing a password."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from workstation.archive import passwords
from workstation.archive.store import Archive
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.domain.people import MACHINE, Actor, Permission, Role, User

MakeKey = Callable[[str, str], tuple[str, str]]
"""(name on the certificate, password) to (certificate PEM, encrypted private key PEM)."""

_LONGEST_NAME = 64

SIGNED_IN = N_("{name} signed in.")
SIGN_IN_FAILED = N_("A sign-in failed: {name}.")


def add_user(
    archive: Archive,
    actor: Actor,
    name: str,
    display_name: str,
    role: Role,
    password: str,
    make_key: MakeKey,
) -> User:
    """Add a user with a signing key of their own, encrypted with their password.

    Raises ``BadInput`` where name or password do not do, ``NotAllowed`` where the name is taken or
    the actor may not manage users.
    """
    name, display_name = _name(name), unicodedata.normalize("NFC", display_name).strip()
    password_hash = passwords.hash_password(password)
    archive.check(actor, Permission.MANAGE_USERS)
    certificate_pem, key_pem = make_key(display_name or name, password)
    user = User(
        name=name,
        display_name=display_name or name,
        role=role,
        password_hash=password_hash,
        certificate_pem=certificate_pem,
        key_pem=key_pem,
        created=now(),
    )
    reason = Message(N_("User {name} was added as {role}."), {"name": name, "role": role.value})
    with archive.write(actor, Permission.MANAGE_USERS, reason) as writer:
        taken = {_folded(known.name) for known in writer.all(User)} | {_folded(MACHINE.name)}
        if _folded(name) in taken:
            raise NotAllowed(N_("There is a user named {name} already."), name=name)
        writer.put(user)
    return user


def authenticate(archive: Archive, name: str, password: str) -> User:
    """The user, if name and password are right; success and failure both enter the audit.

    Raises ``NotAllowed`` with the same sentence for an unknown name and a wrong password, and
    makes the caller wait after five failures in a row.
    """
    name = unicodedata.normalize("NFC", name).strip()
    try:
        user: User | None = archive.user(name)
    except NotFound:
        user = None
    # What was typed as an unknown name may be a password: it is kept as a hash only.
    recorded = name if user is not None else "#" + hashlib.sha256(name.encode()).hexdigest()[:16]
    _must_not_wait(archive, recorded)
    right = passwords.matches(user.password_hash if user else passwords.hash_of_nobody(), password)
    if user is None or not right:
        with archive.write(
            MACHINE, Permission.SIGN_IN, Message(SIGN_IN_FAILED, {"name": recorded})
        ):
            pass
        raise NotAllowed(N_("Name or password is wrong."))
    if not user.enabled:
        raise NotAllowed(N_("This account is disabled. Ask the person who manages users."))
    with archive.write(
        user.actor, Permission.SIGN_IN, Message(SIGNED_IN, {"name": name})
    ) as writer:
        if passwords.needs_rehash(user.password_hash):
            user = replace(user, password_hash=passwords.hash_password(password))
            writer.put(user)
    return user


def set_enabled(archive: Archive, actor: Actor, name: str, enabled: bool) -> User:
    """Let a user sign in, or not; what they signed stays."""
    reason = Message(
        N_("User {name} may sign in again.") if enabled else N_("User {name} was disabled."),
        {"name": name},
    )
    with archive.write(actor, Permission.MANAGE_USERS, reason) as writer:
        user = replace(archive.user(name), enabled=enabled)
        writer.put(user)
    return user


def change_password(
    archive: Archive,
    name: str,
    old: str,
    new: str,
    rewrap: Callable[[str, str, str], str],
) -> User:
    """Give a user a new password. rewrap: (key PEM, old, new) to the key under the new one."""
    passwords.check_rule(new)
    user = authenticate(archive, name, old)
    changed = replace(
        user,
        password_hash=passwords.hash_password(new),
        key_pem=rewrap(user.key_pem, old, new),
    )
    reason = Message(N_("{name} changed the password."), {"name": user.name})
    with archive.write(user.actor, Permission.SIGN_IN, reason) as writer:
        writer.put(changed)
    return changed


def _name(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    plain = all(c.isalnum() or c in "._-@" for c in name)
    if not name or len(name) > _LONGEST_NAME or not plain:
        raise BadInput(
            N_("A sign-in name has letters, digits and . _ - @ only, at most {count} of them."),
            count=_LONGEST_NAME,
        )
    return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _must_not_wait(archive: Archive, recorded: str) -> None:
    until = passwords.wait_until(_failures(archive, recorded))
    at = now()
    if until is not None and at < until:
        raise NotAllowed(
            N_("Too many failed sign-ins. Try again in {seconds} seconds."),
            seconds=int((until - at).total_seconds()) + 1,
        )


def _failures(archive: Archive, recorded: str) -> list[datetime]:
    """Failed sign-ins since the last one that worked, oldest first."""
    failures: list[datetime] = []
    for entry in archive.newest_audit(Permission.SIGN_IN):
        if entry.reason.params.get("name") != recorded:
            continue
        if entry.reason.template == SIGNED_IN:
            break
        if entry.reason.template == SIGN_IN_FAILED:
            failures.append(entry.time)
    return failures[::-1]
