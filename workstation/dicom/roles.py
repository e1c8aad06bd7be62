"""What a stack is for reading, and why: from headers, conservatively.

A role opens the way to models and measures, so it is only given where the headers are plain; an
empty role is never wrong. Contrast between MR weightings follows the usual limits of repetition,
echo and inversion time (McRobbie et al., MRI from Picture to Proton, 3rd ed., ch. 3 and 12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workstation.dicom.slices import Slice
from workstation.domain.errors import N_

_BY_NAME = N_("Its description or protocol says so.")
_BY_CONTRAST_NAME = N_("Its description says T1 and that contrast agent was given.")
_BY_AGENT = N_("T1-weighted, and a contrast agent is recorded.")
_BY_TYPE = N_("Its image type says so.")
_BY_MODALITY = N_("Its modality says so.")
_BY_INVERSION = N_("Long echo and a long inversion time: fluid is suppressed.")
_BY_T1 = N_("Short repetition time and short echo time.")
_BY_T2 = N_("Long repetition time and long echo time.")
_BY_B_VALUE = N_("It has a b-value above zero.")
_BY_PHASES = N_("A gated time series whose description names the short axis.")
_BY_BODY = N_("CT of the body part that its headers name.")
_BY_ANGIO = N_("CT with contrast agent, and named an angiography.")
_NO_ROLE = N_("Its headers do not say plainly what it is.")


@dataclass(frozen=True)
class Purpose:
    """role and why, and the body region for the series strip."""

    role: str
    reason: str
    region: str


def _words(pattern: str) -> re.Pattern[str]:
    """A pattern that must not stand inside a longer Latin word."""
    return re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])", re.IGNORECASE)


_FLAIR = _words(r"\w*flair\w*|tirm[ _]?dark[ _]?fluid|dark[ _-]?fluid|水抑制")
_T1 = _words(r"[23]?d?[ _]?t1\w*|\w+[ _]t1|mp[ _]?rage|bravo|fspgr|t1加权")
_T2 = _words(r"t2(?!\*)\w*|t2加权")
_GADOLINIUM = _words(r"\+ ?c|c\+|gd|gad\w*|post|contrast|ce|增强|\w*_gd|\w*\+gd|dotarem|gadavist")
_WITHOUT = _words(r"pre|non|without|no|w/?o|平扫")
_DWI = _words(r"dwi|diff\w*|ep2d_diff\w*|dti|弥散|扩散")
_ADC = _words(r"adc|apparent diffusion\w*")
_TOF = _words(r"\w*tof\w*|time[ -]of[ -]flight")
_MRA = _words(r"mra|angio\w*")
_SAX = _words(r"sax|sa|short[ _-]?ax\w*|短轴")
_CINE = _words(r"cine|ssfp|truefisp|trufi|fiesta|bffe|b-ffe|tfi\w*|电影")
_LGE = _words(r"lge|psir|delayed[ _]?enh\w*|late[ _]?(gad|enh)\w*|de[-_ ]?mri|viability|延迟强化")
_CTA = _words(r"\w*cta|angio\w*|ct angiography|aort\w*|coronar\w*|冠脉|血管")
_LIKE = {
    "brain": _words(r"head|brain|skull|cranium|neuro|cerebr\w*|hippocamp\w*|头\w*|颅\w*|脑\w*"),
    "vessel": _words(r"carotid|circle of willis|cow|artery|arteries|aorta|颈动脉|血管"),
    "heart": _words(r"heart|cardiac|cardio|coronary|myocard\w*|心脏|心"),
    "chest": _words(r"chest|thora\w*|lung|lungs|breast|mediastinum|胸\w*|肺\w*"),
    "abdomen": _words(
        r"abdomen|abdominal|abdo\w*|liver|kidney|pancreas|pelvis|prostate|colon\w*|bladder|腹\w*"
        r"|肝\w*|盆\w*|前列腺"
    ),
}


def purpose_of(item: Slice, *, phases: int, places: int, is_volume: bool) -> Purpose:
    """Role and region of the stack that ``item`` is the middle slice of.

    phases: time points. places: slice positions. Roles are given to volumes and gated series
    only, never to localisers, single images or derived screens.
    """
    modality = item.text("Modality")
    named = _named(item)
    body = _region(item.text("BodyPartExamined"), named)
    if not is_volume:
        return Purpose("", _NO_ROLE, body or "other")
    if modality == "MR":
        role, why = _mr_role(item, named, phases)
        region = {"cine SAX": "heart", "LGE": "heart", "TOF": "vessel"}.get(role, body or "other")
        if role in {"FLAIR"} and region == "other":
            region = "brain"
        return Purpose(role, why, region)
    if modality == "CT":
        return _ct(item, named, body)
    if modality == "PT":
        return Purpose("PET", _BY_MODALITY, body or "other")
    return Purpose("", _NO_ROLE, body or "other")


def _named(item: Slice) -> str:
    parts = (
        item.text("SeriesDescription"),
        item.text("ProtocolName"),
        item.text("StudyDescription"),
    )
    return " ".join(part for part in parts if part).replace("_", " ").replace("-", " ")


def _series_named(item: Slice) -> str:
    own = item.text("SeriesDescription") or item.text("ProtocolName")
    return own.replace("_", " ").replace("-", " ")


def _region(body_part: str, named: str) -> str:
    """The examined body part decides; the description helps where that is empty or unknown."""
    for text in (body_part, named):
        found = {name for name, pattern in _LIKE.items() if pattern.search(text)}
        if len(found) == 1:
            return found.pop()
        if {"heart", "vessel"} & found and not {"brain", "chest", "abdomen"} & found:
            return "heart" if "heart" in found else "vessel"
        if found == {"heart", "chest"}:
            return "heart"
        if found == {"brain", "vessel"}:
            return "vessel"
    return ""


def _mr_role(item: Slice, named: str, phases: int) -> tuple[str, str]:
    own = _series_named(item)
    kind = {str(v).upper() for v in item.fact("ImageType") or ()}
    projected = bool(kind & {"PROJECTION IMAGE", "MIP", "MPR"})
    b_value = item.number("DiffusionBValue")
    if "ADC" in kind or _ADC.search(own):
        return ("ADC", _BY_TYPE) if "ADC" in kind else ("ADC", _BY_NAME)
    if projected:
        return "", _NO_ROLE
    if _DWI.search(own) or (b_value is not None and b_value > 0):
        if b_value is not None and b_value > 0:
            return "DWI", _BY_B_VALUE
        return ("DWI", _BY_NAME) if b_value is None else ("", _NO_ROLE)
    if _LGE.search(own):
        return "LGE", _BY_NAME
    if phases > 1:
        if _SAX.search(own) and (phases >= 8 or _CINE.search(own)):
            return "cine SAX", _BY_PHASES
        return "", _NO_ROLE
    if _TOF.search(own):
        return "TOF", _BY_NAME
    if _MRA.search(own):
        return "", _NO_ROLE
    if _FLAIR.search(own):
        # "T1 FLAIR" is a T1-weighted image of another scanner family.
        return ("T1", _BY_NAME) if re.search(r"t1", own, re.IGNORECASE) else ("FLAIR", _BY_NAME)
    if _T1.search(own):
        return _t1(item, own, _BY_NAME)
    if _T2.search(own):
        return "T2", _BY_NAME
    return _by_timing(item, own)


def _t1(item: Slice, own: str, why: str) -> tuple[str, str]:
    if _GADOLINIUM.search(own) and not _WITHOUT.search(own):
        return "T1+Gd", _BY_CONTRAST_NAME
    agent = item.text("ContrastBolusAgent").strip().lower()
    if agent and agent not in {"no", "none", "n", "without", "0"} and not _WITHOUT.search(own):
        return "T1+Gd", _BY_AGENT
    return "T1", why


def _by_timing(item: Slice, own: str) -> tuple[str, str]:
    """Weighting of a spin echo from its times in ms; gradient echoes need the flip angle too."""
    repetition, echo = item.number("RepetitionTime"), item.number("EchoTime")
    inversion = item.number("InversionTime") or 0.0
    sequence = str(item.fact("ScanningSequence") or "").upper()
    if not repetition or not echo or "SE" not in sequence or "GR" in sequence:
        return "", _NO_ROLE
    if echo >= 70 and repetition >= 4000 and inversion >= 1500:
        return "FLAIR", _BY_INVERSION
    if inversion > 0 or "EP" in sequence:
        return "", _NO_ROLE
    if repetition <= 1000 and echo <= 30:
        return _t1(item, own, _BY_T1)
    if repetition >= 2000 and echo >= 70:
        return "T2", _BY_T2
    return "", _NO_ROLE


def _ct(item: Slice, named: str, body: str) -> Purpose:
    kind = {str(v).upper() for v in item.fact("ImageType") or ()}
    if kind & {"PROJECTION IMAGE", "MIP"}:
        return Purpose("", _NO_ROLE, body or "other")
    agent = item.text("ContrastBolusAgent").strip()
    if agent and _CTA.search(named):
        return Purpose("CTA", _BY_ANGIO, body if body in {"heart", "brain"} else "vessel")
    role = {"brain": "CT head", "chest": "CT chest", "abdomen": "CT abdomen"}.get(body, "")
    return Purpose(role, _BY_BODY if role else _NO_ROLE, body or "other")
