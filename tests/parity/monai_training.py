"""A small MONAI bundle, trained with MONAI's own transforms and run by its own bundle parser."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.nnunet_training import environment
from tests.parity.processes import keep_whole, timed
from tests.parity.shapes import ODD, TRAINING, grid_of, patient, write

PATCH = [48, 40, 40]

NETWORK: dict[str, Any] = {
    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
    "channels": [8, 16, 32], "strides": [2, 2], "num_res_units": 1, "norm": "instance",
}  # fmt: skip

METADATA: dict[str, Any] = {
    "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20220324.json",
    "version": "0.1.0",
    "changelog": {"0.1.0": "first"},
    "monai_version": "1.6.1",
    "name": "shapes monai",
    "task": "shapes in generated bodies",
    "description": "ball and rod",
    "data_source": "generated shapes",
    "intended_use": "a parity check",
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image", "format": "hounsfield", "modality": "CT", "num_channels": 1,
                "spatial_shape": PATCH, "dtype": "float32", "value_range": [0, 1],
                "is_patch_data": True, "channel_def": {"0": "image"},
            }
        },
        "outputs": {
            "pred": {
                "type": "image", "format": "segmentation", "num_channels": 3,
                "spatial_shape": PATCH, "dtype": "float32", "value_range": [0, 1],
                "is_patch_data": True,
                "channel_def": {"0": "background", "1": "ball", "2": "rod"},
            }
        },
    },
}  # fmt: skip

INFERENCE: dict[str, Any] = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": "/workspace/bundle",
    "output_dir": "$@bundle_root + '/eval'",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network_def": NETWORK,
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [2.5, 2.5, 3.0],
             "mode": "bilinear"},
            {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -60, "a_max": 450,
             "b_min": 0.0, "b_max": 1.0, "clip": True},
            {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"},
            {"_target_": "EnsureTyped", "keys": "image", "device": "@device"},
        ],
    },
    "inferer": {
        "_target_": "SlidingWindowInferer", "roi_size": PATCH, "sw_batch_size": 2,
        "overlap": 0.4, "mode": "gaussian",
    },
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing",
             "orig_keys": "image", "nearest_interp": False, "to_tensor": True},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"},
        ],
    },
    "evaluator": {
        "_target_": "SupervisedEvaluator", "device": "@device", "network": "@network",
        "inferer": "@inferer", "postprocessing": "@postprocessing", "amp": False,
    },
}  # fmt: skip

# Run where torch and MONAI are, with MONAI's own ConfigParser. Arguments: train, start (random
# weights) or predict, bundle,
# folder of images, folder of labels or of results, threads.
_PROGRAM = r"""
import json, sys, time
from pathlib import Path
import numpy as np, torch, monai
from monai.bundle import ConfigParser
from monai.transforms import Compose, RandCropByPosNegLabeld, RandFlipd
what, bundle, images, other, threads = sys.argv[1], *map(Path, sys.argv[2:5]), int(sys.argv[5])
torch.set_num_threads(threads)
monai.utils.set_determinism(3)
parser = ConfigParser()
parser.read_config(str(bundle / "configs" / "inference.json"))
parser["device"] = "cpu"
network = parser.get_parsed_content("network_def")
files = sorted(images.glob("*.nii.gz"))
if what == "start":
    (bundle / "models").mkdir(exist_ok=True)
    torch.save(network.state_dict(), bundle / "models" / "model.pt")
elif what == "train":
    def both(step):
        step = dict(step)
        if step["_target_"] == "ScaleIntensityRanged" or step["_target_"] == "EnsureTyped":
            return step if step["_target_"] == "ScaleIntensityRanged" else None
        step["keys"] = ["image", "label"]
        if step["_target_"] == "Spacingd":
            step["mode"] = ["bilinear", "nearest"]
        return step
    steps = [both(s) for s in parser["preprocessing"]["transforms"]]
    made = ConfigParser({"t": {"_target_": "Compose", "transforms": [s for s in steps if s]}})
    prepared = [made.get_parsed_content("t")({"image": str(f), "label": str(other / f.name)})
                for f in files]
    patch = parser["inferer"]["roi_size"]
    cut = Compose([RandCropByPosNegLabeld(["image", "label"], "label", patch, 2, 1, 2,
                                          allow_smaller=False),
                   *[RandFlipd(["image", "label"], 0.5, a) for a in range(3)]])
    pad = monai.transforms.SpatialPadd(["image", "label"], patch)
    prepared = [pad(p) for p in prepared]
    loss = monai.losses.DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3)
    network.train()
    limit, steps_done = time.time() + 60, 0
    while time.time() < limit and steps_done < 300:
        rows = cut(prepared[steps_done % len(prepared)])
        x = torch.stack([r["image"].as_tensor() for r in rows])
        y = torch.stack([r["label"].as_tensor() for r in rows])
        optimiser.zero_grad()
        value = loss(network(x), y)
        value.backward()
        optimiser.step()
        steps_done += 1
    (bundle / "models").mkdir(exist_ok=True)
    torch.save(network.state_dict(), bundle / "models" / "model.pt")
    print(json.dumps({"steps": steps_done, "loss": float(value)}))
