"""Weights and networks of foreign models, with torch: read as tensors alone, exported, checked.

Needs the extra ``parity``, so the usual run does not collect it: ``python -m pytest
tests/parity/with_torch.py``.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ai.imports.foreign import (
    PLANS,
    bundle_folder,
    changed,
    nnunet_folder,
)
from tests.ai.imports.test_refusals import FULL, why
from tests.parity.monai_training import NETWORK
from workstation.ai.imports import networks, onnx_export
from workstation.ai.imports.bundle import read_bundle
from workstation.ai.imports.nnunet import read_training
from workstation.ai.imports.packaging import write_package
from workstation.ai.imports.refusals import library
from workstation.ai.imports.taken import Answers
from workstation.ai.imports.totalsegmentator import read_weights
from workstation.ai.imports.weights import read_checkpoint
from workstation.ai.package import load_package
from workstation.domain.errors import BadInput

ARCHITECTURE = PLANS["configurations"]["3d_fullres"]["architecture"]


class Bomb:
    """A pickle that would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_bomb_does_not_go_off(tmp_path: Path) -> None:
    torch, trace = library("torch"), tmp_path / "executed"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Bomb(trace)))
    torch.save({"network_weights": Bomb(trace)}, tmp_path / "zip.pth")
    for name in ("plain.pth", "zip.pth"):
        path = tmp_path / name
        with pytest.raises(BadInput) as error:
            read_checkpoint(path)
        assert name in why(error) and "not executed" in why(error)
    assert not trace.exists()
    pickle.loads((tmp_path / "plain.pth").read_bytes())
    assert trace.exists()  # the bomb was real


def test_torchscript_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    torch = library("torch")
    script: Any = torch.jit.script(torch.nn.Linear(2, 2))
    script.save(str(tmp_path / "script.pt"))
    for name in ("model.ts", "model.pt"):
        bundle = bundle_folder(
            tmp_path / name, weights=(tmp_path / "script.pt").read_bytes(), weights_name=name
        )
        with pytest.raises(BadInput) as error:
            read_bundle(bundle, Answers())
        assert "TorchScript" in why(error) and name in why(error)


def checkpoint(path: Path, network: Any, **changes: Any) -> bytes:
    """A checkpoint as nnU-Net's trainer writes one, with the numpy numbers that it logs."""
    torch = library("torch")
    said = {
        "network_weights": network.state_dict(),
        "optimizer_state": {},
        "_best_ema": np.float64(0.5),
        "logging": {"mean_fg_dice": [np.float32(0.5)], "epoch_start_timestamps": [1.0]},
        "init_args": {"configuration": "3d_fullres", "plans": PLANS},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    } | changes
    torch.save(said, path)
    return path.read_bytes()


def small(seed: int) -> Any:
    library("torch").manual_seed(seed)
    return networks.nnunet_network(ARCHITECTURE, 1, 3)


