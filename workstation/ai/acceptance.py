"""How a package says what it accepts, and beyond which bounds it does not judge.

Every check has one of four answers: pass; caution (accepted, the reader is told); uncertain (the
result is shown as one not to be relied upon); refuse (no result). Two bounds make three of them:
what is usual passes, what is still allowed is a caution (headers, unless the package says
otherwise) or uncertain (images), and everything else is refused. A fact that the headers do not
state has an answer of its own.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workstation.ai.vocabulary import Strict, Words
from workstation.domain.role import BY_NAME
from workstation.domain.volume import Flag

Range = Annotated[tuple[float, float], Field(description="lowest and highest allowed value")]
Answer = Literal["pass", "caution", "uncertain", "refuse"]

NumberFact = Literal[
    "in_plane_mm", "slice_mm", "thickness_mm", "gap_ratio", "unevenness_mm", "slices",
    "coverage_mm", "tilt_deg", "kvp", "field_t", "age_years",
    "repetition_ms", "echo_ms", "inversion_ms",
]  # fmt: skip
WordFact = Literal[
    "sop_class", "body_part", "region", "plane", "kernel", "contrast", "phase", "sex",
]  # fmt: skip


_MODALITY = re.compile(r"[A-Z]{2,8}")


def _ordered(span: Range | None) -> None:
    if span is not None and not span[0] <= span[1]:
        raise ValueError("a range runs from low to high")


class NumberCheck(Strict):
    """A number of the headers. in_plane_mm: both pixel spacings. slice_mm: between slices.
    gap_ratio: slice distance over slice thickness. unevenness_mm: largest difference of a slice
    distance from the usual one. coverage_mm: from first to last slice. kvp: kV. field_t: tesla.
    """

    fact: NumberFact
    usual: Range
    allowed: Range | None = None
    unusual: Answer = "caution"  # what is allowed and not usual
    unknown: Answer = "pass"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _ordered(self.usual)
        _ordered(self.allowed)
        return self


class WordCheck(Strict):
    """A word of the headers, compared without regard to case. sop_class: UID. body_part:
    BodyPartExamined. region: what the workstation takes it for. plane: axial, sagittal, coronal,
    or isotropic where all spacings are within 1.6 of each other. kernel: smooth or sharp. contrast:
    enhanced or unenhanced. phase: unenhanced, arterial, venous or delayed. sex: M, F or O.
    ``allowed``: "*" stands for any other.
    """

    fact: WordFact
    usual: tuple[str, ...] = Field(min_length=1)
    allowed: tuple[str, ...] = ()
    unusual: Answer = "caution"
    unknown: Answer = "pass"


Check = NumberCheck | WordCheck


class Accept(Strict):
    """Which series one input channel may be; what does not fit is refused, with the reason.

    roles: ``Stack.role`` values, empty for any. in_plane_mm: spacing along x and y. slice_mm:
    distance between slices. coverage_mm: least distance from first to last slice. phases: ``one``
    refuses time series; ``each`` looks at every phase of one (a cine) by itself, and at least
    ``min_phases`` there must be. refuse_flags: ``Flag`` values. checks: of further facts, in order.
    """

    channel: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    modality: tuple[str, ...] = Field(min_length=1)
    roles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    in_plane_mm: Range | None = None
    slice_mm: Range | None = None
    min_slices: int = Field(default=1, ge=1)
    coverage_mm: float = Field(default=0.0, ge=0.0)
    phases: Literal["one", "each"] = "one"
    min_phases: int = Field(default=1, ge=1)
    needs_volume: bool = True
    refuse_flags: tuple[str, ...] = ()
    caution_flags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _known_flags(self) -> Self:
        known = {flag.value for flag in Flag}
        for flag in (*self.refuse_flags, *self.caution_flags):
            if flag not in known:
                raise ValueError(f"unknown flag {flag!r}; known are {sorted(known)}")
        for role in self.roles:
            if role not in BY_NAME:
                raise ValueError(f"unknown role {role!r}; known are {sorted(BY_NAME)}")
        if not all(_MODALITY.fullmatch(modality) for modality in self.modality):
            raise ValueError('modality: DICOM writes capitals ("MR", "CT")')
        _ordered(self.in_plane_mm)
        _ordered(self.slice_mm)
        if self.phases == "one" and self.min_phases > 1:
            raise ValueError('min_phases is for phases "each"')
        return self


class PercentileBound(Strict):
    """A percentile (0..100) of the prepared image's foreground must lie between low and high."""

    percentile: float = Field(ge=0.0, le=100.0)
    low: float
    high: float


