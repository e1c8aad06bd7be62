"""Train the short-axis heart model and write its package. One command, no download:

    python models/heart-sax/train.py --data ../shared/data --out models/heart-sax

CPU only, seeded. Opens the training patients of ``cines`` alone; the patients held out and the test
set are opened by ``evaluate`` when the network is final. ``--leave-out`` leaves further patients
out and measures on them, for trying things without looking at the patients held out.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from anatomy import CAVITY, MUSCLE, NOT_CAVITY, NOT_LEFT, RIGHT  # noqa: E402
from cines import load  # noqa: E402
from drawing import draw  # noqa: E402
from generated import TRAIN, beats  # noqa: E402
from network import network  # noqa: E402
from synthesis import Heart, hearts_of, hearts_of_beat, normalised  # noqa: E402

from models.kit.export import save_onnx  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402
from models.kit.unet2d import UNet2d  # noqa: E402

BATCH = 8
# Which of the four classes a label allows, as rows of a table.
ALLOWED = torch.zeros(6, 4, dtype=torch.bool)
for _class in range(4):
    ALLOWED[_class, _class] = True
ALLOWED[NOT_CAVITY, :CAVITY] = True
ALLOWED[NOT_LEFT, :MUSCLE] = True


def loss_of(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the classes that a label allows, and soft Dice of each where its truth is
    known. logits (N, 4, P, P), label (N, P, P)."""
    chances = functional.log_softmax(logits, dim=1)
    allowed = ALLOWED[label].permute(0, 3, 1, 2)
    entropy = -torch.logsumexp(chances.masked_fill(~allowed, -1e4), dim=1)
    # The cavity's expert outline counts more than muscle and right ventricle, which are guesses.
    weight = torch.where(label == RIGHT, 0.6, 1.0)
    parts = (weight * entropy).mean() * 2.0
    chance = chances.exp()
    for number, share in ((CAVITY, 1.0), (MUSCLE, 0.5), (RIGHT, 0.3)):
        known = ~ALLOWED[label][..., number] | (label == number)
        truth = (label == number).float()
        mine = chance[:, number] * known
        overlap = (2 * (mine * truth).sum((1, 2)) + 10) / (
            mine.sum((1, 2)) + truth.sum((1, 2)) + 10
        )
        parts = parts + share * (1 - overlap).mean()
    return parts


def train(
    hearts: list[Heart],
    minutes: float,
    steps: int,
    seed: int,
    batch: int = BATCH,
    keep: Path | None = None,
) -> tuple[UNet2d, dict]:
    """The running mean of the network's weights and what happened. Ends at ``steps``, or earlier
    when ``minutes`` are over: the learning rate falls in time for either. keep: where the network
    is written now and then."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    kept = RunningMean(net, decay=0.998)
    net.train()
    mean, done, started = 0.0, 0, time.monotonic()
    spent_drawing = 0.0
    for step in range(steps):
        passed = time.monotonic() - started
        part = max(step / steps, passed / (60 * minutes))
        if part >= 1.0:
            print(f"stopped by the clock at step {done} of {steps}", flush=True)
            break
        for group in optimiser.param_groups:
            group["lr"] = rate(part)
        begun = time.monotonic()
        image, label = draw(rng, hearts, batch)
        spent_drawing += time.monotonic() - begun
        image = image.contiguous(memory_format=torch.channels_last)
        # bfloat16 halves the time where the processor knows it; weights and loss stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(image)
        loss = loss_of(logits.float(), label)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        kept.update(net)
        mean = float(loss.detach()) if step == 0 else 0.98 * mean + 0.02 * float(loss.detach())
        done = step + 1
        if keep is not None and done % 500 == 0:  # something to look at, should it be cut off
            save_onnx(copy.deepcopy(kept.net), keep, (1, 3, 64, 64))
        if step % 50 == 0:
            print(f"step {step} loss {mean:.3f} {passed:.0f} s, {spent_drawing:.0f} s drawing",
                  flush=True)  # fmt: skip
    return kept.net, {
        "steps": done,
        "steps_planned": steps,
        "batch": batch,
        "hearts": len(hearts),
        "seed": seed,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "loss": round(mean, 4),
        "weights": sum(p.numel() for p in net.parameters()),
    }


@torch.no_grad()
def labels_of(net: UNet2d, image: np.ndarray) -> np.ndarray:
    """Labels (z, y, x) of a stored stack, without what comes after the network in the product."""
    ready = normalised(image)
    out = []
    for z in range(len(ready)):
        planes = ready[np.clip([z - 1, z, z + 1], 0, len(ready) - 1)]
        out.append(net(torch.from_numpy(planes[None])).argmax(1)[0].numpy())
    return np.stack(out)


def tried(net: UNet2d, data: Path, patients: list[str]) -> None:
    """Print Dice of the cavity and the ejection fraction of training patients left out."""
    by_patient: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for stack in load(data):
        if stack.patient in patients:
            found = labels_of(net, stack.image) == CAVITY
            by_patient.setdefault(stack.patient, {})[stack.phase] = found, stack.cavity
    means, slices, errors = [], [], []
    for patient, phases in by_patient.items():
        found = np.concatenate([p[0] for p in phases.values()])
        truth = np.concatenate([p[1] for p in phases.values()])
        means.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
        each = [2 * (f & t).sum() / (f.sum() + t.sum()) for f, t in zip(found, truth, strict=True)]
        slices += each
        ef = [100 * (1 - phases["ES"][k].sum() / phases["ED"][k].sum()) for k in (0, 1)]
        errors.append(ef[0] - ef[1])
        print(patient, f"{means[-1]:.3f} EF {ef[0]:.1f} ({ef[1]:.1f})", np.round(each, 2).tolist())
    print(f"left out: Dice {np.mean(means):.4f} slices {np.mean(slices):.4f} "
          f"EF error {np.abs(errors).mean():.2f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=50.0, help="never train longer")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--variants", type=int, default=2, help="squeezed hearts for each real one")
    parser.add_argument("--generated", type=int, default=24, help="generated hearts")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="two gain little")
    parser.add_argument("--leave-out", default="", help="training patients, comma between them")
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    rng = np.random.default_rng(args.seed)
    apart = [name for name in args.leave_out.split(",") if name]
    hearts = [
        heart
        for stack in load(args.data)
        if stack.patient not in apart
        for heart in hearts_of(rng, stack, args.variants, 3)
    ]
    for one in beats(TRAIN, args.generated):
        hearts += hearts_of_beat(one)
    print(f"{len(hearts)} training stacks after {time.monotonic() - begun:.0f} s", flush=True)
    net, log = train(hearts, args.minutes, args.steps, args.seed, keep=args.out / "model.onnx")
    log["onnx_difference"] = save_onnx(copy.deepcopy(net), args.out / "model.onnx", (2, 3, 64, 96))
    (args.out / "training.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(log), flush=True)
    if apart:
        tried(net, args.data, apart)
    elif not args.no_package:
        import evaluate
        import quantise

        quantise.main(["--data", str(args.data), "--package", str(args.out)])
        evaluate.main(["--data", str(args.data), "--package", str(args.out)])


if __name__ == "__main__":
    main()
