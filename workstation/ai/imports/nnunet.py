"""nnU-Net v2 training output (plans.json, dataset.json, fold_*/checkpoint_final.pth) as a package.

What is mapped was read in nnU-Net 2.8: ``DefaultPreprocessor.run_case_npy`` (transpose, crop to
nonzero, normalise, resample), ``nnUNetPredictor`` (windows, mirroring, mean of folds) and
``export_prediction`` (logits back to the original grid, then argmax or regions over 0.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from workstation.ai.imports.networks import average, from_old_plans, nnunet_network
from workstation.ai.imports.refusals import no_counterpart, read_json, wrong_value
from workstation.ai.imports.taken import Answers, Channel, Region, Taken
from workstation.ai.imports.weights import as_state, fill, read_checkpoint
from workstation.ai.vocabulary import Crop, Foreground, Infer, Intensity, Post, Pre
from workstation.domain.errors import N_, BadInput

PLANS, DATASET, FINGERPRINT = "plans.json", "dataset.json", "dataset_fingerprint.json"
CHECKPOINT = "checkpoint_final.pth"
_STEPS: TypeAdapter[tuple[Intensity, ...]] = TypeAdapter(tuple[Intensity, ...])
_READERS: dict[str, str | None] = {
    "SimpleITKIO": None, "NibabelIO": None, "NibabelIOWithReorient": "RAH",
}  # fmt: skip
# Trainers of nnU-Net whose network is the one in the plans.
_TRAINER = re.compile(
    r"nnUNetTrainer(_?(\d+epochs?|NoMirroring|onlyMirror01|DA5(ord0)?|DAOrd0|DASegOrd0|NoDA|"
    r"noDummy2DDA|CELoss|DiceLoss|DiceCELoss_noSmooth|DiceTopK10Loss|TopK10Loss|vanillaAdam|"
    r"Adam(3en4|1en3)?|Adan(1en3|3en4|1en1)?|CosAnneal|warmup|NoDeepSupervision|"
    r"probabilisticOversampling(_\d+)?))*"
)
_CT_WORDS = {"ct", "computed tomography"}
_MR_WORDS = {"mr", "mri", "t1", "t2", "flair", "t1w", "t2w", "t1ce", "t1gd", "dwi", "adc"}


def read_training(folder: Path, answers: Answers) -> Taken:
    """The model in ``folder``, a trainer's own output. Raises ``BadInput`` that names what has no
    counterpart in a package."""
    folder = _training_folder(folder)
    try:
        return _read(folder, answers)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadInput(N_("{file} cannot be read ({why})."), file=PLANS,
                       why=f"{type(error).__name__}: {error}"[:160]) from error  # fmt: skip


def _read(folder: Path, answers: Answers) -> Taken:
    plans, dataset = read_json(folder / PLANS), read_json(folder / DATASET)
    if "plans_per_stage" in plans or "configurations" not in plans:
        raise BadInput(N_("{file} is of nnU-Net version 1; only version 2 can be imported."),
                       file=PLANS)  # fmt: skip
    folds = _folds(folder, answers)
    chosen = _chosen(folder, plans, folds[0])
    configuration = _configuration(plans, chosen)
    _check_programs(plans, configuration)
    if "__" in folder.name:
        _check_trainer(folder.name.split("__")[0], answers)
    channels = _channels(dataset, folder)
    regions, ordered = regions_of(dataset)
    orientation = answers.orientation or _READERS[str(plans["image_reader_writer"])]
    pre = _pre(plans, configuration, len(channels), orientation)
    patch = tuple(int(n) for n in configuration["patch_size"])
    flat = len(patch) == 2
    architecture = _mapping(
        configuration.get("architecture") or from_old_plans(configuration), PLANS
    )
    outputs = len(regions) if ordered else len(regions) + 1
    networks, mirrored = [], None
    for fold in folds:
        name = f"fold_{fold}/{CHECKPOINT}"
        checkpoint = read_checkpoint(folder / f"fold_{fold}" / CHECKPOINT)
        _check_trainer(str(checkpoint.get("trainer_name", "")), answers)
        said = _mapping(checkpoint.get("init_args"), name).get("configuration")
        if said != chosen:
            raise wrong_value(name, "configuration", said, chosen)
        mirrored = checkpoint.get("inference_allowed_mirroring_axes")
        state = as_state(_mapping(checkpoint.get("network_weights"), name), name)
        network = nnunet_network(architecture, len(channels), outputs)
        networks.append(fill(network, state, name, PLANS))
    mirrored = mirrored if answers.mirroring else None  # what training allowed, the same in all
    letters: tuple[Literal["x", "y", "z"], ...] = ("y", "x") if flat else ("z", "y", "x")
    return Taken(
        tool="nnU-Net v2",
        name=re.sub(r"^Dataset\d+_", "", str(plans.get("dataset_name", folder.name))),
        channels=channels,
        regions=regions,
        pre=pre,
        infer=Infer(
            patch=patch, overlap=0.5, batch=8 if flat else 1,
            flips=tuple(letters[int(axis)] for axis in mirrored or ()),
            max_ram_mb=answers.max_ram_mb, timeout_s=answers.timeout_s,
        ),
        post=Post(activation="sigmoid", resample="logits", decide="threshold", threshold=0.5)
        if ordered
        else Post(activation="softmax", resample="logits", decide="argmax", threshold=None),
        layout="NCHW" if flat else "NCDHW",
        network=average(networks),
        licence=str(dataset.get("licence") or dataset.get("license") or ""),
        description=str(dataset.get("description") or ""),
        sources=tuple(str(dataset[w]) for w in ("reference",) if dataset.get(w)),
        notes=_notes(folds, ordered, orientation, mirrored),
    )  # fmt: skip


def _chosen(folder: Path, plans: Mapping[str, Any], fold: str) -> str:
    """Which configuration was trained: nnU-Net names the folder so, the checkpoint knows it."""
    if "__" in folder.name:
        return folder.name.rsplit("__", 1)[-1]
    if len(plans["configurations"]) == 1:
        return str(next(iter(plans["configurations"])))
    name = f"fold_{fold}/{CHECKPOINT}"
    said = _mapping(read_checkpoint(folder / f"fold_{fold}" / CHECKPOINT).get("init_args"), name)
    return str(said.get("configuration"))


def _mapping(value: Any, file: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(N_("{file} cannot be read ({why})."), file=file, why="no mapping")
    return value


def _training_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise BadInput(N_("There is no folder {path}."), path=str(folder))
    if (folder / PLANS).is_file():
        return folder
    if (folder / "plans.pkl").is_file():
        raise BadInput(N_("{file} is of nnU-Net version 1; only version 2 can be imported."),
                       file="plans.pkl")  # fmt: skip
    inner = sorted(p.parent.name for p in folder.glob(f"*__*__*/{PLANS}"))
    if len(inner) == 1:
        return folder / inner[0]
    if inner:
        raise BadInput(
            N_("{folder} holds {n} trained configurations ({names}); an ensemble of "
               "configurations cannot be expressed. Name one of them."),
            folder=folder.name, n=len(inner), names=", ".join(inner),
        )  # fmt: skip
    raise BadInput(N_("There is no file {path}."), path=str(folder / PLANS))


def _folds(folder: Path, answers: Answers) -> list[str]:
    found = sorted(p.name.removeprefix("fold_") for p in folder.glob("fold_*") if p.is_dir())
    wanted = list(answers.folds)
    if not wanted:  # as nnU-Net's auto_detect_available_folds
        wanted = [f for f in found if f != "all" and (folder / f"fold_{f}" / CHECKPOINT).is_file()]
        wanted = wanted or [f for f in found if (folder / f"fold_{f}" / CHECKPOINT).is_file()]
    if not wanted:
        raise BadInput(N_("There is no file {path}."), path=str(folder / "fold_*" / CHECKPOINT))
    return wanted


def _check_trainer(name: str, answers: Answers) -> None:
    if _TRAINER.fullmatch(name) is None and name != answers.trainer:
        raise BadInput(
            N_("The trainer {name} may build another network than the plans say, and its code is "
               "not executed. If it does not, answer trainer with its name."), name=name,
        )  # fmt: skip


def _configuration(plans: Mapping[str, Any], name: str) -> dict[str, Any]:
    every = plans["configurations"]
    if name not in every:
        raise wrong_value(PLANS, "configuration", name, ", ".join(every))
    found: dict[str, Any] = {}
    seen: list[str] = []
    while name:  # what a configuration inherits, its own values first
        if name in seen or name not in every:
            raise wrong_value(PLANS, "inherits_from", name, ", ".join(every))
        seen.append(name)
        found = {**every[name], **found}
        name = str(every[name].get("inherits_from", ""))
    if found.get("previous_stage"):
        raise no_counterpart(PLANS, f"cascade ({seen[0]} after {found['previous_stage']})")
    return found


def _check_programs(plans: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
    """Names that choose code of nnU-Net: only the ones whose meaning is mapped here."""
    known = {
        "preprocessor_name": (configuration, ("DefaultPreprocessor",)),
        "image_reader_writer": (plans, tuple(_READERS)),
        "label_manager": (plans, ("LabelManager",)),
    }
    for word, (place, names) in known.items():
        found = place.get(word, names[0])
        if found not in names:
            raise no_counterpart(PLANS, f"{word} = {found}")


def _resampling(configuration: Mapping[str, Any], which: str) -> tuple[int, bool] | None:
    """Order and whether slices are taken apart; None where nothing is resampled."""
    word = f"resampling_fn_{which}"
    name = configuration.get(word, "resample_data_or_seg_to_shape")
    if name == "no_resampling_data_or_seg_to_shape":
        return None
    if name != "resample_data_or_seg_to_shape":
        raise no_counterpart(PLANS, f"{word} = {name}")
    given = configuration.get(f"{word}_kwargs", {})
    if given.get("order_z", 0) != 0:
        raise wrong_value(PLANS, f"{word}: order_z", given["order_z"], "0")
    apart = given.get("force_separate_z", False)  # as nnU-Net itself takes a missing word
    if apart not in (None, False):
        raise wrong_value(PLANS, f"{word}: force_separate_z", apart, "null, false")
    extra = sorted(set(given) - {"is_seg", "order", "order_z", "force_separate_z"})
    if extra:
        raise no_counterpart(PLANS, f"{word}: {extra[0]}")
    return int(given.get("order", 3)), apart is None


def _pre(
    plans: Mapping[str, Any], configuration: Mapping[str, Any], count: int, orientation: str | None
) -> Pre:
    image = _resampling(configuration, "data")
    result = _resampling(configuration, "probabilities")
    if (image is None) is not (result is None):
        raise wrong_value(PLANS, "resampling_fn_probabilities", result, "that of the images")
    if result is not None and (result[0] != 1 or (image is not None and image[1] != result[1])):
        raise wrong_value(PLANS, "resampling_fn_probabilities: order", result[0], "1")
    words: dict[int, Literal["nearest", "linear", "cubic"]] = {
        0: "nearest",
        1: "linear",
        3: "cubic",
    }
    if image is not None and image[0] not in words:
        raise wrong_value(PLANS, "resampling_fn_data: order", image[0], "0, 1, 3")
    spacing: list[float | None] = [None, None, None]
    if image is not None:
        given = [float(v) for v in configuration["spacing"]]
        spacing = [*reversed(given), *([None] if len(given) == 2 else [])]
    schemes = list(configuration["normalization_schemes"])
    masked = list(configuration["use_mask_for_norm"])
    facts = plans.get("foreground_intensity_properties_per_channel") or {}
    steps = tuple(
        _normalisation(schemes[i], bool(masked[i]), facts.get(str(i), {})) for i in range(count)
    )
    turn = [int(v) for v in plans.get("transpose_forward", (0, 1, 2))]
    return Pre(
        orientation=orientation,
        transpose=(turn[0], turn[1], turn[2]),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        fit="field_of_view",
        interpolation=words[image[0]] if image else "linear",
        across_slices="nearest_if_anisotropic" if image and image[1] else "same",
        sequence="resample_last",
        foreground=Foreground(rule="nonzero"),
        crop=Crop(to="foreground", margin_mm=0.0),
        intensity=steps[0] if count == 1 else (),
        per_channel=steps if count > 1 else (),
    )


def _normalisation(scheme: str, masked: bool, facts: Mapping[str, float]) -> tuple[Intensity, ...]:
    steps: list[dict[str, Any]]
    if scheme == "CTNormalization":
        if not {"percentile_00_5", "percentile_99_5", "mean", "std"} <= set(facts):
            raise no_counterpart(PLANS, "CTNormalization without intensity properties")
        steps = [
            {"op": "clip", "low": facts["percentile_00_5"], "high": facts["percentile_99_5"]},
            {"op": "standardise", "mean": facts["mean"], "deviation": max(facts["std"], 1e-8)},
        ]
    elif scheme == "ZScoreNormalization":
        within = "foreground" if masked else "all"
        steps = [{"op": "z_score", "within": within, "only_within": masked}]
    elif scheme == "RescaleTo01Normalization":
        steps = [{"op": "percentile_scale", "low": 0.0, "high": 100.0, "within": "all"}]
    elif scheme == "RGBTo01Normalization":
        steps = [{"op": "scale", "source": (0.0, 255.0)}]
    elif scheme == "NoNormalization":
        steps = []
    else:
        raise no_counterpart(PLANS, scheme)
    return _STEPS.validate_python(steps)


def _channels(dataset: Mapping[str, Any], folder: Path) -> tuple[Channel, ...]:
    names = dataset.get("channel_names") or dataset.get("modality")
    if not isinstance(names, Mapping) or not names:
        raise wrong_value(DATASET, "channel_names", names, "a name for each channel")
    in_plane, between = _training_spacings(folder)
    found = []
    for number in sorted(names, key=int):
        name = str(names[number])
        first = re.split(r"[\s_-]", name.lower())[0]
        modality = ("CT",) if name.lower() in _CT_WORDS else ()
        modality = ("MR",) if first in _MR_WORDS else modality
        found.append(Channel(name, modality, in_plane, between))
    return tuple(found)


def _training_spacings(
    folder: Path,
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Spacings in the slices and between them that the training images had (array axis 0 is the
    slices as they were read)."""
    if not (folder / FINGERPRINT).is_file():
        return None, None
    rows = [r for r in read_json(folder / FINGERPRINT).get("spacings", []) if len(r) == 3]
    if not rows:
        return None, None
    plane = [float(v) for row in rows for v in row[1:]]
    between = [float(row[0]) for row in rows]
    return (min(plane), max(plane)), (min(between), max(between))


