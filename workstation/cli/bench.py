"""Benchmarks that need no screen: each beside a reference measured in the same run."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from workstation.archive.store import Archive
from workstation.cli.bench_ai import bench_ai
from workstation.cli.bench_analyses import bench_analyses
from workstation.cli.output import Answer, table
from workstation.domain.errors import Message
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import Instance, Patient, Series, Study, WorklistOrder, WorklistQuery
from workstation.wiring import Services

Entry = dict[str, Any]


def entry(name: str, value: float, unit: str, reference: float | None = None) -> Entry:
    """One measured thing; ratio is value over reference."""
    ratio = value / reference if reference else None
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def _fill(archive: Archive, count: int) -> None:
    with archive.write(MACHINE, Permission.IMPORT, Message("benchmark")) as writer:
        for n in range(count):
            uid = f"2.25.{n + 1}"
            name = f"王{n % 97}建国{n}"
            patient = Patient(f"P{n:06d}", name, f"Wang^{n}={name}", "19630101", "M")
            date = f"20{20 + n % 7}{1 + n % 12:02d}{1 + n % 28:02d}"
            study = Study(uid, patient, date, "0914", "bench", f"A{n}")
            series = Series(uid + ".1", uid, "MR", 1, "FLAIR", "HEAD")
            instance = Instance(uid + ".1.1", "1.2.840.10008.5.1.4.1.1.4", uid + ".1", uid,
                                f"{n:064x}", 1, 1, "1.2.840.10008.1.2.1")  # fmt: skip
            writer.add_instances(study, series, [instance])


def _median_ms(run: Callable[[], object], times: int = 9) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)[times // 2]


def bench_worklist() -> list[Entry]:
    """Pages and searches of a worklist of 10,000 studies, beside one of 100."""
    pages, searches, sorted_pages, progress = {}, {}, {}, {}
    for count in (100, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            archive = Archive(Path(folder))
            _fill(archive, count)
            first, search = WorklistQuery(limit=100), WorklistQuery(text="建国77", limit=100)
            pages[count] = _median_ms(partial(archive.worklist, first))
            searches[count] = _median_ms(partial(archive.worklist, search))
            by_name = WorklistQuery(limit=200, modality="MR", unread=True, downwards=False,
                                    order=WorklistOrder.PATIENT, date_from="20230101")  # fmt: skip
            sorted_pages[count] = _median_ms(partial(archive.worklist, by_name))
            page = archive.worklist(WorklistQuery(limit=200))
            progress[count] = _median_ms(partial(archive.progress_of, page))
            archive.close()
    return [
        entry("worklist first page of 10000 studies", pages[10_000], "ms", pages[100]),
        entry("worklist search in 10000 studies", searches[10_000], "ms", searches[100]),
        entry("worklist filtered, by name", sorted_pages[10_000], "ms", sorted_pages[100]),
        entry("worklist priors, AI, report of 200", progress[10_000], "ms", progress[100]),
    ]


BENCHES: dict[str, Callable[[], list[Entry]] | None] = {
    "worklist": bench_worklist,
    "ai": bench_ai,
    "analyses": bench_analyses,
    # These open a window; __main__ sends them to the desktop.
    "first_image": None,
    "scroll": None,
    "viewer": None,
    "ai_window": None,
}


def answer_of(entries: list[Entry]) -> Answer:
    """Benchmark entries as what the command line prints."""
    rows = [
        (e["name"], f"{e['value']:.4g} {e['unit']}",
         "" if e["reference"] is None else f"{e['reference']:.4g}",
         "" if e["ratio"] is None else f"{e['ratio']:.3g}")
        for e in entries
    ]  # fmt: skip
    return Answer({"entries": entries}, table(("name", "value", "reference", "ratio"), rows))


def bench(services: Services, arguments: argparse.Namespace) -> Answer:
    """``bench NAME``."""
    if arguments.name == "analyses":
        beside = Path(arguments.osipy) if arguments.osipy else None
        return answer_of(json.loads(json.dumps(bench_analyses(beside))))
    run = BENCHES[arguments.name]
    if run is None:
        raise RuntimeError(f"bench {arguments.name} belongs to the desktop")
    return answer_of(json.loads(json.dumps(run())))
