"""A page of images for paper, true to size or as large as fits, typeset by Typst.

True to size, a millimetre on paper is a millimetre of the patient; every such page carries a bar
of 50 mm by which the reader sees whether a printer scaled it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from workstation.documents.pdf import typst_fonts
from workstation.domain.errors import N_, BadInput
from workstation.text import RESOURCES, tr

RULER_MM = 50.0
PAPERS: dict[str, tuple[float, float]] = {"A4": (210.0, 297.0), "A3": (297.0, 420.0)}
_MARGIN, _HEADER, _FOOTER, _GAP, _CAPTION = 10.0, 9.0, 11.0, 4.0, 6.0
_RESEARCH = "研究用途，未注册 / Research use, not registered"
_SOURCE = RESOURCES / "report_templates" / "print_page.typ"


@dataclass(frozen=True)
class Sheet:
    """How images lie on paper: rows and columns of cells, all alike."""

    paper: str = "A4"
    landscape: bool = False
    columns: int = 1
    rows: int = 1

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the paper."""
        width, height = PAPERS[self.paper]
        return (height, width) if self.landscape else (width, height)

    @property
    def cell_mm(self) -> tuple[float, float]:
        """Width and height that an image may fill, caption excluded."""
        width, height = self.size_mm
        wide = width - 2 * _MARGIN - (self.columns - 1) * _GAP
        high = height - 2 * _MARGIN - _HEADER - _FOOTER - (self.rows - 1) * _GAP
        return wide / self.columns, high / self.rows - _CAPTION


@dataclass(frozen=True)
class PrintImage:
    """PNG bytes. width_mm, height_mm: size on paper where true to size, 0: as large as fits."""

    png: bytes
    width_mm: float
    height_mm: float
    caption: str


def print_pdf(
    sheet: Sheet,
    images: Sequence[PrintImage],
    header: Sequence[str],
    *,
    language: str,
    made_at: datetime,
) -> bytes:
    """Pages as PDF. header: what stands on top of each page; empty: without patient data."""
    return bytes(_compile(sheet, images, header, language, timestamp=int(made_at.timestamp())))


def print_pages(
    sheet: Sheet, images: Sequence[PrintImage], header: Sequence[str], *, language: str, ppi: float
) -> list[bytes]:
    """The same pages as PNG, for the preview and for printers."""
    made = _compile(sheet, images, header, language, format="png", ppi=ppi)
    return [bytes(page) for page in made] if isinstance(made, list) else [bytes(made)]


def _compile(
    sheet: Sheet, images: Sequence[PrintImage], header: Sequence[str], language: str, **more: Any
) -> Any:
    if not images:
        raise BadInput(N_("There is no image to print."))
    width, height = sheet.size_mm
    wide, high = sheet.cell_mm
    true = any(image.width_mm > 0 for image in images)
    data = {
        "lang": language[:2],
        "region": "CN" if language.startswith("zh") else "GB",
        "width": width, "height": height, "margin": _MARGIN, "head": _HEADER, "foot": _FOOTER,
        "gap": _GAP, "columns": sheet.columns, "rows": sheet.rows, "cell": [wide, high],
        "caption": _CAPTION, "header": [_plain(line) for line in header],
        "ruler": RULER_MM if true else 0.0,
        "ruler_words": tr(
            "If this bar is {mm} mm long, the page is true to size.", lang=language,
            mm=f"{RULER_MM:g}",
        ),
        "not_true": tr("Not true to size", lang=language),
        "page_of": tr("page {page} of {pages}", lang=language),
        "research": _RESEARCH,
        "images": [
            {
                "file": f"{n}.png", "width": image.width_mm, "height": image.height_mm,
                "caption": _plain(image.caption),
            }
            for n, image in enumerate(images)
        ],
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="onescan-print-") as name:
        folder = Path(name)  # pixels only: names travel as data
        (folder / "main.typ").write_bytes(_SOURCE.read_bytes())
        for n, image in enumerate(images):
            (folder / f"{n}.png").write_bytes(image.png)
        try:
            return typst.compile(
                str(folder / "main.typ"),
                root=str(folder),
                font_paths=typst_fonts(),
                ignore_system_fonts=True,
                sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
                **more,
            )
        except typst.TypstError as error:
            why = str(error).splitlines()[0].split("`")[0][:120]
            raise BadInput(N_("The page cannot be set: {why}"), why=why) from error


def _plain(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in words)
