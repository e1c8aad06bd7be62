"""Runs a model package in a child process, within limits; every bad end has plain words.

The child (``ai.worker``) is started for one run and never outlives it. Arrays travel as ``.npy``
files in a private folder that is deleted afterwards; voxels carry no names.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from workstation.ai.limits import Limits, ModelStopped, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.ai.providers import Precision, Wish
from workstation.ai.volumes import shared_file
from workstation.domain.errors import N_, BadInput, Message, Param
from workstation.domain.geometry import Grid
from workstation.domain.work import Cancel, Progress, no_progress

_log = logging.getLogger("workstation.ai")
_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.05
_FOLDER = "onescan-ai-"
_QUEUE: deque[object] = deque()
_QUEUE_MOVED = threading.Condition()


@dataclass(frozen=True)
class ModelResult:
    """What a package made of its input.

    masks: by label key, bool (z, y, x) on the first input's grid. scores: by label key, mean
    probability 0..1. provider, precision, threads: how it was computed. seconds: from the start
    of the child to its answer. stages: of these, by name. peak_mb: largest resident memory of
    the child. notes: what a reader should know of how it was computed, such as a provider that
    failed. cautions, doubts, unlikeness: see ``domain.outcome.Outcome``.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    scores: Mapping[str, float]
    provider: str
    precision: str
    threads: int
    seconds: float
    peak_mb: float
    stages: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    cautions: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()
    unlikeness: float | None = None


