"""Marks and key images of a study as DICOM files, the same bytes whenever nothing changed."""

from __future__ import annotations

from collections.abc import Sequence

from workstation import __version__
from workstation.archive.store import Archive
from workstation.dicom.evidence import read_sources
from workstation.dicom.key_object_writer import write_key_objects
from workstation.dicom.mark_groups import Numbers, Sources
from workstation.dicom.mark_report import write_mark_report
from workstation.dicom.presentation_writer import write_states
from workstation.domain.artefact import digest_of
from workstation.domain.first_read import after_ai, first_read
from workstation.domain.mark import KeyImage, Mark
from workstation.domain.mark_exchange import is_placeable
from workstation.domain.people import Actor
from workstation.domain.volume import Stack


def mark_files(
    archive: Archive,
    study_uid: str,
    *,
    actor: Actor,
    site_name: str = "",
    numbers: Numbers | None = None,
) -> list[tuple[str, str, bytes]]:
    """(kind, file name, bytes): "sr_marks" (one), "pr" (one a series), "ko" (one a reason).

    All marks and key images, whether or not they are in the report. numbers: instead of those
    stored with the marks. Names carry a digest of what is in the files, so that exporting again
    after a change overwrites nothing.
    """
    stacks = archive.all(Stack, study_uid)
    marks = [m for m in archive.all(Mark, study_uid) if is_placeable(m, stacks)]
    keys = archive.all(KeyImage, study_uid)
    if not marks and not keys:
        return []
    sources = sources_of(archive, study_uid, stacks, marks, keys)
    read = first_read(archive, study_uid)
    late = sorted(mark.id for mark in marks if after_ai(read, mark))
    made_of = [__version__, actor.name, site_name, *marks, *keys, dict(numbers or {})]
    identity = digest_of([*made_of, late] if late else made_of)
    stem, latest = f"marks-{identity[:8]}", max([m.at for m in marks] + [k.at for k in keys])
    made: list[tuple[str, str, bytes]] = []
    if marks:
        report = write_mark_report(
            marks,
            sources,
            author=actor.name,
            organization=site_name,
            software_version=__version__,
            numbers=numbers,
            made_at=latest,
            identity=identity,
            late=late,
        )
        made.append(("sr_marks", f"{stem}.sr.dcm", report))
    states = write_states(
        marks,
        keys,
        sources,
        author=actor.name,
        software_version=__version__,
        numbers=numbers,
        made_at=latest,
        identity=identity,
    )
    made += [("pr", f"{stem}.pr-{n}.dcm", data) for n, data in enumerate(states, start=1)]
    if keys:
        selections = write_key_objects(keys, sources, identity=identity)
        made += [("ko", f"{stem}.ko-{n}.dcm", data) for n, data in enumerate(selections, start=1)]
    return made


def sources_of(
    archive: Archive,
    study_uid: str,
    stacks: Sequence[Stack],
    marks: Sequence[Mark],
    keys: Sequence[KeyImage],
) -> Sources:
    """Headers of the images that marks and key images lie on.

    A mark on no stored image is stated in the patient; its series is then referred to by the
    first of its images.
    """
    wanted = {m.sop_instance_uid for m in marks} | {k.sop_instance_uid for k in keys}
    for mark in marks:
        if not mark.sop_instance_uid:
            own = next((s for s in stacks if s.id == mark.stack_id), None)
            first = next((f for f in own.frames if f.sha256), None) if own is not None else None
            wanted |= {first.sop_instance_uid} if first is not None else set()
    instances = [
        instance
        for series in {stack.series_uid: None for stack in stacks}
        for instance in archive.instances_of(series)
        if instance.sop_instance_uid in wanted
    ]
    if not instances:
        return Sources(stacks, {})
    headers = read_sources(
        [archive.blob_path(instance.sha256) for instance in instances],
        archive.study(study_uid),
        instances=instances,
    )
    return Sources(stacks, {str(h.SOPInstanceUID): h for h in headers})
