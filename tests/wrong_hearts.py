"""Wrong input for heart-sax, as a table: ``python -m tests.wrong_hearts [../shared/data] [--run]``.

As ``tests.wrong_inputs``, whose rows and answers it shares: every image claims by its headers to be
a short-axis cine. Upside down and with slices in reverse the network sees the same heart, for it
knows every way in which a plane can be stored; nothing tells such a stack. Prints Markdown; the
last lines count; 1 where a wrong input that can be told was accepted.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.wrong_images import Picture, grid_of, real_strangers, strange
from tests.wrong_judging import Heard, judge, judge_headers, print_tables
from workstation.ai.package import ModelPackage
from workstation.demo.scans import cine_scan, random_head
from workstation.demo.ventricle import HeartShape
from workstation.domain.acquisition import Acquisition
from workstation.domain.volume import Flag, Stack, generated_volume

FOLDER = Path(__file__).resolve().parents[1] / "models" / "heart-sax"
CINE = Acquisition(
    body_part="HEART", field_t=1.5, age_years=55.0, sex="F", repetition_ms=3.2, echo_ms=1.6
)
PIXEL_MM, SLICE_MM = 1.4, 8.0
SEEDS = range(9200, 9203)


def stack_of(picture: Picture, **changes: Any) -> Stack:
    """Headers that claim the image is one phase of a short-axis cine, but for ``changes``."""
    volume = generated_volume(
        picture.array, picture.grid, modality="MR", unit="1", role="cine SAX", region="heart"
    )
    return replace(volume.stack, **({"acquisition": CINE} | changes))


def claimed(picture: Picture) -> tuple[Picture, Stack]:
    """A picture with the headers that say it is right."""
    return picture, stack_of(picture)


def _picture(
    what: str, array: NDArray[Any], step_mm: float = SLICE_MM, seen: bool = True
) -> Picture:
    image = np.ascontiguousarray(array, dtype=np.float32)
    return Picture(what, image, grid_of(image.shape, np.array([step_mm, PIXEL_MM, PIXEL_MM])), seen)


def generated(seed: int) -> Picture:
    """End-diastole of a heart of the demo's generator, of a seed used for nothing else."""
    edv = 110.0 + 30.0 * (seed % 4)
    scan = cine_scan(HeartShape(seed=seed, edv_ml=edv, esv_ml=0.45 * edv, phases=8), seed=seed)
    return Picture(f"generated heart {seed}", scan.array[0].astype(np.float32), scan.grid)


def patients(data: Path) -> Iterator[Picture]:
    """Sunnybrook patients held out, and ACDC."""
    sys.path.insert(0, str(FOLDER))
    try:
        cines = importlib.import_module("cines")
    finally:
        sys.path.remove(str(FOLDER))
    for stack in cines.load(data, test=True):
        yield _picture(stack.name, stack.image)
    for path in sorted((data / "heart_sax_acdc").glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            yield _picture(f"ACDC {path.stem}", stored["image"], 10.0)


def headers(package: ModelPackage, right: Picture) -> Iterator[Heard]:
    """A right image whose headers say what the model does not accept."""
    claims: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CT by its header", {"modality": "CT", "role": "CTA"}),
        ("late enhancement by its header", {"role": "LGE"}),
        ("four-chamber cine by its header", {"role": "cine 4ch"}),
        ("first-pass perfusion by its header", {"role": "first-pass perfusion"}),
        ("missing slices", {"flags": (Flag.MISSING_SLICES,)}),
        ("uneven spacing", {"flags": (Flag.UNEVEN_SPACING,)}),
        ("pixel spacing unknown", {"flags": (Flag.NO_SPACING,)}),
        ("echo time of 80 ms", {"acquisition": replace(CINE, echo_ms=80.0)}),
        ("repetition time of 2000 ms", {"acquisition": replace(CINE, repetition_ms=2000.0)}),
        ("child of 6 years", {"acquisition": replace(CINE, age_years=6.0)}),
        ("body part brain", {"region": "brain"}),
        ("every second slice left out", {"slice_thickness_mm": right.grid.spacing_mm[2] / 3}),
    )
    yield from judge_headers(package, ((what, stack_of(right, **c)) for what, c in claims))


def spoilt(right: Picture) -> Iterator[Picture]:
    """What can go wrong with a right stack."""
    rng = np.random.default_rng(3)
    array, spacing = right.array, np.asarray(right.grid.spacing_mm[::-1])
    z, y, x = array.shape
    high = float(np.percentile(array, 99.9))

    def made(what: str, image: NDArray[Any], times: float = 1.0, seen: bool = True) -> Picture:
        given = np.ascontiguousarray(image, dtype=np.float32)
        named = f"{right.what}: {what}"
        return Picture(named, given, grid_of(given.shape, spacing * times), seen)

    yield made("upper half of the slices", array[: z // 2])
    yield made("lower half of the slices", array[z // 2 :])
    yield made("three slices", array[z // 2 - 1 : z // 2 + 2])
    yield made("one slice missing", np.delete(array, z // 2, axis=0), seen=False)
    copied = array.copy()
    copied[z // 2 : z // 2 + 2] = array[z // 2]
    yield made("a slice copied over its neighbour", copied)
    blank = array.copy()
    blank[z // 2] = 0.0
    yield made("a blank slice between", blank)
    yield made("inverted contrast", np.clip(high - array, 0, None))
    yield made("magnified three times", array, 3.0)
    yield made("shrunk three times", array, 1 / 3.0)
    yield made("the corner without the heart", array[:, : y // 3, : x // 3])
    noise = rng.normal(0.0, 0.5 * float(np.percentile(array, 97)), (2, *array.shape))
    yield made("drowned in noise", np.hypot(array + noise[0], noise[1]))
    yield made("axes exchanged (z and y)", np.swapaxes(array, 0, 1))
    yield made("mirrored left to right", array[:, :, ::-1])
    yield made("upside down", array[:, ::-1], seen=False)
    yield made("slices in reverse", array[::-1], seen=False)


def wrong(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every wrong input."""
    base = generated(SEEDS[0])
    yield from headers(package, base)
    for picture in strange():
        if not picture.what.startswith("cine"):
            yield judge(package, *claimed(picture), run=run)
    head = random_head(7, per_slice=2)
    flair = Picture("FLAIR of a head, generated", head.array.astype(np.float32), head.grid)
    yield judge(package, *claimed(flair), run=run)
    sources = [base]
    if data is not None:
        for picture in real_strangers(data):
            yield judge(package, *claimed(picture), run=run)
        sources.append(next(patients(data)))
    for source in sources:
        for picture in spoilt(source):
            yield judge(package, *claimed(picture), run=run)


def right(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every right input."""
    for seed in SEEDS:
        yield judge(package, *claimed(generated(seed)), run=run)
    for picture in patients(data) if data is not None else ():
        yield judge(package, *claimed(picture), run=run)


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 where a wrong input that can be told was accepted."""
    return print_tables(arguments, __doc__, FOLDER.name, wrong, right)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
