"""Foreign folders for the tests: configurations as nnU-Net and MONAI write them, changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from tests.parity.monai_training import INFERENCE, METADATA

TRAINED = "nnUNetTrainer__nnUNetPlans__3d_fullres"

PLANS: dict[str, Any] = {
    "dataset_name": "Dataset007_Spleen",
    "plans_name": "nnUNetPlans",
    "image_reader_writer": "SimpleITKIO",
    "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2],
    "label_manager": "LabelManager",
    "foreground_intensity_properties_per_channel": {
        "0": {"mean": 100.0, "std": 40.0, "percentile_00_5": -10.0, "percentile_99_5": 200.0}
    },
    "configurations": {
        "3d_fullres": {
            "preprocessor_name": "DefaultPreprocessor",
            "patch_size": [16, 24, 24],
            "spacing": [5.0, 0.8, 0.9],
            "normalization_schemes": ["CTNormalization"],
            "use_mask_for_norm": [False],
            "resampling_fn_data": "resample_data_or_seg_to_shape",
            "resampling_fn_data_kwargs": {
                "is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None
            },
            "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
            "resampling_fn_probabilities_kwargs": {
                "is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None
            },
            "architecture": {
                "network_class_name":
                    "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": {
                    "n_stages": 2, "features_per_stage": [4, 8],
                    "conv_op": "torch.nn.modules.conv.Conv3d",
                    "kernel_sizes": [[1, 3, 3], [3, 3, 3]], "strides": [[1, 1, 1], [1, 2, 2]],
                    "n_conv_per_stage": [1, 1], "n_conv_per_stage_decoder": [1],
                    "conv_bias": True,
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                    "dropout_op": None, "dropout_op_kwargs": None,
                    "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        },
        "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
    },
}  # fmt: skip

DATASET: dict[str, Any] = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "spleen": 1, "liver": 2},
    "numTraining": 1,
    "file_ending": ".nii.gz",
}


def changed(said: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A deep copy with values replaced by their paths: ``{"a.b.0": 1}``."""
    out = copy.deepcopy(said)
    for path, value in changes.items():
        place: Any = out
        *way, last = path.split("/")
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    return out


def nnunet_folder(
    folder: Path,
    *,
    plans: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    name: str = TRAINED,
    checkpoint: bytes = b"no weights",
    folds: tuple[str, ...] = ("0",),
) -> Path:
    """A training output whose weights are no weights: what is refused before they are opened."""
    place = folder / "Dataset007_Spleen" / name
    for fold in folds:
        (place / f"fold_{fold}").mkdir(parents=True, exist_ok=True)
        (place / f"fold_{fold}" / "checkpoint_final.pth").write_bytes(checkpoint)
    for file, said in (("plans.json", plans or PLANS), ("dataset.json", dataset or DATASET)):
        (place / file).write_text(json.dumps(said), encoding="utf-8")
    return place


def bundle_folder(
    folder: Path,
    *,
    inference: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    weights: bytes = b"no weights",
    weights_name: str = "model.pt",
) -> Path:
    """A MONAI bundle whose weights are no weights."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    for name, said in (("metadata", metadata or METADATA), ("inference", inference or INFERENCE)):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    (folder / "models" / weights_name).write_bytes(weights)
    return folder
