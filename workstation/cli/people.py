"""Users and their passwords on the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from workstation.archive.people import add_user
from workstation.cli.output import Answer, table
from workstation.documents.signatures import make_key
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.people import MACHINE, Role, User
from workstation.text import tr
from workstation.wiring import Services


def password_of(name: str, *, twice: bool = False) -> str:
    """The password from WORKSTATION_PASSWORD, or typed unseen at a prompt."""
    given = os.environ.get("WORKSTATION_PASSWORD")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise BadInput(
            N_("No password: set WORKSTATION_PASSWORD or run this in a terminal that can ask.")
        )
    typed = getpass.getpass(tr("Password of {name}: ", name=name))
    if twice and typed != getpass.getpass(tr("The same password again: ")):
        raise BadInput(N_("The two passwords differ. Nothing was changed."))
    return typed


def named_user(services: Services, name: str) -> User:
    """The user ``name``; a plain sentence where there is none."""
    try:
        return services.archive.user(name)
    except NotFound:
        raise NotFound(
            N_("There is no user {name}. Add one with: user add {name} --role reader"), name=name
        ) from None


def user_add(services: Services, arguments: argparse.Namespace) -> Answer:
    """``user add NAME --role ROLE``."""
    user = add_user(
        services.archive,
        MACHINE,
        arguments.name,
        arguments.display_name or arguments.name,
        Role(arguments.role),
        password_of(arguments.name, twice=True),
        make_key,
    )
    return Answer(
        {"user": user.name, "role": user.role.value},
        [tr("User {name} was added as {role}.", name=user.name, role=user.role.value)],
    )


def user_list(services: Services, arguments: argparse.Namespace) -> Answer:
    """``user list``."""
    users = services.archive.users()
    rows = [(u.name, u.display_name, u.role.value, str(u.enabled)) for u in users]
    return Answer(
        {"users": [{"name": n, "display_name": d, "role": r} for n, d, r, _ in rows]},
        table((tr("Name"), tr("Shown as"), tr("Role"), tr("Enabled")), rows),
    )
