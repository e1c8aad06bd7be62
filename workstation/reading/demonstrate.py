"""The demo studies as DICOM files: what the demo generates, written as a scanner would."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from workstation.demo.series import DEMO_SEED, FULL, DemoDetail, DemoHeader, DemoSeries
from workstation.demo.studies import SERIES, demo_series
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.errors import N_, Message
from workstation.domain.work import Cancel, Progress, no_progress


def demonstrate(
    folder: Path,
    *,
    answers: Path | None = None,
    seed: int = DEMO_SEED,
    detail: DemoDetail = FULL,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Path]:
    """Write the demo studies below ``folder`` and return their files.

    answers: a JSON file that gets what is known of each series (see demo.truth). The same seed
    writes the same files, so importing the demo twice changes nothing. Raises ``Cancelled``
    between images where the reader stops it.
    """
    written: list[Path] = []
    known = []
    doing = Message(N_("Making the demo studies"))
    progress(0.0, doing)
    for number, series in enumerate(demo_series(seed, detail=detail, cancel=cancel)):
        written += _write(folder, series, cancel)
        known.append(series.known.as_json())
        progress((number + 1) / SERIES, doing)
    if answers is not None:
        answers.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(known, ensure_ascii=False, indent=1)
        answers.write_text(text + "\n", encoding="utf-8")
    return written


def _write(folder: Path, series: DemoSeries, cancel: Cancel | None) -> list[Path]:
    facts = {f.name: getattr(series.header, f.name) for f in fields(DemoHeader)}
    return write_series(
        folder / series.folder, series.array, series.grid, SeriesHeader(**facts), cancel=cancel
    )