def test_folds_become_one_network_whose_output_is_their_mean(tmp_path: Path) -> None:
    torch = library("torch")
    pair = [small(1).eval(), small(2).eval()]
    place = nnunet_folder(tmp_path, folds=("0", "1"))
    for number, one in enumerate(pair):
        path = place / f"fold_{number}" / "checkpoint_final.pth"
        path.write_bytes(checkpoint(tmp_path / "c.pth", one))
    taken = read_training(place, Answers())
    model, difference = onnx_export.to_onnx(taken.network, 1, (16, 24, 24))
    assert difference < 1e-4
    batch = np.random.default_rng(3).normal(size=(3, 1, 16, 24, 24)).astype(np.float32)
    with torch.inference_mode():
        wanted = sum(one(torch.from_numpy(batch)) for one in pair).numpy() / 2
    assert np.abs(onnx_export.probe(model, batch) - wanted).max() < 1e-4
    only = read_training(place, Answers(folds=("1",)))
    assert "1" in only.notes[0][0] and "0" not in only.notes[0][0]


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    other = changed(ARCHITECTURE, {"arch_kwargs/features_per_stage": [4, 6]})
    wrong = checkpoint(tmp_path / "c.pth", networks.nnunet_network(other, 1, 3))
    with pytest.raises(BadInput) as error:
        read_training(nnunet_folder(tmp_path, checkpoint=wrong), Answers())
    assert "fold_0/checkpoint_final.pth" in why(error) and "do not fit" in why(error)
    for changes, named in (
        ({"trainer_name": "Mine"}, "Mine"),
        ({"init_args": {"configuration": "2d"}}, "configuration is 2d"),
        ({"network_weights": {"a": 1}}, "no named weights"),
    ):
        bad = checkpoint(tmp_path / "c.pth", small(1), **changes)
        with pytest.raises(BadInput) as error:
            read_training(nnunet_folder(tmp_path, checkpoint=bad), Answers())
        assert named in why(error)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"network_class_name": "my.UNet"}, "my.UNet"),
        ({"network_class_name": "dynamic_network_architectures.architectures.primus.PrimusM"},
         "PrimusM"),
        ({"arch_kwargs/nonlin": "os.system"}, "os.system"),
        ({"arch_kwargs/conv_op": "torch.nn.Linear"}, "torch.nn.Linear"),
        ({"arch_kwargs/hook": 1}, "hook"),
        ({"arch_kwargs/n_stages": 9}, "architecture"),
    ],
)  # fmt: skip
def test_architectures_come_from_a_closed_table(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    plans = changed(PLANS, {f"{FULL}/architecture/{k}": v for k, v in changes.items()})
    good = checkpoint(tmp_path / "c.pth", small(1))
    with pytest.raises(BadInput) as error:
        read_training(nnunet_folder(tmp_path, plans=plans, checkpoint=good), Answers())
    assert named in why(error)


def test_plans_of_older_versions_give_the_same_network() -> None:
    old = {
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 4, "unet_max_num_features": 8,
        "patch_size": [16, 24, 24], "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3]],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2]], "n_conv_per_stage_encoder": [1, 1],
        "n_conv_per_stage_decoder": [1],
    }  # fmt: skip
    network = networks.nnunet_network(networks.from_old_plans(old), 1, 3)
    network.load_state_dict(small(5).state_dict(), strict=True)


def test_a_package_says_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    good = checkpoint(tmp_path / "c.pth", small(1))
    place = nnunet_folder(tmp_path, checkpoint=good)
    (place / "dataset_fingerprint.json").write_text(
        json.dumps({"spacings": [[5.0, 0.8, 0.8], [4.0, 0.7, 0.7]]}), encoding="utf-8"
    )
    made = write_package(read_training(place, Answers()), Answers(), tmp_path / "out")
    package = load_package(made.folder)
    said = package.manifest
    assert said.draft and made.open == ("intended_use",)
    assert said.evidence == "none" and said.performance == ()
    assert [label.proposes for label in said.labels] == ["none", "none"]
    assert said.accept[0].modality == ("CT",)
    assert said.accept[0].slice_mm == (3.333, 6.0)  # what was trained on, a fifth wider
    assert said.pre.spacing_mm == (0.9, 0.8, 5.0) and said.infer.flips == ("z", "y", "x")
    with pytest.raises(BadInput) as error:
        write_package(read_training(place, Answers()), Answers(), tmp_path / "out")
    assert "exists already" in why(error)


def test_totalsegmentator_folders_are_turned_to_ras_and_named_by_a_class_map(
    tmp_path: Path,
) -> None:
    good = checkpoint(
        tmp_path / "c.pth", small(1), trainer_name="nnUNetTrainerNoMirroring",
        inference_allowed_mirroring_axes=None,
    )  # fmt: skip
    name = "nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres"
    place = nnunet_folder(tmp_path, checkpoint=good, name=name)
    classes = {1: "kidney_right", 2: "kidney_left"}
    taken = read_weights(place.parent, Answers(), classes)
    assert taken.pre.orientation == "RAH" and taken.infer.flips == ()
    assert [region.name for region in taken.regions] == list(classes.values())
    assert taken.name == "TotalSegmentator 007 Spleen"
    with pytest.raises(BadInput) as error:
        read_weights(place.parent, Answers(), {1: "kidney_right"})
    assert "class map" in why(error)


def test_a_network_of_monai_is_exported(tmp_path: Path) -> None:
    plain = {k: v for k, v in NETWORK.items() if k != "_target_"}
    network = networks.monai_network("inference.json", "UNet", plain).eval()
    model, difference = onnx_export.to_onnx(network, 1, (16, 16, 16))
    assert difference < 1e-4 and len(model) > 1000
    for name, given in (("Nothing", {}), ("UNet", {"act": object()}), ("UNet", {"wrong": 1})):
        with pytest.raises(BadInput):
            networks.monai_network("inference.json", name, given)


SMALL: dict[str, dict[str, Any]] = {
    "UNet": {"channels": [4, 8], "strides": [2], "num_res_units": 2, "norm": "BATCH"},
    "BasicUNet": {"features": [4, 4, 8, 8, 16, 4]},
    "DynUNet": {"kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2],
                "filters": [4, 8, 16], "deep_supervision": True, "deep_supr_num": 1},
    "SegResNet": {"init_filters": 8, "blocks_down": [1, 2], "blocks_up": [1]},
    "AttentionUnet": {"channels": [4, 8], "strides": [2]},
    "UNETR": {"img_size": [32] * 3, "feature_size": 4, "hidden_size": 48, "mlp_dim": 64,
              "num_heads": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_the_table_are_exported(name: str) -> None:
    given = {"in_channels": 2, "out_channels": 3, **SMALL[name]}
    if name != "UNETR":
        given["spatial_dims"] = 3
    network = networks.monai_network("inference.json", name, given).eval()
    _, difference = onnx_export.to_onnx(network, 2, (32, 32, 32))
    assert difference < 1e-4


def test_a_residual_encoder_is_exported() -> None:
    said = changed(ARCHITECTURE, {"network_class_name": ARCHITECTURE["network_class_name"].replace(
        "PlainConvUNet", "ResidualEncoderUNet")})  # fmt: skip
    said["arch_kwargs"]["n_blocks_per_stage"] = said["arch_kwargs"].pop("n_conv_per_stage")
    network = networks.nnunet_network(said, 1, 3).eval()
    assert onnx_export.to_onnx(network, 1, (16, 24, 24))[1] < 1e-4
