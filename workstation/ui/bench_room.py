"""Frame times of the whole reading room: every layer, panel and tab installed as in the program.

A study of one CT volume is imported into a home of its own and opened in the layout of three
planes and 3D; each view is 600x600 pixels. A frame is the time from the change to the moment in
which every view concerned has painted. The reference, measured in the same run on the same voxels,
is a bare loop: three vtkImageReslice, grey levels, three pictures drawn by Qt.
"""

from __future__ import annotations

import json
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

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.ui.bench_viewer import VIEW, Entry, child, entry, peak_mb, write_sample

FRAMES = 60
LARGE = 2000  # slices
BARS_MS = {
    "scroll": 1000 / 60,
    "window": 1000 / 60,
    "crosshair": 1000 / 60,
    "rotated crosshair": 25.0,
    "oblique slab": 60.0,
    "fusion": 1000 / 60,
    "3D rotating": 50.0,
}
REST_BARS_S = {"oblique slab": 0.25, "oblique slab all": 0.25, "3D rotating": 2.0}
BUSY_BAR_MS = 100.0
Change = Callable[[int], None]


class Room:
    """A real window with one study open; measures what it is told to do."""

    def __init__(self, folder: Path, count: int = FRAMES) -> None:
        from workstation.archive.store import Archive
        from workstation.reading.intake import intake
        from workstation.settings import load_settings
        from workstation.ui.program import application, wait_until
        from workstation.ui.window import Window

        self.count = count
        self._home = tempfile.TemporaryDirectory(prefix="onescan-bench-")
        settings = load_settings(Path(self._home.name))
        self._archive = Archive(settings.home)
        report = intake(self._archive, [folder])
        self.app = application()
        self.wait = wait_until
        self.window = Window(settings, self._archive, remembers=False)
        self.window.resize(2 * VIEW + 640, 2 * VIEW + 200)
        self.window.show()
        begun = time.perf_counter()
        self.window.desk.open_study(report.study_uids[0])
        first = self.window.grid_.panes[0]
        self._until(lambda: first.slices.loaded > 0 and first.slices.frames > 0)
        self.first_s = time.perf_counter() - begun
        self._until(lambda: all(p.settled for p in self.window.grid_.panes))
        self.all_s = time.perf_counter() - begun
        self._until(lambda: self.window.settled)
        self.window.grid_.set_layout("mpr")
        for pane in self.window.grid_.panes:
            pane.setFixedSize(VIEW, VIEW)
        self._until(lambda: self.window.settled)
        self.views = [p.slices for p in self.window.grid_.panes if p.solid is None][:3]
        self.solid = next((p.solid for p in self.window.grid_.panes if p.solid is not None), None)
        self.idle()

    def _until(self, ready: Callable[[], bool]) -> None:
        if not self.wait(self.app, ready, 300):
            raise BadInput(N_("The benchmark's study did not come on screen within five minutes."))

    def idle(self, seconds: float = 1.0) -> None:
        """Let everything that waits for rest be done."""
        self.wait(self.app, lambda: False, seconds)

    def frames(self, change: Change) -> list[float]:
        """Milliseconds of each frame until all three slice views have painted it."""
        times = []
        for number in range(self.count):
            self.app.processEvents()
            before = [view.frames for view in self.views]
            begun = time.perf_counter()
            change(number)
            while any(v.frames == b for v, b in zip(self.views, before, strict=True)):
                self.app.processEvents()
            times.append((time.perf_counter() - begun) * 1000)
        return times

    def close(self) -> None:
        """Everything away."""
        self.window.shut()
        self._archive.close()
        self._home.cleanup()


def _told(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "median": statistics.median(times),
        "p95": ordered[int(len(ordered) * 0.95)],
        "max": ordered[-1],
    }


