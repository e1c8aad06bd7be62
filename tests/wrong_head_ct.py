"""Wrong input for ct-head-bleed, as a table: ``python -m tests.wrong_head_ct [DATA] [--run]``.

As ``tests.wrong_inputs``, whose rows and answers it shares: every image claims by its headers to be
a plain CT of a head. Prints Markdown; the last lines count; 1 where a wrong input that can be told
was accepted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.wrong_images import Picture, grid_of, real_strangers, strange, upright
from tests.wrong_judging import Heard, judge, judge_headers, print_tables
from workstation.ai.package import ModelPackage
from workstation.demo.bleeds import BleedKind, add_bleed, healthy
from workstation.demo.chest_scan import random_chest_scan
from workstation.demo.head import random_shape
from workstation.demo.head_ct import CtHead, paint_ct_head
from workstation.demo.head_ct_scan import CtProtocol, random_protocol, scan_head
from workstation.demo.scans import random_head
from workstation.demo.tissue import Tissue
from workstation.dicom.folder import read_folder
from workstation.domain.acquisition import Acquisition
from workstation.domain.volume import Flag, Stack, generated_volume

FOLDER = Path(__file__).resolve().parents[1] / "models" / "ct-head-bleed"
PLAIN = Acquisition(body_part="HEAD", kvp=120.0, age_years=60.0, sex="F", contrast="unenhanced")
SEEDS = range(9300, 9304)
HU = "[hnsf'U]"


def stack_of(picture: Picture, **changes: Any) -> Stack:
    """Headers that claim the image is a plain CT of a head, but for ``changes``."""
    volume = generated_volume(
        picture.array, picture.grid, modality="CT", unit=HU, role="CT head", region="brain"
    )
    return replace(volume.stack, **({"acquisition": PLAIN} | changes))


def claimed(picture: Picture) -> tuple[Picture, Stack]:
    """A picture with the headers that say it is right."""
    return picture, stack_of(picture)


def painted(seed: int) -> tuple[CtHead, np.random.Generator]:
    """A head of a seed used for nothing else."""
    rng = np.random.default_rng((seed, 907))
    return paint_ct_head(random_shape(rng), rng), rng


def scanned(head: CtHead, what: str, seed: int, protocol: CtProtocol | None = None) -> Picture:
    """A scan of it in the axes of the patient."""
    scan = scan_head(healthy(head), protocol or CtProtocol(), seed)
    return upright(what, scan.array, scan.grid)


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


def headers(package: ModelPackage, right: Picture) -> Iterator[Heard]:
    """A right image whose headers say what the model does not accept."""
    claims: tuple[tuple[str, dict[str, Any]], ...] = (
        ("MR by its header", {"modality": "MR", "role": "FLAIR"}),
        ("chest CT by its header", {"role": "CT chest", "region": "chest"}),
        ("angiogram by its header", {"role": "CTA"}),
        ("contrast agent in the header", {"acquisition": replace(PLAIN, contrast="enhanced")}),
        ("bone kernel", {"acquisition": replace(PLAIN, kernel_class="sharp")}),
        ("values without unit", {"unit": "1"}),
        ("missing slices", {"flags": (Flag.MISSING_SLICES,)}),
        ("pixel spacing unknown", {"flags": (Flag.NO_SPACING,)}),
        ("child of 6 years", {"acquisition": replace(PLAIN, age_years=6.0)}),
        ("every second slice left out", {"slice_thickness_mm": right.grid.spacing_mm[2] / 2}),
        ("tube voltage of 60 kV", {"acquisition": replace(PLAIN, kvp=60.0)}),
        ("tilted gantry", {"flags": (Flag.TILTED,)}),
        ("uneven spacing", {"flags": (Flag.UNEVEN_SPACING,)}),
    )
    yield from judge_headers(package, ((what, stack_of(right, **c)) for what, c in claims))


def spoilt(right: Picture) -> Iterator[Picture]:
    """What can go wrong with a right image."""
    rng = np.random.default_rng(3)
    array, spacing = right.array, np.asarray(right.grid.spacing_mm[::-1])
    z, y, x = array.shape
    middle = z // 2

    def made(
        what: str, image: NDArray[Any], steps: NDArray[np.float64] = spacing, seen: bool = True
    ) -> Picture:
        given = np.ascontiguousarray(image, dtype=np.float32)
        return Picture(f"{right.what}: {what}", given, grid_of(given.shape, steps), seen)

    yield made("upside down", array[::-1])
    yield made("front to back", array[:, ::-1])
    yield made("turned by 180 degrees in plane", array[:, ::-1, ::-1])
    yield made("left to right", array[:, :, ::-1], seen=False)
    yield made("upper half of the slices", array[middle:])
    yield made("lower half of the slices", array[:middle])
    yield made("every second slice, old spacing", array[::2])
    yield made("every second slice, true spacing", array[::2], spacing * [2, 1, 1], seen=False)
    gap = max(3, round(15.0 / spacing[0]))
    yield made("15 mm of slices cut out", np.delete(array, np.s_[middle : middle + gap], axis=0))
    yield made("one slice missing", np.delete(array, middle, axis=0), seen=False)
    copied, blank = array.copy(), array.copy()
    copied[middle : middle + 3] = array[middle]
    blank[middle : middle + 2] = -1000.0
    yield made("a slice copied over its neighbours", copied)
    yield made("blank slices between", blank)
    yield made("inverted contrast", 40.0 - array)
    yield made("stored values without rescale (HU + 1024)", array + 1024.0)
    yield made("left half only", array[:, :, : x // 2])
    yield made("extreme crop", array[z // 4 : 3 * z // 4, y // 3 : 2 * y // 3, x // 3 : 2 * x // 3])
    yield made("drowned in noise", array + rng.normal(0.0, 60.0, array.shape))
    yield made("magnified twice", array, spacing * 2)
    yield made("axes exchanged (z and y)", np.swapaxes(array, 0, 1), spacing[[1, 0, 2]])


def phantoms() -> Iterator[Picture]:
    """What a scanner's own test objects look like."""
    z, y, x = np.indices((32, 200, 200), dtype=np.float32)
    rng = np.random.default_rng(4)
    grid = grid_of(z.shape, np.array([5.0, 1.0, 1.0]))
    away = np.hypot(y - 100, x - 100)
    water = np.where(away < 80, 0.0, -1000.0)
    shell = np.where(np.abs(away - 80) < 5, 120.0, water)
    skull = np.where(np.abs(away - 80) < 5, 900.0, np.where(away < 80, 35.0, -1000.0))
    rods = shell.copy()
    for k, value in enumerate((-100.0, 60.0, 120.0, 900.0)):
        centre = 100 + 50 * np.array([np.sin(k * np.pi / 2), np.cos(k * np.pi / 2)])
        rods[np.hypot(y - centre[0], x - centre[1]) < 10] = value
    for what, image in (("water phantom", shell), ("phantom with rods", rods),
                        ("cylinder of 35 HU in a ring of bone", skull)):  # fmt: skip
        noisy = image + rng.normal(0.0, 4.0, image.shape) * (away < 90)
        yield Picture(what, noisy.astype(np.float32), grid)


