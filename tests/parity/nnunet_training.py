"""A small nnU-Net, planned, trained and run by its own tools (``nnUNetv2_*``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.processes import Whole, keep_whole, timed
from tests.parity.shapes import ODD, TRAINING, grid_of, patient, write


@dataclass(frozen=True)
class Study:
    """One nnU-Net data set. regions: train regions instead of labels. channels: their names."""

    number: int
    name: str
    channels: tuple[str, ...]
    regions: bool
    configuration: str
    features: tuple[int, ...]
    patch: tuple[int, ...]
    background: float
    trainer: str = "nnUNetTrainer_1epoch"
    canonical: bool = False
    untrained: bool = False
    letters: str = "LPH"
    finer: float = 1.0  # training spacing is divided by it

    @property
    def folder(self) -> str:
        """As nnU-Net names the data set."""
        return f"Dataset{self.number:03d}_{self.name}"


CT = Study(901, "ShapesCT", ("CT",), False, "3d_fullres", (8, 16, 32), (32, 32, 32), -1000.0)
MR = Study(902, "ShapesMR", ("T1", "T2"), True, "3d_fullres", (4, 8, 16), (24, 32, 32), 0.0)
# Slices lie along the files' first axis, so that nnU-Net transposes.
FLAT = Study(905, "ShapesFlat", ("CT",), False, "2d", (6, 12, 24, 24), (48, 48), -1000.0,
             "nnUNetTrainer_5epochs", letters="HLP")  # fmt: skip
# As TotalSegmentator's networks: images turned to RAS.
CANONICAL = Study(903, "ShapesRAS", ("CT",), False, "3d_fullres", (4, 8, 16), (32, 32, 32),
                  -1000.0, canonical=True)  # fmt: skip
# A network of the usual kind for run times: never trained, its weights are random.
LARGE = Study(904, "ShapesLarge", ("CT",), False, "3d_fullres", (16, 32, 64, 128), (64, 64, 64),
              -1000.0, untrained=True, finer=2.0)  # fmt: skip


def environment(home: Path, threads: int = 2) -> dict[str, str]:
    """nnU-Net's own variables for a run inside ``home``."""
    env = dict(os.environ)
    for name in ("raw", "preprocessed", "results"):
        env[f"nnUNet_{name}"] = str(home / f"nnUNet_{name}")
        (home / f"nnUNet_{name}").mkdir(parents=True, exist_ok=True)
    env["nnUNet_n_proc_DA"] = "2"
    env["OMP_NUM_THREADS"] = str(threads)
    env["GOMP_SPINCOUNT"] = "0"  # threads that wait give their core to others
    env["nnUNet_def_n_proc"] = str(threads)
    return env


def tool(name: str, *arguments: str, env: dict[str, str]) -> None:
    """One of nnU-Net's programs, from the environment this Python runs in."""
    program = Path(sys.executable).parent / name
    subprocess.run([str(program), *arguments], env=env, check=True, stdout=subprocess.DEVNULL)


def _images(folder: Path, study: Study, case: str, seed: int, layout: Any) -> np.ndarray[Any, Any]:
    grid = grid_of(layout)
    labels: np.ndarray[Any, Any] = np.zeros(0, dtype=np.uint8)
    for number in range(len(study.channels)):
        image, labels = patient(
            grid, seed, background=study.background, contrast=1.0 + 0.6 * number
        )
        write(folder / f"{case}_{number:04d}.nii.gz", image, grid)
    return labels


def write_data(home: Path, study: Study) -> Path:
    """Training cases and the five test volumes in nnU-Net's layout; the test volumes' folder."""
    raw = home / "nnUNet_raw" / study.folder
    for part in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / part).mkdir(parents=True, exist_ok=True)
    for seed, layout in enumerate(TRAINING):
        turned = layout.towards(study.letters, study.finer)
        labels = _images(raw / "imagesTr", study, layout.name, seed, turned)
        write(raw / "labelsTr" / f"{layout.name}.nii.gz", labels, grid_of(turned))
    for seed, layout in enumerate(ODD):
        _images(raw / "imagesTs", study, layout.name, 100 + seed, layout)
    labels_of: dict[str, Any] = {"background": 0, "ball": 1, "rod": 2}
    said: dict[str, Any] = {
        "channel_names": {str(i): name for i, name in enumerate(study.channels)},
        "labels": labels_of,
        "numTraining": len(TRAINING),
        "file_ending": ".nii.gz",
    }
    if study.canonical:
        said["overwrite_image_reader_writer"] = "NibabelIOWithReorient"
    if study.regions:
        said["labels"] = {"background": 0, "shape": [1, 2], "rod": [2]}
        said["regions_class_order"] = [1, 2]
    (raw / "dataset.json").write_text(json.dumps(said), encoding="utf-8")
    return raw / "imagesTs"


