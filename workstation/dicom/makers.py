"""Who wrote an object and for whom: equipment, people, studies it names (PS3.3 C.7.5.1, C.17.2)."""

from __future__ import annotations

import re
from pathlib import Path

from workstation.dicom.items import Item, open_object
from workstation.domain.origin import Algorithm, Maker

REJECTION_TITLES = frozenset({"113001", "113037", "113038", "113039"})
"""Key object titles (CID 7011) with which a system takes objects back (IHE IOCM)."""


def maker_of(item: Item) -> Maker:
    """The equipment that wrote an object, as far as it says."""
    software = item.values("SoftwareVersions")
    return Maker(
        item.text("Manufacturer"),
        item.text("ManufacturerModelName"),
        " ".join(str(value) for value in software),
        item.text("DeviceSerialNumber"),
    )


def algorithm_of(item: Item) -> Algorithm | None:
    """An Algorithm Identification Macro (PS3.3 table 10-19); None where it names nothing."""
    name = item.text("AlgorithmName")
    if not name:
        return None
    parameters = item.text("AlgorithmParameters")
    return Algorithm(
        name,
        item.text("AlgorithmVersion"),
        item.code("AlgorithmFamilyCodeSequence"),
        item.text("AlgorithmSource"),
        (parameters,) if parameters else (),
    )


def studies_named(item: Item) -> tuple[str, ...]:
    """Studies that an object's evidence belongs to."""
    found = [
        study.text("StudyInstanceUID")
        for keyword in (
            "CurrentRequestedProcedureEvidenceSequence",
            "PertinentOtherEvidenceSequence",
            "StudiesContainingOtherReferencedInstancesSequence",
        )
        for study in item.items(keyword)
    ]
    return tuple(dict.fromkeys(uid for uid in found if uid))


def objects_named(item: Item, keyword: str) -> tuple[str, ...]:
    """SOP instances in a hierarchical reference macro (PS3.3 table C.17-3)."""
    return tuple(
        ref.sop_instance_uid
        for study in item.items(keyword)
        for series in study.items("ReferencedSeriesSequence")
        for ref in series.image_refs("ReferencedSOPSequence")
    )


def taken_back(path: Path) -> tuple[str, ...]:
    """Objects that a key object document rejects; none where it is a list of another kind."""
    item = open_object(path)
    title = item.code("ConceptNameCodeSequence")
    if title is None or title.value not in REJECTION_TITLES:
        return ()
    return objects_named(item, "CurrentRequestedProcedureEvidenceSequence")


def is_other_patient(item: Item, patient_id: str, birth_date: str) -> bool:
    """Whether an object names another patient than its study: by number or by day of birth."""
    for keyword, known in (("PatientID", patient_id), ("PatientBirthDate", birth_date)):
        stated = item.text(keyword)
        if stated and known and stated != known:
            return True
    return False


def shown_name(name: str) -> str:
    """A person's name (PS3.5 6.2) as a reader says it: the ideographic group where there is one."""
    groups = [group.strip() for group in name.split("=")]
    chosen = next((g for g in groups[1:2] if g), groups[0] if groups else "")
    parts = [part for part in chosen.split("^") if part]
    if re.search(r"[\u3400-\u9fff\uac00-\ud7a3]", chosen):
        return "".join(parts)
    return " ".join(reversed(parts[:2])) if len(parts) > 1 else chosen.strip("^ ")
