"""What becomes of an image on the way of a study, gate by gate, and the tables that say so.

Every ``tests.wrong_*`` brings its own images and headers; how they are judged and printed is here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.wrong_images import Picture
from workstation.ai.child import warm
from workstation.ai.client import run_package
from workstation.ai.gate import find_inputs
from workstation.ai.limits import Unsuitable
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.quality import judge_image
from workstation.domain.errors import Message
from workstation.domain.volume import Stack
from workstation.text import say

CAUTION = "accepted with a caution"
MODELS = Path(__file__).resolve().parents[1] / "models"


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


def judge(package: ModelPackage, picture: Picture, stack: Stack, *, run: bool = False) -> Heard:
    """One image with the headers of ``stack``; run: the network and the output gate too."""
    said = package.manifest
    suitable = find_inputs(said, [stack])
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


def judge_headers(package: ModelPackage, claims: Iterable[tuple[str, Stack]]) -> Iterator[Heard]:
    """What the header gate alone says of each."""
    for what, stack in claims:
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


Inputs = Callable[[ModelPackage, Path | None, bool], Iterator[Heard]]
"""(package, folder of real data, whether the network runs): what became of each input."""


def print_tables(
    arguments: Sequence[str], about: str | None, model: str, wrong: Inputs, right: Inputs
) -> int:
    """Both tables of a model and what they count; 1 where a wrong input that can be told passed."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--run", action="store_true", help="the network too, and the output gate")
    parser.add_argument("--model", default=model)
    asked = parser.parse_args(arguments)
    package, out = load_package(MODELS / asked.model), sys.stdout
    with warm():
        found = list(wrong(package, asked.data, asked.run))
        out.write("\n".join(rows(found)) + "\n\n")
        told = [one for one in found if one.seen]
        passed = [one.what for one in told if one.answer == "accepted"]
        careful = sum(one.answer == CAUTION for one in told)
        refused = sum(one.answer == "refused" for one in told)
        out.write(
            f"{len(told)} wrong inputs that can be told: {refused} refused, "
            f"{len(told) - refused - len(passed) - careful} uncertain, {careful} unusual and "
            f"accepted with a caution, {len(passed)} accepted {passed}\n\n"
        )
        good = list(right(package, asked.data, asked.run))
    out.write("\n".join(rows(good)) + "\n\n")
    for answer in ("accepted", "uncertain", "refused"):
        out.write(f"right inputs {answer}: {sum(one.answer == answer for one in good)}\n")
    return 1 if passed else 0
