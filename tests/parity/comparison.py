"""Our worker on the volumes that another tool labelled, beside that tool's labels and seconds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.parity.processes import Whole, timed
from workstation.ai.package import ModelPackage

Labels = NDArray[np.integer[Any]]
BAR = 0.40
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """One volume. agreement: part of all voxels with the same label; inside: of those that either
    calls anything. theirs_s, ours_s: from file to labels, both in a process that has started; the
    first volume of each contains what is loaded once (the network; our worker's start)."""

    case: str
    shape: tuple[int, ...]
    agreement: float
    inside: float
    labelled: int
    theirs_s: float
    ours_s: float
    provider: str


@dataclass(frozen=True)
class Comparison:
    """All volumes, and what the two processes that took them needed from start to end."""

    rows: tuple[Row, ...]
    theirs: Whole
    ours: Whole


def composed(masks: Mapping[str, NDArray[np.bool_]], order: Sequence[tuple[str, int]]) -> Labels:
    """One label map of several masks: (key, label) pairs, later ones over earlier ones."""
    first = masks[order[0][0]]
    out = np.zeros(first.shape, dtype=np.uint8)
    for key, label in order:
        out[masks[key]] = label
    return out


def compare(
    package: ModelPackage,
    cases: Mapping[str, Sequence[Path]],
    theirs: Mapping[str, Labels],
    seconds: Mapping[str, float],
    whole: Whole,
    order: Sequence[tuple[str, int]],
    threads: int,
    folder: Path,
    say: Callable[[str], None] = print,
) -> Comparison:
    """Run ``package`` on every case in one process of ours. cases: channel files by case; theirs:
    the tool's labels; seconds: what it took for each; whole: its process from start to end;
    folder: where our labels go."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "package": str(package.folder),
        "threads": threads,
        "order": list(order),
        "cases": {case: [str(path) for path in files] for case, files in cases.items()},
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    env = dict(os.environ, PYTHONPATH=str(_ROOT))
    ours_whole = timed([sys.executable, "-m", "tests.parity.ours", str(folder)], env)
    told = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    rows = []
    for case in cases:
        ours: Labels = np.load(folder / f"{case}.npy", allow_pickle=False)
        same = ours == theirs[case]
        either = (ours > 0) | (theirs[case] > 0)
        row = Row(
            case, ours.shape, float(same.mean()), float(same[either].mean()) if either.any() else 1,
            int(either.sum()), seconds[case], float(told[case]["seconds"]), told[case]["by"],
        )  # fmt: skip
        rows.append(row)
        say(line_of(row))
    return Comparison(tuple(rows), whole, ours_whole)


HEAD = (
    f"{'volume':10} {'shape':>15} {'agreement':>10} {'labelled':>9} {'of labelled':>11} "
    f"{'theirs s':>9} {'ours s':>7} {'ratio':>6}  computed by"
)


def line_of(row: Row) -> str:
    """One line of the table."""
    shape = "x".join(map(str, row.shape))
    return (
        f"{row.case:10} {shape:>15} {row.agreement:>9.4%} {row.labelled:>9} {row.inside:>11.4%} "
        f"{row.theirs_s:>9.2f} {row.ours_s:>7.2f} {row.ours_s / row.theirs_s:>6.2f}  {row.provider}"
    )


def summary(found: Comparison) -> str:
    """The worst agreement; all volumes by a process each, and without what happens once."""
    later, ours, theirs = found.rows[1:], found.ours, found.theirs
    warm = sum(r.ours_s for r in later), sum(r.theirs_s for r in later)
    inside = sum(r.ours_s for r in found.rows), sum(r.theirs_s for r in found.rows)
    return (
        f"worst agreement {min(r.agreement for r in found.rows):.4%} (wanted 99.9 %)\n"
        f"{len(found.rows)} volumes in one go, each tool's process from start to end: "
        f"{ours.wall_s:.1f} / {theirs.wall_s:.1f} s = {ours.wall_s / theirs.wall_s:.2f}, "
        f"of the processor {ours.cpu_s:.1f} / {theirs.cpu_s:.1f} s = "
        f"{ours.cpu_s / theirs.cpu_s:.2f} (wanted at most {BAR:.2f})\n"
        f"volumes alone: {inside[0]:.2f} / {inside[1]:.2f} s = {inside[0] / inside[1]:.2f}; "
        f"without the first: {warm[0]:.2f} / {warm[1]:.2f} s = {warm[0] / warm[1]:.2f}"
    )
