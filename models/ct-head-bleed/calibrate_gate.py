"""Calibrate the image gate: what generated head CTs look like, and how far is too far.

    python models/ct-head-bleed/calibrate_gate.py

Means and covariances come from generated heads of seeds used nowhere else and variations of them,
seen through the package's window of Hounsfield units; doubt begins beyond what other such heads
reach, times ``MARGIN``: generated heads differ less from one another than patients do, and the real
head CT has no part in the fit. Contrast agent is left to the headers: tried as a kind of its own,
enhanced heads (ratio of distances 0.98 and 1.14) lay among bleeding ones (0.85 to 1.03), and no
bleeding must be taken for contrast. Writes calibration.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from bounds import WINDOW  # noqa: E402
from heads import GATE, GATE_CHECK, drawn_ml  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Sample, calibrated, sampled  # noqa: E402
from models.kit.variations import Scan, Spread  # noqa: E402
from workstation.ai.appearance import windowed  # noqa: E402
from workstation.demo.bleeds import BleedKind, add_bleed, healthy  # noqa: E402
from workstation.demo.head import random_shape  # noqa: E402
from workstation.demo.head_ct import paint_ct_head  # noqa: E402
from workstation.demo.head_ct_scan import random_protocol, scan_head  # noqa: E402
from workstation.domain.geometry import axes_towards  # noqa: E402

KIND = "plain head CT"
HEADS, CHECKS, TIMES = 12, 5, 5
MARGIN = {"outline": 2.0, "layers": 2.2, "contrast": 2.2, "texture": 2.0}
SPREAD = Spread(turns_deg=(6.0, 4.0, 4.0), thickest_mm=7.0, lose_low_mm=22.0, keep_mm=105.0,
                thin_mm=3.0)  # fmt: skip


def scans_of(purpose: int, number: int) -> list[Scan]:
    """A head without and with a bleeding."""
    rng = np.random.default_rng((number, purpose))
    head = paint_ct_head(random_shape(rng), rng)
    kind = list(BleedKind)[number % 5]
    made = []
    for bled in (
        healthy(head),
        add_bleed(healthy(head), kind, drawn_ml(rng), rng),
    ):
        scan = scan_head(bled, random_protocol(rng, 1.0), int(rng.integers(2**31)))
        axes = axes_towards(scan.grid, "LPH")
        image = np.ascontiguousarray(windowed(axes.apply(scan.array), (WINDOW[0], WINDOW[1])))
        spacing = np.array(axes.apply_grid(scan.grid).spacing_mm[::-1])
        made.append(Scan(f"{purpose}-{number}-{len(made)}", KIND, image, spacing, False))
    return made


def main() -> None:
    rng = np.random.default_rng(GATE)
    samples = []
    for purpose, count in ((GATE, HEADS), (GATE_CHECK, CHECKS)):
        for number in range(count):
            for scan in scans_of(purpose, number):
                many = sampled(rng, scan, TIMES, SPREAD)
                samples.append(Sample(KIND, scan.name, False, many, check=purpose == GATE_CHECK))
            sys.stdout.write(f"{purpose} {number}\n")
            sys.stdout.flush()
    fit = Fit(margin=MARGIN)
    said, record = calibrated(
        samples,
        fit,
        f"generated heads {GATE}-0 to {GATE}-{HEADS - 1} with and without bleeding and variations "
        "of them, through a window of -150 to 250 HU; see calibrate_gate.py",
        turned={"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.1},
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": said})
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
