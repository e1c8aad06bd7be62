"""What a model package says of itself: a closed vocabulary, no code, nothing unknown accepted.

``resources/model_package.md`` explains every field with a complete example.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

# Gates know Accept and Quality, training programs of packages Foreground, by this module.
from workstation.ai.acceptance import Accept as Accept
from workstation.ai.acceptance import Quality as Quality
from workstation.ai.refinement import Refine
from workstation.ai.vocabulary import Boxes, Candidates, Infer, Io, Post, Pre, Strict
from workstation.ai.vocabulary import Foreground as Foreground
from workstation.ai.vocabulary import Words as Words
from workstation.domain.artefact import Code

_VERSION = r"^\d{1,6}\.\d{1,6}\.\d{1,6}$"
_OF_ONE = ("dice", "sensitivity", "specificity", "precision", "recall", "auc", "accuracy")
Shade = Annotated[int, Field(ge=0, le=255)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Evidence = Literal["none", "synthetic", "public", "clinical"]
Area = Literal["brain", "vessel", "heart", "chest", "abdomen", "other"]


class Coded(Strict):
    """A coded concept (PS3.3 table 8.8-1)."""

    value: str = Field(min_length=1)
    scheme: Literal["SCT", "DCM", "RADLEX", "UCUM", "FMA", "99ONESCAN"]
    meaning: str = Field(min_length=1)

    def code(self) -> Code:
        """The same as the domain's noun."""
        return Code(self.value, self.scheme, self.meaning)


class Label(Strict):
    """One output channel that means something.

    index: channel of the output. place: the box of ``pre.locate`` that it is found in. proposes:
    "one" finding of the whole mask, a finding for "each" connected piece (of a detector: for each
    box), or "none" (an organ mask for other measures). category: SNOMED CT property category for
    DICOM SEG. quantity: what a finding has as its number; a box has none. site_code: the place in
    the same codes, where ``site`` names one. min_volume_ml: a finding is proposed only above it.
    """

    index: int = Field(ge=0)
    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: Words
    code: Coded
    category: Coded | None = None
    site: Words
    site_code: Coded | None = None
    colour: tuple[Shade, Shade, Shade] = (255, 200, 0)
    area: Area
    template_key: str
    quantity: Literal["volume", "none"] = "volume"
    proposes: Literal["one", "each", "none"] = "one"
    min_volume_ml: float = Field(default=0.0, ge=0.0)
    threshold: float | None = Field(default=None, gt=0.0, lt=1.0)
    place: str = ""
    refine: tuple[Refine, ...] = ()  # of its mask, on the original grid, in order
    measured: bool = False  # the volume of what proposes nothing is a number of the study
    experimental: bool = False  # measured below use: it feeds no measurement unasked


class Performance(Strict):
    """One measured number. ci: 95 % confidence interval where one was computed."""

    dataset: str = Field(min_length=1)
    n: int = Field(ge=1)
    metric: str = Field(min_length=1)
    value: float
    ci: tuple[float, float] | None = None
    unit: str = "1"
    subgroup: str = ""
    operating_point: str = ""
    evidence: Evidence
    note: str = ""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        interval = self.ci if self.ci is not None else (self.value, self.value)
        if not interval[0] <= self.value <= interval[1]:
            raise ValueError("performance: the value lies outside its interval")
        share = self.unit == "1" and self.metric.lower().split()[0] in _OF_ONE
        if share and not (interval[0] >= 0.0 and interval[1] <= 1.0):
            raise ValueError(f"performance: {self.metric} lies from 0 to 1")
        return self


class Source(Strict):
    """Where training data came from."""

    name: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    url: str = ""


class TrainingData(Strict):
    """What the network learned from."""

    synthetic_only: bool
    statement: Words
    sources: tuple[Source, ...] = ()