class CroppedMasks(Mapping[str, NDArray[np.bool_]]):
    """Masks by label key, each kept as the smallest block that holds it and given whole: a
    hundred organs of a body would not fit into memory otherwise."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        blocks: Mapping[str, tuple[tuple[int, int, int], NDArray[np.bool_]]],
    ) -> None:
        self.shape = shape
        self.blocks = blocks

    def __getitem__(self, key: str) -> NDArray[np.bool_]:
        origin, block = self.blocks[key]
        full = np.zeros(self.shape, dtype=bool)
        full[tuple(slice(o, o + n) for o, n in zip(origin, block.shape, strict=True))] = block
        return full

    def __iter__(self) -> Iterator[str]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)


@contextlib.contextmanager
def _turn(cancel: Cancel) -> Iterator[None]:
    """One model at a time on this workstation, in the order of asking: two would fight for cores
    and memory."""
    ticket = object()
    with _QUEUE_MOVED:
        _QUEUE.append(ticket)
    try:
        with _QUEUE_MOVED:
            while _QUEUE[0] is not ticket:
                _QUEUE_MOVED.wait(timeout=0.1)
                cancel.check()
        yield
    finally:
        with _QUEUE_MOVED:
            _QUEUE.remove(ticket)
            _QUEUE_MOVED.notify_all()


def _sweep() -> None:
    """Delete what a killed workstation left: voxels of a patient must not stay in a temp folder."""
    for folder in Path(tempfile.gettempdir()).glob(_FOLDER + "*"):
        owner = folder.name.removeprefix(_FOLDER).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _environment(threads: int) -> dict[str, str]:
    env = dict(os.environ)
    # The package must be found from any working directory, also when it is not installed.
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(_ROOT), env.get("PYTHONPATH", "")) if p)
    env["PYTHONUTF8"] = "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(threads)
    return env


class _Child:
    """The process, its event lines and the last lines of its error output."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workstation.ai.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(threads),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.complaints: deque[str] = deque(maxlen=20)
        self.peak_mb = 0.0
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self._stdin: IO[bytes] = self.process.stdin
        self._threads = [
            threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._collect, args=(self.process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._info = psutil.Process(self.process.pid)

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def _collect(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.complaints.append(line.decode("utf-8", "replace").rstrip())

    def send(self, request: Mapping[str, Any]) -> None:
        """The one request. A child that is already gone is noticed when its output ends."""
        with contextlib.suppress(OSError):
            self._stdin.write(json.dumps(request).encode("utf-8") + b"\n")
            self._stdin.flush()

    def memory_mb(self) -> float:
        """Resident memory now, MB; 0 for a process that is gone."""
        with contextlib.suppress(psutil.Error):
            used = self._info.memory_info().rss / 2**20
            self.peak_mb = max(self.peak_mb, used)
            return used
        return 0.0

    def end(self) -> None:
        """Kill what still runs and let go of pipes and threads."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class _Crashed(ModelStopped):
    """The worker ended by itself: native code crashed, or somebody ended it.

    code: exit status, negative for a signal.
    """

    def __init__(self, name: str, code: int, said: tuple[str, ...]) -> None:
        if code < 0:
            super().__init__(
                N_("Model {model}: the worker process ended unexpectedly (signal {signal})."),
                diagnosis=said,
                model=name,
                signal=-code,
            )
        else:
            super().__init__(
                N_("Model {model}: the worker process ended unexpectedly (exit code {code})."),
                diagnosis=said,
                model=name,
                code=code,
            )
        self.code = code

    @property
    def in_native_code(self) -> bool:
        """Whether a library broke: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, or one of
        Windows' exception codes (0xC0000005 and the like)."""
        return -self.code in (4, 5, 6, 7, 8, 11) or self.code & 0xF0000000 == 0xC0000000


def _ended(name: str, child: _Child) -> _Crashed:
    code = child.process.wait()
    said = tuple(child.complaints)
    _log.warning("worker of %s ended with %s: %s", name, code, "\n".join(said))
    return _Crashed(name, code, said)


def _refused(event: Mapping[str, Any]) -> BadInput:
    template = str(event["template"])
    params: dict[str, Param] = dict(event["params"])
    return (Unsuitable if event["unsuitable"] else BadInput)(template, **params)


def _watch(
    child: _Child, name: str, limits: Limits, deadline: float, progress: Progress, cancel: Cancel
) -> Mapping[str, Any]:
    """Wait for the child's answer, enforcing limits; the child is left for ``end``."""
    look = 0.0
    while True:
        cancel.check()
        present = time.monotonic()
        if present >= deadline:
            raise ModelStopped(
                N_("Model {model} was stopped because it took longer than {limit} s."),
                model=name,
                limit=f"{limits.timeout_s:g}",
            )
        if present >= look:
            look = present + _POLL_S
            if child.memory_mb() > limits.memory_mb:
                raise ModelStopped(
                    N_("Model {model} was stopped because it used more than {limit} MB of memory."),
                    model=name,
                    limit=limits.memory_mb,
                )
        try:
            line = child.lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            raise _ended(name, child)
        event = json.loads(line)
        if event["event"] == "progress":
            progress(float(event["fraction"]), Message(event["doing"]))
        elif event["event"] == "failed":
            raise _refused(event)
        else:
            return dict(event)


def _paths_of(arrays: Sequence[NDArray[Any]], folder: Path) -> list[str]:
    """Files of the voxels: a volume that is mapped from one (``ai.volumes``) needs no other."""
    paths = []
    for number, array in enumerate(arrays):
        own = shared_file(array)
        if own is None:
            own = folder / f"input{number}.npy"
            np.save(own, array, allow_pickle=False)
        paths.append(str(own))
    return paths


def _result_of(done: Mapping[str, Any], folder: Path, grid: Grid, begun: float) -> ModelResult:
    blocks = {}
    for key, entry in done["labels"].items():
        z, y, x = entry["origin"]
        blocks[key] = ((z, y, x), np.load(folder / entry["file"], allow_pickle=False))
    seconds = time.monotonic() - begun
    stages = {str(name): float(spent) for name, spent in done["stages"].items()}
    return ModelResult(
        masks=CroppedMasks(grid.shape, blocks),
        scores={key: float(entry["score"]) for key, entry in done["labels"].items()},
        provider=str(done["provider"]),
        precision=str(done["precision"]),
        threads=int(done["threads"]),
        seconds=seconds,
        peak_mb=float(done["peak_mb"]),
        stages={"start": seconds - float(done["seconds"]), **stages},
        notes=tuple(Message(one["template"], one["params"]) for one in done["notes"]),
        doubts=tuple(Message(one["template"], one["params"]) for one in done["doubts"]),
        unlikeness=done["unlikeness"],
    )


def run_package(
    package: ModelPackage,
    arrays: Sequence[NDArray[Any]],
    grids: Sequence[Grid],
    *,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
    provider: Wish = "auto",
    precision: Precision = "float32",
) -> ModelResult:
    """Run ``package`` on volumes (z, y, x), one for each entry of its ``accept``.

    limits: the workstation's; the package's own hold too. provider: one in place of the fastest
    that the machine has. precision: below float32 only where ``ai.precision`` allows it. Where
    native code of a provider crashes, the plain processor computes once more and a note says so.
    Raises ``Unsuitable`` (the image is not what the model was made for), ``BadInput`` (the
    network cannot be loaded or does not fit its manifest), ``ModelStopped`` (memory, time, crash)
    or ``Cancelled``. Blocks; one run at a time on this workstation, further calls wait.
    """
    manifest, stop = package.manifest, cancel or Cancel()
    if len(arrays) != len(manifest.accept) or len(grids) != len(arrays):
        raise BadInput(
            N_("Model {model} wants {expected} images and was given {found}."),
            model=manifest.id,
            expected=len(manifest.accept),
            found=len(arrays),
        )
    allowed = (limits or Limits()).within(manifest)
    _sweep()
    with _turn(stop), tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-") as name:
        folder = Path(name)
        begun = time.monotonic()
        request = {
            "model": str(package.model_path.absolute()),
            "model_sha256": package.model_sha256,
            "manifest": manifest.model_dump_json(),
            "inputs": _paths_of(arrays, folder),
            "grids": [[list(grid.shape), grid.matrix.tolist()] for grid in grids],
            "folder": str(folder),
            "threads": allowed.threads,
            "precision": precision,
        }

        def attempt(wish: Wish) -> ModelResult:
            child = _Child(folder, allowed.threads)
            try:
                child.send(request | {"provider": wish})
                deadline = begun + allowed.timeout_s
                done = _watch(child, manifest.id, allowed, deadline, progress, stop)
                result = _result_of(done, folder, grids[0], begun)
                return replace(result, peak_mb=max(child.peak_mb, result.peak_mb))
            finally:
                child.end()

        try:
            return attempt(provider)
        except _Crashed as crash:
            if provider == "cpu" or not crash.in_native_code:
                raise
            plain = attempt("cpu")
            note = Message(
                N_("The fastest way of computing crashed; {provider} computed it."),
                {"provider": plain.provider},
            )
            return replace(plain, notes=(note, *plain.notes))
