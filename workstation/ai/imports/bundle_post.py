"""The inferer and post-processing of a MONAI bundle in a package's words (MONAI 1.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from workstation.ai.imports.bundle_config import Arguments, Config
from workstation.ai.imports.refusals import no_counterpart, wrong_value
from workstation.ai.vocabulary import Infer, Post, Pre

_ELSEWHERE = {"SaveImaged", "EnsureTyped", "ToTensord", "CastToTyped"}  # writes or moves


def read_inferer(config: Config, given: Any, limits: tuple[int, int]) -> tuple[Infer, float]:
    """The package's ``infer`` and the value beyond the image. limits: MB, seconds."""
    name, arguments = config.component(given, "inferer")
    step = Arguments(config, "inferer", name, arguments)
    if name != "SlidingWindowInferer":
        raise no_counterpart(step.where, name)
    size = [int(n) for n in step.numbers("roi_size", 3)]
    if min(size) < 1:
        raise wrong_value(step.where, "roi_size", size, "three sizes over 0")
    overlap = step.numbers("overlap", 3) if "overlap" in arguments else [0.25] * 3
    if len(set(overlap)) != 1 or not 0 <= overlap[0] <= 0.9:
        raise wrong_value(step.where, "overlap", overlap, "one number from 0 to 0.9")
    mode = step.only("mode", ("constant", "gaussian"))
    sigma = step.number("sigma_scale", 0.125)
    if sigma != 0.125 and mode == "gaussian":
        raise wrong_value(step.where, "sigma_scale", sigma, "0.125")
    step.only("padding_mode", ("constant",))
    step.only("with_coord", (False,))
    step.only("roi_weight_map", (None,))
    step.ignore("sw_device", "device", "progress", "cache_roi_weight_map", "cpu_thresh",
                "buffer_steps", "buffer_dim")  # fmt: skip
    batch = step.number("sw_batch_size", 1.0) or 1.0
    pad_value = step.number("cval", 0.0) or 0.0
    step.done()
    infer = Infer(
        patch=tuple(size),
        overlap=overlap[0],
        steps="fixed",
        weight="gaussian_centred" if mode == "gaussian" else "constant",
        batch=max(1, min(4, int(batch))),
        max_ram_mb=limits[0],
        timeout_s=limits[1],
    )
    return infer, pad_value


@dataclass
class _After:
    """What has been read so far, as the order of "a" activation, "d" decision, "b" back."""

    activation: Literal["sigmoid", "softmax", "none"] = "none"
    strongest: bool = False
    threshold: float | None = None
    nearest: bool = False
    largest: bool = False
    order: str = field(default="")


def read_post(config: Config, given: Any, image: str, pre: Pre, outputs: int) -> Post:
    """The package's ``post``. Raises ``BadInput`` that names what cannot be expressed."""
    where, found = "postprocessing", _After()
    for name, arguments in config.steps(given, where):
        step = Arguments(config, where, name, arguments)
        step.ignore("allow_missing_keys")
        if step.keys and "pred" not in step.keys:
            continue
        if name in _ELSEWHERE:
            continue
        _read_step(config, step, found, image, outputs)
        step.done()
    return _post(config, found, pre)


def _read_step(config: Config, step: Arguments, found: _After, image: str, outputs: int) -> None:
    if step.name == "Activationsd":
        soft = step.only("softmax", (False, True), "pred")
        sigmoid = step.only("sigmoid", (False, True), "pred")
        step.only("other", (None,), "pred")
        if soft is sigmoid:
            raise wrong_value(step.where, "Activationsd", (soft, sigmoid), "softmax or sigmoid")
        found.activation = "softmax" if soft else "sigmoid"
        found.order += "a"
    elif step.name == "AsDiscreted":
        found.strongest = step.only("argmax", (False, True), "pred") is True
        threshold = step.take("threshold", None, "pred")
        found.threshold = None if threshold is None else float(threshold)
        step.ignore("to_onehot", "num_classes", "n_classes", "dim", "keepdim", "dtype")
        step.only("rounding", (None,), "pred")
        if found.strongest is (found.threshold is not None):
            raise wrong_value(step.where, "AsDiscreted", threshold, "argmax or a threshold")
        found.order += "d"
    elif step.name == "Invertd":
        if step.reference("transform") != "@preprocessing":
            raise no_counterpart(step.where, "Invertd: transform")
        step.only("orig_keys", (image, [image]), "pred")
        step.only("post_func", (None,))
        found.nearest = step.only("nearest_interp", (True, False), "pred") is True
        step.ignore("meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor", "device")
        found.order += "b"
    elif step.name == "KeepLargestConnectedComponentd":
        labels = step.take("applied_labels")
        listed = labels if isinstance(labels, list) else [labels]
        wanted = list(range(1 if found.strongest else 0, outputs))
        if labels is not None and sorted(listed) != wanted:
            raise wrong_value(step.where, f"{step.name}: applied_labels", labels, str(wanted))
        step.only("independent", (True,))
        step.only("connectivity", (None, 3))
        step.only("num_components", (1,))
        step.ignore("is_onehot")
        found.largest = True
        found.order += "k"
    else:
        raise no_counterpart(step.where, step.name)


def _post(config: Config, found: _After, pre: Pre) -> Post:
    where = f"{config.name}: postprocessing"
    order = found.order
    still = all(s is None for s in pre.spacing_mm)
    if "b" not in order:
        if not still or pre.crop is not None:
            raise no_counterpart(where, "a result that is never brought back (no Invertd)")
        order = order.replace("d", "bd")
        found.nearest = False
    if "k" in order and not (still or order.index("b") < order.index("k")):
        raise no_counterpart(where, "KeepLargestConnectedComponentd before Invertd")
    plain = order.replace("k", "")
    kinds: dict[str, Literal["probabilities", "logits", "labels"]] = {
        "abd": "probabilities", "bd": "logits", "bad": "logits", "adb": "labels", "db": "labels",
    }  # fmt: skip
    if plain not in kinds:
        names = {"a": "Activationsd", "b": "Invertd", "d": "AsDiscreted"}
        raise no_counterpart(where, " > ".join(names[letter] for letter in plain) or "no step")
    kind = kinds[plain]
    if kind == "labels" and not found.nearest and not still:
        raise wrong_value(where, "Invertd: nearest_interp", False, "true after AsDiscreted")
    if kind == "logits" and pre.crop is not None and not found.strongest:
        raise no_counterpart(where, "Invertd of logits beyond a crop")  # 0 there means one half
    return Post(
        activation=found.activation,
        resample=kind,
        interpolation="nearest" if found.nearest else "linear",
        decide="argmax" if found.strongest else "threshold",
        threshold=found.threshold,
        keep_largest=found.largest,
    )
