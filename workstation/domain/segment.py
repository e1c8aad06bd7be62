"""Segments: regions that a reader paints for himself, each with a number, a name and codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import Code, Wording

STEPS_KEPT = 40
"""How many masks of a segment can be undone to after a restart."""


@dataclass(frozen=True)
class SegmentKind:
    """What a segment can be said to be: category (CID 7150) and type (CID 7151) of PS3.16."""

    name: Wording
    category: Code
    kind: Code
    template_key: str = "other"


@dataclass(frozen=True)
class SegmentOrigin:
    """Whose segment it was before a reader took it to edit.

    words: title of the object and who made it. number: of the segment there. algorithm_type:
    AUTOMATIC, SEMIAUTOMATIC or MANUAL, as that object says, and which algorithm.
    """

    sop_instance_uid: str
    number: int
    words: str
    algorithm_type: str = ""
    algorithm: str = ""


@dataclass(frozen=True)
class Segment:
    """One segment of one stack.

    number: from 1, unique in the study, drawn beside its colour. kind: coded property type.
    steps: mask ids of the finished operations in order, "" for the empty mask; step_at: which of
    them is shown, so that undo and redo survive a crash. finding_id: the finding made of it.
    origin: where its first mask came from, None where a reader began it.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    number: int
    name: Wording
    category: Code
    kind: Code
    colour: str
    by: str
    at: datetime
    steps: tuple[str, ...] = ("",)
    step_at: int = 0
    volume_ml: float = 0.0
    visible: bool = True
    locked: bool = False
    phase: int = 0
    finding_id: str = ""
    template_key: str = "other"
    origin: SegmentOrigin | None = None

    @property
    def mask_id(self) -> str:
        """The mask shown; empty where nothing is painted."""
        return self.steps[self.step_at]


COLOURS = (
    "#4fc3f7",
    "#ffe14d",
    "#e57fc4",
    "#ff8a5c",
    "#a78bfa",
    "#5fe3c0",
    "#d9b38c",
    "#9fb4ff",
)
"""Told apart on grey images by hue and lightness, also with red-green blindness."""
PATTERNS = ("plain", "stripes", "dots")
"""How the inside is filled: colour is never the only difference."""


def colour_of(number: int) -> str:
    """Colour of the segment with this number; with the pattern it repeats after 24."""
    return COLOURS[(number - 1) % len(COLOURS)]


def pattern_of(number: int) -> str:
    """Fill pattern of the segment with this number."""
    return PATTERNS[(number - 1) % len(PATTERNS)]


_ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_TISSUE = Code("85756007", "SCT", "Tissue")
_FLUID = Code("91720002", "SCT", "Body Substance")


def _abnormal(value: str, en: str, zh: str, template_key: str = "other") -> SegmentKind:
    return SegmentKind(Wording(en, zh), _ABNORMAL, Code(value, "SCT", en), template_key)


def _organ(value: str, en: str, zh: str) -> SegmentKind:
    return SegmentKind(Wording(en, zh), _ANATOMY, Code(value, "SCT", en))


KINDS: tuple[SegmentKind, ...] = (
    SegmentKind(Wording("Tissue", "组织"), _TISSUE, _TISSUE),
    _abnormal("52988006", "Lesion", "病灶"),
    _abnormal("4147007", "Mass", "肿块"),
    _abnormal("108369006", "Neoplasm", "肿瘤"),
    _abnormal("27925004", "Nodule", "结节", "nodule"),
    _abnormal("128462008", "Metastasis", "转移瘤"),
    _abnormal("79654002", "Edema", "水肿"),
    _abnormal("50960005", "Hemorrhage", "出血"),
    _abnormal("35566002", "Hematoma", "血肿"),
    _abnormal("55641003", "Infarct", "梗死灶"),
    _abnormal("6574001", "Necrosis", "坏死"),
    _abnormal("367643001", "Cyst", "囊肿"),
    _abnormal("1522000", "Plaque", "斑块"),
    _abnormal("85659009", "Aneurysm", "动脉瘤"),
    SegmentKind(Wording("Thrombus", "血栓"), _FLUID, Code("396339007", "SCT", "Thrombus")),
    _organ("12738006", "Brain", "脑"),
    _organ("389080008", "White Matter", "脑白质"),
    _organ("87878005", "Left ventricle", "左心室"),
    _organ("80891009", "Heart", "心脏"),
    _organ("15825003", "Aorta", "主动脉"),
    _organ("51114001", "Artery", "动脉"),
    _organ("29092000", "Vein", "静脉"),
    _organ("39607008", "Lung", "肺"),
    _organ("44567001", "Trachea", "气管"),
    _organ("59441001", "Lymph Node", "淋巴结"),
    _organ("10200004", "Liver", "肝"),
    _organ("28231008", "Gallbladder", "胆囊"),
    _organ("15776009", "Pancreas", "胰腺"),
    _organ("78961009", "Spleen", "脾"),
    _organ("64033007", "Kidney", "肾"),
    _organ("89837001", "Bladder", "膀胱"),
    _organ("41216001", "Prostate", "前列腺"),
    _organ("272673000", "Bone", "骨"),
    _organ("51282000", "Vertebra", "椎骨"),
    _organ("71616004", "Muscle", "肌肉"),
    SegmentKind(Wording("Fat", "脂肪"), _TISSUE, Code("256674009", "SCT", "Fat")),
)
"""What the label list offers; checked against the SNOMED CT subset of DICOM in a test."""