class Bound(Strict):
    """What is usual passes, what is allowed is uncertain, everything else is refused."""

    usual: Range
    allowed: Range

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _ordered(self.usual)
        _ordered(self.allowed)
        return self

    def answer(self, value: float) -> Answer:
        """Where ``value`` lies; what is no number is refused."""
        if self.usual[0] <= value <= self.usual[1]:
            return "pass"
        return "uncertain" if self.allowed[0] <= value <= self.allowed[1] else "refuse"


class SliceChecks(Strict):
    """Faults of the slices themselves, looked for in the voxels of every channel.

    duplicates: neighbouring slices that are the same. blank: slices without an image between
    others. jump: a place where neighbouring slices differ far more than all others do, as where
    slices are missing though the headers say nothing of it; ``jump_times``: how many times more.
    """

    duplicates: Answer = "refuse"
    blank: Answer = "refuse"
    jump: Answer = "uncertain"
    jump_times: float = Field(default=1.4, gt=1.0)


class ImageChecks(Strict):
    """Properties of the first channel's image. noise: of a voxel, relative to the inside's
    median. detail: how much the inside varies at 4 mm, relative to its median: a phantom is too
    even. cut_sides: part of the silhouette's outline in plane that lies on the image's edge.
    cut_top, cut_bottom: silhouette's area in the last and first slice over its largest (first is
    the low end of the package's third axis). height_mm, width_mm, length_mm: of the silhouette
    along the array's first, last and second axis.
    """

    noise: Bound | None = None
    detail: Bound | None = None
    cut_sides: Bound | None = None
    cut_top: Bound | None = None
    cut_bottom: Bound | None = None
    height_mm: Bound | None = None
    length_mm: Bound | None = None
    width_mm: Bound | None = None


