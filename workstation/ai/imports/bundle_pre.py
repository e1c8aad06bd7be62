"""The pre-processing of a MONAI bundle in a package's words; MONAI 1.6 was read for what is exact.

MONAI's arrays are (x, y, z), so its axis codes read backwards as the letters of index x, y, z of a
package: RAS becomes HAR. ``Spacing`` keeps the first voxel's centre, ``CropForeground`` looks at
what the steps before it left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from workstation.ai.imports.bundle_config import Arguments, Config
from workstation.ai.imports.refusals import no_counterpart, wrong_value
from workstation.ai.vocabulary import Clip, Crop, Foreground, Intensity, Pre, Scale

_STEP: TypeAdapter[Intensity] = TypeAdapter(Intensity)
_PLAIN = {
    "EnsureChannelFirstd", "EnsureTyped", "CastToTyped", "ToTensord", "AddChanneld", "Identityd",
}  # fmt: skip
_LETTERS = {"R": "R", "L": "L", "A": "A", "P": "P", "S": "H", "I": "F"}
_LABELS = [["L", "R"], ["P", "A"], ["I", "S"]]


@dataclass
class _Chain:
    """What has been read so far. order: "s" spacing, "i" an intensity step, "c" the crop."""

    orientation: str | None = None
    spacing: list[float | None] = field(default_factory=lambda: [None, None, None])
    interpolation: str = "linear"
    before: list[Intensity] = field(default_factory=list)
    after: list[Intensity] = field(default_factory=list)
    threshold: float = 0.0
    margin: list[float] | None = None
    order: str = ""

    @property
    def steps(self) -> list[Intensity]:
        return self.before + self.after

    def add(self, step: dict[str, Any]) -> None:
        made = _STEP.validate_python(step)
        (self.after if "s" in self.order else self.before).append(made)
        self.order += "i"


def read_pre(config: Config, given: Any, image: str, channels: int, pad_value: float) -> Pre:
    """The package's ``pre``. image: the key of the input. Raises ``BadInput`` that names the step
    or the order of steps that cannot be expressed."""
    chain = _Chain()
    where = "preprocessing"
    for name, arguments in config.steps(given, where):
        step = Arguments(config, where, name, arguments)
        step.ignore("allow_missing_keys", "lazy")
        if step.keys and image not in step.keys:
            continue  # a label, which is not there when the model runs
        _read_step(step, chain, image, channels)
        step.done()
    return _arranged(config, chain, pad_value)


def _read_step(step: Arguments, chain: _Chain, image: str, channels: int) -> None:
    if step.name == "LoadImaged":
        step.only("reader", (None, "NibabelReader", "ITKReader"))
        step.only("dtype", (None, "float32", "float64"), image)
        step.ignore("image_only", "ensure_channel_first", "meta_key_postfix",
                    "simple_keys", "prune_meta_pattern", "prune_meta_sep")  # fmt: skip
    elif step.name in _PLAIN:
        step.ignore("device", "track_meta", "data_type", "wrap_sequence", "meta_keys",
                    "meta_key_postfix", "strict_check")  # fmt: skip
        step.only("channel_dim", (None, "no_channel"))
        step.only("dtype", (None, "float32"), image)
    elif step.name == "Orientationd":
        _orientation(step, chain)
    elif step.name == "Spacingd":
        _spacing(step, chain, image)
    elif step.name == "CropForegroundd":
        _crop(step, chain, image, channels)
    else:
        _intensity(step, chain, channels)


def _orientation(step: Arguments, chain: _Chain) -> None:
    canonical = step.only("as_closest_canonical", (False, True))
    codes = "RAS" if canonical else step.take("axcodes")
    if not isinstance(codes, str) or len(codes) != 3 or set(codes) - set(_LETTERS):
        raise wrong_value(step.where, "Orientationd: axcodes", codes, "three of R L A P S I")
    step.only("labels", (None, _LABELS))
    step.ignore("meta_keys", "meta_key_postfix")
    if "s" in chain.order:
        raise no_counterpart(step.where, "Orientationd after Spacingd")
    if "c" in chain.order:
        raise no_counterpart(step.where, "Orientationd after CropForegroundd")
    chain.orientation = "".join(_LETTERS[code] for code in reversed(codes))


def _spacing(step: Arguments, chain: _Chain, image: str) -> None:
    if "s" in chain.order:
        raise no_counterpart(step.where, "Spacingd twice")
    chain.spacing = [n if n > 0 else None for n in reversed(step.numbers("pixdim", 3))]
    mode = step.only("mode", ("bilinear", "nearest"), image)
    chain.interpolation = "linear" if mode == "bilinear" else "nearest"
    step.only("padding_mode", ("border",), image)
    for word in ("diagonal", "scale_extent", "recompute_affine"):
        step.only(word, (False,), image)
    for word in ("min_pixdim", "max_pixdim"):
        step.only(word, (None,))
    # Corners and precision of MONAI's coordinates: the voxels asked for are the same.
    step.ignore("align_corners", "dtype", "meta_keys", "meta_key_postfix", "ensure_same_shape")
    chain.order += "s"


def _crop(step: Arguments, chain: _Chain, image: str, channels: int) -> None:
    step.only("source_key", (image,))
    step.only("select_fn", (None,))
    step.only("k_divisible", (1,))
    step.only("channel_indices", (None,))
    step.ignore("mode", "start_coord_key", "end_coord_key", "allow_smaller")
    if channels > 1:
        raise no_counterpart(step.where, "CropForegroundd of several channels")
    if "c" in chain.order:
        raise no_counterpart(step.where, "CropForegroundd twice")
    margin = step.take("margin", 0)
    chain.margin = [float(n) for n in (margin if isinstance(margin, list) else [margin] * 3)]
    chain.threshold = _before(chain.steps, step)
    chain.order += "c"


def _before(steps: Sequence[Intensity], at: Arguments) -> float:
    """The value that fixed steps bring to 0: what is over it there is over 0 here."""
    value = 0.0
    for step in reversed(steps):
        if isinstance(step, Scale) and step.target[1] > step.target[0]:
            low, high = step.source
            first, last = step.target
            value = low + (value - first) * (high - low) / (last - first)
        elif not (isinstance(step, Clip) and step.low <= value < step.high):
            raise no_counterpart(at.where, f"CropForegroundd after {step.op}")
    return value


def _intensity(step: Arguments, chain: _Chain, channels: int) -> None:
    step.only("dtype", (None, "float32", "float64"))
    if step.name == "ScaleIntensityRanged":
        low, high = step.number("a_min"), step.number("a_max")
        first, last = step.number("b_min"), step.number("b_max")
        clip = step.only("clip", (False, True))
        if low is None or high is None or high <= low:
            raise wrong_value(step.where, "ScaleIntensityRanged: a_min, a_max", (low, high),
                              "a_min < a_max")  # fmt: skip
        if (first is None) is not (last is None) or (clip and first is None):
            raise wrong_value(step.where, "ScaleIntensityRanged: b_min, b_max", (first, last),
                              "two numbers")  # fmt: skip
        target = (0.0, 1.0) if first is None or last is None else (first, last)
        chain.add({"op": "scale", "source": (low, high), "target": target})
        if clip:
            chain.add({"op": "clip", "low": min(target), "high": max(target)})
    elif step.name == "ScaleIntensityd":
        step.only("factor", (None,))
        _of_one_channel(step, channels)
        first, last = step.number("minv", 0.0), step.number("maxv", 1.0)
        if first is None or last is None:
            raise no_counterpart(step.where, "ScaleIntensityd: factor")
        _percentiles(chain, 0.0, 100.0, (first, last))
    elif step.name == "ScaleIntensityRangePercentilesd":
        step.only("relative", (False,))
        _of_one_channel(step, channels)
        clip = step.only("clip", (False, True))
        low, high = step.number("lower"), step.number("upper")
        first, last = step.number("b_min"), step.number("b_max")
        if low is None or high is None or first is None or last is None:
            raise wrong_value(step.where, step.name, (low, high, first, last), "four numbers")
        _percentiles(chain, low, high, (first, last))
        if clip:
            chain.add({"op": "clip", "low": min(first, last), "high": max(first, last)})
    elif step.name == "ClipIntensityPercentilesd":
        step.only("sharpness_factor", (None,))
        step.only("return_clipping_values", (False,))
        _of_one_channel(step, channels)
        low, high = step.number("lower", 0.0), step.number("upper", 100.0)
        chain.add({"op": "percentile_clip", "low": low, "high": high, "within": "all"})
    elif step.name == "NormalizeIntensityd":
        _normalise(step, chain, channels)
    else:
        raise no_counterpart(step.where, step.name)


def _of_one_channel(step: Arguments, channels: int) -> None:
    if not step.only("channel_wise", (False, True)) and channels > 1:
        raise wrong_value(step.where, f"{step.name}: channel_wise", False, "true")


def _percentiles(chain: _Chain, low: float, high: float, target: tuple[float, float]) -> None:
    chain.add(
        {"op": "percentile_scale", "low": low, "high": high, "within": "all", "target": target}
    )


def _normalise(step: Arguments, chain: _Chain, channels: int) -> None:
    nonzero = step.only("nonzero", (False, True))
    mean, deviation = step.number("subtrahend"), step.number("divisor")
    _of_one_channel(step, channels)
    if mean is None and deviation is None:
        within = "nonzero" if nonzero else "all"
        chain.add({"op": "z_score", "within": within, "only_within": nonzero})
    elif mean is not None and deviation is not None and deviation > 0 and not nonzero:
        chain.add({"op": "standardise", "mean": mean, "deviation": deviation})
    else:
        raise wrong_value(step.where, "NormalizeIntensityd: subtrahend, divisor",
                          (mean, deviation, nonzero), "both or neither")  # fmt: skip


def _fixed(steps: Sequence[Intensity]) -> bool:
    """Whether steps do not look at the image as a whole."""
    return all(step.op in ("scale", "clip", "standardise") for step in steps)


def _arranged(config: Config, chain: _Chain, pad_value: float) -> Pre:
    """The order of steps as one of the two that a package knows, where that is exact."""
    where = f"{config.name}: preprocessing"
    order = chain.order
    while "ii" in order:
        order = order.replace("ii", "i")
    linear = chain.interpolation == "linear" and all(s.op in ("scale", "standardise") for s in
                                                     chain.before)  # fmt: skip
    if order in ("isi", "isic", "isc") and linear:
        # Linear steps and linear interpolation commute.
        order = "sic" if "c" in order else "si"
    moves = {"sci": "sic", "ci": "ic", "ics": "cis"}  # exact while steps look at single voxels
    if order in moves and _fixed(chain.steps):
        order = moves[order]
    if order in ("", "s", "i", "si", "sc", "c", "ic", "sic"):
        sequence = "resample_first"
    elif order in ("is", "cs", "cis"):
        sequence = "resample_last"
    else:
        names = {"s": "Spacingd", "i": "intensity", "c": "CropForegroundd"}
        raise no_counterpart(where, " > ".join(names[letter] for letter in order))
    crop = None
    if chain.margin is not None:
        crop = Crop(to="foreground", margin_mm=_margin(config, chain))
    return Pre(
        orientation=chain.orientation,
        transpose=(0, 1, 2) if chain.orientation else (2, 1, 0),
        spacing_mm=(chain.spacing[0], chain.spacing[1], chain.spacing[2]),
        fit="first_voxel",
        interpolation="linear" if chain.interpolation == "linear" else "nearest",
        sequence="resample_first" if sequence == "resample_first" else "resample_last",
        foreground=Foreground(rule="above", value=chain.threshold),
        crop=crop,
        intensity=tuple(chain.steps),
        pad_value=pad_value,
    )


def _margin(config: Config, chain: _Chain) -> float:
    """A margin in voxels as mm, where every axis has the same known voxel."""
    assert chain.margin is not None
    if not any(chain.margin):
        return 0.0
    first = chain.spacing[0]
    same = len(set(chain.margin)) == 1 and len(set(chain.spacing)) == 1
    if first is None or not same or "s" not in chain.order.split("c")[0]:
        raise wrong_value(f"{config.name}: preprocessing", "CropForegroundd: margin", chain.margin,
                          "0, or one number after an isotropic Spacingd")  # fmt: skip
    # Just under the whole number of voxels, which is rounded up.
    return chain.margin[0] * first * (1 - 1e-6)