else:
    parser["output_dir"] = str(other)
    before = parser.get_parsed_content("preprocessing")
    inferer = parser.get_parsed_content("inferer")
    after = parser.get_parsed_content("postprocessing")
    after.transforms = tuple(t for t in after.transforms if type(t).__name__ != "SaveImaged")
    network.load_state_dict(torch.load(bundle / "models" / "model.pt", weights_only=True))
    network.eval()
    seconds = {}
    for file in files:
        started = time.perf_counter()
        data = before({"image": str(file)})
        with torch.no_grad():
            data["pred"] = inferer(data["image"][None], network)[0]
        labels = after(data)["pred"][0].numpy().astype(np.uint8)
        seconds[file.name] = time.perf_counter() - started
        np.save(other / (file.name[: -len(".nii.gz")] + ".npy"), labels.transpose(2, 1, 0))
    (other / "seconds.json").write_text(json.dumps(seconds))
"""


def _run(*arguments: str, home: Path, threads: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments, str(threads)],
        env=environment(home, threads), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def _larger(inference: dict[str, Any]) -> dict[str, Any]:
    """A network and a grid of the usual size, for run times."""
    said = copy.deepcopy(inference)
    said["network_def"].update(channels=[16, 32, 64, 128], strides=[2, 2, 2], num_res_units=2)
    said["preprocessing"]["transforms"][3]["pixdim"] = [0.7, 0.7, 0.8]
    said["inferer"].update(roi_size=[96, 96, 96], sw_batch_size=1, overlap=0.5)
    return said


def write_bundle(folder: Path, *, large: bool = False) -> Path:
    """The bundle's configuration; weights follow."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    inference = _larger(INFERENCE) if large else INFERENCE
    for name, said in (("metadata", METADATA), ("inference", inference)):
        text = json.dumps(said, indent=1)
        (folder / "configs" / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


def untrained(home: Path, threads: int = 2) -> Path:
    """A larger bundle with random weights; its folder."""
    bundle = write_bundle(home / "monai_large", large=True)
    write_volumes(home)
    data = home / "monai_data"
    _run("start", str(bundle), str(data / "images"), str(data), home=home, threads=threads)
    return bundle


def write_volumes(home: Path) -> None:
    """Training volumes with labels, and the odd ones."""
    for part in ("images", "labels", "odd"):
        (home / "monai_data" / part).mkdir(parents=True, exist_ok=True)
    for seed, layout in enumerate(TRAINING):
        grid = grid_of(layout)
        image, labels = patient(grid, seed, background=-1000.0)
        write(home / "monai_data" / "images" / f"{layout.name}.nii.gz", image, grid)
        write(home / "monai_data" / "labels" / f"{layout.name}.nii.gz", labels, grid)
    for seed, layout in enumerate(ODD):
        grid = grid_of(layout)
        image, _ = patient(grid, 100 + seed, background=-1000.0)
        write(home / "monai_data" / "odd" / f"{layout.name}.nii.gz", image, grid)


def train(home: Path, threads: int = 2) -> Path:
    """Train for up to a minute; the bundle's folder."""
    bundle = write_bundle(home / "monai_bundle")
    write_volumes(home)
    said = _run(
        "train", str(bundle), str(home / "monai_data" / "images"),
        str(home / "monai_data" / "labels"), home=home, threads=threads,
    )  # fmt: skip
    print("MONAI training:", said)
    return bundle


def predict(
    home: Path, bundle: Path, images: Path, out: Path, threads: int = 2
) -> dict[str, np.ndarray[Any, Any]]:
    """Label arrays (z, y, x) of MONAI's own inferer, by case; their seconds in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    arguments = ("predict", str(bundle), str(images), str(out), str(threads))
    keep_whole(out, timed([sys.executable, "-c", _PROGRAM, *arguments], environment(home, threads)))
    return {p.stem: np.load(p) for p in sorted(out.glob("*.npy"))}
