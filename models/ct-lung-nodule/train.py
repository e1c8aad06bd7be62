"""Train the network that tells nodules from vessels, and write its package. No download:

    python models/ct-lung-nodule/train.py --data ../shared/data --out models/ct-lung-nodule

CPU only, seeded. Everything it learns from is generated here (``blocks``), but for the fine texture
of real lung in half of the blocks; ``evaluate`` measures on chests of another program.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

# A busy machine: threads that wait must not spin. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from blocks import GRID, make, textures  # noqa: E402
from candidates import PATCH, found_in, matched, shown  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.export import save_onnx  # noqa: E402
from models.kit.resume import Clock, load_state, save_state  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402

BATCH = 48
CHECK_SHARE = 0.12  # of the blocks
SPARED = 16  # false candidates kept of a block, drawn at random


class Judge(nn.Module):
    """(N, 1, 32, 32, 32) to (N, 1, 1, 1, 1): the logit of a nodule in the middle."""

    def __init__(self, widths: tuple[int, ...] = (8, 24, 48, 64)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 1
        for number, width in enumerate(widths):
            layers += [
                nn.Conv3d(inside, width, 3, 2 if number else 1, 1, bias=False),
                nn.BatchNorm3d(width),
                nn.ReLU(inplace=True),
            ]
            if number > 1:
                layers += [
                    nn.Conv3d(width, width, 3, 1, 1, bias=False),
                    nn.BatchNorm3d(width),
                    nn.ReLU(inplace=True),
                ]
            inside = width
        self.body = nn.Sequential(*layers)
        # The middle and its surroundings are weighed apart: where a thing ends is what counts.
        self.head = nn.Conv3d(inside, 1, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image))


def candidates_of(number: int, data: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 32, 32, 32) uint8 and whether each shows a nodule, of one block."""
    rng = np.random.default_rng((seed, number))
    block = make(rng, textures(data))
    images, labels = [], []
    centres = np.array([one.centre[::-1] for one in block.nodules]).reshape(-1, 3)
    radii = [one.radius for one in block.nodules]
    false = 0
    for spot in found_in(block.image, block.inside, GRID):
        at = np.array(spot.index_zyx)
        if (at < 10).any() or (at > GRID.shape[0] - 11).any():
            continue
        answer = matched(at[::-1], centres, radii)
        if answer == -2 or (answer == -1 and false >= SPARED):
            continue
        false += answer == -1
        images.append(np.round(shown(block.image, GRID, spot) * 255).astype(np.uint8))
        labels.append(answer >= 0)
    return np.array(images, np.uint8).reshape(-1, *PATCH), np.array(labels, bool)


def pool(
    data: Path, count: int, seed: int, workers: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All boxes, labels, and the block that each is of."""
    work = partial(candidates_of, data=data, seed=seed)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as crew:
        every = list(crew.map(work, range(count), chunksize=8))
    images = np.concatenate([images for images, _ in every])
    labels = np.concatenate([labels for _, labels in every])
    blocks = np.concatenate([np.full(len(labels), k) for k, (_, labels) in enumerate(every)])
    return images, labels, blocks


def draw(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A box turned by right angles, mirrored, moved by up to two voxels, re-graded."""
    out = image.astype(np.float32) / 255.0
    out = np.rot90(out, int(rng.integers(4)), axes=(1, 2))
    out = np.transpose(out, rng.permutation(3))
    for axis in range(3):
        if rng.random() < 0.5:
            out = np.flip(out, axis)
    shift = [int(v) for v in rng.integers(-2, 3, 3)]
    out = np.roll(out, shift, axis=(0, 1, 2))
    out = out * float(np.exp(rng.normal(0, 0.04))) + float(rng.normal(0, 0.02))
    return out + rng.normal(0, rng.uniform(0, 0.015), out.shape).astype(np.float32)


def train(
    images: np.ndarray, labels: np.ndarray, steps: int, minutes: float, seed: int, keep: Path | None
) -> tuple[Judge, dict]:
    """The mean network and what happened; ends at ``steps`` or when time is over."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Judge().to(memory_format=torch.channels_last_3d).train()
    mean = RunningMean(net, 0.99)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    kinds = [np.flatnonzero(labels), np.flatnonzero(~labels)]
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
            group["lr"] = rate(part, 3e-3)
        picks = np.r_[rng.choice(kinds[0], BATCH // 3), rng.choice(kinds[1], BATCH - BATCH // 3)]
        given = torch.from_numpy(np.stack([draw(rng, images[k]) for k in picks]))[:, None]
        given = given.float().contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(given)
        wanted = torch.from_numpy(labels[picks].astype(np.float32))
        loss = functional.binary_cross_entropy_with_logits(logits.float().flatten(), wanted)
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
        if done % 25 == 0:
            print(f"step {done} loss {loss_mean:.3f} {clock.spent_s:.0f} s", flush=True)
    return mean.net.eval(), {
        "steps": done,
        "steps_planned": steps,
        "seed": seed,
        "minutes": round(clock.spent_s / 60, 1),
        "loss": round(loss_mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
    }


def chances(net: nn.Module, images: np.ndarray) -> np.ndarray:
    """Chance of a nodule of each box."""
    found = []
    for first in range(0, len(images), 64):
        given = torch.from_numpy(images[first : first + 64].astype(np.float32) / 255.0)[:, None]
        with torch.no_grad():
            found.append(torch.sigmoid(net(given)).flatten().numpy())
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=45.0, help="never train longer")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a run that was cut off goes on from this file")
    parser.add_argument("--cache", type=Path, help="keep the boxes in this file (.npz)")
    parser.add_argument("--only-pool", action="store_true", help="make the boxes and end")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.cache is not None and args.cache.is_file():
        with np.load(args.cache) as stored:
            images, labels, blocks = stored["images"], stored["labels"], stored["blocks"]
    else:
        images, labels, blocks = pool(args.data, args.blocks, args.seed, 2)
        if args.cache is not None:
            np.savez_compressed(args.cache, images=images, labels=labels, blocks=blocks)
    print(f"{len(labels)} candidates, {int(labels.sum())} of nodules", flush=True)
    if args.only_pool:
        return
    check = blocks >= args.blocks * (1 - CHECK_SHARE)
    net, log = train(images[~check], labels[~check], args.steps, args.minutes, args.seed, args.keep)
    found = chances(net, images[check])
    good, bad = found[labels[check]], found[~labels[check]]
    limits = np.quantile(bad, [0.9, 0.95, 0.99])
    log |= {
        "blocks": args.blocks,
        "candidates": int((~check).sum()),
        "nodules": int(labels[~check].sum()),
        "check_sensitivity": {
            f"{part:g}": round(float((good > limit).mean()), 3)
            for part, limit in zip((0.9, 0.95, 0.99), limits, strict=True)
        },
        # A lung has about 200 false candidates of this program: two of them stay.
        "threshold": round(float(limits[2]), 3),
    }
    log["onnx_difference"] = save_onnx(net, args.out / "model.onnx", (2, 1, *PATCH), free=False)
    write_json(args.out / "training.json", log)
    print(json.dumps(log))
    if not args.no_package:
        import evaluate

        evaluate.main(["--data", str(args.data), "--package", str(args.out)])


if __name__ == "__main__":
    main()
