"""How a package says what is done to images: a closed vocabulary, no code.

Before the network (``Pre``), in it (``Io``, ``Infer``) and after it (``Post``). Words of nnU-Net
(Isensee 2021, Nat Methods 18:203; version 2.8) and MONAI (1.6) that mean the same are named.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workstation.domain.artefact import Wording
from workstation.domain.plain_words import plain_words

Provider = Literal["cuda", "directml", "openvino", "cpu"]


class Strict(BaseModel):
    """Unknown fields, wrong types and later changes are all refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        """Words of a package, shown on screens and in terminals, without control characters."""
        if isinstance(given, tuple):
            return tuple(plain_words(one) if isinstance(one, str) else one for one in given)
        return plain_words(given) if isinstance(given, str) else given


class Words(Strict):
    """One text in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def wording(self) -> Wording:
        """The same as the domain's noun."""
        return Wording(self.en, self.zh)


class Foreground(Strict):
    """Which voxels are patient, found on the resampled image before any intensity step.

    above: intensity over ``value``. otsu: over Otsu's threshold (IEEE Trans SMC 9, 1979) of a
    256-bin histogram. fraction: over ``value`` times the 99.5th percentile. largest: keep only
    the largest 26-connected piece. fill: fill holes slice by slice. nonzero: where any channel
    differs from 0, holes filled in three dimensions (nnU-Net's ``create_nonzero_mask``).
    """

    rule: Literal["above", "otsu", "fraction", "nonzero"]
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
    """Subtract the mean, divide by the standard deviation, both of the voxels ``within``.

    nonzero: voxels of this channel that differ from 0. only_within: all other voxels stay as
    they are (nnU-Net's ``use_mask_for_norm``, MONAI's ``NormalizeIntensity(nonzero=True)``).
    """

    op: Literal["z_score"]
    within: Literal["foreground", "all", "nonzero"]
    only_within: bool = False


class Standardise(Strict):
    """Subtract a given mean, divide by a given deviation (nnU-Net's CT scheme, after ``clip``)."""

    op: Literal["standardise"]
    mean: float
    deviation: float = Field(gt=0.0)


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
    Clip | PercentileClip | ZScore | Standardise | Scale | PercentileScale | FillBackground,
    Field(discriminator="op"),
]


class Crop(Strict):
    """Only the foreground's bounding box, widened by ``margin_mm``, is looked at."""

    to: Literal["foreground"]
    margin_mm: float = Field(ge=0.0)


class Place(Strict):
    """A box of ``infer.patch`` voxels that a network looks at. key: what labels name it by.
    centre_mm: its middle in the template's LPS mm. axes: patient letters of its index x, y, z;
    paired organs are shown mirrored ("RAH" and "LAH"), so that a network knows one of them."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    centre_mm: tuple[float, float, float]
    axes: str = Field(pattern=r"^[LRPAHF]{3}$")

    @model_validator(mode="after")
    def _three_axes(self) -> Self:
        if sorted("LRPAHF".index(letter) // 2 for letter in self.axes) != [0, 1, 2]:
            raise ValueError("axes must name each patient axis once")
        return self


class Locate(Strict):
    """Boxes found in a larger image by registration with a template (``workstation/ai/atlas.py``).

    file: ``.npz`` of the package with ``image`` and ``mask`` (z, y, x) and ``affine`` (4, 4), index
    x, y, z to LPS mm. agreement: least correlation of template and image inside the mask to be
    relied upon, and to be looked at. recentre: how often a box follows the middle of what was
    found in it. farthest_mm: beyond this a box that was moved is not relied upon. proven: whether
    it was measured on whole images with expert outlines; without it every result is uncertain.
    """

    file: str = Field(pattern=r"^[a-z0-9_-]+\.npz$")
    places: tuple[Place, ...] = Field(min_length=1)
    agreement: tuple[float, float]
    recentre: int = Field(default=0, ge=0, le=4)
    farthest_mm: float = Field(default=15.0, gt=0.0)
    proven: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.agreement[0] >= self.agreement[1]:
            raise ValueError("agreement: first what is relied upon, then the least")
        if len({one.key for one in self.places}) != len(self.places):
            raise ValueError("places: key occurs twice")
        return self


class Pre(Strict):
    """From a volume in the patient to the network's input, and exactly back.

    orientation: patient letters of index x, y, z ("LPH"; MONAI's RAS is "HAR", for its first
    axis is our last); null leaves the axes as they are stored. transpose: axis i of the network
    is oriented axis transpose[i] of (z, y, x). spacing_mm: of x, y, z of the network's grid,
    null for an axis that is left alone. fit: ``field_of_view`` keeps the outer edges (nnU-Net,
    scikit-image), ``first_voxel`` the centre of the first voxel and the exact spacing (MONAI's
    ``Spacing``). interpolation: cubic is a spline of order 3, clipped to the image's own range.
    across_slices: ``nearest_if_anisotropic`` takes the nearest slice along an axis more than
    three times as coarse as the finest (nnU-Net). sequence: ``resample_last`` crops and scales
    intensities on the original voxels (nnU-Net). per_channel: intensity steps of each channel,
    in place of ``intensity``. pad_value: what fills a patch beyond the image, after all steps.
    locate: boxes found by registration, each resampled to a patch, in place of the whole image;
    intensity steps then see one box, all of it foreground.
    """

    orientation: str | None = Field(pattern=r"^[LRPAHF]{3}$")
    transpose: tuple[int, int, int] = (0, 1, 2)
    spacing_mm: tuple[
        Annotated[float, Field(gt=0.0)] | None,
        Annotated[float, Field(gt=0.0)] | None,
        Annotated[float, Field(gt=0.0)] | None,
    ]
    fit: Literal["field_of_view", "first_voxel"] = "field_of_view"
    interpolation: Literal["nearest", "linear", "cubic"] = "linear"
    across_slices: Literal["same", "nearest_if_anisotropic"] = "same"
    sequence: Literal["resample_first", "resample_last"] = "resample_first"
    foreground: Foreground = Foreground(rule="above", value=0.0)
    crop: Crop | None = None
    intensity: tuple[Intensity, ...]
    per_channel: tuple[tuple[Intensity, ...], ...] = ()
    pad_value: float = 0.0
    locate: Locate | None = None

    @model_validator(mode="after")
    def _three_axes(self) -> Self:
        if self.locate is not None and (None in self.spacing_mm or self.crop is not None):
            raise ValueError("locate wants a spacing along every axis, and no crop")
        letters = self.orientation or "LPH"
        if sorted("LRPAHF".index(letter) // 2 for letter in letters) != [0, 1, 2]:
            raise ValueError("orientation must name each patient axis once")
        if sorted(self.transpose) != [0, 1, 2]:
            raise ValueError("transpose must name each of the axes 0, 1, 2 once")
        return self

    def steps_of(self, channel: int) -> tuple[Intensity, ...]:
        """Intensity steps of one channel."""
        return self.per_channel[channel] if self.per_channel else self.intensity


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
    flips: axes of test-time mirroring, every combination is averaged. steps: ``even`` spreads
    windows evenly (nnU-Net), ``fixed`` moves only the last one back (MONAI). weight: ``gaussian``
    peaks at T//2 (nnU-Net), ``gaussian_centred`` at (T-1)/2 and is nowhere under 0.001 (MONAI).
    providers: those that the maker checked the network with, empty for any; the processor may
    always be used.
    """

    patch: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2, max_length=3)
    overlap: float = Field(default=0.5, ge=0.0, le=0.9)
    slices: int = Field(default=1, ge=1)
    flips: tuple[Literal["x", "y", "z"], ...] = ()
    steps: Literal["even", "fixed"] = "even"
    weight: Literal["gaussian", "gaussian_centred", "constant"] = "gaussian"
    batch: int = Field(default=1, ge=1, le=4096)
    providers: tuple[Provider, ...] = ()
    max_ram_mb: int = Field(ge=64, le=1 << 20)
    timeout_s: int = Field(ge=1, le=86400)

    @model_validator(mode="after")
    def _odd(self) -> Self:
        if self.slices % 2 == 0:
            raise ValueError("slices must be odd")
        return self


