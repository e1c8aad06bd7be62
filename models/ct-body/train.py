"""Train the body model and write its package. One command, no download, no patient:

    python models/ct-body/train.py --data ../shared/data --out models/ct-body

CPU only, seeded. Bodies are generated (``bodies``) and kept in a cache; patches are drawn from
them with another contrast each time (``scanner``). Test data are opened by ``evaluate`` alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import queue
import sys
import threading
import time
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch
from torch.nn import functional

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import bodies  # noqa: E402
from network import BodyNet, Shipped  # noqa: E402
from scanner import PATCH, draw  # noqa: E402
from tissues import CLASSES  # noqa: E402

from models.kit.export import save_onnx  # noqa: E402
from models.kit.schedule import RunningMean, rate  # noqa: E402

# What is large and easy counts less, what is small more: else it is never spoken of.
WEIGHTS = {"outside": 0.25, "lung_left": 0.8, "lung_right": 0.8, "airways": 6.0, "heart": 2.0,
           "aorta": 5.0, "liver": 1.5, "spleen": 4.0, "kidney_left": 4.0, "kidney_right": 4.0,
           "vertebrae": 2.0, "bone": 1.5}  # fmt: skip
CLASS_WEIGHTS = torch.tensor([WEIGHTS.get(name, 1.0) for name in CLASSES])
LONGEST_S = 10.0  # of one step that counts: a machine that was asleep meanwhile learned nothing
LEAST = 20  # voxels of 6 mm of an organ that a batch must hold for its Dice to say anything
AGAIN = 16  # half of each batch was learned from before, about so many patches ago
FREEZE = 0.6  # of the training, after which batch statistics stand still


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy, which also says where no organ is, and soft Dice of the organs that
    are in the batch."""
    logs = torch.log_softmax(logits, dim=1)
    entropy = functional.nll_loss(logs, target, CLASS_WEIGHTS)
    chance = logs.exp()
    count = len(CLASSES)
    flat, own = target.reshape(-1), target[:, None]
    hit = chance.gather(1, own).reshape(-1)
    overlap = torch.zeros(count).index_add(0, flat, hit)
    present = torch.bincount(flat, minlength=count).to(hit.dtype)
    soft = (2 * overlap + 5) / (chance.sum(dim=(0, 2, 3, 4)) + present + 5)
    there = present > LEAST
    there[0] = False
    return entropy + (1 - soft)[there].mean()


Patch = tuple[np.ndarray, np.ndarray]
Batch = tuple[torch.Tensor, torch.Tensor]


