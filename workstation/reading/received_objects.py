"""Objects of other systems read into what they propose: findings, masks and numbers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from workstation.archive.encoding import as_json
from workstation.archive.store import Archive
from workstation.dicom.items import Item, open_object
from workstation.dicom.makers import is_other_patient, maker_of, studies_named
from workstation.dicom.parametric_map import PARAMETRIC_MAP
from workstation.dicom.segment_reader import read_segment_set
from workstation.dicom.sr_findings import read_findings
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.coded_terms import joined, wording
from workstation.domain.document import ObjectKind, SegmentInfo, SegmentSet
from workstation.domain.errors import N_, BadInput, Message, NotFound, ReaderError, Tampered
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import VOLUME_FORMULA, VOLUME_NAME, VOLUME_UNIT, MaskInfo
from workstation.domain.measurement import Measurement
from workstation.domain.origin import UNKNOWN, Algorithm, Maker, Origin
from workstation.domain.stated import StatedFinding, StatedNumber, StatedReport
from workstation.domain.study import Instance, Study
from workstation.domain.volume import Stack
from workstation.reading.proposals import one_id
from workstation.reading.received_places import Placed, Regions, place_segment, place_stated

STATED = "as stated by its maker"
"""Formula of a number that another system measured: nothing here computed it."""
MOST_STRUCTURES = 12
"""Segments of normal anatomy that become findings one by one; a file of more becomes one."""
_ANATOMY = {
    "91723000", "123037004", "113343008", "85756007", "91720002", "246464006", "260787004",
    "309825002", "T-D000A", "T-D0050", "T-D0080", "A-00004", "R-42018", "R-42019",
}  # fmt: skip
_SAFE_WORDS = 400
_FAILED = N_("It cannot be used: reading it failed ({kind}). Nothing of it was taken.")
_log = logging.getLogger(__name__)
_HIDDEN = N_("Its maker says of {count} more findings that they are not to be presented.")
_FRACTIONS = N_("It states fractions: what is at least one half is shown.")


@dataclass
class Found:
    """One finding with the rows that belong to it."""

    finding: Finding
    mask: MaskInfo | None = None
    numbers: list[Measurement] = field(default_factory=list)


@dataclass
class ReadObject:
    """An object and what it proposes. refused: why nothing of it was taken."""

    instance: Instance
    kind: str
    title: str
    maker: Maker = field(default_factory=Maker)
    made: str = ""
    found: list[Found] = field(default_factory=list)
    predecessors: tuple[str, ...] = ()
    refused: Message | None = None
    absorbed: set[str] = field(default_factory=set)  # findings of others that these speak for

    def refuse(self, error: Exception) -> None:
        """Take nothing of it; what ended the attempt is said, or logged where nobody foresaw it.

        Raises ``error`` again where it is no fault of the object: a full disk, a request to stop.
        """
        if isinstance(error, (BadInput, NotFound, Tampered)):
            why = error.message
        elif isinstance(error, ReaderError):
            raise error
        else:
            # Without the error's own words: they may name a patient.
            _log.error("a received object cannot be read: %s", type(error).__name__)
            why = Message(_FAILED, {"kind": type(error).__name__})
        self.found, self.absorbed, self.predecessors, self.refused = [], set(), (), why


class ObjectReader:
    """Reads objects of one study against its stacks. segmentations: SOP instances in the study."""

    def __init__(
        self,
        archive: Archive,
        study: Study,
        stacks: Sequence[Stack],
        segmentations: set[str],
        regions: Regions,
        known_ids: set[str],
    ) -> None:
        self.archive = archive
        self.study = study
        self.stacks = stacks
        self.segmentations = segmentations
        self.regions = regions
        self.known_ids = known_ids  # findings that are our own: they do not come in again

    def read(self, instance: Instance, kind: ObjectKind | None) -> ReadObject:
        """What one object proposes, or why it is refused."""
        title = str(instance.attributes.get("SeriesDescription", ""))
        name = {ObjectKind.SEGMENTATION: "SEG", ObjectKind.REPORT: "SR"}.get(kind) if kind else None
        made = ReadObject(instance, name or "MAP", title)
        try:
            header = open_object(self.archive.blob_path(instance.sha256), brief=True)
            made.maker, made.made = maker_of(header), header.made
            self._belongs(header)
            if made.kind == "SEG":
                self._segmentation(made)
            elif made.kind == "SR":
                self._report(made)
            else:
                self._map(made, header)
            for found in made.found:  # what cannot be kept is refused while it is alone
                for row in (found.finding, *found.numbers):
                    as_json(row)
        except Exception as error:  # noqa: BLE001 - one bad object must not stop its study
            made.refuse(error)
        return made

    def _belongs(self, header: Item) -> None:
        patient = self.study.patient
        if is_other_patient(header, patient.patient_id, patient.birth_date):
            raise BadInput(N_("The object names another patient: nothing of it was taken."))
        named = studies_named(header)
        if named and self.study.study_uid not in named:
            raise BadInput(N_("The object is about another study: nothing of it was taken."))

    # --- segmentations

    def _segmentation(self, into: ReadObject) -> None:
        about = read_segment_set(self.archive.blob_path(into.instance.sha256))
        into.maker, into.made = about.maker or into.maker, about.made
        into.title = into.title or about.label
        segments = [s for s in about.segments if s.planes or about.encoding == "LABELMAP"]
        segments = [s for s in segments if s.tracking_id not in self.known_ids]
        anatomy = [s for s in segments if s.category is not None and s.category.value in _ANATOMY]
        if len(anatomy) > MOST_STRUCTURES:
            segments = [s for s in segments if s not in anatomy]
            into.found.append(self._many(into, about, anatomy))
        if not segments:
            return
        try:
            regions = self.regions.of(into.instance.sop_instance_uid)
        except BadInput as error:
            # What cannot be placed is still said; what cannot be read is refused.
            for segment in segments:
                placed = Placed(why=error.message)
                into.found.append(self._of_segment(into, about, segment, placed))
            return
        if regions.pieces.unnamed and not regions.pieces.pieces:
            raise BadInput(N_("Its pixels name no segment that it defines: none can be shown."))
        for segment in segments:
            placed = place_segment(regions, segment.number, self.stacks)
            if about.encoding == "FRACTIONAL":
                placed.notes.append(Message(_FRACTIONS))
            into.found.append(self._of_segment(into, about, segment, placed))

    def _of_segment(
        self, into: ReadObject, about: SegmentSet, segment: SegmentInfo, placed: Placed
    ) -> Found:
        algorithm = segment.identification
        if algorithm is None and segment.algorithm:
            algorithm = Algorithm(segment.algorithm)
        origin = self._origin(into, str(segment.number), placed, algorithm)
        origin = replace(
            origin,
            algorithm_type=segment.algorithm_type,
            observer="" if about.creator == into.maker.manufacturer else about.creator,
            tracking_id=segment.tracking_id,
            tracking_uid=segment.tracking_uid,
        )
        label = wording(segment.type) if segment.type else Wording(segment.label, segment.label)
        if segment.label.lower() not in f"{label.en} {label.zh}".lower():
            label = Wording(f"{label.en} ({segment.label})", f"{label.zh}（{segment.label}）")
        made = self._found(into, origin, placed, label, segment.type)
        site = wording(segment.site) if segment.site else Wording("", "")
        value = made.mask.volume_ml if made.mask is not None else None
        made.finding = replace(
            made.finding,
            category=segment.category,
            site=site,
            site_code=segment.site,
            # The object states no number: this one is measured here, and says so.
            value=value,
            unit=VOLUME_UNIT if value is not None else "",
            formula=VOLUME_FORMULA if value is not None else "",
            value_name=VOLUME_NAME if value is not None else None,
        )
        return made

    def _many(self, into: ReadObject, about: SegmentSet, anatomy: list[SegmentInfo]) -> Found:
        """Many organs at once: one finding for the object, drawn from the list of objects."""
        identified = next((s.identification for s in anatomy if s.identification), None)
        why = Message(N_("It is drawn from the list of objects."))
        placed = Placed(why=why, notes=list(about.notes))
        origin = self._origin(into, "anatomy", placed, identified)
        origin = replace(origin, algorithm_type=anatomy[0].algorithm_type)
        names = ", ".join(s.label for s in anatomy)[:_SAFE_WORDS]
        label = Wording(
            f"Segmentation of {len(anatomy)} structures", f"{len(anatomy)} 个结构的分割"
        )
        made = self._found(into, origin, placed, label, None)
        made.finding = replace(made.finding, note=names, category=anatomy[0].category)
        return made

    # --- reports

    def _report(self, into: ReadObject) -> None:
        report = read_findings(self.archive.blob_path(into.instance.sha256))
        into.kind, into.maker, into.made = report.kind, report.maker, report.made
        into.title, into.predecessors = report.title, report.predecessors
        for stated in report.findings:
            if stated.tracking_id in self.known_ids:
                continue
            placed = place_stated(stated, self.stacks, self.regions, self.segmentations)
            into.found.append(self._of_stated(into, report, stated, placed))
        if report.hidden and into.found:
            first = into.found[0]
            origin = first.finding.origin
            assert origin is not None
            said = Message(_HIDDEN, {"count": report.hidden})
            origin = replace(origin, notes=(*origin.notes, said))
            first.finding = replace(first.finding, origin=origin)

    def _of_stated(
        self, into: ReadObject, report: StatedReport, stated: StatedFinding, placed: Placed
    ) -> Found:
        origin = replace(
            self._origin(into, stated.place, placed, stated.algorithm),
            observer=stated.observer or report.observer,
            verified_by=report.verified_by,
            tracking_id=stated.tracking_id,
            tracking_uid=stated.tracking_uid,
            words=stated.words,
            # Where no person observed it, a device did.
            algorithm_type="" if stated.observer or report.observer else "AUTOMATIC",
        )
        made = self._found(into, origin, placed, wording(stated.label), stated.label)
        side = wording(stated.laterality) if stated.laterality else None
        place = wording(stated.site) if stated.site else None
        first = stated.numbers[0] if stated.numbers else None
        made.finding = replace(
            made.finding,
            category=stated.category,
            site=joined(side, place),
            site_code=stated.site,
            confidence=stated.confidence,
            value=first.value if first else None,
            original_value=first.value if first else None,
            unit=_unit(first.unit) if first else "",
            formula=STATED if first else "",
            value_name=_number_name(first) if first else None,
            value_code=first.name if first else None,
        )
        for ref in stated.segments:
            number = str(ref.segments[0] if ref.segments else 1)
            into.absorbed.add(self._id(ref.sop_instance_uid, number))
        made.numbers = [
            self._measurement(made, n, number) for n, number in enumerate(stated.numbers)
        ]
        return made

    def _measurement(self, made: Found, n: int, number: StatedNumber) -> Measurement:
        finding, mask = made.finding, made.mask
        drawn = (mask.id,) if mask is not None else ()
        return Measurement(
            id=f"{finding.id}-{n}",
            study_uid=finding.study_uid,
            series_uid=finding.series_uid,
            name=_number_name(number),
            code=number.name,
            value=number.value,
            unit=_unit(number.unit),
            formula=STATED,
            source=str(finding.made_by),
            made_from=((finding.stack_id,) if finding.stack_id else ()) + drawn,
            made_by=finding.made_by,
            finding_id=finding.id,
            stated=True,
            modifiers=number.modifiers,
            unit_code=number.unit if number.unit.scheme != "UCUM" else None,
        )

    # --- maps

    def _map(self, into: ReadObject, header: Item) -> None:
        if into.instance.sop_class_uid != PARAMETRIC_MAP:
            return
        series, uid = into.instance.series_uid, into.instance.sop_instance_uid
        own = [s for s in self.stacks if any(f.sop_instance_uid == uid for f in s.frames)]
        facts = into.instance.attributes
        quantity = str(facts.get("RealWorldQuantity", "")) or into.title or "Parametric map"
        unit = str(facts.get("RealWorldUnit", ""))
        words = f"{quantity} [{unit}]" if unit not in {"", "1"} else quantity
        identified = next(
            (
                Algorithm(item.text("AlgorithmName"), item.text("AlgorithmVersion"))
                for item in header.items("AlgorithmIdentificationSequence")
            ),
            None,
        )
        if own:
            x, y, z = (float(v) for v in own[0].grid.centre_lps)
            placed = Placed(own[0], (x, y, z))
        else:
            placed = Placed(why=Message(N_("It names no place on an image.")))
        origin = self._origin(into, "map", placed, identified)
        label = Wording(f"Map: {words}", f"参数图：{words}")
        made = self._found(into, origin, placed, label, None)
        made.finding = replace(made.finding, series_uid=series)
        into.found.append(made)

    # --- what all have in common

    def _origin(
        self, into: ReadObject, place: str, placed: Placed, algorithm: Algorithm | None
    ) -> Origin:
        return Origin(
            sop_instance_uid=into.instance.sop_instance_uid,
            kind=into.kind,
            place=place,
            title=into.title,
            maker=into.maker,
            algorithm=algorithm,
            made=into.made,
            unplaced=placed.why,
            notes=tuple(placed.notes),
        )

    def _id(self, sop_instance_uid: str, place: str) -> str:
        return one_id("received", self.study.study_uid, sop_instance_uid, place)

    def _found(
        self, into: ReadObject, origin: Origin, placed: Placed, label: Wording, code: Code | None
    ) -> Found:
        stack, made_by = placed.stack, made_by_of(origin)
        mask = None
        if stack is not None and placed.mask is not None:
            mask = self.archive.store_mask(
                placed.mask,
                study_uid=stack.study_uid,
                series_uid=stack.series_uid,
                stack_id=stack.id,
                label=label,
                grid=stack.grid,
                made_from=(stack.id,),
                made_by=made_by,
            )
        mask_id = mask.id if mask is not None else ""
        finding = Finding(
            id=self._id(into.instance.sop_instance_uid, origin.place),
            study_uid=self.study.study_uid,
            series_uid=stack.series_uid if stack is not None else into.instance.series_uid,
            stack_id=stack.id if stack is not None else "",
            label=label,
            code=code or Code("", "", label.en),
            site=Wording("", ""),
            state=FindingState.PROPOSED,
            made_by=made_by,
            made_from=(stack.id,) if stack is not None else (),
            location_mm=placed.location_mm,
            mask_id=mask_id,
            original_mask_id=mask_id,
            evidence=UNKNOWN,
            template_key="other",
            area=stack.region if stack is not None else "",
            phase=placed.phase,
            algorithm=origin.algorithm,
            origin=origin,
        )
        return Found(finding, mask)


def made_by_of(origin: Origin) -> MadeBy:
    """Maker and algorithm as the product names who made a thing. It always holds a space, so that
    it is never the id of a package of ours."""
    maker, algorithm = origin.maker, origin.algorithm
    what = algorithm.name if algorithm is not None else maker.model_name or origin.observer
    version = algorithm.version if algorithm is not None else maker.software
    return MadeBy(f"{maker.manufacturer or '?'} {what or origin.kind}", version)


def _unit(unit: Code) -> str:
    return unit.value if unit.scheme == "UCUM" else unit.meaning or unit.value


def _number_name(number: StatedNumber) -> Wording:
    """What a number is, with how it was derived: "SUVbw (Maximum)"."""
    name = wording(number.name)
    derived = [wording(value) for code, value in number.modifiers if code.value == "121401"]
    if not derived:
        return name
    return Wording(f"{name.en} ({derived[0].en})", f"{name.zh}（{derived[0].zh}）")
