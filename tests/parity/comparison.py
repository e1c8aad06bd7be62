"""Our worker on the volumes that another tool labelled, beside that tool's labels and seconds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.ai.client import run_package
from workstation.ai.files import load_image
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Row:
    """One volume. agreement: part of all voxels with the same label; inside: of those that either
    calls anything. theirs_s: seconds from file to labels in a process that has started and loaded
    its network. ours_s: the same with the start of our worker process and the loading of the
    network, which happen for every volume; start_s: these two alone. theirs_cpu_s, ours_cpu_s:
    processor time of the same (all threads), which a busy machine changes little."""

    case: str
    shape: tuple[int, ...]
    agreement: float
    inside: float
    labelled: int
    theirs_s: float
    ours_s: float
    start_s: float
    theirs_cpu_s: float
    ours_cpu_s: float
    provider: str


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
    seconds: Mapping[str, tuple[float, float]],
    order: Sequence[tuple[str, int]],
    threads: int,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Run ``package`` on every case in the real worker. cases: channel files by case; theirs:
    the tool's labels; seconds: what it took for each, by the clock and of the processor."""
    rows = []
    limits = Limits(memory_mb=12288, timeout_s=900.0, threads=threads)
    for case, files in cases.items():
        started, before = time.perf_counter(), _processor_s()
        read = [load_image(path) for path in files]
        result = run_package(package, [a for a, _ in read], [g for _, g in read], limits=limits)
        masks = {label.key: result.masks[label.key] for label in package.manifest.labels}
        ours = composed(masks, order)
        spent, busy = time.perf_counter() - started, _processor_s() - before
        same = ours == theirs[case]
        either = (ours > 0) | (theirs[case] > 0)
        row = Row(
            case, ours.shape, float(same.mean()), float(same[either].mean()) if either.any() else 1,
            int(either.sum()), seconds[case][0], spent,
            result.stages.get("start", 0.0) + result.stages.get("load", 0.0),
            seconds[case][1], busy, f"{result.provider} {result.precision}",
        )  # fmt: skip
        rows.append(row)
        say(line_of(row))
    return rows


def _processor_s() -> float:
    """Processor time of this process and of children that have ended, s (POSIX; 0 for children
    elsewhere)."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


HEAD = (
    f"{'volume':10} {'shape':>15} {'agreement':>10} {'labelled':>9} {'of labelled':>11} "
    f"{'theirs s':>9} {'ours s':>7} {'ratio':>6} {'start s':>8} "
    f"{'theirs cpu':>10} {'ours cpu':>8}  computed by"
)


def line_of(row: Row) -> str:
    """One line of the table."""
    shape = "x".join(map(str, row.shape))
    return (
        f"{row.case:10} {shape:>15} {row.agreement:>9.4%} {row.labelled:>9} {row.inside:>11.4%} "
        f"{row.theirs_s:>9.2f} {row.ours_s:>7.2f} {row.ours_s / row.theirs_s:>6.2f} "
        f"{row.start_s:>8.2f} {row.theirs_cpu_s:>10.2f} {row.ours_cpu_s:>8.2f}  {row.provider}"
    )


def summary(rows: Sequence[Row]) -> str:
    """The worst agreement and the ratio of all seconds."""
    theirs, ours = sum(r.theirs_s for r in rows), sum(r.ours_s for r in rows)
    busy, theirs_busy = sum(r.ours_cpu_s for r in rows), sum(r.theirs_cpu_s for r in rows)
    warm = sum(r.ours_s - r.start_s for r in rows)
    return (
        f"worst agreement {min(r.agreement for r in rows):.4%} (wanted 99.9 %), "
        f"seconds {ours:.1f} / {theirs:.1f} = {ours / theirs:.2f}, "
        f"without starting: {warm:.1f} / {theirs:.1f} = {warm / theirs:.2f}, "
        f"of the processor: {busy:.1f} / {theirs_busy:.1f} = {busy / theirs_busy:.2f} "
        f"(wanted at most 0.40)"
    )
