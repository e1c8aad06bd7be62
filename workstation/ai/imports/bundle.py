"""A MONAI bundle (configs/metadata.json, configs/inference.json, models/model.pt) as a package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workstation.ai.imports.bundle_config import Config, read_inference
from workstation.ai.imports.bundle_post import read_inferer, read_post
from workstation.ai.imports.bundle_pre import read_pre
from workstation.ai.imports.networks import monai_network
from workstation.ai.imports.refusals import expression, no_counterpart, read_json, wrong_value
from workstation.ai.imports.taken import Answers, Channel, Region, Taken
from workstation.ai.imports.weights import as_state, fill, read_checkpoint
from workstation.domain.errors import N_, BadInput

METADATA = "metadata.json"
_NESTED = ("model", "state_dict", "net", "network")
_MODALITIES = {"CT": ("CT",), "MR": ("MR",), "MRI": ("MR",), "PET": ("PT",), "PT": ("PT",)}


def read_bundle(folder: Path, answers: Answers) -> Taken:
    """The model of the bundle in ``folder``. Raises ``BadInput`` that names what cannot be
    expressed or would be executed."""
    if not folder.is_dir():
        raise BadInput(N_("There is no folder {path}."), path=str(folder))
    metadata = read_json(folder / "configs" / METADATA)
    config = Config(*read_inference(folder))
    try:
        return _read(folder, metadata, config, answers)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadInput(N_("{file} cannot be read ({why})."), file=config.name,
                       why=f"{type(error).__name__}: {error}"[:160]) from error  # fmt: skip


def _read(folder: Path, metadata: Mapping[str, Any], config: Config, answers: Answers) -> Taken:
    _check_evaluator(config)
    channels, regions, outputs = _described(metadata, config)
    infer, pad_value = read_inferer(
        config, _needed(config, "inferer"), (answers.max_ram_mb, answers.timeout_s)
    )
    image = "image"
    pre = read_pre(config, _needed(config, "preprocessing"), image, len(channels), pad_value)
    if answers.orientation and pre.orientation is None:
        pre = pre.model_copy(update={"orientation": answers.orientation, "transpose": (0, 1, 2)})
    post = read_post(config, _needed(config, "postprocessing"), image, pre, outputs)
    if post.decide == "argmax" and len(regions) == outputs:
        regions = regions[1:]  # the strongest channel 0 is what is not any other
    entry = _entry(config)
    name, arguments = config.component(config.raw(entry), entry)
    plain = {word: _deep(config, value, f"{name}: {word}") for word, value in arguments.items()}
    for word in ("in_channels", "out_channels"):
        expected = len(channels) if word == "in_channels" else outputs
        if word in plain and plain[word] != expected:
            raise wrong_value(METADATA, word, expected, str(plain[word]))
    if plain.get("spatial_dims", plain.get("dimensions", 3)) != 3:
        raise wrong_value(config.name, f"{name}: spatial_dims", plain.get("spatial_dims"), "3")
    network = monai_network(config.name, name, plain)
    weights = _weights(folder)
    network = fill(network, _state(weights), weights.name, config.name)
    return Taken(
        tool="MONAI",
        name=str(metadata.get("name") or folder.name),
        channels=channels,
        regions=regions,
        pre=pre,
        infer=infer,
        post=post,
        layout="NCDHW",
        network=network,
        version=_version(metadata),
        licence=str(metadata.get("license") or ""),
        description=str(metadata.get("data_source") or ""),
        authors=tuple(a for a in [str(metadata.get("authors") or "")[:200]] if a),
        notes=_notes(metadata),
    )


def _needed(config: Config, entry: str) -> Any:
    if not config.has(entry):
        raise wrong_value(config.name, entry, None, f"an entry {entry}")
    return config.raw(entry)


_PLACED = re.compile(r"\s*\$?\s*@network_def\s*(\.to\(\s*@device\s*\)|\.eval\(\)|\.float\(\))*\s*")


def _entry(config: Config) -> str:
    """Where the network is described. ``network`` may only put ``network_def`` onto a device:
    anything else there would change what is run, and is not executed to find out."""
    if not config.has("network_def"):
        return "network"
    given = config.raw("network")
    if given is not None and not (isinstance(given, str) and _PLACED.fullmatch(given)):
        raise expression(f"{config.name}: network", str(given))
    return "network_def"


def _deep(config: Config, given: Any, where: str) -> Any:
    """A network's argument: plain values to the bottom, also inside mappings."""
    if isinstance(given, Mapping):
        if any(str(word).startswith("_") for word in given):
            raise no_counterpart(f"{config.name}: {where}", str(sorted(given)[0]))
        return {str(k): _deep(config, v, where) for k, v in given.items()}
    found = config.value(given, where)
    if isinstance(found, Mapping):
        return _deep(config, found, where)
    if isinstance(found, list):
        return [_deep(config, one, where) for one in found]
    return found


