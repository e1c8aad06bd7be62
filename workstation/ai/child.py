"""The model worker's process as its parent sees it: start, jobs, what it said last, its end.

``warm`` keeps it between jobs: starting Python and the runtimes takes half a second, a small
network a tenth of one. It serves one job at a time, is ended the moment a job is stopped, and is
never used again after anything but an answer; so a job meets at most the network of the one before.
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
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import psutil

from workstation.ai.limits import ModelStopped
from workstation.domain.errors import N_

_log = logging.getLogger("workstation.ai")
_ROOT = Path(__file__).resolve().parents[2]
FOLDER = "onescan-ai-"
"""What the names of folders with voxels begin with, in the system's folder for temporary files."""
IDLE_S = 30.0


_PRIORITY = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)


def _give_way(pid: int) -> None:
    """Let the window have the processor first, from the worker's first instruction on: a model
    takes seconds more, a frame may not. Windows is told when the process is made."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, 10)


def sweep() -> None:
    """Delete what a killed workstation left: voxels of a patient must not stay in a temp folder."""
    for folder in Path(tempfile.gettempdir()).glob(FOLDER + "*"):
        owner = folder.name.removeprefix(FOLDER).split("-")[0]
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


class Child:
    """The process, its event lines and the last lines of its error output. answered: whether the
    job ended with an answer, and nothing of it is still under way."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.answered = False
        # Python looks for modules where it is started: in a folder of its own it finds none.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workstation.ai.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            env=_environment(threads),
            creationflags=_PRIORITY | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        _give_way(self.process.pid)
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
        """A job. A child that is already gone is noticed when its output ends."""
        self.complaints.clear()
        with contextlib.suppress(OSError):
            self._stdin.write(json.dumps(request).encode("utf-8") + b"\n")
            self._stdin.flush()

    def memory_mb(self) -> float:
        """Resident memory now, MB, counted for the job's peak; 0 for a process that is gone."""
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
        shutil.rmtree(self._folder, ignore_errors=True)


class Crashed(ModelStopped):
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


def ended(name: str, child: Child) -> Crashed:
    """Why the worker of model ``name`` is gone, of its own accord."""
    code = child.process.wait()
    said = tuple(child.complaints)
    _log.warning("worker of %s ended with %s: %s", name, code, "\n".join(said))
    return Crashed(name, code, said)


class _Resident:
    """The worker that waits for the next job, where one may wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: list[float] = []
        self._waiting: Child | None = None
        self._timer: threading.Timer | None = None

    def take(self, threads: int, memory_mb: int) -> Child:
        """The waiting worker, where it suits, or a new one.

        memory_mb: what the job may use. What a worker still holds of an earlier network counts
        against it, so one that holds more than a quarter of it does not suit.
        """
        with self._lock:
            child, self._waiting = self._waiting, None
            self._no_timer()
        if child is not None:
            alive = child.process.poll() is None
            if alive and child.threads == threads and child.memory_mb() <= memory_mb / 4:
                return child
            child.end()
        return Child(threads)

    def give_back(self, child: Child) -> None:
        """A worker that answered; it is ended where nobody wants it to wait."""
        with self._lock:
            if self._wanted and self._waiting is None:
                self._waiting = child
                self._timer = threading.Timer(self._wanted[-1], self._tired, (child,))
                self._timer.daemon = True
                self._timer.start()
                return
        child.end()

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tired(self, child: Child) -> None:
        """It waited long enough: its memory is wanted elsewhere."""
        with self._lock:
            if self._waiting is not child:
                return
            self._waiting = None
        child.end()

    @contextlib.contextmanager
    def warm(self, idle_s: float) -> Iterator[None]:
        """See the function of this name."""
        with self._lock:
            self._wanted.append(idle_s)
        try:
            yield
        finally:
            with self._lock:
                self._wanted.remove(idle_s)
                child = None
                if not self._wanted:
                    child, self._waiting = self._waiting, None
                    self._no_timer()
            if child is not None:
                child.end()


_RESIDENT = _Resident()


def warm(idle_s: float = IDLE_S) -> contextlib.AbstractContextManager[None]:
    """Within, a worker that answered waits up to ``idle_s`` for the next job; at the end of the
    outermost one it is gone. From any thread."""
    return _RESIDENT.warm(idle_s)


@contextlib.contextmanager
def worker(threads: int, memory_mb: int) -> Iterator[Child]:
    """A worker for one job, for as long as the block lasts; afterwards it is ended at once, unless
    it ``answered`` and ``warm`` keeps it."""
    child = _RESIDENT.take(threads, memory_mb)
    child.answered = False
    try:
        yield child
    finally:
        if child.answered:
            _RESIDENT.give_back(child)
        else:
            child.end()
