"""Wrong inputs for a package: images whose headers would claim that they are right.

Made from a right image or from nothing, judged as the product judges them (image gate, network,
output gate), with the reason in both languages. Arrays (z, y, x), grids in LPS mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package
from workstation.domain.errors import ReaderError
from workstation.domain.geometry import Grid, as_matrix, axes_towards
from workstation.text import say

Array = NDArray[np.float32]
ANSWERS = {
    "refused": "拒绝",
    "uncertain": "不确定",
    "accepted": "接受",
    "silent": "接受，无发现",
}


@dataclass(frozen=True)
class Wrong:
    """One image and what it is, in both languages. seen: whether anything in it can tell."""

    en: str
    zh: str
    array: Array
    grid: Grid
    seen: bool = True


def upright(array: NDArray[Any], grid: Grid) -> tuple[Array, NDArray[np.float64]]:
    """Axes to the head, back and left, and the spacing (z, y, x) in mm."""
    turn = axes_towards(grid, "LPH")
    out = np.ascontiguousarray(turn.apply(array), dtype=np.float32)
    return out, np.asarray(turn.apply_grid(grid).spacing_mm[::-1])


def grid_of(shape: tuple[int, ...], spacing: NDArray[np.float64]) -> Grid:
    """LPH from the origin; spacing z, y, x."""
    steps = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    return Grid((shape[0], shape[1], shape[2]), as_matrix(steps))


def spoilt(array: NDArray[Any], grid: Grid, seed: int = 1) -> Iterator[Wrong]:
    """What can go wrong with a right image: turned over, mirrored, cut, thinned, drowned."""
    given, spacing = upright(array, grid)
    middle, rng = len(given) // 2, np.random.default_rng(seed)

    def made(en: str, zh: str, image: NDArray[Any], seen: bool = True) -> Wrong:
        image = np.ascontiguousarray(image, dtype=np.float32)
        return Wrong(en, zh, image, grid_of(image.shape, spacing), seen)

    yield made("upside down", "上下颠倒", given[::-1])
    yield made("front to back", "前后颠倒", given[:, ::-1])
    yield made("left and right mirrored", "左右镜像", given[:, :, ::-1], seen=False)
    yield made("upper half of the slices", "只有上半层面", given[middle:])
    yield made("lower half of the slices", "只有下半层面", given[:middle])
    yield made("every second slice, old spacing", "隔层缺失而层距未改", given[::2])
    spread = float(given.std())
    yield made("noise", "噪声", rng.normal(float(given.mean()), spread, given.shape))
    yield made("drowned in noise", "被噪声淹没", given + rng.normal(0, 2 * spread, given.shape))


def phantoms(inside: float, outside: float, noise: float, seed: int = 2) -> Iterator[Wrong]:
    """Cylinders as service technicians scan them: plain, and with rods. Values: of the image."""
    rng = np.random.default_rng(seed)
    shape, spacing = (60, 192, 192), np.array([3.0, 1.2, 1.2])
    z, y, x = np.ogrid[:60, :192, :192]
    round_ = (y - 96.0) ** 2 + (x - 96.0) ** 2
    for rods in (False, True):
        image = np.where((round_ < 82**2) & (z > 3) & (z < 56), inside, outside)
        if rods:
            for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
                at = 96 + 50 * np.array([np.sin(angle), np.cos(angle)])
                near = (y - at[0]) ** 2 + (x - at[1]) ** 2 < 9**2
                image = np.where(near & (image == inside), 0.4 * inside + 0.6 * outside, image)
        image = (image + rng.normal(0, noise, shape)).astype(np.float32)
        words = ("cylinder with rods", "圆柱模体（含棒）") if rods else ("cylinder", "圆柱模体")
        yield Wrong(words[0] + " (phantom)", words[1], image, grid_of(shape, spacing))


def judged(folder: Path, inputs: Iterable[Wrong], always: str = "") -> dict[str, Any]:
    """What the product says to each, and counts over those that can be told.

    always: words of a doubt that every result of the package carries: alone it is no answer to a
    wrong input, and counts as accepted.
    """
    package, rows = load_package(folder), []
    for one in inputs:
        row: dict[str, Any] = {"en": one.en, "zh": one.zh, "seen": one.seen, "findings": 0}
        try:
            found = run_package(package, [one.array], [one.grid], limits=Limits(threads=2))
        except ReaderError as error:
            why = error.message
            rows.append(row | {"answer": "refused", "why": _both(why)})
            continue
        many = len(found.pieces) or sum(bool(mask.any()) for mask in found.masks.values())
        doubts = [d for d in found.doubts if not always or always not in d.template]
        answer = "uncertain" if doubts else "accepted" if many else "silent"
        said = _both(doubts[0]) if doubts else {"en": "", "zh": ""}
        rows.append(row | {"answer": answer, "why": said, "findings": many})
    told = [row["answer"] for row in rows if row["seen"]]
    return {"rows": rows, "n": len(told)} | {each: told.count(each) for each in ANSWERS}


def _both(message: Any) -> dict[str, str]:
    return {"en": say(message, lang="en"), "zh": say(message, lang="zh_CN")}


def table(said: dict[str, Any], lang: str) -> str:
    """Rows of ``judged`` as Markdown, in "en" or "zh"."""
    chinese = lang == "zh"
    lines = [
        "| 输入 | 回答 | 原因 |" if chinese else "| input | answer | reason |",
        "|---|---|---|",
    ]
    for row in said["rows"]:
        answer = ANSWERS[row["answer"]] if chinese else row["answer"]
        if not row["seen"]:
            answer += "（图像本身无法分辨）" if chinese else " (nothing in the image tells)"
        lines.append(f"| {row[lang]} | {answer} | {row['why'][lang]} |")
    return "\n".join(lines)
