"""What a stack is for reading, and why: from headers, conservatively.

A role opens the way to models and measures, so it is only given where the headers are plain; an
empty role is never wrong, and a reader can correct it (``reading.roles``).
"""

from __future__ import annotations

from dataclasses import dataclass

from workstation.dicom import role_words as said
from workstation.dicom.mr_roles import contrast_agent, mr_role
from workstation.dicom.role_words import NO_ROLE, all_words, image_type, own_words, region_of
from workstation.dicom.slices import Slice
from workstation.domain.role import BY_NAME, roles_for


@dataclass(frozen=True)
class Purpose:
    """role and why, and the body region for the series strip."""

    role: str
    reason: str
    region: str


def purpose_of(item: Slice, *, phases: int, places: int, is_volume: bool) -> Purpose:
    """Role and region of the stack that ``item`` is the middle slice of.

    phases: time points. places: slice positions. Localisers and derived screens have no role;
    single images and one slice over time only such as ``RoleName.flat`` allows.
    """
    modality = item.text("Modality")
    named = all_words(item)
    body = region_of(item.text("BodyPartExamined"), named)
    if item.is_localiser:
        return Purpose("", NO_ROLE, body or "other")
    role, why = "", NO_ROLE
    if modality == "MR":
        role, why = mr_role(item, phases, body)
    elif modality == "CT":
        role, why = _ct_role(item, named, body, phases)
    elif modality == "PT":
        role, why = _pet_role(item)
    else:
        plain = roles_for(modality)
        if len(plain) == 1 and "SECONDARY" not in image_type(item):
            role, why = plain[0].name, said.BY_MODALITY
    if role and not is_volume and not BY_NAME[role].flat:
        role, why = "", NO_ROLE
    return Purpose(role, why, _region(role, body))


def _region(role: str, body: str) -> str:
    usual = BY_NAME[role].region if role else ""
    if role == "CTA":
        return body if body in {"heart", "brain"} else "vessel"
    if role in {"TOF", "CE-MRA", "PC-MRA", "vessel wall"} or usual == "heart":
        return usual
    return body or usual or "other"


def _ct_role(item: Slice, named: str, body: str, phases: int) -> tuple[str, str]:
    kind, own = image_type(item), own_words(item)
    if kind & {"PROJECTION IMAGE", "MIP"}:
        return "", NO_ROLE
    agent = contrast_agent(item)
    if said.ATTENUATION.search(own):
        return "AC CT", said.BY_CORRECTION
    if said.PET_STUDY.search(named) and said.WHOLE_BODY.search(named) and not agent:
        return "AC CT", said.BY_NAME
    if said.CALCIUM.search(own):
        return ("calcium score", said.BY_NAME) if not agent else ("", NO_ROLE)
    if said.CT_PERFUSION.search(own):
        over_time = phases > 1 and not said.PERFUSION_MAP.search(own)
        return ("CTP", said.BY_TIME) if over_time else ("", NO_ROLE)
    if agent and said.CTA.search(named):
        return "CTA", said.BY_ANGIO
    if said.CT_NAMED_CTA.search(own):
        return "", NO_ROLE  # without or with contrast: not plain, and not to be taken as plain CT
    if body == "heart":
        return "CT cardiac", said.BY_HEART
    role = {"brain": "CT head", "chest": "CT chest", "abdomen": "CT abdomen"}.get(body, "")
    return role, said.BY_BODY if role else NO_ROLE


def _pet_role(item: Slice) -> tuple[str, str]:
    """Attenuation correction is among the corrections (PS3.3 C.8.9.1, Corrected Image)."""
    corrections = item.fact("CorrectedImage")
    listed = {str(v).strip().upper() for v in corrections} if corrections else set()
    if said.UNCORRECTED.search(own_words(item)) or (listed and "ATTN" not in listed):
        return "", said.NOT_CORRECTED
    return "PET", said.BY_MODALITY
