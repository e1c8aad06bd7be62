"""What headers say of how an image was acquired, in the few words that models ask for."""

from __future__ import annotations

import re

from workstation.dicom.mr_roles import contrast_agent
from workstation.dicom.reconstruction import reconstruction_of
from workstation.dicom.role_words import all_words
from workstation.dicom.slices import Slice
from workstation.domain.acquisition import Acquisition

_AGE = re.compile(r"^\s*(\d{1,3})([DWMY])\s*$", re.IGNORECASE)
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_NO_AGENT = {"no", "none", "n", "without", "0", "无"}

# Words that makers give their kernels (conformance statements and protocol guides).
_SHARP_WORDS = re.compile(
    r"lung|bone|edge|detail|sharp|hrct|ultra|(?<![a-z])y[a-e](?![a-z])", re.IGNORECASE
)
_SOFT_WORDS = re.compile(r"soft|standard|stnd|brain|body|smooth|cardiac|angio", re.IGNORECASE)
_NUMBERED = re.compile(r"^[A-Z]{1,2}[a-z]?(\d{2})[a-z]?(?:[\\ ,].*)?$")  # B30f, Br40d, I70f, Qr36
_FC = re.compile(r"^FC(\d{2})", re.IGNORECASE)
_SHARP_FROM = 50  # Siemens: B50 and up enhance edges
_SHARP_FC = range(30, 90)  # Canon: FC30 on bone, FC50 on lung, FC80 on high resolution

_PHASES = (
    ("unenhanced", r"plain|non[ -]?contrast|unenhanced|without contrast|native|平扫"),
    ("arterial", r"arter\w*|\bart\b|动脉期"),
    ("venous", r"venous|portal|\bpv\b|门静脉期|门脉期|静脉期"),
    ("delayed", r"delay\w*|late|excret\w*|延迟期|排泄期"),
)


def age_years(stated: str) -> float | None:
    """An age string (VR AS: 045Y, 018M, 003W, 010D) in years; None where it is none."""
    match = _AGE.match(stated)
    return int(match[1]) * _YEARS[match[2].upper()] if match else None


def age_string(birth: str, on: str) -> str:
    """The age on a day (both YYYYMMDD) as an AS value; empty where it cannot be told."""
    if len(birth) != 8 or len(on) != 8 or not (birth + on).isdigit() or birth > on:
        return ""
    years = int(on[:4]) - int(birth[:4]) - (on[4:] < birth[4:])
    if years >= 2:
        return f"{years:03d}Y" if years <= 130 else ""
    months = 12 * (int(on[:4]) - int(birth[:4])) + int(on[4:6]) - int(birth[4:6])
    return f"{max(0, months - (on[6:] < birth[6:])):03d}M"


def kernel_class(kernel: str) -> str:
    """ "smooth", "sharp", or "" where the name does not tell."""
    name = kernel.strip()
    if not name:
        return ""
    if _SHARP_WORDS.search(name):
        return "sharp"
    if _SOFT_WORDS.search(name):
        return "smooth"
    numbered = _NUMBERED.match(name)
    if numbered:
        return "sharp" if int(numbered[1]) >= _SHARP_FROM else "smooth"
    canon = _FC.match(name)
    if canon:
        return "sharp" if int(canon[1]) in _SHARP_FC else "smooth"
    return ""


def _contrast(item: Slice) -> str:
    if contrast_agent(item):
        return "enhanced"
    return "unenhanced" if item.text("ContrastBolusAgent").strip().lower() in _NO_AGENT else ""


def _phase(item: Slice) -> str:
    words = all_words(item)
    found = [name for name, pattern in _PHASES if re.search(pattern, words, re.IGNORECASE)]
    return found[0] if len(found) == 1 else ""


def _positive(item: Slice, keyword: str) -> float | None:
    value = item.number(keyword)
    return value if value is not None and value > 0 else None


def acquisition_of(item: Slice) -> Acquisition:
    """The facts of one image."""
    field = _positive(item, "MagneticFieldStrength")
    height = _positive(item, "PatientSize")  # m
    kernel = item.fact("ConvolutionKernel")
    named = str(kernel[0] if isinstance(kernel, list) and kernel else kernel or "").strip()
    return Acquisition(
        sop_class_uid=item.instance.sop_class_uid,
        body_part=item.text("BodyPartExamined").strip(),
        kvp=_positive(item, "KVP"),
        # Some scanners write gauss.
        field_t=field / 1e4 if field is not None and field > 100 else field,
        kernel=named,
        kernel_class=kernel_class(named),
        contrast=_contrast(item),
        phase=_phase(item),
        age_years=age_years(item.text("PatientAge")),
        sex=item.text("PatientSex").strip().upper()[:1],
        repetition_ms=_positive(item, "RepetitionTime"),
        echo_ms=_positive(item, "EchoTime"),
        inversion_ms=_positive(item, "InversionTime"),
        b_value=item.number("DiffusionBValue"),
        reconstruction=reconstruction_of(item),
        height_cm=None if height is None else round(height * 100.0, 2),
        weight_kg=_positive(item, "PatientWeight"),
    )
