"""The training images: short-axis cine of 30 patients, at end-diastole and end-systole.

Sunnybrook Cardiac Data (Radau 2009, MIDAS Journal; CC0), by way of SegNetCMR: 256 x 256 PNG with an
expert's endocardial contour (papillary muscles belong to the cavity) on every slice that is there.
Slices run from base to apex; names carry patient and image number, 20 phases a slice. Pixel
spacing is not stated: it is taken as 1.4 mm, near the usual 320 to 400 mm over 256 pixels.
Arrays (z, y, x) as stored; z from base to apex.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

PHASES = 20
PIXEL_MM = 1.4
SLICE_MM = 8.0
_NAME = re.compile(r"(SC-[A-Z]+(?:-[A-Z]+)?-\d+)-IM-\d+-(\d+)\.dcm\.png")


@dataclass
class Stack:
    """One phase of one patient. image: (z, y, x) float32, stored grey values. cavity: the expert's
    endocardium. levels: number of each slice, base is lowest; a gap is a slice without a contour
    in this phase. name: patient and "ED" or "ES"."""

    patient: str
    phase: str
    image: np.ndarray
    cavity: np.ndarray
    levels: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.patient} {self.phase}"


def patients(data: Path) -> list[str]:
    """Every patient of the folder, sorted."""
    found = {_NAME.fullmatch(path.name) for path in (data / "heart_sax" / "images").iterdir()}
    return sorted({match[1] for match in found if match})


def held_out(everyone: list[str]) -> list[str]:
    """Every fifth patient of the sorted list is never trained on (six of thirty)."""
    return everyone[4::5]


HELD_OUT = ("SC-HF-I-06", "SC-HF-NI-04", "SC-HF-NI-34", "SC-HYP-07", "SC-N-02", "SC-N-40")
"""What ``held_out`` gives for the thirty patients; ``load`` makes sure of it."""


def _grey(path: Path) -> np.ndarray:
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return array if array.ndim == 2 else array[..., 0]


def stacks_of(data: Path, patient: str) -> list[Stack]:
    """End-diastole, then end-systole. Which of the two phases is which follows from the area."""
    rows: dict[int, dict[int, tuple[np.ndarray, np.ndarray]]] = {}
    for path in sorted((data / "heart_sax" / "images").glob(f"{patient}-IM-*.png")):
        match = _NAME.fullmatch(path.name)
        assert match is not None
        number = int(match[2]) - 1
        mask = _grey(data / "heart_sax" / "lv_endocardium" / path.name) > 127
        rows.setdefault(number % PHASES, {})[number // PHASES] = _grey(path), mask
    # A slice whose image lies one phase off belongs to the nearer of the two phases.
    main = sorted(rows, key=lambda phase: len(rows[phase]), reverse=True)[:2]
    merged: dict[int, dict[int, tuple[np.ndarray, np.ndarray]]] = {phase: {} for phase in main}
    for phase, slices in rows.items():
        near = min(main, key=lambda m: min(abs(m - phase), PHASES - abs(m - phase)))
        merged[near].update(slices)
    shared = set.intersection(*(set(slices) for slices in merged.values()))

    def area(phase: int) -> int:
        return sum(int(merged[phase][level][1].sum()) for level in shared)

    found = []
    for phase, said in zip(sorted(main, key=area, reverse=True), ("ED", "ES"), strict=True):
        levels = sorted(merged[phase])
        image = np.stack([merged[phase][level][0] for level in levels]).astype(np.float32)
        cavity = np.stack([merged[phase][level][1] for level in levels])
        found.append(Stack(patient, said, image, cavity, tuple(levels)))
    return found


def load(data: Path, *, test: bool = False) -> list[Stack]:
    """Stacks of the patients that may be trained on, or of those held out."""
    everyone = patients(data)
    if len(everyone) == 30 and tuple(held_out(everyone)) != HELD_OUT:
        raise ValueError("the list of patients held out has changed")
    chosen = [one for one in everyone if (one in HELD_OUT) == test]
    return [stack for patient in chosen for stack in stacks_of(data, patient)]
