"""Calibrate the image gate of the manifest: what FLAIR heads look like, and how far is too far.

    python calibrate_gate.py DATA

Means and covariances come from the training patients (patients 04, 09, 20 as they are and
brain-extracted, 07 brain-extracted), from generated heads of seeds used nowhere else, and from
``variations`` of both. T1- and T2-weighted images, which must not be taken for FLAIR, come from the
training patients and from generated heads. Doubt begins beyond what left-out training patients and
generated heads of other seeds reach; refusal at ``REFUSE`` times that. Test patients (26, 01) have
no part in it: ``python -m tests.wrong_inputs`` measures on them. Writes calibration.json
and manifest.json; ``python -m tests.accept_model brain-wmh`` comes after.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import heads
import numpy as np
from heads import make_head
from heads import varied as varied_table
from images import array, brain_of, read, to_one_mm
from papers import manifest, write_json
from variations import Scan, coarse, varied

from workstation.ai.acceptance import Reference
from workstation.ai.appearance import GROUPS, Overview, overview_of
from workstation.ai.quality import distance
from workstation.demo.tissue import Tissue

HERE = Path(__file__).parent
SEEDS, OTHER_SEEDS, CHECK = 303, 304, 305  # kinds of generated heads; see heads.TRAIN
HEADS, OTHERS, CHECKS = 28, 8, 12
REAL_TIMES, HEAD_TIMES, OTHER_TIMES = 16, 3, 6
REAL_WEIGHT = 3.0  # a patient counts as much as this many generated heads
COMPONENTS = {"outline": 8, "layers": 8, "contrast": 6, "texture": 2}
SHRINK = 0.3  # of the correlations, towards none
# Three patients are few: bounds are wider than what was seen by this factor.
# The order of bright and dark depends most on coil and fat suppression, which three patients do not
# show; it is there to tell turned images.
MARGIN = {"outline": 1.3, "layers": 1.8, "contrast": 1.3, "texture": 1.3}
REFUSE = 1.5
KINDS = ("whole head", "brain-extracted")
WHOLE = ("patient04_study1", "patient09_study2", "patient20_study2")

PERCENT = 98  # of what left-out images reach
NAMES = {
    "T1": {"en": "T1-weighted", "zh": "T1 加权"},
    "T2": {"en": "T2-weighted (bright fluid)", "zh": "T2 加权（液体为高信号）"},
}

Numbers = dict[str, np.ndarray]
Weighted = list[tuple[float, list[Numbers]]]


def _extracted(name: str, image: np.ndarray, step: float) -> Scan:
    brain = brain_of(image, step)
    spacing = np.array([step, 1.0, 1.0])
    return Scan(name, KINDS[1], np.where(brain, image, 0.0), spacing, True)


def real_flair(data: Path) -> list[Scan]:
    """Training patients: four heads, seven images."""
    found = []
    for name in WHOLE:
        one = read(data / "mr_flair_unlabelled" / f"{name}_FLAIR.nii.gz")
        found.append(Scan(name, KINDS[0], array(one), np.array(one.GetSpacing())[::-1], True))
        flat = to_one_mm(one)
        found.append(_extracted(name, array(flat), flat.GetSpacing()[2]))
    bare = read(data / "mr_ms_lesions" / "patient07" / "FLAIR.nii.gz")
    found.append(Scan("patient07", KINDS[1], array(bare), np.ones(3), True))
    return found


def real_others(data: Path) -> dict[str, list[Scan]]:
    """T1- and T2-weighted images of training patients."""
    found: dict[str, list[Scan]] = {"T1": [], "T2": []}
    for name in (WHOLE[0], WHOLE[2]):
        one = read(data / "mr_flair_unlabelled" / f"{name}_T1W.nii.gz")
        spacing = np.array(one.GetSpacing())[::-1]
        found["T1"].append(Scan(name, KINDS[0], array(one), spacing, True))
    for file, weighting in (("T1", "T1"), ("T1POST", "T1"), ("T2", "T2")):
        one = read(data / "mr_ms_lesions" / "patient07" / f"{file}.nii.gz")
        found[weighting].append(Scan("patient07", KINDS[1], array(one), np.ones(3), True))
    return found


def generated(seed: int, number: int) -> Scan:
    """A head of the demo's generator with drawn contrast."""
    head = make_head(seed, number)
    kind = KINDS[1] if float((head.image == 0).mean()) > 0.5 else KINDS[0]
    return Scan(f"{seed}-{number}", kind, head.image, np.array([head.step_mm, 1.0, 1.0]), False)


def _t1_table(rng: np.random.Generator) -> dict[Tissue, float]:
    table = varied_table(rng)
    white = table[Tissue.WHITE]
    grey = white * rng.uniform(0.6, 0.85)
    for tissue in (Tissue.GREY, Tissue.CEREBELLUM):
        table[tissue] = grey
    table[Tissue.DEEP_GREY] = (grey + white) / 2
    table[Tissue.BRAINSTEM] = table[Tissue.PALLIDUM] = white * rng.uniform(0.9, 1.0)
    table[Tissue.CSF] = table[Tissue.VENTRICLE] = white * rng.uniform(0.15, 0.45)
    table[Tissue.LESION] = white * rng.uniform(0.6, 0.95)
    table[Tissue.FAT] = white * rng.uniform(0.5, 2.0)
    return table


def _t2_table(rng: np.random.Generator) -> dict[Tissue, float]:
    table = varied_table(rng)
    white = table[Tissue.WHITE]
    table[Tissue.CSF] = table[Tissue.VENTRICLE] = white * rng.uniform(1.8, 3.5)
    return table