class Manifest(Strict):
    """``manifest.json``. accept: one entry a channel, the first one's series decides the grid."""

    format: Literal["onescan-model/1"]
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = Field(pattern=_VERSION)
    name: Words
    kind: Literal["segmentation", "detection"]
    area: Area
    stat: bool = False  # an emergency triage: runs first, its findings lift the study
    off_by_default: bool = False  # it stayed poor, as its card says: runs once switched on
    draft: bool = False  # imported and not filled in yet: runs when asked, never on arrival
    cost_s: float = Field(default=60.0, gt=0.0)  # seconds a run takes on two cores
    licence: str = Field(min_length=1)
    authors: tuple[str, ...] = Field(min_length=1)
    built: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    regulatory: Words
    # DICOM Content Qualification of what it makes: PRODUCT only with an approval that
    # ``regulatory`` names (PS3.3 C.8.13.2.1.6).
    qualification: Literal["RESEARCH", "PRODUCT"] = "RESEARCH"
    intended_use: Words
    contraindications: Words
    training_data: TrainingData
    evidence: Evidence
    accept: tuple[Accept, ...] = Field(min_length=1)
    pre: Pre
    io: Io
    infer: Infer
    post: Post
    boxes: Boxes | None = None  # of a detector: what its output channels are
    candidates: Candidates | None = None  # of a detector that judges places: which
    labels: tuple[Label, ...] = Field(min_length=1)
    performance: tuple[Performance, ...]
    qc: Quality = Quality()
    supersedes: tuple[str, ...] = ()
    min_app: str = Field(default="0.1.0", pattern=_VERSION)

    @field_validator("built")
    @classmethod
    def _day(cls, given: str) -> str:
        date.fromisoformat(given)  # ValueError: no day of the calendar
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        flat = self.io.layout == "NCHW"
        if len(self.infer.patch) != (2 if flat else 3):
            raise ValueError("infer.patch must be (y, x) for NCHW and (z, y, x) for NCDHW")
        if not flat and self.infer.slices != 1:
            raise ValueError("infer.slices is for NCHW only")
        ways = (self.boxes is not None) + (self.candidates is not None)
        if ways != (self.kind == "detection"):
            raise ValueError("boxes or candidates: what a detection has, and nothing else")
        if self.candidates is not None and (
            flat or None in self.pre.spacing_mm or self.infer.flips or len(self.accept) != 1
        ):
            raise ValueError("candidates want one channel, NCDHW, a spacing and no flips")
        if self.boxes is not None and (not flat or self.infer.flips or self.pre.locate):
            raise ValueError("boxes want NCHW, no flips and no locate")
        if self.pre.per_channel and len(self.pre.per_channel) != len(self.accept):
            raise ValueError("pre.per_channel must have one list a channel")
        if flat and "z" in self.infer.flips:
            raise ValueError("infer.flips: NCHW cannot be mirrored along z")
        places = {one.key for one in self.pre.locate.places} if self.pre.locate else {""}
        if {label.place for label in self.labels} != places:
            raise ValueError("labels: place must name the places of pre.locate, each of them")
        if self.pre.locate and (flat or len(self.accept) != 1 or not self.post.strongest):
            raise ValueError("pre.locate wants one channel, NCDHW, and argmax")
        seen: set[str] = set()
        for label in self.labels:
            taken = {key for step in label.refine if step.op == "without" for key in step.labels}
            if not taken <= seen:
                raise ValueError("refine: without names labels that are listed before")
            seen.add(label.key)
        if not self.qc.located <= seen:
            raise ValueError("qc.placed and qc.needed name labels that the package has")
        for label in self.labels:
            if label.experimental and (label.proposes != "none" or label.measured):
                raise ValueError("an experimental label proposes nothing and is not measured")
            if label.measured and label.proposes != "none":
                raise ValueError("measured is for labels that propose nothing")
        for what, keys in (
            ("labels: key", [label.key for label in self.labels]),
            ("labels: index", [f"{label.place} {label.index}" for label in self.labels]),
            ("accept: channel", [channel.channel for channel in self.accept]),
        ):
            if len(set(keys)) != len(keys):
                raise ValueError(f"{what} occurs twice")
        # What a reader is told of a model's evidence must rest on a row that can be looked at.
        if self.evidence != "none" and not any(
            row.evidence == self.evidence for row in self.performance
        ):
            raise ValueError(f"evidence is {self.evidence!r} but no performance row has it")
        return self
