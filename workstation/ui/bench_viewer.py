"""Benchmarks of the viewer on a real window: first image, scrolling, window, oblique, memory.

400 slices of 512x512 are written as DICOM files and read back. The viewer and the reference
(SimpleITK.ImageSeriesReader) each run in a fresh process on the same files, so that neither's
memory counts for the other.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workstation.dicom.headers import read_header
from workstation.dicom.volumes import build_stacks
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.plane import PlaneKind
from workstation.domain.study import Instance, Series
from workstation.domain.volume import Stack

Entry = dict[str, Any]
SLICES, SIZE = 400, 512
VIEW = 600
ROUNDS = 3
FRAMES = 40
SCROLL_BAR_MS, OBLIQUE_BAR_MS = 20.0, 40.0


def entry(name: str, value: float, unit: str, reference: float | None = None) -> Entry:
    """One measured thing; ratio is value over reference."""
    ratio = value / reference if reference else None
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def write_sample(folder: Path, slices: int = SLICES, size: int = SIZE) -> None:
    """A CT-like volume as files: smooth structure and noise, so that nothing is trivially flat."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    noise = rng.normal(0, 30, (size, size))
    array = np.empty((slices, size, size), dtype=np.int16)
    for z in range(slices):
        bend = 0.15 * np.sin(z / slices * 9)
        body = 60 * (np.hypot(x - bend, y * 1.3) < 0.7) - 1000 * (np.hypot(x, y * 1.3) > 0.75)
        array[z] = np.clip(body + np.roll(noise, z * 7, axis=1), -1024, 3071)
    matrix = np.diag([0.7, 0.7, 1.0, 1.0])
    matrix[:3, 3] = (-180.0, -180.0, -200.0)
    header = SeriesHeader(
        modality="CT",
        patient_name="Bench^Mark",
        patient_id="BENCH",
        birth_date="",
        sex="O",
        age="",
        study_uid="2.25.41",
        study_date="20260101",
        study_time="120000",
        study_description="bench",
        accession="",
        series_uid="2.25.42",
        series_number=1,
        series_description="bench",
        series_time="120000",
        frame_of_reference_uid="2.25.43",
        body_part="KNEE",
        window=(40.0, 400.0),
        slice_thickness_mm=1.0,
    )
    write_series(folder, array, Grid((slices, size, size), as_matrix(matrix)), header)


def index(folder: Path) -> tuple[Stack, Callable[[str], Path]]:
    """What intake and assembly leave behind: the stack, and where its files lie."""
    where: dict[str, Path] = {}
    instances: list[Instance] = []
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        key = f"{number:064x}"
        where[key] = path
        instances.append(read_header(path).instance(key, path.stat().st_size))
    first = instances[0]
    series = Series(first.series_uid, first.study_uid, "CT", 1, "bench", "KNEE")
    stacks = build_stacks(first.study_uid, series, instances)
    return max(stacks, key=lambda s: s.grid.shape[0]), where.__getitem__


