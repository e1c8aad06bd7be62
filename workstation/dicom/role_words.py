"""Words in series descriptions that tell what a series is, as scanners and sites write them."""

from __future__ import annotations

import re

from workstation.dicom.slices import Slice
from workstation.domain.errors import N_

BY_NAME = N_("Its description or protocol says so.")
BY_CONTRAST_NAME = N_("Its description says T1 and that contrast agent was given.")
BY_AGENT = N_("T1-weighted, and a contrast agent is recorded.")
BY_TYPE = N_("Its image type says so.")
BY_MODALITY = N_("Its modality says so.")
BY_INVERSION = N_("Long echo and a long inversion time: fluid is suppressed.")
BY_T1 = N_("Short repetition time and short echo time.")
BY_T2 = N_("Long repetition time and long echo time.")
BY_B_VALUE = N_("Its b-value is 500 s/mm² or more.")
BY_PHASES = N_("A gated time series whose description names the short axis.")
BY_LONG_AXIS = N_("A gated time series whose description names this long axis.")
BY_TIME = N_("A time series whose description says so.")
BY_MAP = N_("A computed image whose description or image type names the map.")
BY_BODY = N_("CT of the body part that its headers name.")
BY_ANGIO = N_("CT with contrast agent, and named an angiography.")
BY_HEART = N_("CT of the heart.")
BY_CORRECTION = N_("Its description says that it is for attenuation correction.")
NOT_CORRECTED = N_("PET without attenuation correction: its values are no uptake.")
NO_ROLE = N_("Its headers do not say plainly what it is.")


def words(pattern: str) -> re.Pattern[str]:
    """A pattern that must not stand inside a longer Latin word."""
    return re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])", re.IGNORECASE)


FLAIR = words(r"\w*flair\w*|tirm[ _]?dark[ _]?fluid|dark[ _-]?fluid|水抑制|黑水")
T1 = words(r"[23]?d?[ _]?t1\w*|\w+[ _]t1|mp[ _]?rage|bravo|fspgr|t1加权")
T2 = words(r"t2(?!\*)\w*|t2加权")
T2_STAR = words(r"t2 ?\*\w*|t2 ?star\w*|t2s|\w*hemo|medic|merge|回波梯度")
SUSCEPTIBILITY = words(r"swi\w*|swan|susceptib\w*|venbold|磁敏感\w*")
PHASE_OR_MINIMUM = words(r"pha|phase|min?ip|filt\w*|qsm")
GADOLINIUM = words(r"\+ ?c|c\+|gd|gad\w*|post|contrast|ce|增强|\w*_gd|\w*\+gd|dotarem|gadavist")
WITHOUT = words(r"pre|non|without|no|w/?o|平扫")
DWI = words(r"dwi|diff\w*|ep2d_diff\w*|dti|弥散\w*|扩散\w*")
TENSOR = words(r"fa|colfa|tensor|exp\w*|eadc|lowb|fractional anisotropy")
ADC = words(r"adc|apparent diffusion\w*|表观\w*")
SPIN_LABEL = words(r"\w*asl|arterial spin\w*|动脉自旋\w*")
PERFUSION = words(r"perf\w*|pwi|dsc|first ?pass|灌注\w*|首过\w*")
BOLUS = words(r"dsc|pwi|ep2d perf\w*")
PERFUSION_MAP = words(
    r"r?r?cbf|r?r?cbv|mtt|tmax|ttp|pbp|pbm|k ?trans|map|maps|leakage|k2|att|gbp|relc\w*"
)
DYNAMIC = words(r"dce\w*|dyna?\w*|dynamic|twist|disco|动态\w*|\w*dyn\d*")
TOF = words(r"\w*tof\w*|time[ -]of[ -]flight")
MRA = words(r"\w*mra\w*|\w*angio\w*|care ?bolus|tricks|fl3d ce\w*")
ENHANCED = words(r"ce\w*|c\+|\+ ?c|gd|contrast|\w*cemra|tricks|增强")
PHASE_CONTRAST = words(r"pc ?mr\w|pc ?[23]d|[23]d ?pc|phase ?contrast|venc\d*|pca|相位对比\w*")
WALL = words(r"vwi|vessel ?wall\w*|black ?blood|dark ?blood|hr ?mri|wall|管壁\w*|黑血\w*")
SHORT_AXIS = words(r"sax|sa|short[ _-]?ax\w*|短轴\w*")
CINE = words(r"cine|ssfp|truefisp|trufi|fiesta|bffe|b-ffe|tfi\w*|电影")
LONG_AXES = (
    ("cine 2ch", words(r"2 ?ch\w*|two ?chamber|vla|两腔\w*|二腔\w*")),
    ("cine 3ch", words(r"3 ?ch\w*|three ?chamber|三腔\w*")),
    ("cine 4ch", words(r"4 ?ch\w*|four ?chamber|hla|四腔\w*")),
)
LATE = words(
    r"\w*lge\w*|psir|delayed[ _]?enh\w*|late[ _]?(gad|enh)\w*|de[-_ ]?mri|viability|延迟强化"
)
MAPS = (
    ("ECV", words(r"ecv\w*")),
    ("T2* map", words(r"t2 ?(\*|star) ?map\w*|t2s map\w*")),
    ("T1 map", words(r"t1 ?map\w*|molli\w*|shmolli\w*")),
    ("T2 map", words(r"t2 ?map\w*")),
)
CTA = words(r"\w*cta|angio\w*|ct angiography|aort\w*|coronar\w*|冠脉\w*|血管\w*")
CT_NAMED_CTA = words(r"\w*cta|ct ?angio\w*")
CALCIUM = words(r"ca ?sc\w*|calcium ?\w*|cacs\w*|agatston|smart ?score|钙化积分|钙积分")
CT_PERFUSION = words(r"\w*ctp|perf\w*|vpct|灌注\w*")
ATTENUATION = words(r"ac ?ct\w*|ct ?ac\w*|attenuation|for pet|衰减\w*")
PET_STUDY = words(r"pet\w*")
WHOLE_BODY = words(r"whole ?body|wb|eyes? to thighs?|skull base to \w+|全身\w*|躯干\w*")
UNCORRECTED = words(r"nac|non ?ac|no ?ac|uncorrected|未校正|无衰减校正")