def wrong(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every wrong input."""
    head, _ = painted(SEEDS[0])
    base = scanned(head, "generated head", 1)
    yield from headers(package, base)
    for picture in (*strange(), *phantoms()):
        yield judge(package, *claimed(picture), run=run)
    flair = random_head(7, per_slice=2)
    yield judge(
        package, *claimed(upright("FLAIR of a head, generated", flair.array, flair.grid)), run=run
    )
    chest = random_chest_scan(8, matrix=160, slices=64)
    yield judge(
        package, *claimed(upright("CT of a chest, generated", chest.array, chest.grid)), run=run
    )
    bright = scanned(
        enhanced(head, np.random.default_rng(5)), "head CT with contrast agent, generated", 2
    )
    yield judge(package, *claimed(replace(bright, seen=False)), run=run)
    sources = [base]
    if data is not None:
        for picture in real_strangers(data):
            if picture.what != "ct_head/series":
                yield judge(package, *claimed(picture), run=run)
        sources.append(patient(data))
    for source in sources:
        for picture in spoilt(source):
            yield judge(package, *claimed(picture), run=run)


def patient(data: Path) -> Picture:
    """The real head CT, without bleeding."""
    folder = read_folder(data / "ct_head" / "series")
    volume = folder.read(folder.stacks[0])
    return upright("ct_head", volume.array, volume.grid)


def right(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every right input: generated heads with and without bleeding, and the real one."""
    for number, seed in enumerate(SEEDS):
        head, rng = painted(seed)
        protocol = random_protocol(rng)
        picture = scanned(head, f"generated head {seed}", seed, protocol)
        yield judge(package, *claimed(picture), run=run)
        kind = list(BleedKind)[number]
        bled = add_bleed(healthy(head), kind, 15.0, rng)
        scan = scan_head(bled, protocol, seed)
        named = f"generated head {seed}, {kind} bleeding"
        yield judge(package, *claimed(upright(named, scan.array, scan.grid)), run=run)
    if data is not None:
        yield judge(package, *claimed(patient(data)), run=run)


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 where a wrong input that can be told was accepted."""
    return print_tables(arguments, __doc__, FOLDER.name, wrong, right)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
