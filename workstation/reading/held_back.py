"""What other systems found, held back while AI waits for a reader's first read."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.archive.store import Archive
from workstation.dicom import object_kinds
from workstation.dicom.items import open_object
from workstation.dicom.object_kinds import kind_of
from workstation.dicom.parametric_map import PARAMETRIC_MAP
from workstation.domain.document import ObjectKind
from workstation.domain.errors import N_, NotAllowed, NotFound, ReaderError
from workstation.domain.first_read import is_hidden
from workstation.domain.study import Instance
from workstation.domain.volume import Stack

HELD_BACK = N_("Results of other systems are hidden too until you lock your first read.")


def may_tell_results(archive: Archive, instance: Instance, kind: ObjectKind) -> bool:
    """Whether an object may say what a machine found; one that cannot be read may."""
    try:
        item = open_object(archive.blob_path(instance.sha256), brief=True)
    except ReaderError:
        return True
    return object_kinds.may_tell_results(kind, item)


def stored_object(archive: Archive, sop_instance_uid: str) -> tuple[Instance, ObjectKind]:
    """An object and what it is; ``NotFound`` where there is none."""
    instance = archive.instance(sop_instance_uid)
    kind = kind_of(instance) if instance is not None else None
    if instance is None or kind is None:
        raise NotFound(N_("There is no such object in the archive."))
    return instance, kind


def shown_object(archive: Archive, sop_instance_uid: str) -> tuple[Instance, ObjectKind]:
    """An object that a reader may look at now; ``NotAllowed`` where it waits for the first read."""
    instance, kind = stored_object(archive, sop_instance_uid)
    if is_hidden(archive, instance.study_uid) and may_tell_results(archive, instance, kind):
        raise NotAllowed(HELD_BACK)
    return instance, kind


def shown_stacks(archive: Archive, stacks: Sequence[Stack], *, hidden: bool) -> tuple[Stack, ...]:
    """Stacks that may be shown; while AI is ``hidden`` none of parametric maps.

    Those are somebody's results in the form of images.
    """
    if not hidden:
        return tuple(stacks)
    maps = {
        series_uid
        for series_uid in {stack.series_uid for stack in stacks}
        if any(i.sop_class_uid == PARAMETRIC_MAP for i in archive.instances_of(series_uid)[:1])
    }
    return tuple(stack for stack in stacks if stack.series_uid not in maps)
