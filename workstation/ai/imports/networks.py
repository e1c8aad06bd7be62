"""Networks from a closed table: a foreign name chooses a row, it is never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workstation.ai.imports.refusals import library, no_counterpart, wrong_value

_UNET = "dynamic_network_architectures.architectures.unet"
_NNUNET = {"PlainConvUNet": "n_conv_per_stage", "ResidualEncoderUNet": "n_blocks_per_stage"}
_OPERATORS = {
    "Conv2d", "Conv3d", "InstanceNorm2d", "InstanceNorm3d", "BatchNorm2d", "BatchNorm3d",
    "LeakyReLU", "ReLU", "Dropout2d", "Dropout3d",
}  # fmt: skip
_NNUNET_WORDS = {
    "n_stages", "features_per_stage", "conv_op", "kernel_sizes", "strides", "n_conv_per_stage",
    "n_blocks_per_stage", "n_conv_per_stage_decoder", "conv_bias", "norm_op", "norm_op_kwargs",
    "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs",
}  # fmt: skip

# MONAI networks whose output is one tensor of the input's size.
MONAI = {
    "UNet": "unet", "BasicUNet": "basic_unet", "DynUNet": "dynunet", "SegResNet": "segresnet",
    "AttentionUnet": "attentionunet", "VNet": "vnet", "HighResNet": "highresnet",
    "UNETR": "unetr", "SwinUNETR": "swin_unetr",
}  # fmt: skip


def plain(value: Any) -> bool:
    """Whether a value is made of numbers, texts, lists and mappings alone."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(plain(v) for v in value)
    return value is None or isinstance(value, bool | int | float | str)


def _operator(where: str, word: str, name: Any) -> Any:
    if name is None:
        return None
    text = str(name)
    last = text.rsplit(".", 1)[-1]
    if not text.startswith("torch.nn.") or last not in _OPERATORS:
        raise no_counterpart(where, f"{word} = {text}")
    return getattr(library("torch.nn"), last)


def from_old_plans(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture of plans written before nnU-Net 2.3 (as its ``ConfigurationManager``)."""
    name = str(configuration["UNet_class_name"])
    blocks = _NNUNET.get(name)
    if blocks is None:
        raise no_counterpart("plans.json", name)
    stages = len(configuration["n_conv_per_stage_encoder"])
    base = int(configuration["UNet_base_num_features"])
    most = int(configuration["unet_max_num_features"])
    rank = len(configuration["patch_size"])
    return {
        "network_class_name": f"{_UNET}.{name}",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": [min(base * 2**i, most) for i in range(stages)],
            "conv_op": f"torch.nn.modules.conv.Conv{rank}d",
            "kernel_sizes": configuration["conv_kernel_sizes"],
            "strides": configuration["pool_op_kernel_sizes"],
            blocks: configuration["n_conv_per_stage_encoder"],
            "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{rank}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
    }


def nnunet_network(architecture: Mapping[str, Any], channels: int, outputs: int) -> Any:
    """The U-Net that nnU-Net's plans describe, without deep supervision."""
    where = "plans.json"
    name = str(architecture.get("network_class_name", ""))
    last = name.rsplit(".", 1)[-1]
    if last not in _NNUNET or not name.startswith("dynamic_network_architectures."):
        raise no_counterpart(where, name or "architecture")
    given = dict(architecture.get("arch_kwargs", {}))
    unknown = sorted(set(given) - _NNUNET_WORDS)
    if unknown or not plain(given):
        raise no_counterpart(where, f"{last}: {', '.join(unknown) or 'arch_kwargs'}")
    for word in ("conv_op", "norm_op", "dropout_op", "nonlin"):
        given[word] = _operator(where, word, given.get(word))
    build = getattr(library(_UNET), last)
    try:
        return build(input_channels=channels, num_classes=outputs, deep_supervision=False, **given)
    except (TypeError, ValueError, AssertionError, KeyError, IndexError) as error:
        raise wrong_value(where, "architecture", str(error)[:120], f"{last}(...)") from error


def monai_network(where: str, name: str, given: Mapping[str, Any]) -> Any:
    """A network of MONAI by its name and plain arguments."""
    if name not in MONAI:
        raise no_counterpart(where, name)
    if not plain(dict(given)):
        raise no_counterpart(where, f"{name}: {given}")
    build = getattr(library(f"monai.networks.nets.{MONAI[name]}"), name)
    try:
        return build(**given)
    except (TypeError, ValueError, AssertionError, KeyError, NotImplementedError) as error:
        raise wrong_value(where, name, str(error)[:120], f"{name}(...)") from error


def average(networks: Sequence[Any]) -> Any:
    """One network whose output is the mean of several (the folds of an ensemble).

    Averaging is linear, as is a sliding window's weighted mean: the mean of every patch gives the
    mean of the whole.
    """
    if len(networks) == 1:
        return networks[0]
    torch = library("torch")
    nn: Any = library("torch.nn")

    def forward(self: Any, image: Any) -> Any:
        return torch.stack([member(image) for member in self.members]).mean(0)

    # Made by name: torch is known only here, so no class statement can build on it.
    mean = type("Mean", (nn.Module,), {"forward": forward})()
    mean.members = nn.ModuleList(networks)
    return mean.eval()
