"""Coded concepts (PS3.16) for what findings, places and units are called in this product."""

from __future__ import annotations

import hashlib
import re

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from workstation.dicom.evidence import tracking_uid
from workstation.domain.artefact import Code, Wording
from workstation.domain.finding import Finding, is_by_hand
from workstation.domain.origin import Algorithm
from workstation.domain.plain_words import one_line

LOCAL_SCHEME = "99ONESCAN"
"""Private scheme (PS3.3 8.2: starts with 99) for terms without a public code."""

_UNIT_MEANINGS = {
    "1": "no units",
    "%": "percent",
    "mm": "millimeter",
    "cm": "centimeter",
    "mm2": "square millimeter",
    "mm3": "cubic millimeter",
    "mL": "milliliter",
    "g": "gram",
    "ms": "millisecond",
    "s": "second",
    "[hnsf'U]": "Hounsfield unit",
    "{SUVbw}g/mL": "Standardized Uptake Value body weight",
    "{ratio}": "ratio",
    "um2/s": "square micrometer per second",
    "mL/(100.g.min)": "milliliter per 100 gram per minute",
    "mL/(100.g)": "milliliter per 100 gram",
}

_SITES = {
    "brain": ("12738006", "Brain"),
    "head": ("69536005", "Head"),
    "cerebral white matter": ("68523003", "Cerebral white matter"),
    "white matter": ("68523003", "Cerebral white matter"),
    "cerebral hemisphere": ("372073000", "Cerebral hemisphere"),
    "frontal lobe": ("83251001", "Frontal lobe"),
    "parietal lobe": ("16630005", "Parietal lobe"),
    "temporal lobe": ("78277001", "Temporal lobe"),
    "occipital lobe": ("31065004", "Occipital lobe"),
    "cerebellum": ("113305005", "Cerebellum"),
    "brain stem": ("119238007", "Brain stem"),
    "internal carotid artery": ("86117002", "Internal carotid artery"),
    "common carotid artery": ("32062004", "Common carotid artery"),
    "carotid artery": ("69105007", "Carotid artery"),
    "middle cerebral artery": ("17232002", "Middle cerebral artery"),
    "anterior cerebral artery": ("60176003", "Anterior cerebral artery"),
    "posterior cerebral artery": ("70382005", "Posterior cerebral artery"),
    "basilar artery": ("59011009", "Basilar artery"),
    "vertebral artery": ("85234005", "Vertebral artery"),
    "cerebral artery": ("88556005", "Cerebral artery"),
    "artery": ("51114001", "Artery"),
    "heart": ("80891009", "Heart"),
    "left ventricle": ("87878005", "Left ventricle"),
    "right ventricle": ("53085002", "Right ventricle"),
    "myocardium": ("49848007", "Myocardium of left ventricle"),
    "lung": ("39607008", "Lung"),
    "upper lobe": ("45653009", "Upper lobe of lung"),
    "middle lobe": ("72481006", "Middle lobe of right lung"),
    "lower lobe": ("90572001", "Lower lobe of lung"),
    "chest": ("816094009", "Chest"),
    "aorta": ("15825003", "Aorta"),
    "liver": ("10200004", "Liver"),
    "kidney": ("64033007", "Kidney"),
    "spleen": ("78961009", "Spleen"),
    "abdomen": ("818981001", "Abdomen"),
}
_AREAS = {
    "brain": _SITES["brain"],
    "vessel": _SITES["artery"],
    "heart": _SITES["heart"],
    "chest": _SITES["chest"],
    "abdomen": _SITES["abdomen"],
}
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}

# A finding states its main number in words; this says which concept it is.
_VALUES = {
    ("wmh", "mL"): ("118565006", "SCT", "Volume"),
    ("stenosis", "%"): ("408715008", "SCT", "Lumen Diameter Stenosis"),
    ("lv_function", "%"): ("8811-2", "LN", "Left ventricular ejection fraction by MR"),
    ("nodule", "mm"): ("81827009", "SCT", "Diameter"),
    ("nodule", "mL"): ("118565006", "SCT", "Volume"),
}
_VALUES_BY_UNIT = {
    "mL": ("118565006", "SCT", "Volume"),
    "mm": ("410668003", "SCT", "Length"),
    "cm": ("410668003", "SCT", "Length"),
    "mm2": ("42798000", "SCT", "Area"),
}

_ANATOMY = ("91723000", "Anatomical Structure")
_ABNORMAL = ("49755003", "Morphologically Abnormal Structure")


def scheme_items() -> list[CodingSchemeIdentificationItem]:
    """Who stands behind the private scheme (Coding Scheme Identification Sequence, C.12.1)."""
    return [
        CodingSchemeIdentificationItem(
            designator=LOCAL_SCHEME,
            name="OneScan local terms",
            version="1",
            responsible_organization="OneScan",
        )
    ]