def _check_evaluator(config: Config) -> None:
    """What runs the bundle may add nothing to network, inferer and transforms."""
    given = config.raw("evaluator")
    if given is None:
        return
    name, arguments = config.component(given, "evaluator")
    if name != "SupervisedEvaluator":
        raise no_counterpart(f"{config.name}: evaluator", name)
    for word in ("prepare_batch", "iteration_update", "event_names"):
        if arguments.get(word) is not None:
            raise no_counterpart(f"{config.name}: evaluator", word)


def _described(
    metadata: Mapping[str, Any], config: Config
) -> tuple[tuple[Channel, ...], tuple[Region, ...], int]:
    """Channels, meaningful outputs and how many outputs there are, of ``network_data_format``."""
    try:
        format_ = metadata["network_data_format"]
        (given,) = format_["inputs"].values()
        (made,) = format_["outputs"].values()
        count, outputs = int(given["num_channels"]), int(made["num_channels"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise wrong_value(METADATA, "network_data_format", type(error).__name__,
                          "one input and one output with num_channels") from error  # fmt: skip
    if not 1 <= count <= 16 or not 1 <= outputs <= 512:
        raise wrong_value(METADATA, "num_channels", (count, outputs), "1 to 16, 1 to 512")
    modality = _MODALITIES.get(str(given.get("modality", "")).upper(), ())
    names = given.get("channel_def") or {}
    channels = tuple(
        Channel(str(names.get(str(i), "image" if count == 1 else f"image {i}")), modality)
        for i in range(count)
    )
    meanings = made.get("channel_def") or {}
    regions = tuple(
        Region(i, str(meanings.get(str(i), f"label {i}")))
        for i in range(outputs)
        if str(meanings.get(str(i), "")).lower() != "background"
    )
    if not regions:
        raise wrong_value(METADATA, "channel_def", meanings, "a name for each output")
    return channels, regions, outputs


def _weights(folder: Path) -> Path:
    for name in ("model.pt", "model.pth"):
        if (folder / "models" / name).is_file():
            return folder / "models" / name
    # A bundle with TorchScript alone is refused by its reader, with the reason.
    script = folder / "models" / "model.ts"
    return script if script.is_file() else folder / "models" / "model.pt"


def _state(path: Path) -> dict[str, Any]:
    found = read_checkpoint(path)
    for name in _NESTED:
        if isinstance(found.get(name), dict):
            found = found[name]
            break
    return as_state(found, path.name)


def _version(metadata: Mapping[str, Any]) -> str:
    match = re.match(r"\d+\.\d+\.\d+", str(metadata.get("version", "")))
    return match[0] if match else "1.0.0"


def _notes(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    notes = []
    said = str(metadata.get("intended_use") or "").strip()[:400]
    if said:
        notes.append((f"Its maker says: {said}", f"原作者说明：{said}"))
    measured = metadata.get("eval_metrics")
    if isinstance(measured, Mapping) and measured:
        rows = ", ".join(f"{k} {v}" for k, v in list(measured.items())[:6])
        notes.append(
            (
                f"Its maker reports {rows}; not measured here, not taken as evidence.",
                f"原作者报告 {rows}；未在本站点测量，不作为证据。",
            )
        )
    return tuple(notes)
