"""Users and their passwords on the command line."""

from __future__ import annotations

import argparse

from workstation.archive.people import add_user
from workstation.cli.accounts import password_of
from workstation.cli.output import Answer, table
from workstation.documents.signatures import make_key
from workstation.domain.people import MACHINE, Role
from workstation.text import tr
from workstation.wiring import Services


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
