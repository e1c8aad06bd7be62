"""Second reader: lock a first read; until then nothing that the machine found is shown."""

from __future__ import annotations

from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.artefact import Wording, now
from workstation.domain.errors import N_, Message, NotAllowed
from workstation.domain.finding import Finding, is_by_hand
from workstation.domain.first_read import (
    FirstRead,
    ReadingMode,
    Snapshot,
    essence,
    first_read,
    is_hidden,
    reading_mode,
)
from workstation.domain.mark import KeyImage, Mark
from workstation.domain.outcome import Outcome
from workstation.domain.people import Actor, Permission, User
from workstation.domain.report import FreeText
from workstation.domain.study import StudyState
from workstation.reading.alerts import raise_held
from workstation.settings import SECOND_READER, Settings


def mode_to_settle(
    store: Archive | Writer, settings: Settings, study_uid: str
) -> ReadingMode | None:
    """What must be stored before anything looks at the study where the site hides AI, else None.

    A study that something has looked at already stays as it is: it may have been seen.
    """
    if settings.ai_reading != SECOND_READER or reading_mode(store, study_uid) is not None:
        return None
    if store.study(study_uid).state is StudyState.SIGNED:
        return None
    if store.all(Outcome, study_uid):
        return None
    if any(not is_by_hand(one) for one in store.all(Finding, study_uid)):
        return None
    return ReadingMode(study_uid, study_uid, True, settings.stat_before_first_read, now())


def settle_mode(archive: Archive, settings: Settings, study_uid: str, actor: Actor) -> None:
    """Before anything looks at the study, others' objects included: is AI to wait?"""
    if mode_to_settle(archive, settings, study_uid) is None:
        return
    reason = Message(N_("How the study is read was settled"))
    with archive.write(actor, Permission.ANALYSE, reason, study_uid) as writer:
        mode = mode_to_settle(writer, settings, study_uid)
        if mode is not None:
            writer.put(mode)


def will_hide(archive: Archive, settings: Settings, study_uid: str) -> bool:
    """Whether AI waits for a first read, also where nothing has looked at the study yet."""
    settled = is_hidden(archive, study_uid)
    return settled or mode_to_settle(archive, settings, study_uid) is not None


def lock_first_read(
    archive: Archive, user: User, study_uid: str, settings: Settings | None = None
) -> FirstRead:
    """``user`` has read without AI: keep what he holds now, and show AI from now on.

    settings: of the site, for a study that nothing has looked at yet.
    ``NotAllowed`` where the study is read with AI from the start, or was locked before.
    """
    reason = Message(N_("The first read was locked"))
    with archive.write(user.actor, Permission.REVIEW, reason, study_uid) as writer:
        mode = reading_mode(writer, study_uid)
        if mode is None and settings is not None:
            mode = mode_to_settle(writer, settings, study_uid)
            if mode is not None:
                writer.put(mode)
        if mode is None or not mode.hidden:
            raise NotAllowed(N_("This study is read together with AI: there is nothing to lock."))
        if first_read(writer, study_uid) is not None:
            raise NotAllowed(N_("The first read of this study is locked already."))
        read = FirstRead(
            study_uid, study_uid, user.name, user.display_name, now(), _held(writer, study_uid)
        )
        writer.put(read)
        outcomes = writer.all(Outcome, study_uid)
        names: dict[str, Wording] = {one.what: one.name for one in outcomes}
        raise_held(writer, study_uid, names)
    return read


def _held(writer: Writer, study_uid: str) -> tuple[Snapshot, ...]:
    findings = [one for one in writer.all(Finding, study_uid) if is_by_hand(one)]
    return tuple(
        Snapshot(kind, item.id, essence(item))
        for kind, items in (
            ("finding", findings),
            ("mark", writer.all(Mark, study_uid)),
            ("key image", writer.all(KeyImage, study_uid)),
            ("free text", writer.all(FreeText, study_uid)),
        )
        for item in items
    )
