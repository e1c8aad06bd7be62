"""Intake: files become studies on the worklist, file by file, whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workstation.archive.store import Archive
from workstation.dicom.headers import FileHeader, read_header
from workstation.dicom.pixels import decode_frame
from workstation.domain.errors import N_, BadInput, Message, NotFound, ReaderError
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.study import Instance, Patient, Series, Study
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.reading.arrivals import came_in
from workstation.reading.sources import Source, find_sources

BATCH = 200
"""Images to one write: few enough that a cancel loses little, many enough to be quick."""
_COPIES = 4


@dataclass(frozen=True)
class Refused:
    """A file that did not come in, and why. path: with "!" before a name inside an archive."""

    path: str
    reason: Message


@dataclass(frozen=True)
class IntakeReport:
    """instances: images that are new. already: that were here before."""

    instances: int
    already: int
    refused: tuple[Refused, ...]
    study_uids: tuple[str, ...]


Kept = Future[tuple[str, int]]
"""SHA-256 and size of a file, once its copy is safely on the disk."""


@dataclass
class _Batch:
    waiting: list[tuple[FileHeader, str, Kept]] = field(default_factory=list)
    uids: dict[str, Kept] = field(default_factory=dict)  # by instance uid
    instances: int = 0
    already: int = 0
    refused: list[Refused] = field(default_factory=list)
    studies: dict[str, None] = field(default_factory=dict)
    fresh: dict[str, None] = field(default_factory=dict)  # studies that got new images
    patients: dict[str, Patient] = field(default_factory=dict)  # by study uid
    series: dict[str, str] = field(default_factory=dict)  # series uid: study uid


def intake(
    archive: Archive,
    paths: Sequence[Path],
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> IntakeReport:
    """Take in files, folders, ZIP archives and DICOMDIRs.

    What cannot be read is listed with its reason and the rest comes in; the same files again
    change nothing. On cancel ``Cancelled`` is raised: batches that were written stay.
    """
    state = _Batch()
    doing = Message(N_("Importing"))
    # Copies wait for the disk, not for the processor: several at once take a third of the time.
    try:
        with ThreadPoolExecutor(_COPIES, thread_name_prefix="intake") as pool:
            for source in find_sources(paths, cancel):
                if cancel is not None:
                    cancel.check()
                progress(source.fraction, doing)
                try:
                    if source.refused is not None:
                        raise BadInput(source.refused.template, **source.refused.params)
                    _take(archive, state, source, pool)
                except ReaderError as error:
                    state.refused.append(Refused(source.shown, error.message))
                if len(state.waiting) >= BATCH:
                    _write(archive, state, actor)
            _write(archive, state, actor)
    finally:
        # Also of an import that was stopped: what is on the worklist is read by the machine.
        came_in(archive, state.fresh, actor=actor)
    progress(1.0, doing)
    return IntakeReport(state.instances, state.already, tuple(state.refused), tuple(state.studies))


def _take(archive: Archive, state: _Batch, source: Source, pool: ThreadPoolExecutor) -> None:
    """Read one file, have its bytes kept and queue it; raises ``ReaderError`` with why not."""
    header = read_header(source.path)
    uid = header.sop_instance_uid
    known = archive.instance(uid)
    kept = state.uids.get(uid)
    if known is not None or kept is not None:
        sha256 = known.sha256 if known is not None else kept.result()[0] if kept else ""
        _compare(archive, sha256, known is not None, header, source.path)
        state.already += 1
        state.studies.setdefault(header.study.study_uid)
        return
    _same_patient(archive, state, header)
    _same_study(archive, state, header)
    kept = pool.submit(archive.put_file, source.path)
    if source.passing:
        wait([kept])
    state.uids[uid] = kept
    state.waiting.append((header, source.shown, kept))


def _write(archive: Archive, state: _Batch, actor: Actor) -> None:
    """Store what waits in one transaction."""
    waiting, state.waiting = state.waiting, []
    parts: dict[tuple[str, str], tuple[Study, Series, list[Instance]]] = {}
    count = 0
    for header, shown, kept in waiting:
        try:
            sha256, size = kept.result()
        except OSError:
            said = Message(N_("The file cannot be read from its disk."))
            state.refused.append(Refused(shown, said))
            del state.uids[header.sop_instance_uid]
            continue
        key = (header.study.study_uid, header.series.series_uid)
        part = parts.setdefault(key, (header.study, header.series, []))
        part[2].append(header.instance(sha256, size))
        count += 1
    if not parts:
        return
    studies = {study_uid for study_uid, _ in parts}
    only = studies.pop() if len(studies) == 1 else ""
    with archive.write(actor, Permission.IMPORT, Message(N_("Images imported")), only) as writer:
        for study, series, instances in parts.values():
            writer.add_instances(study, series, instances)
    state.instances += count
    for study_uid, _ in parts:
        state.studies.setdefault(study_uid)
        state.fresh.setdefault(study_uid)


def _compare(
    archive: Archive, sha256: str, stored_before: bool, header: FileHeader, path: Path
) -> None:
    """Accept a file whose identity is here already only where it is the same image."""
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if same:
            if stored_before:
                archive.put_file(path)  # replaces a damaged copy
            return
    except OSError as error:
        raise BadInput(N_("The file cannot be read from its disk.")) from error
    try:
        stored = archive.blob_path(sha256)
    except NotFound as error:
        raise BadInput(
            N_("Another file with the same identity was here and is lost. Verify the archive.")
        ) from error
    try:
        same = _same_image(stored, path, header)
    except ReaderError:  # one of them cannot be decoded, so they cannot be shown to be the same
        same = False
    if not same:
        raise BadInput(
            N_("Another image with the same identity is here already, and its content differs.")
        )


_DECIDE = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "pixels",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
)


def _same_image(stored: Path, path: Path, header: FileHeader) -> bool:
    """Whether two files show the same pixels at the same place of the same patient."""
    before = read_header(stored)
    if before.study.patient.patient_id != header.study.patient.patient_id:
        return False
    if before.series.series_uid != header.series.series_uid:
        return False
    if any(before.attributes.get(k) != header.attributes.get(k) for k in _DECIDE):
        return False
    if not header.attributes.get("pixels"):
        return False
    frames = header.attributes.get("NumberOfFrames", 1)
    count = frames if isinstance(frames, int) else 1
    return all(np.array_equal(decode_frame(stored, i), decode_frame(path, i)) for i in range(count))


def _same_patient(archive: Archive, state: _Batch, header: FileHeader) -> None:
    """A study is one patient's: a file that names another one stays out."""
    study_uid, patient = header.study.study_uid, header.study.patient
    known = state.patients.get(study_uid)
    if known is None:
        try:
            known = archive.study(study_uid).patient
        except NotFound:
            known = patient
        state.patients[study_uid] = known
    if known.patient_id and patient.patient_id:
        differs = known.patient_id != patient.patient_id
    else:
        differs = bool(known.name_dicom and patient.name_dicom) and (
            known.name_dicom != patient.name_dicom
        )
    if differs:
        raise BadInput(N_("It names another patient than the other images of its study."))


def _same_study(archive: Archive, state: _Batch, header: FileHeader) -> None:
    series_uid = header.series.series_uid
    if series_uid not in state.series:
        there = archive.instances_of(series_uid)
        state.series[series_uid] = there[0].study_uid if there else header.study.study_uid
    if state.series[series_uid] != header.study.study_uid:
        raise BadInput(N_("It names another study than the other images of its series."))
