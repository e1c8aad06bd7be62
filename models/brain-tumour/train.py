"""Train the tumour detector and write its package. One command, no download:

    python models/brain-tumour/train.py --data ../shared/data --out models/brain-tumour

CPU only, seeded. Opens the training and check blocks of ``mr_brain_tumour_boxes`` and, as slices
without tumour, T1 of ``mr_flair_unlabelled``; ``evaluate`` opens the last blocks of each class.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

# A busy machine: threads that wait must not spin. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import SimpleITK as sitk
import torch
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from detector import Detector, Shipped  # noqa: E402
from froc import boxes_of, measured  # noqa: E402
from slices import CLASSES, PIXEL_MM, SIZE, STRIDE, UNIT, Slices, normalised, read  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.export import save_onnx  # noqa: E402
from models.kit.resume import Clock, load_state, save_state  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402

BATCH = 12
EMPTY = 1  # of a batch: slices without tumour
COARSE = SIZE // STRIDE
WITHOUT = ("patient04_study1_T1W", "patient20_study2_T1W")


def without_tumour(data: Path) -> np.ndarray:
    """Axial slices (n, 256, 256) uint8 of heads without tumour, in the boxed slices' pixels."""
    found = []
    for name in WITHOUT:
        image = sitk.ReadImage(
            str(data / "mr_flair_unlabelled" / f"{name}.nii.gz"), sitk.sitkFloat32
        )
        array, step = sitk.GetArrayFromImage(image), image.GetSpacing()[0]
        top = np.percentile(array, 99.8)
        for plane in array[2:]:
            given = torch.from_numpy(np.clip(plane / top, 0, 1))[None, None]
            small = functional.interpolate(given, scale_factor=step / PIXEL_MM, mode="bilinear")
            out = np.zeros((SIZE, SIZE), np.float32)
            part = small[0, 0, :SIZE, :SIZE].numpy()
            y, x = (SIZE - part.shape[0]) // 2, (SIZE - part.shape[1]) // 2
            out[y : y + part.shape[0], x : x + part.shape[1]] = part
            if (out > 0.15).mean() > 0.08:
                found.append((out * 255).astype(np.uint8))
    return np.stack(found)


def draw(
    rng: np.random.Generator, given: Slices, empty: np.ndarray, picks: list[int]
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Images (n, 1, H, W), boxes (n, 4) and classes (n,), -1 where there is no tumour."""
    images, boxes, kinds, thetas = [], [], [], []
    for pick in picks:
        if pick < 0:
            source, box, kind = empty[rng.integers(len(empty))], None, -1
        else:
            source, box, kind = given.image[pick], given.box[pick], int(given.kind[pick])
        images.append(normalised(source))
        angle, zoom = np.deg2rad(rng.normal(0, 7)), np.exp(rng.normal(0, 0.1))
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        shift = rng.uniform(-0.08, 0.08, 2)
        c, s = np.cos(angle) * zoom, np.sin(angle) * zoom
        turn = np.array([[mirror * c, -s], [mirror * s, c]])
        thetas.append(np.c_[turn, shift])
        if box is None:
            boxes.append([0, 0, 0, 0])
        else:
            # The ellipse in the box stands for the tumour: it stays tight when turned.
            back = np.linalg.inv(turn)
            middle = np.array([box[0] + box[2], box[1] + box[3]]) / SIZE - 1.0
            half = np.array([box[2] - box[0], box[3] - box[1]]) / SIZE
            place = back @ (middle - shift)
            reach = np.sqrt((back**2) @ (half**2))
            low, high = ((v + 1) * SIZE / 2 for v in (place - reach, place + reach))
            boxes.append([*low, *high])
        kinds.append(kind)
    theta = torch.tensor(np.stack(thetas), dtype=torch.float32)
    stack = torch.from_numpy(np.stack(images))[:, None]
    grid = functional.affine_grid(theta, list(stack.shape), align_corners=False)
    stack = functional.grid_sample(stack, grid, align_corners=False)
    for k in range(len(stack)):
        stack[k] = stack[k].clamp_min(0) ** float(np.exp(rng.normal(0, 0.2)))
        stack[k] = stack[k] * float(np.exp(rng.normal(0, 0.15)))
        if rng.random() < 0.3:
            noise = rng.standard_normal(stack.shape[1:], dtype=np.float32) * rng.uniform(0.01, 0.06)
            stack[k] += torch.from_numpy(noise)
    return stack, np.array(boxes, np.float32), np.array(kinds)


def targets(boxes: np.ndarray, kinds: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Heat (n, classes, h, w) and, where sides are learnt, weights (n, h, w)."""
    middle = (np.arange(COARSE) + 0.5) * STRIDE
    heat = np.zeros((len(boxes), len(CLASSES), COARSE, COARSE), np.float32)
    weight = np.zeros((len(boxes), COARSE, COARSE), np.float32)
    for k, (box, kind) in enumerate(zip(boxes, kinds, strict=True)):
        if kind < 0:
            continue
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        sx, sy = (max(3.0, (box[i + 2] - box[i]) / 6) for i in (0, 1))
        spot = np.exp(
            -(((middle - x) / sx) ** 2)[None, :] / 2 - (((middle - y) / sy) ** 2)[:, None] / 2
        )
        i, j = (min(COARSE - 1, max(0, int(v / STRIDE))) for v in (y, x))
        heat[k, kind], weight[k] = spot, np.where(spot > 0.4, spot, 0.0)
        heat[k, kind, i, j], weight[k, i, j] = 1.0, 1.0
    return torch.from_numpy(heat), torch.from_numpy(weight)


def loss_of(out: torch.Tensor, boxes: np.ndarray, kinds: np.ndarray) -> torch.Tensor:
    """Penalty-reduced focal loss of the heat (CornerNet) and GIoU of the boxes."""
    heat, weight = targets(boxes, kinds)
    logit = out[:, : len(CLASSES)]
    chance = torch.sigmoid(logit).clamp(1e-4, 1 - 1e-4)
    hit = (heat == 1).float()
    good = hit * (1 - chance) ** 2 * torch.log(chance)
    bad = (1 - hit) * (1 - heat) ** 4 * chance**2 * torch.log(1 - chance)
    focal = -(good.sum() + bad.sum()) / hit.sum().clamp_min(1)
    middle = (torch.arange(COARSE) + 0.5) * STRIDE
    x, y = middle[None, None, :], middle[None, :, None]
    reach = out[:, len(CLASSES) :] * UNIT
    found = [x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]]
    true = [torch.from_numpy(boxes[:, k])[:, None, None] for k in range(4)]
    wide = []
    for k in (0, 1):
        inner = torch.minimum(found[k + 2], true[k + 2]) - torch.maximum(found[k], true[k])
        wide.append(inner.clamp_min(0))
    both = wide[0] * wide[1]
    areas = [(b[2] - b[0]).clamp_min(0) * (b[3] - b[1]).clamp_min(0) for b in (found, true)]
    union = areas[0] + areas[1] - both + 1e-6
    hull = [
        torch.maximum(found[k + 2], true[k + 2]) - torch.minimum(found[k], true[k]) for k in (0, 1)
    ]
    whole = hull[0] * hull[1] + 1e-6
    giou = both / union - (whole - union) / whole
    return focal + 2.0 * ((1 - giou) * weight).sum() / weight.sum().clamp_min(1)


