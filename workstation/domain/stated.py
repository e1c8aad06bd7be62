"""What an object of another system states, before it is laid on our images."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.domain.artefact import Code
from workstation.domain.document import Graphic, ImageRef
from workstation.domain.origin import Algorithm, Maker, StatedWord


@dataclass(frozen=True)
class StatedNumber:
    """A number as stated. unit: its code, UCUM as a rule. modifiers: (name, value), such as how
    it was derived."""

    name: Code
    value: float
    unit: Code
    modifiers: tuple[tuple[Code, Code], ...] = ()


@dataclass(frozen=True)
class StatedFinding:
    """One finding as a report states it.

    place: path of its item. label: its coded finding, else the best word there is (without a code
    value). graphics: with the images that they were drawn on. segments: of a segmentation. images:
    that it speaks of without saying where on them. confidence: 0..1.
    """

    place: str
    label: Code
    category: Code | None = None
    site: Code | None = None
    laterality: Code | None = None
    numbers: tuple[StatedNumber, ...] = ()
    words: tuple[StatedWord, ...] = ()
    graphics: tuple[Graphic, ...] = ()
    segments: tuple[ImageRef, ...] = ()
    images: tuple[ImageRef, ...] = ()
    tracking_id: str = ""
    tracking_uid: str = ""
    algorithm: Algorithm | None = None
    observer: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class StatedReport:
    """A structured report's findings and who made it.

    studies: that its evidence names. predecessors: reports that it takes the place of. hidden:
    findings that their maker says are not to be presented.
    """

    sop_instance_uid: str
    kind: str  # SR or CAD
    title: str
    maker: Maker
    observer: str
    verified_by: str
    made: str
    studies: tuple[str, ...]
    predecessors: tuple[str, ...]
    findings: tuple[StatedFinding, ...]
    hidden: int = 0
