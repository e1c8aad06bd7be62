"""What a model package says of itself: a closed vocabulary, no code, nothing unknown accepted.

``resources/model_package.md`` explains every field with a complete example.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workstation.domain.artefact import Code, Wording
from workstation.domain.volume import Flag

Range = Annotated[tuple[float, float], Field(description="lowest and highest allowed value")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Evidence = Literal["none", "synthetic", "public", "clinical"]
Area = Literal["brain", "vessel", "heart", "chest", "abdomen", "other"]


class Strict(BaseModel):
    """Unknown fields, wrong types and later changes are all refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Words(Strict):
    """One text in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def wording(self) -> Wording:
        """The same as the domain's noun."""
        return Wording(self.en, self.zh)


class Coded(Strict):
    """A coded concept (PS3.3 table 8.8-1)."""

    value: str = Field(min_length=1)
    scheme: Literal["SCT", "DCM", "RADLEX", "UCUM", "FMA", "99ONESCAN"]
    meaning: str = Field(min_length=1)

    def code(self) -> Code:
        """The same as the domain's noun."""
        return Code(self.value, self.scheme, self.meaning)


class Accept(Strict):
    """Which series one input channel may be; what does not fit is refused, with the reason.

    roles: ``Stack.role`` values, empty for any. in_plane_mm: spacing along x and y. slice_mm:
    distance between slices. coverage_mm: least distance from first to last slice. refuse_flags:
    ``Flag`` values.
    """

    channel: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    modality: tuple[str, ...] = Field(min_length=1)
    roles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    in_plane_mm: Range | None = None
    slice_mm: Range | None = None
    min_slices: int = Field(default=1, ge=1)
    coverage_mm: float = Field(default=0.0, ge=0.0)
    needs_volume: bool = True
    refuse_flags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known_flags(self) -> Self:
        known = {flag.value for flag in Flag}
        for flag in self.refuse_flags:
            if flag not in known:
                raise ValueError(f"unknown flag {flag!r}; known are {sorted(known)}")
        for span in (self.in_plane_mm, self.slice_mm):
            if span is not None and not span[0] <= span[1]:
                raise ValueError("a range runs from low to high")
        return self


class Foreground(Strict):
    """Which voxels are patient, found on the resampled image before any intensity step.

    above: intensity over ``value``. otsu: over Otsu's threshold (IEEE Trans SMC 9, 1979) of a
    256-bin histogram. fraction: over ``value`` times the 99.5th percentile. largest: keep only
    the largest 26-connected piece. fill: fill holes slice by slice.
    """

    rule: Literal["above", "otsu", "fraction"]
    value: float = 0.0
    largest: bool = False
    fill: bool = False


class Clip(Strict):
    """Values under ``low`` become ``low``, over ``high`` become ``high``."""

    op: Literal["clip"]
    low: float
    high: float


class PercentileClip(Strict):
    """``clip`` at percentiles (0..100) of the voxels ``within``."""

    op: Literal["percentile_clip"]
    low: float = Field(ge=0.0, le=100.0)
    high: float = Field(ge=0.0, le=100.0)
    within: Literal["foreground", "all"]


class ZScore(Strict):
    """Subtract the mean, divide by the standard deviation, both of the voxels ``within``."""

    op: Literal["z_score"]
    within: Literal["foreground", "all"]


class Scale(Strict):
    """Linear map that brings ``source`` (low, high) to ``target`` (low, high), no clipping."""

    op: Literal["scale"]
    source: tuple[float, float]
    target: tuple[float, float] = (0.0, 1.0)


class PercentileScale(Strict):
    """``scale`` with the source's ends at percentiles (0..100) of the voxels ``within``."""

    op: Literal["percentile_scale"]
    low: float = Field(ge=0.0, le=100.0)
    high: float = Field(ge=0.0, le=100.0)
    within: Literal["foreground", "all"]
    target: tuple[float, float] = (0.0, 1.0)


class FillBackground(Strict):
    """Every voxel outside the foreground becomes ``value``."""

    op: Literal["fill_background"]
    value: float


Intensity = Annotated[
    Clip | PercentileClip | ZScore | Scale | PercentileScale | FillBackground,
    Field(discriminator="op"),
]


class Crop(Strict):
    """Only the foreground's bounding box, widened by ``margin_mm``, is looked at."""

    to: Literal["foreground"]
    margin_mm: float = Field(ge=0.0)


