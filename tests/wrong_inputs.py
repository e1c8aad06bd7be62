"""Wrong input for a model, as a table: ``python -m tests.wrong_inputs [../shared/data] [--run]``.

Every image goes the way of a study: header gate, image gate, and with ``--run`` the network and
the output gate. Wrong ones should be refused or called uncertain, right ones accepted; what
nothing in the image can tell is said so. Prints Markdown; the last lines count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from tests.wrong_judging import Heard, judge, judge_headers, print_tables
from workstation.ai.package import ModelPackage
from workstation.domain.acquisition import Acquisition
from workstation.domain.volume import Stack, generated_volume

SEEDS = range(9100, 9104)
FLAIR = Acquisition(
    body_part="HEAD", field_t=3.0, age_years=45.0, sex="F",
    repetition_ms=9000.0, echo_ms=120.0, inversion_ms=2500.0,
)  # fmt: skip


def stack_of(picture: Picture, **changes: Any) -> Stack:
    """Headers that claim the image is a FLAIR of a head, but for ``changes``."""
    volume = generated_volume(
        picture.array, picture.grid, modality="MR", unit="1", role="FLAIR", region="brain"
    )
    return replace(volume.stack, **({"acquisition": FLAIR} | changes))


def claimed(picture: Picture) -> tuple[Picture, Stack]:
    """A picture with the headers that say it is right."""
    return picture, stack_of(picture)


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
    yield from judge_headers(package, ((what, stack_of(right, **c)) for what, c in claims))


def wrong(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every wrong input."""
    (base,) = right_generated(range(9100, 9101))
    yield from wrong_headers(package, base)
    for picture in strange():
        yield judge(package, *claimed(picture), run=run)
    sources = [base]
    if data is not None:
        for picture in real_strangers(data):
            yield judge(package, *claimed(picture), run=run)
        sources += [real(data, name) for name in UNSEEN]
    for source in sources:
        for picture in spoilt(source):
            named = replace(picture, what=f"{source.what}: {picture.what}")
            yield judge(package, *claimed(named), run=run)


def right(package: ModelPackage, data: Path | None, run: bool) -> Iterator[Heard]:
    """Every right input."""
    for picture in right_generated(SEEDS):
        yield judge(package, *claimed(picture), run=run)
    for name in (*UNSEEN, *TRAINED) if data is not None else ():
        assert data is not None
        one = judge(package, *claimed(real(data, name)), run=run)
        yield replace(one, what=one.what + (" (calibrated on)" if name in TRAINED else ""))


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 where a wrong input that can be told was accepted."""
    return print_tables(arguments, __doc__, "brain-wmh", wrong, right)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
