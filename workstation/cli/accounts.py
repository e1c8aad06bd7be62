"""Who a command acts for: the named user, and the password that proves it."""

from __future__ import annotations

import getpass
import os
import sys

from workstation.archive.people import authenticate
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.people import User
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


def proven_user(services: Services, name: str) -> User:
    """The named user; a password that is given is checked, none is asked for.

    Deciding on a finding is not yet signing: whoever signs must prove who they are.
    """
    user = named_user(services, name)
    given = os.environ.get("WORKSTATION_PASSWORD")
    return user if given is None else authenticate(services.archive, name, given)
