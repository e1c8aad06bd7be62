"""Which objects of a study are not images, and what they are."""

from __future__ import annotations

from workstation.dicom.items import Item, class_name
from workstation.dicom.slices import is_image
from workstation.domain.document import ObjectKind
from workstation.domain.study import Instance

_BY_CLASS = {
    "1.2.840.10008.5.1.4.1.1.66.4": ObjectKind.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.66.7": ObjectKind.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.481.3": ObjectKind.CONTOURS,
    "1.2.840.10008.5.1.4.1.1.88.59": ObjectKind.KEY_IMAGES,
}
_BY_START = (
    ("1.2.840.10008.5.1.4.1.1.88.", ObjectKind.REPORT),
    ("1.2.840.10008.5.1.4.1.1.104.", ObjectKind.DOCUMENT),
    ("1.2.840.10008.5.1.4.1.1.11.", ObjectKind.PRESENTATION),
)
_BY_MODALITY = {
    "SEG": ObjectKind.SEGMENTATION,
    "RTSTRUCT": ObjectKind.CONTOURS,
    "KO": ObjectKind.KEY_IMAGES,
    "SR": ObjectKind.REPORT,
    "PR": ObjectKind.PRESENTATION,
    "DOC": ObjectKind.DOCUMENT,
}
_RECORDS = frozenset(
    f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (40, 67, 68, 73, 74, 75, 76)
)  # procedure log, radiation doses, imaging agents
_RECORD_TITLES = frozenset({("DCM", "113701"), ("DCM", "113500"), ("DCM", "121145")})
_WAVEFORMS = "1.2.840.10008.5.1.4.1.1.9."
_PAPER = frozenset({"SD", "SI", "DF"})
_OVERLAYS = range(0x6000, 0x6100)


def kind_of(instance: Instance) -> ObjectKind | None:
    """What an instance is; None for an image, which is no object in this sense."""
    known = _BY_CLASS.get(instance.sop_class_uid)
    if known is not None:
        return known
    if is_image(instance):
        return None
    for start, kind in _BY_START:
        if instance.sop_class_uid.startswith(start):
            return kind
    return _BY_MODALITY.get(str(instance.attributes.get("Modality", "")), ObjectKind.OTHER)


def may_tell_results(kind: ObjectKind, item: Item) -> bool:
    """Whether an object may say what some machine found: all but those that surely do not.

    Those are dose reports and other records of the acquisition, ECG and other waveforms, paper
    that was scanned (PS3.3 C.8.6.1, Conversion Type), and display states that draw nothing.
    """
    sop_class = item.text("SOPClassUID")
    if sop_class in _RECORDS or sop_class.startswith(_WAVEFORMS):
        return False
    if kind is ObjectKind.REPORT:
        title = item.code("ConceptNameCodeSequence")
        return title is None or (title.scheme, title.value) not in _RECORD_TITLES
    if kind is ObjectKind.DOCUMENT:
        return item.text("ConversionType").upper() not in _PAPER
    if kind is ObjectKind.PRESENTATION:
        drawn = item.has("GraphicAnnotationSequence") or item.has("CompoundGraphicSequence")
        return drawn or any(tag.group in _OVERLAYS for tag in item.dataset.keys())  # noqa: SIM118
    return True


def title_of(item: Item) -> str:
    """What an object calls itself: its own title before that of its series."""
    concept = item.code("ConceptNameCodeSequence")
    for keyword in ("DocumentTitle", "StructureSetLabel", "RTPlanLabel"):
        if item.text(keyword):
            return item.text(keyword)
    label = item.text("ContentLabel")
    if label.startswith("ISO_IR"):  # a known slip of writers, who put the character set there
        label = ""
    described = item.text("ContentDescription") or item.text("SeriesDescription")
    if concept is not None and concept.meaning:
        words = item.text("SeriesDescription")
        return (
            f"{concept.meaning} · {words}"
            if words and words != concept.meaning
            else (concept.meaning)
        )
    if item.text("Modality") == "SEG" and described:
        return described
    if label and described and label.lower() != described.lower():
        return f"{label} · {described}"
    return described or label or class_name(item.text("SOPClassUID"))
