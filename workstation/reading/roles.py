"""Roles: a reader corrects what a series is for; the correction wins over its headers."""

from __future__ import annotations

from workstation.archive.store import Archive
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.mark import RoleChoice
from workstation.domain.people import Actor, Permission
from workstation.domain.role import BY_NAME, CORRECTED, corrected, roles_for
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack


def choose_role(archive: Archive, actor: Actor, stack_id: str, role: str) -> Stack:
    """Let ``stack_id`` have ``role`` ("": none) because the reader says so; the stack as it is now.

    Raises ``BadInput`` for a role that its modality or shape cannot have, ``NotAllowed`` once the
    report is signed.
    """
    stack = archive.get(Stack, stack_id)
    known = BY_NAME.get(role)
    if role and (known is None or known not in roles_for(stack.modality)):
        raise BadInput(
            N_("A {modality} series cannot be read as {role}."), modality=stack.modality, role=role
        )
    if known is not None and not stack.is_volume and not known.flat:
        raise BadInput(N_("{role} needs a volume; this series is none."), role=role)
    choice = RoleChoice(
        id=stack.id,
        study_uid=stack.study_uid,
        role=role,
        region=known.region if known is not None else "",
        by=actor.name,
        at=now(),
    )
    fresh = corrected(stack, choice)
    with archive.write(
        actor,
        Permission.REVIEW,
        Message(N_("A series' role was corrected to {role}"), {"role": role or "—"}),
        stack.study_uid,
    ) as writer:
        _must_be_open(writer.study(stack.study_uid).state)
        writer.put(choice)
        writer.put(fresh)
    return fresh


def follow_headers(archive: Archive, actor: Actor, stack_id: str) -> Stack:
    """Take a correction back: the role is again what the headers say."""
    stack = archive.get(Stack, stack_id)
    said = [s for s in archive.history(Stack, stack_id) if s.role_reason != CORRECTED]
    if stack.role_reason != CORRECTED or not said:
        return stack
    reason = Message(N_("A series' role follows its headers again"))
    with archive.write(actor, Permission.REVIEW, reason, stack.study_uid) as writer:
        _must_be_open(writer.study(stack.study_uid).state)
        if any(c.id == stack_id for c in writer.all(RoleChoice, stack.study_uid)):
            writer.withdraw(RoleChoice, stack_id)
        writer.put(said[-1])
    return said[-1]


def _must_be_open(state: StudyState) -> None:
    if state is StudyState.SIGNED:
        raise NotAllowed(
            N_("The report is signed: roles stay as they were. Open it for correction first.")
        )