class Boxes(Strict):
    """A detector's output as boxes (``workstation/ai/boxes.py``): the channel of each label is the
    chance of a middle, ``sides`` are the channels with the distance from a pixel to the left,
    upper, right and lower side (towards index 0 and away from it), in units of ``unit_mm``.

    apart_mm: of two middles nearer than this only the surer counts. most_overlap: of two boxes in
    a slice that share more (intersection over union) only the surer is kept. most: boxes a slice.
    link: boxes of neighbouring slices that share this much are one finding. min_mm: a finding is at
    least this thick, slices counted whole.
    """

    sides: tuple[int, int, int, int]
    unit_mm: float = Field(gt=0.0)
    apart_mm: float = Field(default=4.0, gt=0.0)
    most_overlap: float = Field(default=0.3, ge=0.0, le=1.0)
    most: int = Field(default=20, ge=1)
    link: float = Field(default=0.2, ge=0.0, le=1.0)
    min_mm: float = Field(default=0.0, ge=0.0)


class Candidates(Strict):
    """Places that a network judges one by one: round bright spots (``imaging.blobs``) inside the
    lungs (``imaging.lungs``) of a CT in HU. Each is shown as a box of ``infer.patch`` voxels of
    ``pre.spacing_mm``, straight in the patient (L, P, H), the spot in its middle; the network gives
    one chance for each label.

    least_answer_hu: of the blob filter. least_roundness: weakest over strongest curvature. most: so
    many of the strongest are judged.
    """

    rule: Literal["round_spots"]
    within: Literal["lungs"]
    least_answer_hu: float = Field(default=330.0, gt=0.0)
    least_roundness: float = Field(default=0.45, ge=0.0, lt=1.0)
    most: int = Field(default=500, ge=1, le=5000)


class Post(Strict):
    """From the network's output to masks on the original grid.

    activation: applied to the averaged output. resample: what is brought back to the original
    grid: ``probabilities``; ``logits``, activated only there (nnU-Net); or ``labels``, decided on
    the network's grid (MONAI's ``Invertd`` after ``AsDiscrete``). decide: ``threshold``, each
    label by itself; ``argmax``, the strongest channel alone; ``ordered``, labels in the order
    listed, later ones over earlier ones (nnU-Net's regions). threshold: probability from which a
    voxel is set; null (with softmax) is ``argmax``. Pieces are 26-connected and measured in mL
    on the original grid.
    """

    activation: Literal["sigmoid", "softmax", "none"]
    resample: Literal["probabilities", "logits", "labels"] = "probabilities"
    interpolation: Literal["nearest", "linear"] = "linear"
    decide: Literal["threshold", "argmax", "ordered"] = "threshold"
    threshold: float | None = 0.5
    min_component_ml: float = Field(default=0.0, ge=0.0)
    fill_holes: bool = False
    keep_largest: bool = False

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if self.threshold is None and not (
            self.decide == "argmax" or (self.decide == "threshold" and self.activation == "softmax")
        ):
            raise ValueError("threshold may be null only with softmax or argmax")
        return self

    @property
    def strongest(self) -> bool:
        """Whether each voxel belongs to its strongest channel."""
        return self.decide == "argmax" or self.threshold is None
