"""Train the head bleeding triage and write its package. One command, no download, no patient:

    python models/ct-head-bleed/train.py --out models/ct-head-bleed

CPU only, seeded. Everything that is seen in training is generated (``heads``). The threshold and
the calibration of chances come from ``choose``, on heads of other seeds; test heads and the real
head CT are opened by ``evaluate`` when the network is final.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import heads  # noqa: E402
from choose import choose, put_into  # noqa: E402
from pool import fill  # noqa: E402
from pre import PAD, SLICES, Ready  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.export import save_onnx  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402
from models.kit.unet2d import UNet2d  # noqa: E402

PATCH = 128
BATCH = 8
WIDTHS = (16, 32, 64, 96, 128)
KINDS = (("blood", 0.5), ("near", 0.15), ("any", 0.35))


class Volume:
    """One prepared scan, and where patches of it may be centred. image: (z, y, x) float16. label:
    0..255. places: (n, 3) z, y, x, by kind."""

    def __init__(self, made: Ready, rng: np.random.Generator) -> None:
        self.image, self.label = made.image, made.label
        blood = made.label > 127
        tissue = (made.image > -2.0) & (made.image < 4.9)
        # A part of a head stands for the rest: 3,000 places of each kind are plenty.
        self.places = {
            "blood": self._some(blood, rng),
            "any": self._some(tissue, rng),
            "near": self._some(tissue & ~blood & (made.image > 0.6), rng),
        }

    @staticmethod
    def _some(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        found = np.flatnonzero(mask)
        if found.size > 3000:
            found = rng.choice(found, 3000, replace=False)
        return np.stack(np.unravel_index(found, mask.shape), axis=1)


def draw(rng: np.random.Generator, pool: list[Volume]) -> tuple[torch.Tensor, torch.Tensor]:
    """One patch, (5, P, P) image and (1, P, P) label, turned, scaled, mirrored, re-graded."""
    kind = str(rng.choice([k for k, _ in KINDS], p=[p for _, p in KINDS]))
    volume = pool[rng.integers(len(pool))]
    while kind == "blood" and not len(volume.places[kind]):
        volume = pool[rng.integers(len(pool))]
    places = volume.places[kind] if len(volume.places[kind]) else volume.places["any"]
    z, y, x = (int(v) for v in places[rng.integers(len(places))])
    count, height, width = volume.image.shape
    reach = SLICES // 2
    planes = np.clip(np.arange(z - reach, z + reach + 1), 0, count - 1)
    image = torch.from_numpy(volume.image[planes].astype(np.float32))[None]
    label = torch.from_numpy(volume.label[z].astype(np.float32) / 255.0)[None, None]
    shift = rng.uniform(-0.35, 0.35, 2) * PATCH
    angle, zoom = np.deg2rad(rng.normal(0, 10)), np.exp(rng.normal(0, 0.08, 2))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    centre = ((2 * (x + shift[0]) + 1) / width - 1, (2 * (y + shift[1]) + 1) / height - 1)
    sx, sy = PATCH / width * zoom[0], PATCH / height * zoom[1]
    c, s = np.cos(angle), np.sin(angle)
    theta = torch.tensor(
        [
            [
                [mirror * sx * c, -sx * s * height / width, centre[0]],
                [mirror * sy * s * width / height, sy * c, centre[1]],
            ]
        ],
        dtype=torch.float32,
    )
    grid = functional.affine_grid(theta, [1, 1, PATCH, PATCH], align_corners=False)
    # Beyond the image lies what the manifest pads with.
    image = functional.grid_sample(image - PAD, grid, align_corners=False) + PAD
    target = functional.grid_sample(label, grid, align_corners=False)
    # Scanners and kernels differ: level by 3 HU, contrast by 8 %, noise, blur.
    inside = (image > PAD + 0.3) & (image < 4.9)
    graded = image * float(np.exp(rng.normal(0, 0.05))) + float(rng.normal(0, 0.12))
    image = torch.where(inside, graded, image)
    if rng.random() < 0.3:
        grain = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0.02, 0.25)
        image = torch.where(inside, image + torch.from_numpy(grain), image)
    if rng.random() < 0.2:
        image = functional.avg_pool2d(functional.pad(image, (1, 1, 1, 1), "replicate"), 3, 1)
    return image[0].clamp(PAD, 5.0), (target[0] > 0.5).float()


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy + soft Dice over the batch. No weight on blood: Dice sees to its rarity, and
    chances stay near what they say."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target)
    chance = torch.sigmoid(logits)
    overlap = (2 * (chance * target).sum() + 1) / (chance.sum() + target.sum() + 1)
    return entropy * 4.0 + (1 - overlap)


def train(pool: list[Volume], minutes: float, steps: int, seed: int) -> tuple[UNet2d, dict]:
    """The trained network (the running mean of its weights) and what happened. Ends at ``steps``,
    or earlier when ``minutes`` are over: the learning rate falls in time for either (by the clock,
    the result depends on the machine's speed, and the log says so)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = UNet2d(SLICES, 1, widths=WIDTHS, bias=-4.0).to(memory_format=torch.channels_last)
    mean_net = RunningMean(net, 0.998)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    net.train()
    mean, done, started = 0.0, 0, time.monotonic()
    for step in range(steps):
        passed = time.monotonic() - started
        part = max(step / steps, passed / (60 * minutes))
        if part >= 1.0:
            print(f"stopped by the clock at step {done} of {steps}", flush=True)
            break
        for group in optimiser.param_groups:
            group["lr"] = rate(part)
        drawn = [draw(rng, pool) for _ in range(BATCH)]
        image = torch.stack([d[0] for d in drawn]).contiguous(memory_format=torch.channels_last)
        target = torch.stack([d[1] for d in drawn])
        # bfloat16 halves the time where the CPU knows it; weights and loss stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(image)
        loss = loss_of(logits.float(), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        mean_net.update(net)
        mean = float(loss.detach()) if step == 0 else 0.98 * mean + 0.02 * float(loss.detach())
        done = step + 1
        if step % 100 == 0:
            print(f"step {step} loss {mean:.3f} {passed:.0f} s", flush=True)
    return mean_net.net, {
        "steps": done,
        "steps_planned": steps,
        "volumes": len(pool),
        "seed": seed,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "loss": round(mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=16.5, help="never train longer")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--heads", type=int, default=27, help="7 scans each")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes that make volumes")
    parser.add_argument("--cache", type=Path, help="keep the training volumes here (1 GB)")
    parser.add_argument("--data", type=Path, help="public test images, for the card")
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with TemporaryDirectory() as scratch:
        folder = args.cache or Path(scratch)
        made = fill(folder, heads.TRAIN, args.heads, args.workers)
        print(f"{len(made)} training volumes after {time.monotonic() - begun:.0f} s", flush=True)
        rng = np.random.default_rng(args.seed)
        pool = [Volume(one, rng) for one in made]
        net, log = train(pool, args.minutes, args.steps, args.seed)
        torch.save(net.state_dict(), folder / "net.pt")
        save_onnx(net, args.out / "model.onnx", (1, SLICES, 64, 96))
        chosen = choose(args.out / "model.onnx", fill(folder, heads.CHOOSE, 8, args.workers))
        # Chances say what they mean: the slope and offset found go into the last layer.
        put_into(net, chosen)
        log["onnx_difference"] = save_onnx(net, args.out / "model.onnx", (1, SLICES, 64, 96))
        log |= chosen | {"threads": args.threads}
        write_json(args.out / "training.json", log)
        print(json.dumps(log))
        if not args.no_package:
            import evaluate

            where = ["--data", str(args.data)] if args.data else []
            evaluate.main(["--package", str(args.out), "--cache", str(folder), *where])


if __name__ == "__main__":
    main()
