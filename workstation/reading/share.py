"""Share: what should be known before pictures leave the house, and that they did."""

from __future__ import annotations

from collections.abc import Iterable

from workstation.archive.store import Archive
from workstation.domain.errors import N_, Message
from workstation.domain.people import Actor, Permission
from workstation.domain.volume import Stack

_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture and its multi-frame kinds (PS3.4 B.5)
_WRITTEN_IN = frozenset({"US", "IVUS", "ES", "XC", "SC", "OT", "SM"})
_HEAD = ("HEAD", "BRAIN", "SKULL", "FACE", "NECK")


def cautions(
    archive: Archive, stacks: Iterable[Stack], *, solid_stacks: Iterable[Stack] = ()
) -> list[Message]:
    """Why pictures of these series may show who the patient is though no name is written on them.

    solid_stacks: shown in 3D. The pixels themselves are not searched for text.
    """
    said: list[Message] = []
    for stack in stacks:
        name = {"series": stack.description or stack.modality}
        instances = archive.instances_of(stack.series_uid)
        burned = {str(i.attributes.get("BurnedInAnnotation", "")).upper() for i in instances}
        if "YES" in burned:
            said.append(Message(N_("{series}: its file says that words are burned into the image."),
                                name))  # fmt: skip
        elif "NO" not in burned and (
            stack.modality in _WRITTEN_IN
            or any(i.sop_class_uid.startswith(_SECONDARY) for i in instances)
        ):
            said.append(
                Message(N_("{series}: images of this kind often have the name in the picture."),
                        name)
            )  # fmt: skip
    for stack in solid_stacks:
        head = stack.region == "brain" or any(p in stack.body_part.upper() for p in _HEAD)
        if head and stack.role != "TOF":
            said.append(
                Message(N_("{series}: a face in 3D can be recognised."),
                        {"series": stack.description or stack.modality})
            )  # fmt: skip
    return [each for n, each in enumerate(said) if each not in said[:n]]


def tell(archive: Archive, actor: Actor, study_uid: str, count: int, what: str) -> None:
    """Note in the audit that pictures of a study were taken out. what: a catalogue key."""
    reason = Message(N_("{what}: {count}"), {"what": what, "count": count})
    with archive.write(actor, Permission.EXPORT, reason, study_uid):
        pass  # nothing changed; who took pictures out is kept
