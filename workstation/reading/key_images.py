"""Key images: what a reader puts aside for the report, with a picture of what was seen."""

from __future__ import annotations

from dataclasses import replace

from workstation.archive.store import Archive
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.mark import KEY_TITLES, KeyImage
from workstation.domain.people import Actor, Permission
from workstation.domain.study import StudyState

_MOST_WORDS = 200


def put_aside(archive: Archive, actor: Actor, image: KeyImage, png: bytes) -> KeyImage:
    """Keep ``image`` with its picture; ``NotAllowed`` once the report is signed.

    png: as the report prints it, without the patient's name (the page has it).
    """
    archive.check(actor, Permission.REVIEW)
    kept = replace(image, by=actor.name, picture_sha256=archive.put_bytes(png))
    reason = Message(N_("A key image was put aside."))
    with archive.write(actor, Permission.REVIEW, reason, image.study_uid) as writer:
        _must_be_open(writer.study(image.study_uid).state)
        writer.put(kept)
    return kept


def describe(
    archive: Archive, actor: Actor, image_id: str, words: str, title: str = ""
) -> KeyImage:
    """Say why an image was put aside, in the reader's own words.

    title: one of ``KEY_TITLES``; empty leaves it as it is. ``BadInput`` for any other.
    """
    image = archive.get(KeyImage, image_id)
    if title and title not in KEY_TITLES:
        raise BadInput(N_("There is no such title for key images."))
    kept = " ".join(words.split())[:_MOST_WORDS]
    said = replace(image, words=kept, title=title or image.title)
    if said == image:
        return image
    reason = Message(N_("A key image was described."))
    with archive.write(actor, Permission.REVIEW, reason, image.study_uid) as writer:
        _must_be_open(writer.study(image.study_uid).state)
        writer.put(said)
    return said


def take_back(archive: Archive, actor: Actor, image_id: str) -> None:
    """An image is no key image any more; it stays in the history."""
    image = archive.get(KeyImage, image_id)
    reason = Message(N_("A key image was taken back."))
    with archive.write(actor, Permission.REVIEW, reason, image.study_uid) as writer:
        _must_be_open(writer.study(image.study_uid).state)
        writer.withdraw(KeyImage, image_id)


def _must_be_open(state: StudyState) -> None:
    if state is StudyState.SIGNED:
        raise NotAllowed(
            N_("The report is signed: its key images stay. Open it for correction first.")
        )
