"""Calibrate the image gate: what generated head CTs look like, and how far is too far.

    python models/ct-head-bleed/calibrate_gate.py

Means and covariances come from generated heads of seeds used nowhere else and variations of them,
seen through the package's window of Hounsfield units; doubt begins beyond what other such heads
reach, times ``MARGIN``: generated heads differ less from one another than patients do, and the real
head CT has no part in the fit. Contrast-enhanced heads, which must not be taken for plain ones, are
the same heads with their vessels, plexus and dura made dense. Writes calibration.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from bounds import WINDOW  # noqa: E402
from heads import GATE, GATE_CHECK, drawn_ml  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Sample, calibrated, other, sampled  # noqa: E402
from models.kit.variations import Scan, Spread  # noqa: E402
from workstation.ai.appearance import windowed  # noqa: E402
from workstation.demo.bleeds import BleedKind, add_bleed, healthy  # noqa: E402
from workstation.demo.head import random_shape  # noqa: E402
from workstation.demo.head_ct import CtHead, paint_ct_head  # noqa: E402
from workstation.demo.head_ct_scan import random_protocol, scan_head  # noqa: E402
from workstation.demo.tissue import Tissue  # noqa: E402
from workstation.domain.geometry import axes_towards  # noqa: E402

KIND = "plain head CT"
HEADS, CHECKS, TIMES = 12, 5, 5
MARGIN = {"outline": 2.0, "layers": 2.2, "contrast": 2.2, "texture": 2.0}
SPREAD = Spread(turns_deg=(6.0, 4.0, 4.0), thickest_mm=7.0, lose_low_mm=22.0, keep_mm=105.0,
                thin_mm=3.0)  # fmt: skip
CONTRAST = {"en": "contrast-enhanced (bright vessels)", "zh": "增强后（血管呈高密度）"}


def enhanced(head: CtHead, rng: np.random.Generator) -> CtHead:
    """The same head some minutes or seconds after contrast agent."""
    value, label = head.canvas.value.copy(), head.canvas.label
    for tissue, low, high in (
        (Tissue.VESSEL, 90.0, 330.0),
        (Tissue.CARTILAGE, 25.0, 60.0),
        (Tissue.CHOROID, 30.0, 80.0),
        (Tissue.MUCOSA, 20.0, 70.0),
        (Tissue.GREY, 2.0, 5.0),
    ):
        value[label == int(tissue)] += float(rng.uniform(low, high))
    canvas = head.canvas
    bright = type(canvas)(canvas.x, canvas.y, canvas.z)
    bright.value, bright.label = value, label
    return replace(head, canvas=bright)


def scans_of(purpose: int, number: int) -> tuple[list[Scan], Scan]:
    """A head without and with a bleeding, and enhanced."""
    rng = np.random.default_rng((number, purpose))
    head = paint_ct_head(random_shape(rng), rng)
    kind = list(BleedKind)[number % 5]
    made = []
    for bled in (
        healthy(head),
        add_bleed(healthy(head), kind, drawn_ml(rng), rng),
        healthy(enhanced(head, rng)),
    ):
        scan = scan_head(bled, random_protocol(rng, 1.0), int(rng.integers(2**31)))
        axes = axes_towards(scan.grid, "LPH")
        image = np.ascontiguousarray(windowed(axes.apply(scan.array), (WINDOW[0], WINDOW[1])))
        spacing = np.array(axes.apply_grid(scan.grid).spacing_mm[::-1])
        made.append(Scan(f"{purpose}-{number}-{len(made)}", KIND, image, spacing, False))
    return made[:2], made[2]


def main() -> None:
    rng = np.random.default_rng(GATE)
    samples, bright = [], []
    for purpose, count in ((GATE, HEADS), (GATE_CHECK, CHECKS)):
        for number in range(count):
            plain, agent = scans_of(purpose, number)
            for scan in plain:
                many = sampled(rng, scan, TIMES, SPREAD)
                samples.append(Sample(KIND, scan.name, False, many, check=purpose == GATE_CHECK))
            if purpose == GATE:
                bright.append(Sample(KIND, agent.name, False, sampled(rng, agent, TIMES, SPREAD)))
            sys.stdout.write(f"{purpose} {number}\n")
            sys.stdout.flush()
    fit = Fit(margin=MARGIN)
    said, record = calibrated(
        samples,
        fit,
        f"generated heads {GATE}-0 to {GATE}-{HEADS - 1} with and without bleeding and variations "
        "of them, through a window of -150 to 250 HU; see calibrate_gate.py",
        others=[other(CONTRAST, bright, fit, uncertain_from=0.95, refuse_from=1.25)],
        turned={"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.1},
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": said})
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
