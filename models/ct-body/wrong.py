"""Wrong input for the model, as a table: ``python models/ct-body/wrong.py --data ../shared/data``.

Every image goes the way of a study: header gate, image gate, network, output gate. Wrong ones
should be refused, called uncertain, or left without organs; right ones accepted; what nothing in
the image can tell is said so. Prints Markdown and writes wrong_inputs.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import cases  # noqa: E402
from bodies import TEST  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.gate import find_inputs  # noqa: E402
from workstation.ai.package import ModelPackage, load_package  # noqa: E402
from workstation.domain.acquisition import Acquisition  # noqa: E402
from workstation.domain.errors import ReaderError  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402
from workstation.domain.volume import Flag, Stack, generated_volume  # noqa: E402
from workstation.text import say  # noqa: E402

CLAIM = Acquisition(body_part="CHEST", kvp=120.0, age_years=60.0, sex="M")
NO_ORGANS = ("body", "bone")
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """An image and what is wrong with it. seen: whether anything in the image can tell."""

    what: str
    array: Array
    grid: Grid
    seen: bool = True


def grid_of(shape: tuple[int, ...], spacing_zyx: NDArray[np.floating]) -> Grid:
    """LPH about the origin."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing_zyx[::-1])
    affine[:3, 3] = -0.5 * np.array(shape[::-1]) * spacing_zyx[::-1]
    return Grid((shape[0], shape[1], shape[2]), as_matrix(affine))


def stack_of(picture: Picture, **changes: Any) -> Stack:
    """Headers that claim a CT of the chest, but for ``changes``."""
    volume = generated_volume(
        picture.array, picture.grid, modality="CT", unit="[hnsf'U]", role="CT chest", region="chest"
    )
    return replace(volume.stack, **({"acquisition": CLAIM} | changes))


def judge(package: ModelPackage, picture: Picture, **changes: Any) -> dict[str, Any]:
    """What became of one image."""
    said: dict[str, Any] = {"what": picture.what, "seen": picture.seen}
    suitable = find_inputs(package.manifest, [stack_of(picture, **changes)])
    if suitable.reason is not None:
        return said | {"answer": "refused", "gate": "header", "words": _both(suitable.reason)}
    doubts = list(suitable.doubts[0])
    try:
        result = run_package(package, [picture.array], [picture.grid])
    except ReaderError as error:
        return said | {"answer": "refused", "gate": "image", "words": _both(error.message)}
    doubts += result.doubts
    drawn = [k for k, mask in result.masks.items() if mask.any() and k not in NO_ORGANS]
    said |= {"drawn": drawn, "gate": "image" if doubts else "none",
             "words": _both(doubts[0]) if doubts else ["", ""]}  # fmt: skip
    answer = "uncertain" if doubts else "accepted" if drawn else "silent"
    return said | {"answer": answer}


def _both(message: Any) -> list[str]:
    return [say(message, lang="en"), say(message, lang="zh_CN")]


def spoilt(right: cases.Case) -> Iterator[Picture]:
    """What can go wrong with a right image."""
    rng = np.random.default_rng(1)
    image, spacing = right.array, np.full(3, 3.0)
    middle = len(image) // 2

    def made(what: str, array: Array, step: NDArray[np.floating] = spacing,
             seen: bool = True) -> Picture:  # fmt: skip
        array = np.ascontiguousarray(array, dtype=np.float32)
        return Picture(what, array, grid_of(array.shape, step), seen)

    yield made("upside down", image[::-1])
    yield made("front to back", image[:, ::-1])
    yield made("left to right", image[:, :, ::-1])
    yield made("every second slice left out", image[::2])
    yield made("15 mm of slices cut out", np.delete(image, np.s_[middle : middle + 5], axis=0),
               seen=False)  # fmt: skip
    copied = image.copy()
    copied[middle : middle + 4] = image[middle]
    yield made("a slice copied over its neighbours", copied)
    blank = image.copy()
    blank[middle : middle + 2] = -1024.0
    yield made("blank slices between", blank)
    yield made("inverted contrast", -image)
    yield made("values 1000 too high (no rescale)", image + 1000.0)
    yield made("values 0 to 1", (image + 1024.0) / 4000.0)
    yield made("drowned in noise", image + rng.normal(0, 500, image.shape))
    yield made("magnified twice", image, spacing * 2)
    yield made("shrunk to half", image, spacing / 2)
    yield made("axes exchanged (z and y)", np.swapaxes(image, 0, 1))
    yield made(
        "sharpened until it rings", 4 * image - 3 * ndimage.gaussian_filter(image, (0, 3, 3))
    )