class Pre(Strict):
    """From a volume in the patient to the network's input, and exactly back.

    orientation: patient letters of index x, y, z ("LPH"). spacing_mm: of x, y, z after
    resampling, null for an axis that is left alone. pad_value: what fills a patch beyond the
    image, after the intensity steps.
    """

    orientation: str = Field(pattern=r"^[LRPAHF]{3}$")
    spacing_mm: tuple[
        Annotated[float, Field(gt=0.0)] | None,
        Annotated[float, Field(gt=0.0)] | None,
        Annotated[float, Field(gt=0.0)] | None,
    ]
    interpolation: Literal["linear"] = "linear"
    foreground: Foreground = Foreground(rule="above", value=0.0)
    crop: Crop | None = None
    intensity: tuple[Intensity, ...]
    pad_value: float = 0.0

    @model_validator(mode="after")
    def _three_axes(self) -> Self:
        if sorted("LRPAHF".index(letter) // 2 for letter in self.orientation) != [0, 1, 2]:
            raise ValueError("orientation must name each patient axis once")
        return self


class Io(Strict):
    """The network's tensors. layout: NCDHW for 3D patches, NCHW for slices (2D and 2.5D)."""

    input: str = Field(min_length=1)
    output: str = Field(min_length=1)
    layout: Literal["NCDHW", "NCHW"]
    dtype: Literal["float32", "float16"] = "float32"
    opset: int = Field(ge=9, le=23)


class Infer(Strict):
    """How the network is slid over the image, and what it may use.

    patch: (z, y, x) for NCDHW, (y, x) for NCHW. overlap: part of a patch that its neighbour
    covers again. slices: odd; neighbouring slices given as channels (2.5D), end slices repeated.
    flips: axes of test-time mirroring, every combination is averaged.
    """

    patch: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2, max_length=3)
    overlap: float = Field(default=0.5, ge=0.0, le=0.9)
    slices: int = Field(default=1, ge=1)
    flips: tuple[Literal["x", "y", "z"], ...] = ()
    batch: int = Field(default=1, ge=1)
    max_ram_mb: int = Field(ge=64)
    timeout_s: int = Field(ge=1)

    @model_validator(mode="after")
    def _odd(self) -> Self:
        if self.slices % 2 == 0:
            raise ValueError("slices must be odd")
        return self


class Post(Strict):
    """From the network's output to masks on the original grid.

    activation: applied to the averaged output. threshold: probability from which a voxel is
    set; null (with softmax) takes the most probable channel. Pieces are 26-connected and
    measured in mL on the original grid.
    """

    activation: Literal["sigmoid", "softmax", "none"]
    threshold: float | None = 0.5
    min_component_ml: float = Field(default=0.0, ge=0.0)
    fill_holes: bool = False
    keep_largest: bool = False

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if self.threshold is None and self.activation != "softmax":
            raise ValueError("threshold may be null only with softmax")
        return self


class Label(Strict):
    """One output channel that means something.

    index: channel of the output. proposes: "one" finding of the whole mask, a finding for
    "each" connected piece, or "none" (an organ mask for other measures). category: SNOMED CT
    property category for DICOM SEG. min_volume_ml: a finding is proposed only above it.
    """

    index: int = Field(ge=0)
    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: Words
    code: Coded
    category: Coded | None = None
    site: Words
    colour: tuple[int, int, int] = (255, 200, 0)
    area: Area
    template_key: str
    quantity: Literal["volume"] = "volume"
    proposes: Literal["one", "each", "none"] = "one"
    min_volume_ml: float = Field(default=0.0, ge=0.0)
    threshold: float | None = Field(default=None, gt=0.0, lt=1.0)


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


class PercentileBound(Strict):
    """A percentile (0..100) of the prepared image's foreground must lie between low and high."""

    percentile: float = Field(ge=0.0, le=100.0)
    low: float
    high: float


class Quality(Strict):
    """Outside these bounds the model does not judge: a refusal, never an empty result.

    foreground_ml: volume of the foreground. percentiles: of the prepared intensities.
    output_ml: volume of each label's mask.
    """

    foreground_ml: Range | None = None
    percentiles: tuple[PercentileBound, ...] = ()
    output_ml: Range | None = None


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
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    name: Words
    kind: Literal["segmentation"]
    area: Area
    stat: bool = False  # findings of this model move the study to the top of the worklist
    licence: str = Field(min_length=1)
    authors: tuple[str, ...] = Field(min_length=1)
    built: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    regulatory: Words
    intended_use: Words
    contraindications: Words
    training_data: TrainingData
    evidence: Evidence
    accept: tuple[Accept, ...] = Field(min_length=1)
    pre: Pre
    io: Io
    infer: Infer
    post: Post
    labels: tuple[Label, ...] = Field(min_length=1)
    performance: tuple[Performance, ...]
    qc: Quality = Quality()
    supersedes: tuple[str, ...] = ()
    min_app: str = Field(default="0.1.0", pattern=r"^\d+\.\d+\.\d+$")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        flat = self.io.layout == "NCHW"
        if len(self.infer.patch) != (2 if flat else 3):
            raise ValueError("infer.patch must be (y, x) for NCHW and (z, y, x) for NCDHW")
        if not flat and self.infer.slices != 1:
            raise ValueError("infer.slices is for NCHW only")
        if flat and "z" in self.infer.flips:
            raise ValueError("infer.flips: NCHW cannot be mirrored along z")
        for what, keys in (
            ("labels: key", [label.key for label in self.labels]),
            ("labels: index", [str(label.index) for label in self.labels]),
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