def peak_mb() -> float:
    """Largest resident memory of this process so far, MB."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started this process
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


# --- in the child processes


def _reference(folder: Path) -> dict[str, Any]:
    import SimpleITK

    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        image = reader.Execute()
        times.append(time.perf_counter() - begun)
        del image
    return {"all_s": statistics.median(times), "peak_mb": peak_mb()}


def _viewer(folder: Path) -> dict[str, Any]:
    from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

    from workstation.ui import theme
    from workstation.ui.loading import VolumeLibrary
    from workstation.ui.slice_view import SliceView
    from workstation.viewing.links import CrosshairLink
    from workstation.viewing.viewport import Viewport
    from workstation.viewing.window_level import Window

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app)
    stack, locate = index(folder)
    window = QWidget()
    row = QHBoxLayout(window)
    row.setContentsMargins(0, 0, 0, 0)
    link = CrosshairLink()
    views = [SliceView(Viewport(), link) for _ in range(3)]
    kinds = (PlaneKind.ACQUIRED, PlaneKind.CORONAL, PlaneKind.SAGITTAL)
    for view in views:
        view.setFixedSize(VIEW, VIEW)
        row.addWidget(view)
    window.show()
    app.processEvents()

    first, everything = [], []
    library = VolumeLibrary(locate)
    for _ in range(ROUNDS):
        for view in views:
            link.remove(view.viewport)
            view.viewport.clear()
        library.forget()
        app.processEvents()
        begun = time.perf_counter()  # the click
        loading = library.open(stack)
        for view, kind in zip(views, kinds, strict=True):
            view.viewport.show(loading.volume, kind, loaded=False)
            link.add(view.viewport)
            loading.progressed.connect(view.viewport.voxels_changed)
            loading.finished.connect(view.viewport.voxels_changed)
        middle = views[0].viewport.slice_number
        while not loading.present[middle]:
            app.processEvents()
        views[0].viewport.voxels_changed()
        views[0].repaint()  # the first image is on screen now
        first.append(time.perf_counter() - begun)
        while not loading.done and not loading.error:
            app.processEvents()
        for view in views:
            view.viewport.voxels_changed()
            view.repaint()
        everything.append(time.perf_counter() - begun)

    def frame(change: Callable[[int], None]) -> tuple[float, float]:
        times = []
        for number in range(FRAMES):
            app.processEvents()
            before = [view.frames for view in views]
            begun = time.perf_counter()
            change(number)
            while any(v.frames == b for v, b in zip(views, before, strict=True)):
                app.processEvents()  # all three are painted as in the program, once each
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times), sorted(times)[int(FRAMES * 0.95)]

    def scroll(number: int) -> None:
        for view in views:  # all three move, and with them every crosshair
            view.viewport.scroll(1 if number < FRAMES // 2 else -1)

    def level(number: int) -> None:
        for view in views:
            view.viewport.set_window(Window(40 + number, 400 + 5 * number))

    def turn(number: int) -> None:
        for view in views:
            view.viewport.turn(np.array([0.3, 0.5, 0.8]), 1.0)

    result: dict[str, Any] = {
        "first_s": statistics.median(first),
        "all_s": statistics.median(everything),
        "voxels_mb": stack.grid.shape[0] * stack.grid.shape[1] * stack.grid.shape[2] * 2 / 1e6,
    }
    for name, change in (("scroll", scroll), ("window", level), ("oblique", turn)):
        result[f"{name}_ms"], result[f"{name}_p95_ms"] = frame(change)
    library.close()
    result["peak_mb"] = peak_mb()
    window.close()
    return result


CHILDREN: dict[str, Callable[[Path], dict[str, Any]]] = {
    "reference": _reference,
    "viewer": _viewer,
}


def child(module: str, what: str, folder: Path, *more: str) -> dict[str, Any]:
    """What ``python -m module what folder ...`` printed, in a process of its own."""
    repository = str(Path(__file__).resolve().parents[2])
    paths = [repository, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(paths))
    done = subprocess.run(
        [sys.executable, "-m", module, what, str(folder), *more],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise BadInput(N_("The benchmark could not run ({why})."), why=last[:300])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _measure(*, slices: int = SLICES, size: int = SIZE) -> tuple[dict[str, Any], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(folder, slices, size)
        own = "workstation.ui.bench_viewer"
        return child(own, "viewer", folder), child(own, "reference", folder)


def _memory(viewer: dict[str, Any], reference: dict[str, Any]) -> list[Entry]:
    allowed = 2 * viewer["voxels_mb"] + 400
    return [
        entry("peak memory", viewer["peak_mb"], "MB", viewer["voxels_mb"]),
        entry("peak memory against 2x voxels + 400 MB", viewer["peak_mb"], "MB", allowed),
        entry("peak memory of SimpleITK", reference["peak_mb"], "MB", viewer["voxels_mb"]),
    ]


def bench_first_image(*, slices: int = SLICES, size: int = SIZE) -> list[Entry]:
    """From the click to the first image and to all slices, beside SimpleITK on the same files."""
    viewer, reference = _measure(slices=slices, size=size)
    return [
        entry("first image on screen", viewer["first_s"], "s", reference["all_s"]),
        entry("all slices on screen", viewer["all_s"], "s", reference["all_s"]),
        entry("SimpleITK.ImageSeriesReader", reference["all_s"], "s"),
        *_memory(viewer, reference),
    ]


def bench_scroll(*, slices: int = SLICES, size: int = SIZE) -> list[Entry]:
    """Frame times of three viewports, cut to painted; the reference is the bar in ms."""
    viewer, reference = _measure(slices=slices, size=size)
    bars = {"scroll": SCROLL_BAR_MS, "window": SCROLL_BAR_MS, "oblique": OBLIQUE_BAR_MS}
    entries = []
    for name, bar in bars.items():
        entries.append(entry(f"{name}, 3 viewports, median", viewer[f"{name}_ms"], "ms", bar))
        entries.append(entry(f"{name}, 3 viewports, p95", viewer[f"{name}_p95_ms"], "ms", bar))
    return entries + _memory(viewer, reference)


BENCHES: dict[str, Callable[[], list[Entry]]] = {
    "first_image": bench_first_image,
    "scroll": bench_scroll,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(CHILDREN[sys.argv[1]](Path(sys.argv[2]))) + "\n")