def strange() -> Iterator[Picture]:
    """What never was a patient."""
    rng = np.random.default_rng(2)
    shape, spacing = (70, 120, 120), np.full(3, 3.0)
    z, y, x = np.indices(shape, dtype=np.float32)
    grid = grid_of(shape, spacing)
    away = np.hypot(y - 60, x - 60)
    noise = rng.normal(0, 12, shape).astype(np.float32)
    water = np.where((away < 50) & (z > 3) & (z < 66), 0.0, -1000.0) + noise
    yield Picture("cylinder of water (phantom)", water.astype(np.float32), grid)
    rods = water.copy()
    for number, angle in enumerate(np.linspace(0, 2 * np.pi, 9)[:-1]):
        centre = 60 + 32 * np.array([np.sin(angle), np.cos(angle)])
        rods[np.hypot(y - centre[0], x - centre[1]) < 6] = (-900, -90, 50, 120, 250, 900, 0, 30)[
            number
        ]
    yield Picture("cylinder with rods (phantom)", rods.astype(np.float32), grid)
    ball = np.where(np.sqrt((z - 35) ** 2 + away**2) < 33, 40.0, -1000.0) + noise
    yield Picture("ball (phantom)", ball.astype(np.float32), grid)
    yield Picture("noise", rng.normal(0, 300, shape).astype(np.float32), grid)
    yield Picture("nothing", np.full(shape, -1000.0, dtype=np.float32), grid)
    yield Picture("all the same value", np.full(shape, 40.0, dtype=np.float32), grid)
    yield Picture("brightness gradient", 5 * (x + y + z) - 900, grid)


def strangers(data: Path) -> Iterator[Picture]:
    """Patients' images that are no CT of a trunk, with headers that claim it."""
    for name in ("mr_ms_followup/study1_FLAIR.nii.gz", "mr_ms_followup/study1_T1W.nii.gz",
                 "mr_tof/chris_MRA.nii.gz"):  # fmt: skip
        image = sitk.ReadImage(str(data / name))
        array = sitk.GetArrayFromImage(image).astype(np.float32)
        yield Picture(f"MR: {name.split('/')[1]}", array, cases.grid_of(image))
    for case in cases.unlabelled(data):
        if case.name in ("head", "thigh"):
            yield Picture(f"CT of the {case.name}", case.array, case.grid)


def headers(package: ModelPackage, right: Picture) -> Iterator[dict[str, Any]]:
    """A right image whose headers say what the model does not take."""
    claims: tuple[tuple[str, dict[str, Any]], ...] = (
        ("MR by its header", {"modality": "MR", "role": "T1"}),
        ("CT of the head by its header", {"role": "CT head", "region": "brain"}),
        ("no role", {"role": ""}),
        ("PET by its header", {"modality": "PT", "role": "PET"}),
        ("a patient of 6 years", {"acquisition": replace(CLAIM, age_years=6.0)}),
        ("values without a unit", {"unit": "1"}),
        ("slices missing by their positions", {"flags": (Flag.MISSING_SLICES,)}),
        ("a localiser", {"flags": (Flag.LOCALISER,)}),
    )
    for what, changes in claims:
        yield judge(package, replace(right, what=what), **changes)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--package", type=Path, default=HERE)
    args = parser.parse_args(arguments)
    package = load_package(args.package)
    base = next(cases.generated(TEST, range(200, 201), 0))
    right = Picture("generated body", base.array, base.grid)
    rows = list(headers(package, right))
    rows += [judge(package, one) for one in strange()]
    rows += [judge(package, one) for one in spoilt(base)]
    good = [judge(package, Picture(one.name, one.array, one.grid))
            for one in cases.generated(TEST, range(201, 205))]  # fmt: skip
    if args.data is not None:
        rows += [judge(package, one) for one in strangers(args.data)]
        good += [judge(package, Picture(one.name, one.array, one.grid))
                 for one in cases.real(args.data)]  # fmt: skip
    told = [row for row in rows if row["seen"]]

    def count(which: list[dict[str, Any]], answer: str) -> int:
        return sum(row["answer"] == answer for row in which)

    counts = {
        "told": len(told),
        "refused": count(told, "refused"),
        "uncertain": count(told, "uncertain"),
        "silent": count(told, "silent"),
        "spoke": count(told, "accepted"),
        "right": len(good),
        "right_accepted": count(good, "accepted"),
    }
    out = sys.stdout
    out.write("| input | gate | answer | drawn | words | 说明 |\n|---|---|---|---|---|---|\n")
    for row in rows + good:
        note = "" if row["seen"] else " (nothing in the image tells)"
        drawn = " ".join(row.get("drawn", []))
        out.write(f"| {row['what']} | {row['gate']} | {row['answer']}{note} | {drawn} | "
                  f"{row['words'][0]} | {row['words'][1]} |\n")  # fmt: skip
    out.write(f"{counts}\n")
    write_json(args.package / "wrong_inputs.json", {"count": counts, "wrong": rows, "right": good})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
