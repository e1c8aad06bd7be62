"""Roles of MR series. Contrast between weightings follows the usual limits of repetition, echo
and inversion time (McRobbie et al., MRI from Picture to Proton, 3rd ed., ch. 3 and 12)."""

from __future__ import annotations

import re

from workstation.dicom import role_words as said
from workstation.dicom.role_words import NO_ROLE, image_type, own_words
from workstation.dicom.slices import Slice

Found = tuple[str, str]
NONE: Found = ("", NO_ROLE)
DYNAMIC_PHASES = 10  # fewer time points are no bolus passage
CINE_PHASES = 8
HIGH_B = 500.0  # s/mm2; below that a diffusion image is mostly T2-weighted


def mr_role(item: Slice, phases: int, region: str) -> Found:
    """Role and why, of the stack that ``item`` is the middle slice of; region: body part found."""
    own, kind = own_words(item), image_type(item)
    for find in (_computed, _diffusion, _heart, _perfusion, _vessel):
        found = find(item, own, kind, phases, region)
        if found is not None:
            return found
    if phases > 1:
        return NONE
    return _weighting(item, own)


def _computed(
    item: Slice, own: str, kind: frozenset[str], phases: int, region: str
) -> Found | None:
    if "ADC" in kind:
        return "ADC", said.BY_TYPE
    if said.ADC.search(own):
        return "ADC", said.BY_NAME
    if kind & {"PROJECTION IMAGE", "MIP", "MPR"}:
        return NONE
    typed = {part for value in kind for part in re.split(r"[ _]", value)}
    for name, pattern in said.MAPS:
        weighting = name.split()[0].replace("*", "_STAR")
        by_type = bool({"QMAP", "MAP"} & typed) and weighting in (
            kind | {v.replace(" MAP", "").replace("_MAP", "") for v in kind}
        )
        if by_type or (pattern.search(own) and (name == "ECV" or "DERIVED" in kind)):
            return (name, said.BY_MAP) if phases == 1 else NONE
    if any(pattern.search(own) for _, pattern in said.MAPS):
        return NONE  # the images that a map was computed from
    return None


def _diffusion(
    item: Slice, own: str, kind: frozenset[str], phases: int, region: str
) -> Found | None:
    b_value = item.number("DiffusionBValue")
    if not said.DWI.search(own) and not (b_value is not None and b_value > 0):
        return None
    if said.TENSOR.search(own) or kind & {"FA", "TENSOR", "EADC"}:
        return NONE
    if b_value is not None:
        return ("DWI", said.BY_B_VALUE) if b_value >= HIGH_B else NONE
    return "DWI", said.BY_NAME


def _heart(item: Slice, own: str, kind: frozenset[str], phases: int, region: str) -> Found | None:
    if said.LATE.search(own):
        return "LGE", said.BY_NAME
    if phases == 1 or said.PHASE_CONTRAST.search(own):
        return None
    moving = phases >= CINE_PHASES or bool(said.CINE.search(own))
    if said.PERFUSION.search(own):
        return None
    if said.SHORT_AXIS.search(own):
        return ("cine SAX", said.BY_PHASES) if moving else NONE
    named = [name for name, pattern in said.LONG_AXES if pattern.search(own)]
    if len(named) == 1 and moving:
        return named[0], said.BY_LONG_AXIS
    return None


def _perfusion(
    item: Slice, own: str, kind: frozenset[str], phases: int, region: str
) -> Found | None:
    if said.SPIN_LABEL.search(own):
        return NONE if said.PERFUSION_MAP.search(own) else ("ASL", said.BY_NAME)
    if said.PERFUSION.search(own):
        if said.PERFUSION_MAP.search(own) or phases < DYNAMIC_PHASES:
            return NONE
        if region == "heart" or said.SHORT_AXIS.search(own):
            return "first-pass perfusion", said.BY_TIME
        if region in ("brain", "vessel") or said.BOLUS.search(own):
            return "PWI", said.BY_TIME
        return NONE
    if phases >= 3 and said.DYNAMIC.search(own):
        return "DCE", said.BY_TIME
    return None


def _vessel(item: Slice, own: str, kind: frozenset[str], phases: int, region: str) -> Found | None:
    if said.TOF.search(own):
        return ("TOF", said.BY_NAME) if phases == 1 else NONE
    if said.PHASE_CONTRAST.search(own):
        # Flow over the heartbeat is another thing than a picture of the vessels.
        return ("PC-MRA", said.BY_NAME) if phases == 1 else NONE
    if said.MRA.search(own):
        agent = contrast_agent(item)
        if said.WITHOUT.search(own) or not (agent or said.ENHANCED.search(own)):
            return NONE
        return "CE-MRA", said.BY_NAME
    if said.WALL.search(own):
        return NONE if region in ("heart", "chest", "abdomen") else ("vessel wall", said.BY_NAME)
    return None


def _weighting(item: Slice, own: str) -> Found:
    if said.SUSCEPTIBILITY.search(own):
        return NONE if said.PHASE_OR_MINIMUM.search(own) else ("SWI", said.BY_NAME)
    if said.T2_STAR.search(own):
        return "T2*", said.BY_NAME
    if said.FLAIR.search(own):
        # "T1 FLAIR" is a T1-weighted image of another scanner family.
        t1 = re.search(r"t1", own, re.IGNORECASE)
        return ("T1" if t1 else "FLAIR", said.BY_NAME)
    if said.T1.search(own):
        return _t1(item, own, said.BY_NAME)
    if said.T2.search(own):
        return "T2", said.BY_NAME
    return _by_timing(item, own)


def contrast_agent(item: Slice) -> bool:
    """Whether a contrast agent is recorded, in spite of the ways of writing "none"."""
    agent = item.text("ContrastBolusAgent").strip().lower()
    return bool(agent) and agent not in {"no", "none", "n", "without", "0", "无"}


def _t1(item: Slice, own: str, why: str) -> Found:
    if said.GADOLINIUM.search(own) and not said.WITHOUT.search(own):
        return "T1+Gd", said.BY_CONTRAST_NAME
    if contrast_agent(item) and not said.WITHOUT.search(own):
        return "T1+Gd", said.BY_AGENT
    return "T1", why


def _by_timing(item: Slice, own: str) -> Found:
    """Weighting of a spin echo from its times in ms; gradient echoes need the flip angle too."""
    repetition, echo = item.number("RepetitionTime"), item.number("EchoTime")
    inversion = item.number("InversionTime") or 0.0
    sequence = str(item.fact("ScanningSequence") or "").upper()
    if not repetition or not echo or "SE" not in sequence or "GR" in sequence:
        return NONE
    if echo >= 70 and repetition >= 4000 and inversion >= 1500:
        return "FLAIR", said.BY_INVERSION
    if inversion > 0 or "EP" in sequence:
        return NONE
    if repetition <= 1000 and echo <= 30:
        return _t1(item, own, said.BY_T1)
    if repetition >= 2000 and echo >= 70:
        return "T2", said.BY_T2
    return NONE
