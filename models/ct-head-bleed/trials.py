"""The scans that the finished network is measured on, and what the classical rule finds on them.

Neither depends on the network: both are kept as files from one measurement to the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import baseline
import heads
import numpy as np
from choose import VOXEL_ML
from other_heads import other_scan
from pre import Ready, ready

from workstation.demo.bleeds import BleedKind
from workstation.domain.geometry import Grid, as_matrix

HEADS, OTHERS = 8, 63


@dataclass
class Test:
    """One test scan. family: "same" or "other". array: HU. truth: blood."""

    name: str
    family: str
    kind: str
    array: np.ndarray
    grid: Grid
    truth: np.ndarray


def _made() -> Iterator[Test]:
    for number in range(HEADS):
        for case in heads.cases(heads.TEST, number, pixel_mm=None, second=0.0):
            scan = case.scan
            truth = scan.truth if scan.blood else np.zeros(scan.array.shape, bool)
            yield Test(case.name, "same", case.kind, scan.array, scan.grid, truth)
    rng = np.random.default_rng(77)
    for number in range(OTHERS):
        kind = None if number % 7 in (5, 6) else list(BleedKind)[number % 7]
        one = other_scan(number, kind, heads.drawn_ml(rng))
        yield Test(one.name, "other", one.kind, one.array, one.grid, one.blood)


def listed(cache: Path) -> list[tuple[str, str, str]]:
    """Name, family and kind of every test scan; each is kept as a file from one run to the next."""
    index = cache / f"test-{HEADS}-{OTHERS}.json"
    if not index.is_file():
        names = []
        for one in _made():
            path = cache / f"test-{one.name}.npz"
            affine = np.asarray(one.grid.matrix)
            np.savez_compressed(path, array=one.array, truth=one.truth, affine=affine)
            names.append((one.name, one.family, one.kind))
        index.write_text(json.dumps(names), encoding="utf-8")
    return [(name, family, kind) for name, family, kind in json.loads(index.read_text("utf-8"))]


def stored(cache: Path, name: str, family: str, kind: str) -> Test:
    """One of them."""
    with np.load(cache / f"test-{name}.npz", allow_pickle=False) as held:
        array, truth, affine = held["array"], held["truth"], held["affine"]
    return Test(name, family, kind, array, Grid(array.shape, as_matrix(affine)), truth)


def classical(cache: Path, kept: list[Ready]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule, tuned on ``kept``, and what it finds: ``found_ml`` and ``hit`` by name of scan."""
    path = cache / f"classic-{HEADS}-{OTHERS}.json"
    if not path.is_file():
        rule = baseline.tune(kept)
        found = {}
        for what in listed(cache):
            test = stored(cache, *what)
            prepared = ready(test.array, test.grid, test.truth)
            mask = baseline.segment(prepared.image, rule)
            found[test.name] = {
                "found_ml": float(mask.sum()) * VOXEL_ML,
                "hit": bool((mask & (prepared.label > 127)).any()),
            }
        path.write_text(json.dumps([rule, found]), encoding="utf-8")
    rule, found = json.loads(path.read_text("utf-8"))
    return rule, found
