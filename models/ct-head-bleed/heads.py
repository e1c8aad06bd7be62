"""The generated heads: which bleedings each is scanned with, and for which purpose it is made.

Heads of one purpose never meet those of another. Every head is painted once and scanned several
times: twice without bleeding, and once with each of the five kinds, some with a second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workstation.demo.bleeds import BleedKind, add_bleed, healthy
from workstation.demo.head import random_shape
from workstation.demo.head_ct import paint_ct_head
from workstation.demo.head_ct_scan import CtScan, random_protocol, scan_head

TRAIN, CHOOSE, TEST, GATE, GATE_CHECK = 501, 502, 503, 504, 505
LEAST_ML, MOST_ML = 0.25, 70.0
SECOND = 0.3
# What comes with what: a clot breaks into the ventricles, trauma bleeds at several places.
_WITH = {
    BleedKind.PARENCHYMAL: (BleedKind.VENTRICULAR, BleedKind.SUBARACHNOID),
    BleedKind.VENTRICULAR: (BleedKind.SUBARACHNOID,),
    BleedKind.SUBARACHNOID: (BleedKind.VENTRICULAR, BleedKind.SUBDURAL),
    BleedKind.SUBDURAL: (BleedKind.SUBARACHNOID, BleedKind.PARENCHYMAL),
    BleedKind.EPIDURAL: (BleedKind.SUBARACHNOID, BleedKind.SUBDURAL),
}
NONE = "none"


@dataclass
class Case:
    """kind: what was asked for first, or "none". wanted_ml: its size."""

    name: str
    kind: str
    wanted_ml: float
    scan: CtScan


def drawn_ml(rng: np.random.Generator) -> float:
    """Sizes are drawn evenly on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(LEAST_ML), np.log(MOST_ML))))


def cases(
    purpose: int, number: int, *, pixel_mm: float | None = 1.0, second: float = SECOND
) -> Iterator[Case]:
    """Seven scans of one head: the same for the same arguments. second: how often a second kind
    is added."""
    rng = np.random.default_rng((number, purpose))
    head = paint_ct_head(random_shape(rng), rng)
    for turn, kind in enumerate((None, *BleedKind, None)):
        bled, ml = healthy(head), 0.0
        if kind is not None:
            ml = drawn_ml(rng)
            bled = add_bleed(bled, kind, ml, rng)
            if rng.random() < second:
                others = _WITH[kind]
                other = others[int(rng.integers(len(others)))]
                bled = add_bleed(bled, other, 0.4 * drawn_ml(rng), rng)
        protocol = random_protocol(rng, pixel_mm)
        scan = scan_head(bled, protocol, int(rng.integers(2**31)))
        name = f"{purpose}-{number}-{turn}"
        yield Case(name, NONE if kind is None else str(kind), ml, scan)
