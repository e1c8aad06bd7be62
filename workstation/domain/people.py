"""Who may do what."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime


class Role(enum.Enum):
    """Roles a local user can have."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Permission(enum.Enum):
    """What a write to the archive is for; each write names one."""

    IMPORT = "import"
    ANALYSE = "analyse"
    REVIEW = "review"
    DRAFT = "draft"
    SIGN = "sign"
    CORRECT_OTHERS = "correct others' reports"
    EXPORT = "export"
    MANAGE_USERS = "manage users"
    MANAGE_MODELS = "manage models"
    SIGN_IN = "sign in"


_READ = {
    Permission.IMPORT,
    Permission.ANALYSE,
    Permission.REVIEW,
    Permission.DRAFT,
    Permission.SIGN,
    Permission.EXPORT,
    Permission.SIGN_IN,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: frozenset(_READ),
    Role.REVIEWER: frozenset(_READ | {Permission.CORRECT_OTHERS, Permission.MANAGE_MODELS}),
    # Whoever manages users does not sign: the one who could reset a password must not be able
    # to put that user's name under a report (separation of duties, GB/T 22239-2019).
    Role.ADMIN: frozenset(
        {
            Permission.IMPORT,
            Permission.ANALYSE,
            Permission.EXPORT,
            Permission.MANAGE_USERS,
            Permission.MANAGE_MODELS,
            Permission.SIGN_IN,
        }
    ),
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a signed-in user, or the machine itself (role None)."""

    name: str
    role: Role | None

    def may(self, permission: Permission) -> bool:
        """Whether this actor has the permission."""
        if self.role is None:
            return permission in MACHINE_PERMISSIONS
        return permission in PERMISSIONS[self.role]


# The person at the machine's own console sets up users before anyone can sign in.
MACHINE_PERMISSIONS = frozenset(
    {
        Permission.IMPORT,
        Permission.ANALYSE,
        Permission.DRAFT,
        Permission.EXPORT,
        Permission.MANAGE_USERS,
        Permission.SIGN_IN,
    }
)

MACHINE = Actor("workstation", None)
"""What runs by itself: it may import, analyse, draft and export; it never reviews or signs."""


@dataclass(frozen=True)
class User:
    """A local user. password_hash: argon2id. key_pem: private key encrypted with the password."""

    name: str
    display_name: str
    role: Role
    password_hash: str = field(repr=False)  # secrets belong in no log and no traceback
    certificate_pem: str
    key_pem: str = field(repr=False)
    created: datetime
    enabled: bool = True

    @property
    def actor(self) -> Actor:
        """This user as the one who acts."""
        return Actor(self.name, self.role)
