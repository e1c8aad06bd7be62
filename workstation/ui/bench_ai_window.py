"""``bench ai_window``: frame times of the reading room while models get into every trouble.

The models run as in the program: in real worker processes, waited for by a thread of the window's
own process. The reference of each situation is the median frame with no model at all.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workstation.ai.child import warm
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.sums import write_sums
from workstation.demo.model_package import write_generated_package
from workstation.demo.networks import hog, unet
from workstation.domain.errors import ReaderError
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.work import Cancel
from workstation.ui.bench_room import BUSY_BAR_MS, Room, changes
from workstation.ui.bench_viewer import Entry, child, entry, write_sample

SECONDS = 10.0  # each situation is kept up at least so long
QUEUED = 20
GRID = Grid((150, 256, 256), as_matrix(np.diag([1.5, 1.5, 1.5, 1.0])))
Act = Callable[[Cancel], None]


class Situations:
    """Models in trouble, each kept up until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        small = {"patch": [96, 96, 96], "max_ram_mb": 4096, "timeout_s": 600}
        post = {"activation": "none"}
        label = {"post": post}
        self._unet = self._package(folder / "unet", unet(), infer=small)
        self._hog = self._package(folder / "hog", hog(16), infer=small, one=True, **label)
        self._array = np.zeros(GRID.shape, dtype=np.int16)
        self.ends: list[str] = []

    def _package(
        self, folder: Path, network: bytes, *, one: bool = False, **changes: Any
    ) -> ModelPackage:
        write_generated_package(folder, network, patch=(96, 96, 96), **changes)
        if one:  # a network with a single output channel
            path = folder / "manifest.json"
            said = json.loads(path.read_text(encoding="utf-8"))
            said["labels"][0]["index"] = 0
            path.write_text(json.dumps(said), encoding="utf-8")
        write_sums(folder)
        return load_package(folder)

    def _run(self, package: ModelPackage, cancel: Cancel, limits: Limits) -> None:
        try:
            run_package(package, [self._array], [GRID], limits=limits, cancel=cancel)
            self.ends.append("finished")
        except ReaderError as error:
            self.ends.append(str(error))

    def running(self, stop: Cancel) -> None:
        """One model, computing."""
        while not stop.asked:
            self._run(self._unet, stop, Limits())

    def out_of_memory(self, stop: Cancel) -> None:
        """A model that asks for 16 GB where 1 GB is allowed, again and again."""
        while not stop.asked:
            self._run(self._hog, stop, Limits(memory_mb=1024))

    def endless(self, stop: Cancel) -> None:
        """A model that is stopped for taking too long, again and again."""
        while not stop.asked:
            self._run(self._unet, stop, Limits(timeout_s=4))

    def crashing(self, stop: Cancel) -> None:
        """A worker that breaks in native code (SIGSEGV) two seconds after it began."""

        def break_it() -> None:
            while not stop.asked:
                for process in psutil.Process().children():
                    if time.time() - process.create_time() > 2:
                        process.send_signal(11) if sys.platform != "win32" else process.kill()
                time.sleep(0.1)

        breaker = threading.Thread(target=break_it)
        breaker.start()
        while not stop.asked:
            self._run(self._unet, stop, Limits())
        breaker.join()

    def queued(self, stop: Cancel) -> None:
        """Twenty models asked for at once; one runs, nineteen wait; then all are cancelled."""
        jobs = [
            threading.Thread(target=self._run, args=(self._unet, stop, Limits()))
            for _ in range(QUEUED)
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()

    def cancelled(self, stop: Cancel) -> None:
        """A model cancelled and begun anew every three seconds."""
        while not stop.asked:
            own = Cancel()
            timer = threading.Timer(3.0, own.cancel)
            timer.start()
            self._run(self._unet, own, Limits())
            timer.cancel()


def _frames(folder: Path) -> dict[str, Any]:
    """Child: frames in each situation, in one room."""
    room = Room(folder)
    doing = changes(room)
    told: dict[str, Any] = {}

    def measure(seconds: float) -> list[float]:
        times: list[float] = []
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            for what in ("scroll", "window", "crosshair"):
                times += room.frames(doing[what])
        return times

    # The worker stays between models, as in the program.
    with tempfile.TemporaryDirectory(prefix="onescan-bench-") as name, warm():
        trouble = Situations(Path(name))
        told["no model"] = _summary(measure(SECONDS / 2), [])
        acts: dict[str, Act] = {
            "a model runs": trouble.running,
            "out of memory": trouble.out_of_memory,
            "endless, stopped by time": trouble.endless,
            "crash in native code": trouble.crashing,
            f"{QUEUED} jobs queued": trouble.queued,
            "cancelled and begun anew": trouble.cancelled,
        }
        for what, act in acts.items():
            trouble.ends.clear()
            stop = Cancel()
            job = threading.Thread(target=act, args=(stop,))
            job.start()
            room.idle(1.0)
            times = measure(SECONDS)
            stop.cancel()
            while job.is_alive():
                times += room.frames(doing["scroll"])  # the end of it is measured too
            told[what] = _summary(times, trouble.ends)
    left = psutil.Process().children(recursive=True)
    told["left"] = len(left)
    room.close()
    return told


def _summary(times: list[float], ends: list[str]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        "median": statistics.median(times), "p95": ordered[int(len(ordered) * 0.95)],
        "max": ordered[-1], "frames": len(times), "ends": sorted(set(ends)),
    }  # fmt: skip


def bench_ai_window(*, slices: int = 200, size: int = 512) -> list[Entry]:
    """Median, 95th percentile and longest frame in each situation."""
    with tempfile.TemporaryDirectory(prefix="onescan-bench-") as name:
        folder = Path(name)
        write_sample(folder, slices, size)
        told = child("workstation.ui.bench_ai_window", "frames", folder)
    left = told.pop("left")
    calm = told["no model"]["median"]
    entries = []
    for what, found in told.items():
        count = f"{found['frames']} frames"
        entries.append(entry(f"{what}: median of {count}", found["median"], "ms", calm))
        entries.append(entry(f"{what}: p95", found["p95"], "ms"))
        entries.append(entry(f"{what}: longest", found["max"], "ms", BUSY_BAR_MS))
        entries += [entry(f"{what}: ended with: {said}", 1, "") for said in found["ends"]]
    entries.append(entry("worker processes left behind", left, ""))
    return entries


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_frames(Path(sys.argv[2]))) + "\n")