def label_words(words: str) -> str:
    """Words as a Long String (PS3.5 6.2) holds them: one line, no backslash, 64 characters."""
    return one_line(words).replace("\\", "/")[:64].rstrip()


def concept(code: Code) -> CodedConcept:
    """A domain code as a coded concept, cut to what the VRs hold; local where it is unusable."""
    if not code.value or not code.scheme or len(code.value) > 16 or len(code.scheme) > 16:
        return local(code.meaning or code.value)
    return CodedConcept(code.value, code.scheme, label_words(code.meaning or code.value))


def local(meaning: str) -> CodedConcept:
    """A term of the private scheme; the same words always give the same code value."""
    value = hashlib.sha256(meaning.encode("utf-8")).hexdigest()[:16].upper()
    return CodedConcept(value, LOCAL_SCHEME, label_words(meaning) or "unnamed")


def unit_concept(unit: str, code: Code | None = None) -> CodedConcept:
    """A UCUM unit (CID 7181); the empty unit is "1". code: of a unit that is not UCUM."""
    if code is not None and code.value and code.scheme:
        return concept(code)
    value = unit or "1"
    return CodedConcept(value, "UCUM", _UNIT_MEANINGS.get(value, value)[:64])


def site_concepts(
    site: Wording, area: str, code: Code | None = None
) -> tuple[CodedConcept | None, CodedConcept | None]:
    """Anatomic place and side (CID 244) of a finding; None where it names none.

    code: of the place, where a model or another system states it.
    """
    words = site.en.lower().replace(",", " ").split()
    side = next((_SIDES[word] for word in words if word in _SIDES), None)
    laterality = CodedConcept(side[0], "SCT", side[1]) if side else None
    if "ventricle" in words:
        laterality = None  # "left" is part of the name of a ventricle, not a side of the body
        plain = " ".join(words)
    else:
        plain = " ".join(word for word in words if word not in _SIDES)
    if code is not None and code.value:
        return concept(code), laterality
    if plain:
        named = [term for term in _SITES if term in plain]
        if named:
            value, meaning = _SITES[max(named, key=len)]
            return CodedConcept(value, "SCT", meaning), laterality
        return local(site.en), None
    if area in _AREAS:
        value, meaning = _AREAS[area]
        return CodedConcept(value, "SCT", meaning), laterality
    return None, None


def value_concept(finding: Finding) -> CodedConcept:
    """What the main number of a finding measures."""
    if finding.value_code is not None and finding.value_code.value:
        return concept(finding.value_code)
    known = _VALUES.get((finding.template_key, finding.unit)) or _VALUES_BY_UNIT.get(finding.unit)
    if known:
        return CodedConcept(*known)
    return local(finding.value_name.en if finding.value_name else f"{finding.label.en} value")


def segment_concepts(finding: Finding) -> tuple[CodedConcept, CodedConcept]:
    """Segmented property category (CID 7150) and type (CID 7151) of a finding's mask."""
    if finding.template_key == "lv_function":
        return CodedConcept(_ANATOMY[0], "SCT", _ANATOMY[1]), CodedConcept(
            "87878005", "SCT", "Left ventricle"
        )
    category = CodedConcept(_ABNORMAL[0], "SCT", _ABNORMAL[1])
    return concept(finding.category) if finding.category else category, concept(finding.code)


def algorithm_of(finding: Finding) -> Algorithm | None:
    """What found a finding; None where a person did."""
    if is_by_hand(finding):
        return None
    if finding.algorithm is not None:
        return finding.algorithm
    origin, made_by = finding.origin, finding.made_by
    if origin is not None and origin.algorithm_type not in {"AUTOMATIC", "SEMIAUTOMATIC"}:
        return None
    sha256 = (f"sha256={made_by.sha256}",) if made_by.sha256 else ()
    source = origin.maker.manufacturer if origin is not None else "OneScan"
    return Algorithm(made_by.name, made_by.version, None, source, sha256)


def algorithm_family(finding: Finding) -> CodedConcept:
    """Kind of algorithm (CID 7162): a model package carries a hash, an analysis does not."""
    known = algorithm_of(finding)
    if known is not None and known.family is not None and known.family.value:
        return concept(known.family)
    if finding.made_by.sha256:
        return CodedConcept.from_code(codes.cid7162.ArtificialIntelligence)
    if finding.origin is not None:
        return local("Algorithm family not stated")
    return CodedConcept.from_code(codes.cid7162.MorphologicalOperations)


def tracking_of(finding: Finding) -> tuple[str, str]:
    """Tracking identifier and UID: another system's own where it gave one, so that its tools know
    the finding again; else ours."""
    origin = finding.origin
    if origin is not None and re.fullmatch(r"[0-9][0-9.]{0,62}[0-9]", origin.tracking_uid):
        return (origin.tracking_id or finding.id)[:64], origin.tracking_uid
    return finding.id, tracking_uid(finding.id)
