"""Who made a finding: an algorithm as DICOM identifies it, and the object of another system."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.domain.artefact import Code
from workstation.domain.errors import Message

UNKNOWN = "unknown"
"""Evidence level of what another system found: its objects state none."""


ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162


@dataclass(frozen=True)
class Algorithm:
    """An algorithm (PS3.16 TID 4019, PS3.3 table 10-19).

    source: who made it, or for a model package its id and hash. parameters: "name=value" each.
    qualification: RESEARCH or PRODUCT, what its maker declares (PS3.3 C.8.13.2.1.6).
    """

    name: str
    version: str = ""
    family: Code | None = None
    source: str = ""
    parameters: tuple[str, ...] = ()
    qualification: str = "RESEARCH"

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Maker:
    """The equipment that wrote an object (PS3.3 C.7.5.2)."""

    manufacturer: str = ""
    model_name: str = ""
    software: str = ""
    serial: str = ""

    def __str__(self) -> str:
        return " ".join(w for w in (self.manufacturer, self.model_name, self.software) if w)


@dataclass(frozen=True)
class StatedWord:
    """Something that an object says of a finding in a code or in words, with what it is called."""

    name: Code
    words: str
    value: Code | None = None


@dataclass(frozen=True)
class Origin:
    """The object of another system that a finding came in by, and what the object says of it.

    kind: SEG, SR, CAD or MAP. place: segment number, or path of its content item. algorithm_type:
    AUTOMATIC, SEMIAUTOMATIC, MANUAL or "". observer: a person who made it, as the object names
    them. verified_by: who verified the object there; that is no decision here. unplaced: why no
    place on our images can be given. notes: what of it is shown otherwise than it was stored.
    """

    sop_instance_uid: str
    kind: str
    place: str
    title: str
    maker: Maker
    algorithm: Algorithm | None = None
    algorithm_type: str = ""
    observer: str = ""
    verified_by: str = ""
    made: str = ""
    tracking_id: str = ""
    tracking_uid: str = ""
    words: tuple[StatedWord, ...] = ()
    unplaced: Message | None = None
    notes: tuple[Message, ...] = ()