def _smaller(plans: Path, study: Study) -> None:
    """The planned network made small, as nnU-Net's documentation describes editing plans."""
    said = json.loads(plans.read_text(encoding="utf-8"))
    chosen = said["configurations"][study.configuration]
    stages = len(study.features)
    rank = len(study.patch)
    chosen["patch_size"] = list(study.patch)
    chosen["batch_size"] = 2 if rank == 3 else 8
    kwargs = chosen["architecture"]["arch_kwargs"]
    kwargs["n_stages"] = stages
    kwargs["features_per_stage"] = list(study.features)
    kwargs["kernel_sizes"] = [[3] * rank] * stages
    kwargs["strides"] = [[1] * rank] + [[2] * rank] * (stages - 1)
    kwargs["n_conv_per_stage"] = [2] * stages
    kwargs["n_conv_per_stage_decoder"] = [2] * (stages - 1)
    plans.write_text(json.dumps(said, indent=1), encoding="utf-8")


def output_of(home: Path, study: Study) -> Path:
    """Where nnU-Net puts what it trained."""
    trained = f"{study.trainer}__nnUNetPlans__{study.configuration}"
    return home / "nnUNet_results" / study.folder / trained


def train(home: Path, study: Study, folds: tuple[str, ...] = ("0",)) -> Path:
    """Plan, preprocess and train one short epoch a fold; the training output's folder."""
    env = environment(home)
    number = str(study.number)
    tool("nnUNetv2_extract_fingerprint", "-d", number, "-np", "2", env=env)
    tool("nnUNetv2_plan_experiment", "-d", number, env=env)
    _smaller(home / "nnUNet_preprocessed" / study.folder / "nnUNetPlans.json", study)
    tool(
        "nnUNetv2_preprocess", "-d", number, "-c", study.configuration, "-np", "2", env=env
    )  # fmt: skip
    for fold in folds:
        if study.untrained:
            _run(_UNTRAINED, str(study.number), study.configuration, fold, env=env)
            continue
        tool(
            "nnUNetv2_train", number, study.configuration, fold, "-device", "cpu",
            "-tr", study.trainer, env=env,
        )  # fmt: skip
    return output_of(home, study)


def predict(home: Path, model: Path, images: Path, out: Path, folds: tuple[str, ...]) -> None:
    """``nnUNetv2_predict_from_modelfolder`` with its defaults (mirroring, Gaussian, step 0.5)."""
    tool(
        "nnUNetv2_predict_from_modelfolder", "-i", str(images), "-o", str(out), "-m", str(model),
        "-f", *folds, "-device", "cpu", "-npp", "1", "-nps", "1", env=environment(home),
    )  # fmt: skip


# A trainer that initialises and saves its network, without an epoch.
_UNTRAINED = r"""
import json, sys, torch
from pathlib import Path
from nnunetv2.run.run_training import get_trainer_from_args
number, configuration, fold = sys.argv[1:4]
trainer = get_trainer_from_args(number, configuration, int(fold), "nnUNetTrainer_1epoch",
                                device=torch.device("cpu"))
trainer.initialize()
Path(trainer.output_folder).mkdir(parents=True, exist_ok=True)
for name, said in (("plans", trainer.plans_manager.plans), ("dataset", trainer.dataset_json)):
    Path(trainer.output_folder_base, name + ".json").write_text(json.dumps(said))
trainer.inference_allowed_mirroring_axes = (0, 1, 2)  # as its trainer sets when it trains
trainer.save_checkpoint(trainer.output_folder + "/checkpoint_final.pth")
"""

# nnU-Net's own predictor, one volume after another in one process that has already started.
_PREDICTOR = r"""
import json, sys, time
from pathlib import Path
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
model, images, out, threads = *map(Path, sys.argv[1:4]), int(sys.argv[4])
torch.set_num_threads(threads)
predictor = nnUNetPredictor(tile_step_size=0.5, use_gaussian=True, use_mirroring=True,
                            perform_everything_on_device=False, device=torch.device("cpu"),
                            allow_tqdm=False)
predictor.initialize_from_trained_model_folder(str(model), tuple(sys.argv[5:]))
reader = predictor.plans_manager.image_reader_writer_class()
seconds = {}
for case in sorted({p.name.rsplit("_", 1)[0] for p in images.glob("*.nii.gz")}):
    started = time.perf_counter()
    data, said = reader.read_images([str(p) for p in sorted(images.glob(f"{case}_*.nii.gz"))])
    labels = predictor.predict_single_npy_array(data, said, None, None, False)
    seconds[case + ".nii.gz"] = time.perf_counter() - started
    reader.write_seg(labels, str(out / ("warm_" + case + ".nii.gz")), said)
(out / "seconds.json").write_text(json.dumps(seconds))
"""


def _run(program: str, *arguments: str, env: dict[str, str]) -> Whole:
    return timed([sys.executable, "-c", program, *arguments], env)


def time_predictor(
    home: Path, model: Path, images: Path, out: Path, folds: tuple[str, ...], threads: int
) -> None:
    """Seconds of each volume by nnU-Net's predictor on ``threads`` cores in ``seconds.json``, of
    its process from start to end in ``whole.json``, and its labels, ``warm_*.nii.gz``."""
    out.mkdir(parents=True, exist_ok=True)
    env = environment(home, threads)
    arguments = (str(model), str(images), str(out), str(threads), *folds)
    keep_whole(out, _run(_PREDICTOR, *arguments, env=env))