def train(
    given: Slices,
    empty: np.ndarray,
    check: Slices,
    steps: int,
    minutes: float,
    seed: int,
    keep: Path | None = None,
) -> tuple[Detector, dict]:
    """The mean network and what happened; ends at ``steps`` or when time is over."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Detector().to(memory_format=torch.channels_last).train()
    mean = RunningMean(net, 0.995)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    # Each class equally often.
    lists = [np.flatnonzero(given.kind == k) for k in range(len(CLASSES))]
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
        picks = [int(rng.choice(lists[rng.integers(len(lists))])) for _ in range(BATCH - EMPTY)]
        image, boxes, kinds = draw(rng, given, empty, picks + [-1] * EMPTY)
        image = image.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(image)
        loss = loss_of(out.float(), boxes, kinds)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        mean.update(net)
        now = float(loss.detach())
        loss_mean = now if loss_mean == 0 else 0.98 * loss_mean + 0.02 * now
        done = step + 1
        if keep is not None and done % 25 == 0:
            save_state(keep, done, clock.spent_s, rng, **parts)
        if done % 50 == 0:
            line = f"step {done} loss {loss_mean:.3f} {clock.spent_s:.0f} s"
            if done % 400 == 0:
                found = [boxes_of(out) for out in outputs(mean.net, check)]
                line += f" check {measured(found, check)['any_class']['iou50']['1']['value']}"
            print(line, flush=True)
    return mean.net.eval(), {
        "steps": done,
        "steps_planned": steps,
        "seed": seed,
        "minutes": round(clock.spent_s / 60, 1),
        "loss": round(loss_mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
        "slices": len(given.kind),
        "slices_by_class": [int((given.kind == k).sum()) for k in range(len(CLASSES))],
        "slices_without": len(empty),
    }


def outputs(net: Detector, given: Slices) -> list[np.ndarray]:
    """What the shipped form gives for each slice: (classes + 4, y, x)."""
    shipped, found = Shipped(net).eval(), []
    for first in range(0, len(given.kind), 16):
        some = np.stack([normalised(one) for one in given.image[first : first + 16]])
        with torch.no_grad():
            found += list(shipped(torch.from_numpy(some)[:, None]).numpy())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=45.0, help="never train longer")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a run that was cut off goes on from this file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    given, check = read(args.data, "train"), read(args.data, "check")
    net, log = train(
        given, without_tumour(args.data), check, args.steps, args.minutes, args.seed, args.keep
    )
    log["check"] = measured([boxes_of(out) for out in outputs(net, check)], check)
    log["onnx_difference"] = save_onnx(
        Shipped(net), args.out / "model.onnx", (2, 1, SIZE, SIZE), output="boxes"
    )
    write_json(args.out / "training.json", log)
    print(json.dumps(log))
    if not args.no_package:
        import evaluate

        evaluate.main(["--data", str(args.data), "--package", str(args.out)])


if __name__ == "__main__":
    main()
