"""What a foreign model says that a package cannot: each refused by name, and nothing executed.

None of these needs torch: a configuration is judged before weights are opened.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ai.imports.foreign import (
    DATASET,
    PLANS,
    TRAINED,
    bundle_folder,
    changed,
    nnunet_folder,
)
from tests.parity.monai_training import INFERENCE, METADATA
from workstation.ai.imports.bundle import read_bundle
from workstation.ai.imports.nnunet import _resampling, read_training, regions_of
from workstation.ai.imports.refusals import library
from workstation.ai.imports.taken import Answers, read_answers
from workstation.ai.imports.totalsegmentator import read_class_map, weight_folders
from workstation.domain.errors import BadInput

FULL = "configurations/3d_fullres"
KWARGS = f"{FULL}/architecture/arch_kwargs"


def why(error: pytest.ExceptionInfo[BadInput]) -> str:
    return error.value.message.template.format(**error.value.message.params)


NNUNET: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({f"{FULL}/normalization_schemes": ["MyNormalization"]}, {}, "MyNormalization"),
    ({f"{FULL}/preprocessor_name": "MyPreprocessor"}, {}, "MyPreprocessor"),
    ({"image_reader_writer": "NaturalImage2DIO"}, {}, "NaturalImage2DIO"),
    ({"label_manager": "MyLabels"}, {}, "MyLabels"),
    ({f"{FULL}/resampling_fn_data": "resample_torch_fornnunet"}, {}, "resample_torch_fornnunet"),
    ({f"{FULL}/resampling_fn_data_kwargs/order": 5}, {}, "order is 5"),
    ({f"{FULL}/resampling_fn_data_kwargs/order_z": 1}, {}, "order_z is 1"),
    ({f"{FULL}/resampling_fn_probabilities_kwargs/order": 3}, {}, "order is 3"),
    ({f"{FULL}/previous_stage": "3d_lowres"}, {}, "cascade (3d_fullres after 3d_lowres)"),
    ({"foreground_intensity_properties_per_channel": {}}, {}, "CTNormalization without"),
    ({"plans_per_stage": {}}, {}, "nnU-Net version 1"),
    ({f"{FULL}/inherits_from": "3d_fullres"}, {}, "inherits_from is 3d_fullres"),
    ({f"{FULL}/patch_size": "large"}, {}, "plans.json cannot be read"),
    ({}, {"labels": {"spleen": 1}}, "labels: background"),
    ({}, {"labels": {"background": 0, "a": 1, "b": 3}}, "labels is [1, 3]"),
    ({}, {"labels": {"background": 0, "a": [1, 2], "b": 2}}, "regions_class_order"),
    ({}, {"channel_names": {}}, "channel_names"),
]


@pytest.mark.parametrize(("plans", "dataset", "named"), NNUNET)
def test_nnunet_is_refused_by_name(
    tmp_path: Path, plans: dict[str, Any], dataset: dict[str, Any], named: str
) -> None:
    place = nnunet_folder(tmp_path, plans=changed(PLANS, plans), dataset=changed(DATASET, dataset))
    with pytest.raises(BadInput) as error:
        read_training(place, Answers())
    assert named in why(error)


def test_a_missing_force_separate_z_is_what_nnunet_takes_it_for() -> None:
    """``resample_data_or_seg_to_shape`` has ``force_separate_z=False``; null says "by spacing"."""
    configuration = copy.deepcopy(PLANS["configurations"]["3d_fullres"])
    assert _resampling(configuration, "data") == (3, True)
    del configuration["resampling_fn_data_kwargs"]["force_separate_z"]
    assert _resampling(configuration, "data") == (3, False)


def test_nnunet_folders_that_are_not_one_model(tmp_path: Path) -> None:
    place = nnunet_folder(tmp_path)
    nnunet_folder(tmp_path, name=TRAINED.replace("3d_fullres", "2d"))
    with pytest.raises(BadInput) as error:
        read_training(place.parent, Answers())
    assert "2 trained configurations" in why(error) and "__2d" in why(error)
    (place / "fold_0" / "checkpoint_final.pth").unlink()
    with pytest.raises(BadInput) as error:
        read_training(place, Answers())
    assert "checkpoint_final.pth" in why(error)
    old = tmp_path / "v1"
    old.mkdir()
    (old / "plans.pkl").write_bytes(b"")
    with pytest.raises(BadInput) as error:
        read_training(old, Answers())
    assert "version 1" in why(error)
    with pytest.raises(BadInput) as error:
        read_training(tmp_path / "nowhere", Answers())
    assert "nowhere" in why(error)
    mine = nnunet_folder(tmp_path, name="nnUNetTrainerMine__nnUNetPlans__3d_fullres")
    with pytest.raises(BadInput) as error:
        read_training(mine, Answers())
    assert "nnUNetTrainerMine" in why(error)
    cascade = nnunet_folder(tmp_path, name=TRAINED.replace("3d_full", "3d_cascade_full"))
    with pytest.raises(BadInput) as error:
        read_training(cascade, Answers())
    assert "cascade (3d_cascade_fullres after 3d_lowres)" in why(error)


PRE = "preprocessing/transforms"
POST = "postprocessing/transforms"
MONAI: list[tuple[dict[str, Any], str]] = [
    ({f"{PRE}/4": {"_target_": "Lambdad", "keys": "image", "func": "$lambda x: x * 2"}}, "Lambdad"),
    ({f"{PRE}/4": {"_target_": "Resized", "keys": "image", "spatial_size": [9, 9, 9]}}, "Resized"),
    ({f"{PRE}/4": {"_target_": "mine.Step", "keys": "image"}}, "mine.Step"),
    ({f"{PRE}/4": {"_target_": "os.system", "command": "true"}}, "os.system"),
    ({f"{PRE}/4/a_min": "$__import__('os').getpid()"}, "__import__"),
    ({f"{PRE}/4/a_min": "@nowhere"}, "@nowhere"),
    ({f"{PRE}/4/a_min": "%nowhere.json::x"}, "%nowhere"),
    ({f"{PRE}/4/surprise": 1}, "ScaleIntensityRanged: surprise"),
    ({f"{PRE}/4/_requires_": "$open('x')"}, "_requires_"),
    ({f"{PRE}/3/scale_extent": True}, "scale_extent is True"),
    ({f"{PRE}/3/mode": 3}, "mode is 3"),
    ({f"{PRE}/3/padding_mode": "zeros"}, "padding_mode is zeros"),
    ({f"{PRE}/2/axcodes": "XYZ"}, "axcodes is XYZ"),
    ({f"{PRE}/5/select_fn": "$lambda x: x > 5"}, "$lambda x: x > 5"),
    ({f"{PRE}/5/margin": [1, 2, 3]}, "margin is [1.0, 2.0, 3.0]"),
    ({f"{PRE}/5": {"_target_": "ScaleIntensityd", "keys": "image"},
      f"{PRE}/6": {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"}},
     "CropForegroundd after percentile_scale"),
    ({f"{PRE}/4": {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"},
      f"{PRE}/5": {"_target_": "NormalizeIntensityd", "keys": "image"}},
     "Spacingd > CropForegroundd > intensity"),
    ({"preprocessing": "$@a + @b"}, "$@a + @b"),
    ({"inferer/_target_": "SimpleInferer"}, "SimpleInferer"),
    ({"inferer/roi_size": "$[96] * 3"}, "$[96] * 3"),
    ({"inferer/roi_size": [32, 32, -1]}, "roi_size"),
    ({"inferer/overlap": [0.1, 0.2, 0.3]}, "overlap"),
    ({"inferer/padding_mode": "reflect"}, "padding_mode is reflect"),
    ({"inferer/sigma_scale": 0.25}, "sigma_scale is 0.25"),
    ({f"{POST}/0": {"_target_": "FillHolesd", "keys": "pred"}}, "FillHolesd"),
    ({f"{POST}/0/other": "$lambda x: x"}, "$lambda x: x"),
    ({f"{POST}/1/transform": "@another"}, "Invertd: transform"),
    ({f"{POST}/1": {"_target_": "EnsureTyped", "keys": "pred"}}, "no Invertd"),
    ({f"{POST}/2/argmax": False}, "argmax or a threshold"),
    ({f"{POST}/3": {"_target_": "Activationsd", "keys": "pred", "softmax": True}},
     "Activationsd > Invertd > AsDiscreted > Activationsd"),
    ({"evaluator/_target_": "my.Evaluator"}, "my.Evaluator"),
    ({"evaluator/iteration_update": "$print"}, "iteration_update"),
    ({"network_def/_target_": "my.Net"}, "my.Net"),
    ({"network_def/channels": "$[4] * 3"}, "$[4] * 3"),
    ({"network_def/in_channels": 2}, "in_channels"),
    ({"network_def/spatial_dims": 2}, "spatial_dims is 2"),
    ({"network_def/act": {"_target_": "my.Act"}}, "_target_"),
    ({"network": "$other.net(@network_def)"}, "$other.net(@network_def)"),
    ({"network": {"_target_": "my.Wrapper", "net": "@network_def"}}, "my.Wrapper"),
    ({f"{PRE}/0/dtype": "uint8"}, "dtype is uint8"),
    ({f"{PRE}/4/dtype": "$np.int16"}, "$np.int16"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "named"), MONAI)
def test_a_bundle_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    bundle = bundle_folder(tmp_path / "b", inference=changed(INFERENCE, changes))
    with pytest.raises(BadInput) as error:
        read_bundle(bundle, Answers())
    assert named in why(error)


def test_metadata_must_describe_the_network(tmp_path: Path) -> None:
    for path, value, named in (
        ("network_data_format", {}, "network_data_format"),
        ("network_data_format/outputs/pred/num_channels", 0, "num_channels"),
        ("network_data_format/outputs/pred/num_channels", 7, "out_channels is 7"),
    ):
        bundle = bundle_folder(tmp_path / "b", metadata=changed(METADATA, {path: value}))
        with pytest.raises(BadInput) as error:
            read_bundle(bundle, Answers())
        assert named in why(error)
    with pytest.raises(BadInput) as error:
        read_bundle(tmp_path, Answers())
    assert "metadata.json" in why(error)


def test_nothing_in_a_configuration_is_executed(tmp_path: Path) -> None:
    """A bundle whose every value would leave a file behind if anything evaluated it."""
    trace = tmp_path / "executed"
    code = f"$__import__('pathlib').Path({str(trace)!r}).touch()"
    for entry in INFERENCE:
        if isinstance(INFERENCE[entry], str):
            continue
        said = changed(INFERENCE, {entry: code, "imports": [code], "device": code})
        bundle = bundle_folder(tmp_path / "b", inference=said)
        with pytest.raises(BadInput):
            read_bundle(bundle, Answers())
    everywhere = changed(
        INFERENCE,
        {
            "imports": [code], "device": code, "bundle_root": code, "network": code,
            f"{PRE}/6/device": code, f"{PRE}/0/reader": code, "initialize": [code], "run": [code],
        },
    )  # fmt: skip
    with pytest.raises(BadInput) as error:
        read_bundle(bundle_folder(tmp_path / "b", inference=everywhere), Answers())
    assert "LoadImaged: reader" in why(error)
    assert not trace.exists()


def test_a_file_that_is_no_configuration_is_named(tmp_path: Path) -> None:
    bundle = bundle_folder(tmp_path / "b")
    (bundle / "configs" / "inference.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_bundle(bundle, Answers())
    assert "inference.json" in why(error)
    place = nnunet_folder(tmp_path)
    (place / "plans.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_training(place, Answers())
    assert "plans.json" in why(error)


def test_answers_and_class_maps_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"intended_use": "anything"}), encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_answers(path)
    assert "answers.json" in why(error) and "intended_use" in why(error)
    classes = tmp_path / "classes.json"
    classes.write_text(json.dumps({"one": "spleen"}), encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_class_map(classes)
    assert "classes.json" in why(error)
    with pytest.raises(BadInput) as error:
        weight_folders(tmp_path)
    assert "DatasetNNN" in why(error)
    assert weight_folders(nnunet_folder(tmp_path).parent.parent) == [tmp_path / "Dataset007_Spleen"]


def test_without_the_extra_it_is_said_what_to_install() -> None:
    with pytest.raises(BadInput) as error:
        library("onescan_library_that_nobody_has.part")
    assert "onescan_library_that_nobody_has," in why(error)
    assert 'pip install "onescan[import-models]"' in why(error)


def test_regions_are_masks_of_their_own() -> None:
    said = changed(
        DATASET,
        {"labels": {"background": 0, "tumour": [1, 2], "core": 2}, "regions_class_order": [1, 2]},
    )
    regions, ordered = regions_of(said)
    assert ordered and [(r.index, r.name) for r in regions] == [(0, "tumour"), (1, "core")]
    regions, ordered = regions_of(changed(DATASET, {"labels/ignore": 3}))
    assert not ordered and [(r.index, r.name) for r in regions] == [(1, "spleen"), (2, "liver")]