def changes(room: Room) -> dict[str, Change]:
    """What is done to the three views, by name."""
    from workstation.viewing.window_level import Window as Grey

    views = room.views
    centre = views[0].viewport.focus_mm.copy()

    def scroll(number: int) -> None:
        for view in views:
            view.viewport.scroll(1 if number < room.count // 2 else -1)

    def level(number: int) -> None:
        for view in views:
            view.viewport.set_window(Grey(40 + number, 400 + 5 * number))

    def crosshair(number: int) -> None:
        angle = number / 9
        away = np.array([40 * np.cos(angle), 40 * np.sin(angle), 25 * np.sin(angle / 2)])
        views[0].viewport.move_focus(centre + away)

    return {"scroll": scroll, "window": level, "crosshair": crosshair}


def _frames(folder: Path, count: int = FRAMES) -> dict[str, Any]:
    """Child: every kind of frame in one room."""
    from workstation.viewing.viewport import Projection, Slab

    room = Room(folder, count)
    grid = room.window.grid_
    doing = changes(room)
    result: dict[str, Any] = {"first_s": room.first_s, "all_s": room.all_s}
    for name in ("scroll", "window", "crosshair"):
        result[name] = _told(room.frames(doing[name]))
    grid.link.orientation.tilt(room.views[0].viewport, np.array([0.3, 0.5, 0.8]), 17.0)
    room.idle()
    result["rotated crosshair"] = _told(room.frames(doing["crosshair"]))
    for view in room.views:
        view.viewport.set_slab(Slab(20.0, Projection.MAX))
    room.idle(2.0)
    result["oblique slab"] = _told(room.frames(doing["crosshair"]))
    result["oblique slab rest_s"], result["oblique slab all rest_s"] = _rest(room)
    for view in room.views:
        view.viewport.set_slab(Slab())
    grid.link.orientation.reset(room.views[0].viewport)
    room.idle(2.0)
    _fuse(room, result, doing["crosshair"])
    _solid(room, result)
    result["peak_mb"] = peak_mb()
    room.close()
    return result


def _rest(room: Room) -> tuple[float, float]:
    """Seconds from the last change to full quality: in the view in hand, in every slice view."""
    doing = changes(room)["crosshair"]
    room.idle(1.5)
    doing(3)
    begun, first = time.perf_counter(), 0.0
    in_hand = next(view for view in room.views if view.active)
    while time.perf_counter() - begun < 10:
        room.app.processEvents()
        time.sleep(0.002)  # at rest the program waits too, and leaves the processor to the cut
        if not first and in_hand.sharp:
            first = time.perf_counter() - begun
        if all(view.sharp for view in room.views):
            break
    return first, time.perf_counter() - begun


def _fuse(room: Room, result: dict[str, Any], change: Change) -> None:
    """A generated PET of 4 mm voxels over the CT, in its own grid, in all three views."""
    from workstation.domain.volume import generated_volume
    from workstation.ui.fusion_area import FusionArea
    from workstation.viewing.fusion import Fusion, Placed

    fusing = room.window.findChildren(FusionArea)[0]
    stack = next(iter(room.window.grid_.stacks.values()))
    pane = next(p for p in room.window.grid_.panes if p.solid is None)
    matrix = np.diag([4.0, 4.0, 4.0, 1.0])
    matrix[:3, 3] = stack.grid.centre_lps - 200.0
    grid = Grid((100, 100, 100), as_matrix(matrix))
    uptake = np.random.default_rng(2).gamma(2.0, 0.6, grid.shape).astype(np.float32)
    pet = generated_volume(
        uptake, grid, modality="PT", unit="{SUVbw}g/mL", role="PET", region="chest"
    )
    fusing.lay(stack.id, Fusion(pet, Placed(as_matrix(np.eye(4)))))
    room.idle(2.0)
    result["fusion"] = _told(room.frames(change))
    fusing.fuse(pane, None)
    room.idle(0.5)


def _solid(room: Room, result: dict[str, Any]) -> None:
    """Rotating in 3D by the mouse, then until it is drawn at full quality."""
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    solid = room.solid
    if solid is None:
        return
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton

    def send(kind: QEvent.Type, x: float, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        at = QPointF(x, VIEW / 2)
        shown = QPointF(solid.mapToGlobal(at.toPoint()))
        plain = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(solid, QMouseEvent(kind, at, shown, button, held, plain))

    send(QEvent.Type.MouseButtonPress, 100, left, left)
    times = []
    for number in range(room.count):
        before = solid.pictures
        begun = time.perf_counter()
        send(QEvent.Type.MouseMove, 104 + 4 * number, none, left)
        while solid.pictures == before and time.perf_counter() - begun < 5:
            room.app.processEvents()
        times.append((time.perf_counter() - begun) * 1000)
    send(QEvent.Type.MouseButtonRelease, 264, left, none)
    begun = time.perf_counter()
    while not solid.settled and time.perf_counter() - begun < 20:
        room.app.processEvents()
    result["3D rotating"] = _told(times)
    result["3D rotating rest_s"] = time.perf_counter() - begun


def _model(folder: Path) -> dict[str, Any]:
    """Child: the installed model on its own example, over and over until it is stopped."""
    from workstation.ai.example import run_example
    from workstation.ai.shelf import installed
    from workstation.settings import load_settings

    packages = installed(load_settings(folder)).usable
    while True:
        run_example(packages[0])
        (folder / "model runs").touch()


def _busy(folder: Path, count: int = FRAMES) -> dict[str, Any]:
    """Child: frames while a model runs in its worker beside the room."""
    room = Room(folder, count)
    doing = changes(room)
    with tempfile.TemporaryDirectory() as name:
        model = subprocess.Popen(
            [sys.executable, "-m", "workstation.ui.bench_room", "model", name],
            stdout=subprocess.DEVNULL,
        )
        begun = time.perf_counter()
        while not (Path(name) / "model runs").exists():  # once through: it is warm
            if model.poll() is not None or time.perf_counter() - begun > 120:
                raise BadInput(N_("The benchmark could not run ({why})."), why="model")
            room.idle(0.2)
        times: list[float] = []
        for what in ("scroll", "window", "crosshair") * 2:
            times += room.frames(doing[what])
        for process in psutil.Process(model.pid).children(recursive=True):
            process.kill()
        model.kill()
        model.wait()
    room.close()
    return {"busy": _told(times), "frames": len(times)}


def _large(folder: Path, count: int = FRAMES) -> dict[str, Any]:
    """Child: a study of 2,000 slices opened in the room."""
    room = Room(folder, count)
    told: dict[str, Any] = {"first_s": room.first_s, "all_s": room.all_s, "peak_mb": peak_mb()}
    told["scroll"] = _told(room.frames(changes(room)["scroll"]))
    room.close()
    return told


CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "frames": _frames,
    "busy": _busy,
    "large": _large,
    "model": _model,
}


def bench_viewer(
    *, slices: int = 400, size: int = 512, large: int = LARGE, count: int = FRAMES
) -> list[Entry]:
    """Every frame time of the reading room, and a study of 2,000 slices, beside references."""
    entries: list[Entry] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(folder, slices, size)
        bare = child("workstation.ui.bench_bare", "bare", folder)
        frames = child("workstation.ui.bench_room", "frames", folder, str(count))
        busy = child("workstation.ui.bench_room", "busy", folder, str(count))
        simple = child("workstation.ui.bench_viewer", "reference", folder)
    entries.append(entry("bare vtkImageReslice, 3 planes", bare["straight"], "ms"))
    entries.append(entry("bare vtkImageReslice, 3 oblique", bare["oblique"], "ms"))
    entries.append(entry("first image", frames["first_s"], "s", simple["all_s"]))
    entries.append(entry("all slices", frames["all_s"], "s", simple["all_s"]))
    for what, bar in BARS_MS.items():
        if what in frames:
            entries.append(
                entry(f"{what}, median, against its bar", frames[what]["median"], "ms", bar)
            )
            entries.append(entry(f"{what}, p95", frames[what]["p95"], "ms", bar))
    for what, bar in REST_BARS_S.items():
        if f"{what} rest_s" in frames:
            entries.append(
                entry(f"{what}, full quality at rest", frames[f"{what} rest_s"], "s", bar)
            )
    entries.append(
        entry("longest frame while a model runs", busy["busy"]["max"], "ms", BUSY_BAR_MS)
    )
    entries.append(entry("median frame while a model runs", busy["busy"]["median"], "ms"))
    entries += _large_entries(large, size, count)
    return entries


def _large_entries(slices: int, size: int, count: int) -> list[Entry]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(folder, slices, size)
        large = child("workstation.ui.bench_room", "large", folder, str(count))
    voxels_mb = slices * size * size * 2 / 1e6
    return [
        entry(f"first image of {slices} slices", large["first_s"], "s"),
        entry(f"all of {slices} slices", large["all_s"], "s"),
        entry(f"peak memory of {slices} slices over voxels", large["peak_mb"], "MB", voxels_mb),
        entry(f"scroll in {slices} slices, median", large["scroll"]["median"], "ms", 1000 / 60),
    ]


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(CHILDREN[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))) + "\n"
    )
