"""Runs ``reading.rigid`` in a process of its own, so that the window stays fluid.

The parent talks as to a model's worker: one request on standard input, one event a line back.
Cancelling kills the child. It reads the images itself, so that no voxel passes through the window's
process; it works in a private folder, which is deleted afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from workstation.archive.encoding import decode
from workstation.domain.artefact import canonical_json
from workstation.domain.errors import N_, BadInput, Message, ReaderError
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.reading.coarse import coarse
from workstation.reading.rigid import Rigid, find_rigid

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = "onescan-align-"
_POLL_S = 0.05
_TIMEOUT_S = 300.0
DOING = N_("Aligning two series")


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(_FOLDER + "*"):
        owner = folder.name.removeprefix(_FOLDER).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(_ROOT), env.get("PYTHONPATH", "")) if p)
    env["PYTHONUTF8"] = "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = "1"
    return env


def find_rigid_apart(
    fixed: Stack,
    moving: Stack,
    locate: Callable[[str], Path],
    *,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Rigid:
    """``find_rigid`` of two stacks in a child process of low priority, which reads them too.

    Blocks. Raises ``BadInput`` with the child's own words, or where it came to a bad end, and
    ``Cancelled`` within a tenth of a second of being asked.
    """
    stop = cancel or Cancel()
    _sweep()
    with tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-") as name:
        request: dict[str, Any] = {"threads": max(1, (os.cpu_count() or 2) - 1)}
        for key, stack in (("fixed", fixed), ("moving", moving)):
            files = {f.sha256 for f in stack.frames if f.sha256}
            request[key] = [canonical_json(stack), {sha: str(locate(sha)) for sha in files}]
        child = subprocess.Popen(
            [sys.executable, "-m", "workstation.reading.rigid_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=name,
            env=_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            return _converse(child, request, progress, stop)
        finally:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()


def _converse(
    child: subprocess.Popen[bytes], request: dict[str, Any], progress: Progress, stop: Cancel
) -> Rigid:
    assert child.stdin is not None and child.stdout is not None
    lines: queue.Queue[bytes] = queue.Queue()
    listener = threading.Thread(target=_listen, args=(child.stdout, lines), daemon=True)
    listener.start()
    with contextlib.suppress(OSError):  # a child that is gone is noticed when its output ends
        child.stdin.write(json.dumps(request).encode("utf-8") + b"\n")
        child.stdin.flush()
    waited = 0.0
    while waited < _TIMEOUT_S:
        stop.check()
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            waited += _POLL_S
            continue
        if not line:
            raise BadInput(N_("The alignment ended unexpectedly; nothing was changed."))
        event = json.loads(line)
        if event["event"] == "progress":
            progress(float(event["fraction"]), Message(DOING))
        elif event["event"] == "failed":
            raise BadInput(str(event["template"]), **event["params"])
        else:
            found = event["found"]
            return Rigid(**(found | {"matrix": as_matrix(found["matrix"])}))
    raise BadInput(N_("The alignment took too long and was stopped."))


def _listen(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _die_with_parent() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(4)

    threading.Thread(target=wait, daemon=True).start()


def main() -> int:
    """Serve one request from standard input; 0 when an answer was given."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # native libraries print where they like

    def tell(**event: object) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    line = sys.stdin.buffer.readline()
    if not line:
        return 3
    _die_with_parent()
    low = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(low)
    request = json.loads(line)

    def told(start: float, stop: float) -> Callable[[float], None]:
        return lambda part: tell(event="progress", fraction=start + (stop - start) * part)

    def read(key: str, start: float) -> tuple[NDArray[np.float32], Grid]:
        written, paths = request[key]
        places = {sha: Path(path) for sha, path in paths.items()}
        stack = decode(Stack, key, written)
        return coarse(stack, places.__getitem__, told(start, start + 0.15))

    try:
        fixed, moving = read("fixed", 0.0), read("moving", 0.15)
        found = find_rigid(*fixed, *moving, threads=int(request["threads"]), tell=told(0.3, 1.0))
        tell(event="done", found=asdict(found))
    except ReaderError as error:
        tell(event="failed", template=error.message.template, params=error.message.params)
    except MemoryError:
        template = N_("The computer has not enough free memory to align the series.")
        tell(event="failed", template=template, params={})
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the thread that waits on standard input would hold up a normal exit
