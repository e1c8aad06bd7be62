"""Train the hippocampus network and write its package. One command, no download:

    python models/brain-hippocampus/train.py --data ../shared/data --out models/brain-hippocampus

CPU only, seeded. Opens the training blocks of ``mr_hippocampus`` and, at the end, the check block;
``evaluate`` opens the test blocks when the network is final.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
from pathlib import Path

# A busy machine: threads that wait must not spin. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from crops import PATCH, Crop, fitted, names, normalised, read, split, unfitted  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.export import save_onnx  # noqa: E402
from models.kit.resume import Clock, load_state, save_state  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402
from models.kit.unet3d import UNet3d  # noqa: E402
from workstation.domain.mask import dice  # noqa: E402

WIDTHS = (12, 32, 64, 96)
BATCH = 2


def network() -> UNet3d:
    """Background, anterior, posterior of a crop."""
    return UNet3d(1, 3, widths=WIDTHS, bias=(2.0, -1.0, -1.0))


def _turn(rng: np.random.Generator) -> np.ndarray:
    """A small rotation with stretching, in (x, y, z)."""
    out = np.diag(np.exp(rng.normal(0.0, 0.06, 3)))
    for a, b in ((0, 1), (1, 2), (0, 2)):
        angle = np.deg2rad(rng.normal(0.0, 7.0))
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        out = out @ one
    return out


def draw(rng: np.random.Generator, crop: Crop) -> tuple[torch.Tensor, torch.Tensor]:
    """One patch (1, D, H, W) and its labels (D, H, W): moved, turned, stretched, re-graded."""
    size = np.array(crop.image.shape[::-1], dtype=float)
    want = np.array(PATCH[::-1], dtype=float)
    matrix = np.diag(1 / size) @ _turn(rng) @ np.diag(want)
    shift = 2.0 * rng.uniform(-8.0, 8.0, 3) / size
    theta = torch.tensor(np.c_[matrix, shift][None], dtype=torch.float32)
    grid = functional.affine_grid(theta, [1, 1, *PATCH], align_corners=False)
    given = torch.from_numpy(crop.image)[None, None]
    image = functional.grid_sample(given, grid, padding_mode="border", align_corners=False)[0]
    label = functional.grid_sample(
        torch.from_numpy(crop.label.astype(np.float32))[None, None],
        grid, mode="nearest", padding_mode="zeros", align_corners=False,
    )[0, 0]  # fmt: skip
    if rng.random() < 0.45:  # thick slices, or a coarse matrix, brought to 1 mm
        axis, by = int(rng.choice(3, p=(0.6, 0.2, 0.2))), float(rng.uniform(1.3, 3.4))
        small = [int(n / by) if k == axis else n for k, n in enumerate(PATCH)]
        image = functional.interpolate(image[None], small, mode="trilinear")
        image = functional.interpolate(image, PATCH, mode="trilinear")[0]
    image = regraded(rng, image[0].numpy())
    return torch.from_numpy(normalised(image))[None], label.long()


def regraded(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Other sequences' contrast, coil, noise and surroundings: crops of a whole head have more of
    skull base and air in them, and spin echo shows grey and white matter almost alike."""
    low, high = (float(v) for v in np.percentile(image, (1.0, 99.0)))
    out = np.clip((image - low) / max(high - low, 1e-6), 0.0, 1.5)
    out = out ** float(np.exp(rng.uniform(np.log(0.35), np.log(1.6))))
    if rng.random() < 0.5:
        ramps = np.meshgrid(*(np.linspace(-1, 1, n) for n in PATCH), indexing="ij")
        slope = rng.normal(0.0, 0.12, 3)
        out = out * (1 + sum(s * ramp for s, ramp in zip(slope, ramps, strict=True)))
    if rng.random() < 0.4:
        # A slab at the lower, outer or front end becomes bone and air, where no label is.
        axis, deep = int(rng.choice(3, p=(0.6, 0.25, 0.15))), int(rng.integers(2, 12))
        ends = (slice(0, deep), slice(PATCH[1] - deep, None), slice(0, deep))
        block = tuple(ends[k] if k == axis else slice(None) for k in range(3))
        out[block] *= rng.uniform(0.0, 0.5)
    noise = rng.uniform(0.0, 0.06)
    return out + rng.normal(0.0, noise, out.shape)


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and soft Dice of both parts over the batch."""
    entropy = functional.cross_entropy(logits, target)
    chance = torch.softmax(logits, dim=1)[:, 1:]
    truth = functional.one_hot(target, 3).movedim(-1, 1)[:, 1:].float()
    over = (0, 2, 3, 4)
    overlap = (2 * (chance * truth).sum(over) + 1) / (chance.sum(over) + truth.sum(over) + 1)
    return entropy + 1 - overlap.mean()


def dices(net: torch.nn.Module, crops: list[Crop]) -> np.ndarray:
    """Dice of (anterior, posterior) for each crop, without augmentation."""
    found = []
    for crop in crops:
        given = torch.from_numpy(fitted(crop.image))[None, None]
        with torch.no_grad():
            out = net(given)[0].argmax(0).numpy()
        out = unfitted(out, crop.image.shape)
        found.append([
            dice(out == k, crop.label == k)
            for k in (1, 2)
        ])  # fmt: skip
    return np.array(found)


def train(
    crops: list[Crop],
    check: list[Crop],
    steps: int,
    minutes: float,
    seed: int,
    keep: Path | None = None,
) -> tuple[UNet3d, dict]:
    """The mean network and what happened; ends at ``steps`` or, earlier, when time is over (the
    learning rate falls in time for either, and the log says which it was)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = network().to(memory_format=torch.channels_last_3d).train()
    mean = RunningMean(net, 0.99)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    loss_mean, done, clock = 0.0, 0, Clock()
    parts = {"net": net, "mean": mean.net, "optimiser": optimiser}
    if keep is not None and keep.is_file():
        done, clock.spent_s = load_state(keep, rng, **parts)
        mean.steps = done
    for step in range(done, steps):
        part = max(step / steps, clock.tick() / (60 * minutes))
        if part >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate(part, 4e-3)
        chosen = []
        for pick in rng.choice(len(crops), BATCH, replace=False):
            chosen.append(draw(rng, crops[pick]))
        image = torch.stack([c[0] for c in chosen])
        image = image.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(image)
        loss = loss_of(logits.float(), torch.stack([c[1] for c in chosen]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        mean.update(net)
        now = float(loss.detach())
        loss_mean = now if loss_mean == 0 else 0.97 * loss_mean + 0.03 * now
        done = step + 1
        if keep is not None and done % 25 == 0:
            save_state(keep, done, clock.spent_s, rng, **parts)
        if step % 25 == 24:
            line = f"step {done} loss {loss_mean:.3f} {clock.spent_s:.0f} s"
            if step % 200 == 199:
                line += f" check {dices(mean.net, check[:6]).mean(0).round(3)}"
            print(line, flush=True)
    return copy.deepcopy(mean.net).eval(), {
        "steps": done,
        "steps_planned": steps,
        "seed": seed,
        "minutes": round(clock.spent_s / 60, 1),
        "loss": round(loss_mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
        "cases": len(crops),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--minutes", type=float, default=45.0, help="never train longer")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="a run that was cut off goes on from this file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    parts = split(names(args.data))
    crops = [read(args.data, name) for name in parts["train"]]
    check = [read(args.data, name) for name in parts["check"]]
    net, log = train(crops, check, args.steps, args.minutes, args.seed, args.keep)
    found = dices(net, check)
    log["check_dice"] = [round(float(v), 4) for v in found.mean(0)]
    log["onnx_difference"] = save_onnx(net, args.out / "model.onnx", (2, 1, *PATCH), free=True)
    write_json(args.out / "training.json", log)
    print(json.dumps(log))
    if not args.no_package:
        import evaluate

        evaluate.main(["--data", str(args.data), "--package", str(args.out)])


if __name__ == "__main__":
    main()