REGION_WORDS = {
    "brain": words(r"head|brain|skull|cranium|neuro|cerebr\w*|hippocamp\w*|头\w*|颅\w*|脑\w*"),
    "vessel": words(r"carotid|circle of willis|cow|artery|arteries|aorta|颈动脉|血管"),
    "heart": words(r"heart|cardiac|cardio|coronary|myocard\w*|心脏|心"),
    "chest": words(r"chest|thora\w*|lung|lungs|breast|mediastinum|胸\w*|肺\w*|乳腺\w*"),
    "abdomen": words(
        r"abdomen|abdominal|abdo\w*|liver|kidney|pancreas|pelvis|prostate|colon\w*|bladder|腹\w*"
        r"|肝\w*|盆\w*|前列腺"
    ),
}


def own_words(item: Slice) -> str:
    """The series' own description, else its protocol's name; words apart by blanks."""
    return _apart(item.text("SeriesDescription") or item.text("ProtocolName"))


def all_words(item: Slice) -> str:
    """Descriptions of series, protocol and study together."""
    keywords = ("SeriesDescription", "ProtocolName", "StudyDescription")
    return _apart(" ".join(item.text(k) for k in keywords if item.text(k)))


def _apart(said: str) -> str:
    return said.replace("_", " ").replace("-", " ")


def image_type(item: Slice) -> frozenset[str]:
    """Values of Image Type, in capitals."""
    return frozenset(str(v).strip().upper() for v in item.fact("ImageType") or ())


def region_of(body_part: str, named: str) -> str:
    """The examined body part decides; the description helps where that is empty or unknown."""
    for text in (body_part, named):
        found = {name for name, pattern in REGION_WORDS.items() if pattern.search(text)}
        if len(found) == 1:
            return found.pop()
        if {"heart", "vessel"} & found and not {"brain", "chest", "abdomen"} & found:
            return "heart" if "heart" in found else "vessel"
        if found == {"heart", "chest"}:
            return "heart"
        if found == {"brain", "vessel"}:
            return "vessel"
    return ""
