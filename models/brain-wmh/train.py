"""Train the white-matter hyperintensity model and write its package. One command, no download:

    python models/brain-wmh/train.py --data ../shared/data --out models/brain-wmh

CPU only, seeded. The images named in ``images`` are the only ones opened for training, beside the
heads that ``heads`` generates; the test cases are opened by ``evaluate`` when the network is final.
"""

from __future__ import annotations

import argparse
import copy
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

from calibrate import choose  # noqa: E402
from network import network  # noqa: E402
from pool import fill, sources  # noqa: E402
from synthesis import CLIP, Example  # noqa: E402

from models.kit import export  # noqa: E402
from models.kit.schedule import rate  # noqa: E402
from models.kit.unet2d import UNet2d  # noqa: E402

PATCH = 128
BATCH = 8
KINDS = (("own", 0.15), ("lesion", 0.35), ("bright", 0.25), ("any", 0.25))


def draw(rng: np.random.Generator, pool: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """One patch, (3, P, P) image and (1, P, P) label, turned, scaled, mirrored, re-graded."""
    example = pool[rng.integers(len(pool))]
    kind = str(rng.choice([k for k, _ in KINDS], p=[p for _, p in KINDS]))
    places = example.places[kind]
    for instead in ("lesion", "any"):
        places = places if len(places) else example.places[instead]
    z, y, x = (int(v) for v in places[rng.integers(len(places))])
    count, height, width = example.image.shape
    planes = np.clip([z - 1, z, z + 1], 0, count - 1)
    image = torch.from_numpy(example.image[planes].astype(np.float32))[None]
    label = torch.from_numpy(example.label[z].astype(np.float32))[None, None]
    shift = rng.uniform(-0.2, 0.2, 2) * PATCH
    angle, zoom = np.deg2rad(rng.normal(0, 8)), np.exp(rng.normal(0, 0.1, 2))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    centre = ((2 * (x + shift[0]) + 1) / width - 1, (2 * (y + shift[1]) + 1) / height - 1)
    sx, sy = PATCH / width * zoom[0], PATCH / height * zoom[1]
    c, s = np.cos(angle), np.sin(angle)
    theta = torch.tensor(
        [
            [
                [mirror * sx * c, -sx * s, centre[0]],
                [mirror * sy * s, sy * c, centre[1]],
            ]
        ],
        dtype=torch.float32,
    )
    grid = functional.affine_grid(theta, [1, 1, PATCH, PATCH], align_corners=False)
    # Beyond the image lies what the manifest pads with.
    image = functional.grid_sample(image - CLIP[0], grid, align_corners=False) + CLIP[0]
    lesion = functional.grid_sample((label == 1).float(), grid, align_corners=False)
    doubt = functional.grid_sample((label == 2).float(), grid, align_corners=False)
    image = image * float(np.exp(rng.normal(0, 0.2))) + float(rng.normal(0, 0.25))
    if rng.random() < 0.3:
        image = image + torch.from_numpy(
            rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0.02, 0.2)
        )
    target = (lesion > 0.5).float()
    target[(doubt > 0.3) & (target == 0)] = 2.0
    return image[0], target[0]


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy + soft Dice over the batch, where the label is known. No weight on lesions:
    Dice sees to their rarity, and chances stay near what they say."""
    known = (target != 2).float()
    lesion = (target == 1).float()
    entropy = functional.binary_cross_entropy_with_logits(logits, lesion, reduction="none")
    chance = torch.sigmoid(logits) * known
    overlap = (2 * (chance * lesion).sum() + 1) / (chance.sum() + lesion.sum() + 1)
    return (entropy * known).sum() / known.sum() * 4.0 + (1 - overlap)


def train(
    pool: list[Example], out: Path, minutes: float, steps: int, seed: int
) -> tuple[UNet2d, dict]:
    """The trained network and what happened. Ends at ``steps``, or earlier when ``minutes`` are
    over: the learning rate falls in time for either (by the clock, the result depends on the
    machine's speed, and the log says so)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = network().to(memory_format=torch.channels_last)
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
        mean = float(loss.detach()) if step == 0 else 0.98 * mean + 0.02 * float(loss.detach())
        done = step + 1
        if step % 100 == 0:
            print(f"step {step} loss {mean:.3f} {passed:.0f} s", flush=True)
        if step % 1000 == 999:  # something to look at, should the run be cut off
            save_onnx(copy.deepcopy(net).eval(), out / "model.onnx")
    return net.eval(), {
        "steps": done,
        "steps_planned": steps,
        "volumes": len(pool),
        "volumes_generated": sources(len(pool)).count("generated"),
        "seed": seed,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "loss": round(mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
    }


def save_onnx(net: UNet2d, path: Path) -> float:
    """``model.onnx``; the largest difference to torch."""
    return export.save_onnx(net, path, (2, 3, 64, 96))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=22.0, help="never train longer")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--volumes", type=int, default=96)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes that make volumes")
    parser.add_argument("--cache", type=Path, help="keep the training volumes here (0.6 GB)")
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with TemporaryDirectory() as scratch:
        folder = args.cache or Path(scratch)
        pool = fill(args.data, folder, args.seed, args.volumes, args.workers)
    print(f"{len(pool)} training volumes after {time.monotonic() - begun:.0f} s", flush=True)
    net, log = train(pool, args.out, args.minutes, args.steps, args.seed)
    log["onnx_difference"] = save_onnx(net, args.out / "model.onnx")
    log.update(choose(args.out / "model.onnx", args.data))
    (args.out / "training.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(log))
    if not args.no_package:
        import evaluate

        evaluate.main(["--data", str(args.data), "--package", str(args.out)])


if __name__ == "__main__":
    main()
