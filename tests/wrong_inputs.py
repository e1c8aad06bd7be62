"""Wrong input for a model, as a table: ``python -m tests.wrong_inputs [../shared/data] [--run]``.

Every image goes the way of a study: header gate, image gate, and with ``--run`` the network and
the output gate. Wrong ones should be refused or called uncertain, right ones accepted; what
nothing in the image can tell is said so. Prints Markdown; the last lines count.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.wrong_images import (
    TRAINED,
    UNSEEN,
    Picture,
    real,
    real_strangers,
    right_generated,
    spoilt,
    strange,
)
from workstation.ai.client import run_package
from workstation.ai.gate import find_inputs
from workstation.ai.limits import Unsuitable
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.quality import judge_image
from workstation.domain.acquisition import Acquisition
from workstation.domain.errors import Message
from workstation.domain.volume import Stack, generated_volume
from workstation.text import say

CAUTION = "accepted with a caution"
MODELS = Path(__file__).resolve().parents[1] / "models"
SEEDS = range(9100, 9104)
FLAIR = Acquisition(
    body_part="HEAD", field_t=3.0, age_years=45.0, sex="F",
    repetition_ms=9000.0, echo_ms=120.0, inversion_ms=2500.0,
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What became of one image. gate: which spoke (header, image, output, none). answer: refused,
    uncertain, accepted."""

    what: str
    gate: str
    answer: str
    words: tuple[Message, ...] = ()
    unlikeness: float | None = None
    seen: bool = True


def stack_of(picture: Picture, **changes: Any) -> Stack:
    """Headers that claim the image is a FLAIR of a head, but for ``changes``."""
    volume = generated_volume(
        picture.array, picture.grid, modality="MR", unit="1", role="FLAIR", region="brain"
    )
    return replace(volume.stack, **({"acquisition": FLAIR} | changes))


def judge(package: ModelPackage, picture: Picture, *, run: bool = False) -> Heard:
    """One image whose headers claim that it is right."""
    said = package.manifest
    suitable = find_inputs(said, [stack_of(picture)])
    if suitable.reason is not None:
        return Heard(picture.what, "header", "refused", (suitable.reason,), seen=picture.seen)
    doubts = [*suitable.doubts[0]]
    gate = "header" if doubts else "none"
    try:
        image = judge_image(said.qc, [picture.array], [picture.grid])
    except Unsuitable as error:
        return Heard(picture.what, "image", "refused", (error.message,), seen=picture.seen)
    doubts += image.doubts
    gate = "image" if image.doubts else gate
    if run and not doubts:
        try:
            result = run_package(package, [picture.array], [picture.grid])
        except Unsuitable as error:
            return Heard(picture.what, "output", "refused", (error.message,), image.unlikeness,
                         picture.seen)  # fmt: skip
        doubts += result.doubts
        gate = "output" if result.doubts else gate
    answer = "uncertain" if doubts else "accepted"
    return Heard(picture.what, gate, answer, tuple(doubts), image.unlikeness, picture.seen)


def wrong_headers(package: ModelPackage, right: Picture) -> Iterator[Heard]:
    """A right image whose headers say what the model does not accept."""
    claims: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CT by its header", {"modality": "CT", "role": "CT head"}),
        ("T2 by its header", {"role": "T2"}),
        ("echo time of 12 ms", {"acquisition": replace(FLAIR, echo_ms=12.0)}),
        ("inversion time of 860 ms", {"acquisition": replace(FLAIR, inversion_ms=860.0)}),
        ("patient of 6 years", {"acquisition": replace(FLAIR, age_years=6.0)}),
        ("field of 0.2 T", {"acquisition": replace(FLAIR, field_t=0.2)}),
        ("half of the slices left out", {"slice_thickness_mm": right.grid.spacing_mm[2] / 2}),
    )
    for what, changes in claims:
        stack = stack_of(right, **changes)
        suitable = find_inputs(package.manifest, [stack])
        if suitable.reason is not None:
            yield Heard(what, "header", "refused", (suitable.reason,))
        elif suitable.doubts[0]:
            yield Heard(what, "header", "uncertain", suitable.doubts[0])
        else:
            yield Heard(what, "header", CAUTION, suitable.cautions[0])


def rows(heard: Iterable[Heard]) -> Iterator[str]:
    """Lines of the table."""
    yield "| input | gate that spoke | answer | unlikeness | words | 说明 |"
    yield "|---|---|---|---|---|---|"
    for one in heard:
        unlike = "" if one.unlikeness is None else f"{one.unlikeness:.2f}"
        words = " / ".join(say(word, lang="en") for word in one.words)
        chinese = " / ".join(say(word, lang="zh_CN") for word in one.words)
        if not one.seen:
            words += " (nothing in the image tells)"
        yield f"| {one.what} | {one.gate} | {one.answer} | {unlike} | {words} | {chinese} |"


def wrong(package: ModelPackage, data: Path | None, *, run: bool) -> Iterator[Heard]:
    """Every wrong input."""
    (base,) = right_generated(range(9100, 9101))
    yield from wrong_headers(package, base)
    for picture in strange():
        yield judge(package, picture, run=run)
    sources = [base]
    if data is not None:
        for picture in real_strangers(data):
            yield judge(package, picture, run=run)
        sources += [real(data, name) for name in UNSEEN]
    for source in sources:
        for picture in spoilt(source):
            named = replace(picture, what=f"{source.what}: {picture.what}")
            yield judge(package, named, run=run)


def right(package: ModelPackage, data: Path | None, *, run: bool) -> Iterator[Heard]:
    """Every right input."""
    for picture in right_generated(SEEDS):
        yield judge(package, picture, run=run)
    for name in (*UNSEEN, *TRAINED) if data is not None else ():
        assert data is not None
        one = judge(package, real(data, name), run=run)
        yield replace(one, what=one.what + (" (calibrated on)" if name in TRAINED else ""))


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where a wrong input that can be told was accepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.wrong_inputs", description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--run", action="store_true", help="the network too, and the output gate")
    parser.add_argument("--model", default="brain-wmh")
    asked = parser.parse_args(arguments)
    package = load_package(MODELS / asked.model)
    out = sys.stdout
    found = list(wrong(package, asked.data, run=asked.run))
    out.write("\n".join(rows(found)) + "\n\n")
    told = [one for one in found if one.seen]
    passed = [one.what for one in told if one.answer == "accepted"]
    careful = sum(one.answer == CAUTION for one in told)
    refused = sum(one.answer == "refused" for one in told)
    out.write(
        f"{len(told)} wrong inputs that can be told: {refused} refused, "
        f"{len(told) - refused - len(passed) - careful} uncertain, {careful} unusual and accepted "
        f"with a caution, {len(passed)} accepted {passed}\n\n"
    )
    good = list(right(package, asked.data, run=asked.run))
    out.write("\n".join(rows(good)) + "\n\n")
    for answer in ("accepted", "uncertain", "refused"):
        out.write(f"right inputs {answer}: {sum(one.answer == answer for one in good)}\n")
    return 1 if passed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