class Drawn:
    """Batches drawn in a thread while the network learns from the last."""

    def __init__(self, pool: list[np.ndarray], seed: int, batch: int) -> None:
        self.pool, self.batch = pool, batch
        self.rng = np.random.default_rng((seed, 1))
        self.waiting: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=3)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            self._draw()
        except BaseException as error:  # the training must end with it, not wait for ever
            self.waiting.put(error)
            raise

    def _draw(self) -> None:
        old: list[Patch] = []
        while True:
            fresh = [draw(self.rng, self.pool[self.rng.integers(len(self.pool))])
                     for _ in range(self.batch - self.batch // 2)]  # fmt: skip
            old += fresh
            rest = self.batch - len(fresh) if len(old) > AGAIN else 0
            again = [old.pop(int(self.rng.integers(len(old) - 1))) for _ in range(rest)]
            drawn = fresh + again
            image = torch.from_numpy(np.stack([d[0] for d in drawn]))[:, None]
            label = torch.from_numpy(np.stack([d[1] for d in drawn]).astype(np.int64))
            self.waiting.put((image, label))

    def next(self) -> Batch:
        """The same in the same order for a seed."""
        batch = self.waiting.get()
        if isinstance(batch, BaseException):
            raise RuntimeError("no more batches") from batch
        return batch


def train(
    pool: list[np.ndarray],
    out: Path,
    minutes: float,
    steps: int,
    seed: int,
    batch: int,
    start: Path | None = None,
) -> tuple[BodyNet, dict]:
    """The running mean of the trained network, and what happened. Ends at ``steps``, or earlier
    when ``minutes`` are over: the learning rate falls in time for either. start: weights of an
    earlier run to go on from, more slowly."""
    torch.manual_seed(seed)
    net = BodyNet()
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True))
    net = net.to(memory_format=torch.channels_last_3d)
    highest = 3e-3 if start is None else 2e-3
    mean = RunningMean(net, 0.995)
    optimiser = torch.optim.AdamW(net.parameters(), lr=highest, weight_decay=1e-3)
    drawn = Drawn(pool, seed, batch)
    net.train()
    level, done, frozen, passed = 0.0, 0, False, 0.0
    before = time.monotonic()
    for step in range(steps):
        now = time.monotonic()
        passed, before = passed + min(now - before, LONGEST_S), now
        part = max(step / steps, passed / (60 * minutes))
        if part >= 1.0:
            print(f"stopped by the clock at step {done} of {steps}", flush=True)
            break
        if part > FREEZE and not frozen:
            frozen = True
            for module in net.modules():
                if isinstance(module, torch.nn.BatchNorm3d):
                    module.eval()
        for group in optimiser.param_groups:
            group["lr"] = rate(part, highest)
        image, target = drawn.next()
        a, b, c = ((step >> bit) & 1 for bit in range(3))  # any corner of each 6 mm voxel
        target = target[:, a::2, b::2, c::2].contiguous()
        # bfloat16 halves the time where the CPU knows it; weights and loss stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(image.to(memory_format=torch.channels_last_3d))
        loss = loss_of(logits.float(), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        mean.update(net)
        level = float(loss.detach()) if step == 0 else 0.97 * level + 0.03 * float(loss.detach())
        done = step + 1
        if step % 25 == 0:
            print(f"step {step} loss {level:.3f} {passed:.0f} s", flush=True)
        if step % 200 == 199:  # something to look at, should the run be cut off
            torch.save(mean.net.state_dict(), out / "last.pt")
    return mean.net.eval(), {
        "steps": done,
        "steps_planned": steps,
        "bodies": len(pool),
        "batch": batch,
        "seed": seed,
        "minutes": round(passed / 60, 1),
        "started_from": "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest(),
        "loss": round(level, 4),
        "weights": sum(p.numel() for p in net.parameters()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="test data, for the papers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=55.0, help="never train longer")
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--bodies", type=int, default=150)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes that make bodies")
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()) / "onescan-bodies")
    parser.add_argument("--start", type=Path, help="weights of an earlier run to go on from")
    parser.add_argument("--no-package", action="store_true", help="only model.onnx, training.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    files = bodies.fill(args.cache, bodies.TRAIN, args.bodies, args.workers)
    pool = [np.load(path)["tissue"] for path in files]
    print(f"{len(pool)} bodies after {time.monotonic() - begun:.0f} s", flush=True)
    net, log = train(pool, args.out, args.minutes, args.steps, args.seed, args.batch, args.start)
    torch.save(net.state_dict(), args.out / "last.pt")  # to go on from: --start
    log["onnx_difference"] = save_onnx(
        Shipped(net), args.out / "model.onnx", (1, 1, *PATCH), output="probability", free=False
    )
    text = json.dumps(log, indent=1) + "\n"
    (args.out / "training.json").write_text(text, encoding="utf-8", newline="\n")
    print(text)
    if not args.no_package:
        import evaluate
        import quantise
        import wrong

        from workstation.ai.package import write_sums

        (args.out / "last.pt").unlink()
        where = ["--package", str(args.out)]
        evaluate.papers.write_without_numbers(args.out)
        write_sums(args.out)
        quantise.main([*where, "--cache", str(args.cache)])
        wrong.main([*where, "--data", str(args.data)])
        evaluate.main([*where, "--data", str(args.data)])


if __name__ == "__main__":
    main()
