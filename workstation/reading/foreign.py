"""Foreign: what other systems' objects in a study found comes in as findings of theirs.

Nothing of it is accepted: each finding waits for a reader, as those of our own models do. Walking
through again changes nothing. What a person decided is never touched; an object that another one
replaces or takes back loses its undecided findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workstation import __version__
from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.dicom.makers import taken_back
from workstation.dicom.object_kinds import kind_of
from workstation.dicom.parametric_map import PARAMETRIC_MAP
from workstation.domain.artefact import MadeBy, Wording, digest_of
from workstation.domain.document import ObjectKind
from workstation.domain.errors import N_, BadInput, Message, NotFound
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.received import RECEIVED, Received
from workstation.domain.report import SignedReport
from workstation.domain.study import Instance, StudyState
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.reading.proposals import one_id
from workstation.reading.received_objects import Found, ObjectReader, ReadObject
from workstation.reading.received_places import Regions

_ORDER = {ObjectKind.SEGMENTATION: 0, None: 1, ObjectKind.REPORT: 2}


def take_in(
    archive: Archive,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Received]:
    """Findings of the study's segmentations, reports and maps that no system of ours made.

    Needs ``assemble`` first: findings are laid on stacks. Raises ``Cancelled`` (what was finished
    is kept). A signed study is left alone. Returns what is known of every object.
    """
    study = archive.study(study_uid)
    if study.state is StudyState.SIGNED:
        return archive.all(Received, study.study_uid)
    room = _Room(archive, study.study_uid, actor, cancel)
    room.walk(progress)
    return archive.all(Received, study.study_uid)


class _Room:
    """One walk through the room."""

    def __init__(
        self, archive: Archive, study_uid: str, actor: Actor, cancel: Cancel | None
    ) -> None:
        self.archive = archive
        self.study_uid = study_uid
        self.actor = actor
        self.cancel = cancel
        self.stacks = archive.all(Stack, study_uid)
        self.made_by = MadeBy("OneScan", __version__)
        self.objects: list[tuple[Instance, ObjectKind | None]] = []
        self.gone: dict[str, str] = {}  # object to the one that took its place
        own = {d.sop_instance_uid for r in archive.all(SignedReport) for d in r.documents}
        for series in archive.series_of(study_uid):
            for instance in archive.instances_of(series.series_uid):
                self._note(instance, own)
        self.objects.sort(key=lambda one: _ORDER[one[1]])

    def _note(self, instance: Instance, own: set[str]) -> None:
        kind = kind_of(instance)
        if instance.sop_instance_uid in own:
            return
        is_map = kind is None and instance.sop_class_uid == PARAMETRIC_MAP
        if is_map or kind in {ObjectKind.SEGMENTATION, ObjectKind.REPORT}:
            self.objects.append((instance, kind))
        elif kind is ObjectKind.KEY_IMAGES:
            try:
                rejected = taken_back(self.archive.blob_path(instance.sha256))
            except (BadInput, NotFound):
                return  # the list of objects says that it cannot be read
            self.gone |= dict.fromkeys(rejected, instance.sop_instance_uid)

    def _sources(self, instance: Instance) -> tuple[str, ...]:
        """What a reading of an object depends on: its file, the images, the other objects."""
        places = digest_of(sorted((s.id, s.frame_of_reference_uid) for s in self.stacks))
        segmentations = [i.sha256 for i, kind in self.objects if kind is ObjectKind.SEGMENTATION]
        return instance.sha256, places, digest_of(sorted(segmentations))

    def walk(self, progress: Progress) -> None:
        """Read what is new or lies on new images, then store each object whole."""
        known = {one.id: one for one in self.archive.all(Received, self.study_uid)}
        fresh = [
            (instance, kind)
            for instance, kind in self.objects
            if (was := known.get(instance.sop_instance_uid)) is None
            or was.made_from != self._sources(instance)
            or was.made_by != self.made_by
        ]
        uids = {i.sop_instance_uid for i, kind in self.objects if kind is ObjectKind.SEGMENTATION}
        mine = {f.id for f in self.archive.all(Finding, self.study_uid) if f.origin is None}
        reader = ObjectReader(
            self.archive,
            self.archive.study(self.study_uid),
            self.stacks,
            uids,
            Regions(self.archive, self.cancel),
            mine,
        )
        read: list[ReadObject] = []
        doing = Message(N_("Reading objects of other systems"))
        for done, (instance, kind) in enumerate(fresh):
            if self.cancel is not None:
                self.cancel.check()
            progress(done / len(fresh), doing)
            read.append(reader.read(instance, kind))
        self._replace(read, list(known.values()))
        for one in read:
            self._store(one)
        self._take_back(known)
        progress(1.0, doing)

    # --- what takes the place of what

    def _replace(self, read: Sequence[ReadObject], known: Sequence[Received]) -> None:
        """A report replaces its predecessors; a segmentation an older one of the same regions."""
        for one in read:
            if one.refused is None:
                uid = one.instance.sop_instance_uid
                self.gone |= {before: uid for before in one.predecessors if before != uid}
        self.gone |= {one.id: one.replaced_by for one in known if one.replaced_by}
        findings = {f.id: f for f in self.archive.all(Finding, self.study_uid)}
        findings |= {f.finding.id: f.finding for one in read for f in one.found}
        drawn: dict[tuple[str, str, str], Finding] = {}
        for finding in findings.values():
            origin = finding.origin
            if origin is None or origin.kind != "SEG" or not origin.tracking_uid:
                continue
            key = (str(origin.maker.manufacturer), finding.stack_id, origin.tracking_uid)
            other = drawn.setdefault(key, finding)
            if other.origin is None or other.origin.sop_instance_uid == origin.sop_instance_uid:
                continue
            older, newer = sorted((other, finding), key=lambda f: f.origin.made if f.origin else "")
            drawn[key] = newer
            before, after = older.origin, newer.origin
            if before is not None and after is not None and before.made < after.made:
                self.gone[before.sop_instance_uid] = after.sop_instance_uid

    def _take_back(self, known: dict[str, Received]) -> None:
        """Withdraw undecided findings of objects that were replaced or taken back."""
        for received in self.archive.all(Received, self.study_uid):
            by = self.gone.get(received.id, "")
            if not by or received.replaced_by == by:
                continue
            reason = Message(N_("An object of another system was replaced or taken back"))
            with self.archive.write(
                self.actor, Permission.ANALYSE, reason, self.study_uid
            ) as writer:
                for finding in writer.all(Finding, self.study_uid):
                    origin = finding.origin
                    if origin is not None and origin.sop_instance_uid == received.id:
                        _withdraw(writer, finding)
                writer.put(replace(received, replaced_by=by))

    # --- storing

    def _store(self, one: ReadObject) -> None:
        uid = one.instance.sop_instance_uid
        title = one.title or one.kind
        received = Received(
            id=uid,
            study_uid=self.study_uid,
            series_uid=one.instance.series_uid,
            kind=one.kind,
            title=title,
            maker=one.maker,
            made_from=self._sources(one.instance),
            made_by=self.made_by,
            finding_ids=tuple(found.finding.id for found in one.found),
            refused=one.refused,
        )
        reason = Message(
            N_("An object of another system was read: {count} findings."),
            {"count": len(one.found)},
        )
        refusal_id = one_id("refusal", self.study_uid, RECEIVED, uid)
        with self.archive.write(self.actor, Permission.ANALYSE, reason, self.study_uid) as writer:
            now = {f.id: f for f in writer.all(Finding, self.study_uid)}
            for finding in now.values():
                origin = finding.origin
                stale = origin is not None and origin.sop_instance_uid == uid
                if (stale and finding.id not in received.finding_ids) or finding.id in one.absorbed:
                    _withdraw(writer, finding)
            if uid not in self.gone:
                for found in one.found:
                    was = now.get(found.finding.id)
                    if was is None or (
                        was.state is FindingState.PROPOSED
                        and not _says_the_same(writer, was, found)
                    ):
                        _put(writer, found)
            refusals = {r.id for r in writer.all(Refusal, self.study_uid)}
            if one.refused is not None:
                writer.put(
                    Refusal(
                        id=refusal_id,
                        study_uid=self.study_uid,
                        series_uid=one.instance.series_uid,
                        what=RECEIVED,
                        name=Wording(title, title),
                        reason=one.refused,
                        made_by=MadeBy(str(one.maker) or RECEIVED, ""),
                    )
                )
            elif refusal_id in refusals:
                writer.withdraw(Refusal, refusal_id)
            writer.put(received)


def _says_the_same(writer: Writer, was: Finding, found: Found) -> bool:
    """Whether a finding is stored already, its mask voxel for voxel."""
    now = replace(found.finding, mask_id=was.mask_id, original_mask_id=was.original_mask_id)
    if now != was or bool(was.mask_id) != (found.mask is not None):
        return False
    if found.mask is None:
        return True
    stored = writer.get(MaskInfo, was.mask_id)
    return stored.voxels == found.mask.voxels and stored.grid == found.mask.grid


def _put(writer: Writer, found: Found) -> None:
    if found.mask is not None:
        writer.put(found.mask)
    writer.put(found.finding)
    for number in found.numbers:
        writer.put(number)


def _withdraw(writer: Writer, finding: Finding) -> None:
    """Take back an undecided finding with its mask and numbers; a decided one stays."""
    if finding.state is not FindingState.PROPOSED:
        return
    writer.withdraw(Finding, finding.id)
    for mask in writer.all(MaskInfo, finding.study_uid):
        if mask.id == finding.mask_id:
            writer.withdraw(MaskInfo, mask.id)
    for measurement in writer.all(Measurement, finding.study_uid):
        if measurement.finding_id == finding.id:
            writer.withdraw(Measurement, measurement.id)