def numbers_of(scan: Scan) -> Numbers:
    """Every group of numbers of an image."""
    seen: Overview = overview_of(scan.image, scan.grid, "LPH")
    return {group: compute(seen) for group, compute in GROUPS.items()}


def sample(rng: np.random.Generator, scan: Scan, times: int) -> list[Numbers]:
    """An image and ``times`` variations of it."""
    small = coarse(scan)
    found = [numbers_of(scan)]
    while len(found) <= times:
        try:
            found.append(numbers_of(varied(rng, small)))
        except ValueError:  # a variation without a silhouette says nothing
            continue
    return found


def fitted(samples: Weighted, group: str, doubt: float = 1.0) -> Reference:
    """Mean and covariance of one group; each sample counts as a whole by its weight."""
    rows = np.concatenate([[one[group] for one in many] for _, many in samples])
    weights = np.concatenate([np.full(len(many), w / len(many)) for w, many in samples])
    weights /= weights.sum()
    mean = weights @ rows
    away = rows - mean
    scale = np.sqrt(weights @ away**2) + 1e-3
    away = away / scale
    alike = (away * weights[:, None]).T @ away
    alike = (1 - SHRINK) * alike + SHRINK * np.eye(len(mean))
    values, vectors = np.linalg.eigh(alike)
    count = min(COMPONENTS[group], len(mean) - 1)
    residual = float(values[:-count].mean())
    return Reference.model_validate(
        {
            "group": group,
            "mean": _short(mean),
            "scale": _short(scale),
            "components": tuple(_short(vectors[:, -1 - i]) for i in range(count)),
            "variances": _short(values[::-1][:count]),
            "residual": float(f"{residual:.4g}"),
            "uncertain_from": float(f"{doubt:.3g}"),
            "refuse_from": float(f"{doubt * REFUSE:.3g}"),
        }
    )


def _short(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.4g}") for v in values)


@dataclass
class Samples:
    """Numbers of images and their variations. own: by kind and name, with whether it is of a
    patient. checks: of generated heads kept for the bounds. others: by weighting and kind."""

    own: dict[tuple[str, str], tuple[bool, list[Numbers]]]
    checks: list[tuple[str, list[Numbers]]]
    others: dict[tuple[str, str], list[tuple[bool, list[Numbers]]]]


def gather(data: Path) -> Samples:
    """Look at every image: the long part."""
    rng = np.random.default_rng(SEEDS)
    out = Samples({}, [], {})
    for scan in real_flair(data):
        out.own[scan.kind, scan.name] = True, sample(rng, scan, REAL_TIMES)
    for number in range(HEADS):
        scan = generated(SEEDS, number)
        out.own[scan.kind, scan.name] = False, sample(rng, scan, HEAD_TIMES)
    for number in range(CHECKS):
        scan = generated(CHECK, number)
        out.checks.append((scan.kind, sample(rng, scan, 2)))
    real = real_others(data)
    for weighting, table in (("T1", _t1_table), ("T2", _t2_table)):
        scans = real[weighting]
        usual, heads.varied = heads.varied, table
        try:
            scans += [generated(OTHER_SEEDS, number) for number in range(OTHERS)]
        finally:
            heads.varied = usual
        for scan in scans:
            many = sample(rng, scan, OTHER_TIMES)
            out.others.setdefault((weighting, scan.kind), []).append((scan.real, many))
    return out


def calibrate(samples: Samples) -> tuple[dict[str, Any], dict[str, Any]]:
    """``qc.likeness`` and the record of how its bounds were found."""

    def of(kind: str, without: str = "") -> Weighted:
        return [
            (REAL_WEIGHT if real else 1.0, many)
            for (its, name), (real, many) in samples.own.items()
            if its == kind and name != without
        ]

    kinds, record = [], {}
    for kind in KINDS:
        references = []
        for group in GROUPS:
            reached = []
            for (its, name), (real, many) in samples.own.items():
                if its == kind and real:
                    left_out = fitted(of(kind, name), group)
                    reached += [distance(left_out, one[group]) for one in many]
            whole = fitted(of(kind), group)
            made = [
                distance(whole, n[group]) for its, m in samples.checks if its == kind for n in m
            ]
            highest = [float(np.percentile(found, PERCENT)) for found in (reached, made)]
            references.append(fitted(of(kind), group, max(highest) * MARGIN[group]))
            record[f"{kind}, {group}"] = {
                "left_out_patients": round(highest[0], 3),
                "other_generated_heads": round(highest[1], 3),
                "uncertain_from": references[-1].uncertain_from,
            }
        kinds.append({"name": kind, "references": [_plain(one) for one in references]})
    others = [
        {
            "name": NAMES[weighting],
            "uncertain_from": 0.7,
            "refuse_from": 1.0,
            "reference": _plain(
                fitted([(REAL_WEIGHT if real else 1.0, m) for real, m in many], "contrast")
            ),
        }
        for (weighting, _), many in samples.others.items()
    ]
    said = {
        "kinds": kinds,
        "others": others,
        "turned": {"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.1},
        "calibrated_on": (
            "open_ms_data patients 04, 09, 20 (whole head and brain-extracted) and 07, generated "
            f"heads {SEEDS}-0 to {SEEDS}-{HEADS - 1}, and variations of them; see calibrate_gate.py"
        ),
    }
    return said, record


def _plain(reference: Reference) -> dict[str, Any]:
    return json.loads(reference.model_dump_json())


def main() -> None:
    likeness, record = calibrate(gather(Path(sys.argv[1])))
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    write_json(
        HERE / "manifest.json",
        manifest(
            *(
                json.loads((HERE / name).read_text("utf-8"))
                for name in ("metrics.json", "training.json")
            )
        ),
    )
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