class Reference(Strict):
    """One group of numbers (``ai.appearance``) of one kind of image, as its mean and covariance.

    The covariance is kept by its main directions (probabilistic principal components, Tipping and
    Bishop 1999, J R Stat Soc B 61:611): numbers are first divided by ``scale``; along the rows of
    ``components``, which are orthonormal, they vary by ``variances``, in all other directions by
    ``residual``. Distances are Mahalanobis distances over the root of how many numbers there are.
    """

    group: Literal["outline", "layers", "contrast", "texture"]
    mean: tuple[float, ...] = Field(min_length=1)
    scale: tuple[Annotated[float, Field(gt=0.0)], ...]
    components: tuple[tuple[float, ...], ...] = ()
    variances: tuple[Annotated[float, Field(gt=0.0)], ...] = ()
    residual: float = Field(gt=0.0)
    uncertain_from: float = Field(gt=0.0)
    refuse_from: float = Field(gt=0.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        size = len(self.mean)
        if len(self.scale) != size or any(len(row) != size for row in self.components):
            raise ValueError("scale and components must have the size of mean")
        if len(self.variances) != len(self.components):
            raise ValueError("each component has one variance")
        if not self.uncertain_from <= self.refuse_from:
            raise ValueError("uncertain_from must not be over refuse_from")
        return self


class Kind(Strict):
    """A kind of image that the model knows ("whole head", "brain-extracted")."""

    name: str = Field(min_length=1)
    references: tuple[Reference, ...] = Field(min_length=1)


class Other(Strict):
    """A kind of image that must not be taken for what the model knows ("T1-weighted"): how many
    times further from the nearest known kind than from this one an image may be, by contrast."""

    name: Words
    reference: Reference
    uncertain_from: float = Field(default=0.8, gt=0.0)
    refuse_from: float = Field(default=1.0, gt=0.0)

    @model_validator(mode="after")
    def _contrast(self) -> Self:
        if self.reference.group != "contrast":
            raise ValueError("other kinds are told by contrast")
        return self


class Turned(Strict):
    """Upside down (z) or front to back (y): how many times further than its turned-over self an
    image may be from what the model knows, by outline and layers. Left and right of a symmetric
    part cannot be told apart."""

    axes: tuple[Literal["z", "y"], ...] = Field(min_length=1)
    uncertain_from: float = Field(default=1.0, gt=0.0)
    refuse_from: float = Field(default=1.1, gt=0.0)


class Likeness(Strict):
    """How far an image may be from what the model was made with: the nearest kind counts.

    Being near proves nothing: what is wrong in a way that these numbers do not see passes.
    calibrated_on: how means and bounds were found, for the card.
    """

    kinds: tuple[Kind, ...] = Field(min_length=1)
    others: tuple[Other, ...] = ()
    turned: Turned | None = None
    calibrated_on: str = Field(min_length=1)


class OutputChecks(Strict):
    """Plausibility of each label's mask. volume_ml and pieces: of the mask. outside: part of it
    outside the image's silhouette. at_border: part within ``border_mm`` of the silhouette's edge
    in plane, or outside it. score: mean probability of the mask. Of an empty mask only volume and
    pieces count."""

    volume_ml: Bound | None = None
    pieces: Bound | None = None
    outside: Bound | None = None
    at_border: Bound | None = None
    border_mm: float = Field(default=5.0, gt=0.0)
    score: Bound | None = None


class Placed(Strict):
    """Where the middle of one label's mask must lie from another's: at least ``least_mm`` towards a
    side of the patient (negative: or so much on the other side). Looked at where both masks hold
    ``least_ml``; else the result is uncertain: the image, or the patient, may be mirrored."""

    label: str = Field(min_length=1)
    than: str = Field(min_length=1)
    towards: Literal["L", "R", "A", "P", "H", "F"]
    least_mm: float = 0.0
    least_ml: float = Field(default=10.0, ge=0.0)


class Needed(Strict):
    """A label that every image of what the model is made for shows (the spine of a trunk): where
    less than ``least_ml`` of it was found, the image shows something else, and it is refused."""

    label: str = Field(min_length=1)
    least_ml: float = Field(gt=0.0)


class Quality(Strict):
    """Outside these bounds the model does not judge: a refusal, never an empty result.

    foreground_ml: volume of the foreground. percentiles: of the prepared intensities.
    output_ml: volume of each label's mask. orientation: letters of index x, y, z in which ``image``
    and ``likeness`` look at the first channel; null looks at it as it is stored, for parts that
    lie at an angle of their own (the heart in its short axis). window: values beyond it are set to
    its ends before ``slices``, ``image`` and ``likeness`` look: in CT, air and bone would hide what
    lies between. placed: how labels must lie to each other. needed: which must be there.
    """

    orientation: str | None = Field(default="LPH", pattern=r"^[LRPAHF]{3}$")
    window: Range | None = None
    foreground_ml: Range | None = None
    percentiles: tuple[PercentileBound, ...] = ()
    output_ml: Range | None = None
    slices: SliceChecks | None = None
    image: ImageChecks | None = None
    likeness: Likeness | None = None
    output: OutputChecks | None = None
    placed: tuple[Placed, ...] = ()
    needed: tuple[Needed, ...] = ()

    @property
    def located(self) -> set[str]:
        """Keys of the labels whose volume and place are judged."""
        pairs = {key for one in self.placed for key in (one.label, one.than)}
        return pairs | {one.label for one in self.needed}

    @model_validator(mode="after")
    def _window(self) -> Self:
        _ordered(self.window)
        return self