def regions_of(dataset: Mapping[str, Any]) -> tuple[tuple[Region, ...], bool]:
    """Outputs that mean something, and whether they are regions of their own (``LabelManager``)."""
    labels = dataset.get("labels")
    if not isinstance(labels, Mapping) or labels.get("background") != 0:
        raise wrong_value(DATASET, "labels: background", labels, "0")
    named = {str(k): v for k, v in labels.items() if k not in ("background", "ignore")}
    if any(isinstance(v, list) and len(v) > 1 for v in named.values()):
        if "regions_class_order" not in dataset:
            raise wrong_value(DATASET, "regions_class_order", None, "an order of the regions")
        return tuple(Region(i, name) for i, name in enumerate(named)), True
    single = {
        name: int(value[0] if isinstance(value, list) else value) for name, value in named.items()
    }
    values = sorted(single.values())
    if values != list(range(1, len(values) + 1)):
        raise wrong_value(DATASET, "labels", values, "1, 2, 3 ...")
    by_value = sorted(single.items(), key=lambda pair: pair[1])
    return tuple(Region(value, name) for name, value in by_value), False


def _notes(
    folds: list[str], ordered: bool, orientation: str | None, mirrored: Any
) -> tuple[tuple[str, str], ...]:
    notes = [
        (
            f"Folds: {', '.join(folds)}; the mean of their logits.",
            f"交叉验证折：{', '.join(folds)}；取其 logits 的平均值。",
        )
    ]
    if orientation is None:
        notes.append(
            (
                "nnU-Net works on the axes as its training files stored them, and does not record "
                "how these lay in the patient. This package takes each series' axes as stored; if "
                "the training files lay otherwise, answer orientation.",
                "nnU-Net 按训练文件中存储的轴向处理图像，且不记录其在患者坐标中的方向。"
                "本模型包按各序列存储的轴向读取；"
                "如训练文件方向不同，请在答案文件中填写 orientation。",
            )
        )
    if ordered:
        notes.append(
            (
                "Regions may overlap; each is a mask of its own.",
                "各区域可以重叠，每个区域单独成为一个掩膜。",
            )
        )
    if mirrored:
        notes.append(
            (
                f"Mirrored at inference: {2 ** len(mirrored)} passes a patch, as nnU-Net does.",
                f"推理时做镜像平均：每个图块计算 {2 ** len(mirrored)} 次，与 nnU-Net 相同。",
            )
        )
    notes.append(
        (
            "nnU-Net's optional postprocessing.pkl is a program and is not applied.",
            "nnU-Net 可选的 postprocessing.pkl 是程序，不予应用。",
        )
    )
    return tuple(notes)
