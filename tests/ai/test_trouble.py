"""Worker processes in trouble: crashes in native code, queues, cancelling, memory, the network."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.ai.packages import hog, identity, package, sleeper
from tests.ai.test_worker import GRID, children, spots, when_running
from workstation.ai import worker
from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, ModelStopped
from workstation.ai.volumes import SharedVolumes, shared_file
from workstation.domain.errors import Cancelled, Message, ReaderError
from workstation.domain.work import Cancel

TURNS = 3_000  # of the sleeper: some seconds


@pytest.fixture(autouse=True)
def own_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temp folder of its own, empty again at the end, and no process left."""
    own = tmp_path / "temp"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    running = children()
    yield own
    assert not children() - running
    assert not list(own.glob("onescan-ai-*"))


def crash(child: psutil.Process) -> None:
    """What a fault in a library does to the process; Windows knows no signals."""
    if sys.platform == "win32":
        child.kill()
    else:
        child.send_signal(signal.SIGSEGV)


def test_a_crash_in_native_code_is_computed_once_more_by_the_plain_processor(
    tmp_path: Path,
) -> None:
    array = spots()
    found: list[psutil.Process] = []
    breaker = when_running(crash, found)
    slow = package(tmp_path, sleeper(TURNS))
    if sys.platform == "win32":  # killed, not crashed: told apart by the exit code
        with pytest.raises(ModelStopped, match="ended unexpectedly"):
            run_package(slow, [array], [GRID])
    else:
        result = run_package(slow, [array], [GRID])
        assert np.array_equal(result.masks["spot"], array > 0.5)
        assert result.provider == "CPUExecutionProvider"
        assert [note.template for note in result.notes] == [
            "The fastest way of computing crashed; {provider} computed it."
        ]
    breaker.join()
    assert found


def test_a_crash_of_the_plain_processor_is_the_end(tmp_path: Path) -> None:
    breaker = when_running(crash, [])
    how = r"exit code \d+" if sys.platform == "win32" else "signal 11"
    with pytest.raises(ModelStopped, match=rf"ended unexpectedly \({how}\)"):
        run_package(package(tmp_path, sleeper()), [spots()], [GRID], provider="cpu")
    breaker.join()


def test_more_memory_than_any_machine_has(tmp_path: Path) -> None:
    impossible = package(tmp_path, hog(100_000))
    for provider in ("auto", "cpu"):
        with pytest.raises(ReaderError) as caught:
            run_package(impossible, [spots()], [GRID], provider=provider)
        said = str(caught.value)
        assert "not enough free memory" in said or "more than 1024 MB of memory" in said


def test_twenty_jobs_one_after_the_other_and_some_cancelled(tmp_path: Path) -> None:
    slow, quick = package(tmp_path / "a", sleeper()), package(tmp_path / "b", identity())
    stop, finished = Cancel(), []
    answers: dict[int, ModelResult | ReaderError] = {}
    wishes = [Cancel() for _ in range(20)]

    def hold() -> None:
        with pytest.raises(Cancelled):
            run_package(slow, [spots()], [GRID], cancel=stop)

    def job(number: int) -> None:
        try:
            answers[number] = run_package(quick, [spots(number)], [GRID], cancel=wishes[number])
            finished.append(number)
        except ReaderError as error:
            answers[number] = error

    held: list[psutil.Process] = []
    holder = threading.Thread(target=hold)
    watcher = when_running(lambda child: None, held)
    holder.start()
    watcher.join()  # the first is inside its network
    jobs = []
    for number in range(20):
        jobs.append(threading.Thread(target=job, args=(number,)))
        jobs[-1].start()
    for number in range(4, 20):
        wishes[number].cancel()
    for one in jobs[4:]:
        one.join()  # those end while the first still runs
    assert held[0].is_running()
    assert not any(number in answers for number in range(4))
    stop.cancel()
    holder.join()
    for one in jobs:
        one.join()
    assert sorted(finished) == [0, 1, 2, 3]
    for number, answer in answers.items():
        if number in finished:
            assert isinstance(answer, ModelResult)
            assert np.array_equal(answer.masks["spot"], spots(number) > 0.5)
        else:
            assert isinstance(answer, Cancelled)


@pytest.mark.parametrize("stage", ["", worker.PREPARING, worker.RUNNING, worker.FINISHING])
def test_cancelled_at_each_stage(tmp_path: Path, stage: str) -> None:
    cancel = Cancel()
    reached: list[str] = []

    def told(fraction: float, doing: Message) -> None:
        reached.append(doing.template)
        if doing.template == stage:
            cancel.cancel()

    if not stage:
        cancel.cancel()
    with pytest.raises(Cancelled):
        run_package(package(tmp_path, identity()), [spots()], [GRID], progress=told, cancel=cancel)
    assert reached[-1:] == ([stage] if stage else [])


def test_a_volume_is_mapped_by_every_model_and_gone_afterwards(
    tmp_path: Path, own_temp: Path
) -> None:
    one = package(tmp_path, identity())
    reads = 0

    def read() -> NDArray[np.float32]:
        nonlocal reads
        reads += 1
        return spots()

    with SharedVolumes() as shared:
        for _ in range(3):
            array = shared.share("stack", read)
            assert shared_file(array) is not None
            result = run_package(one, [array], [GRID], limits=Limits(threads=1))
            assert np.array_equal(result.masks["spot"], spots() > 0.5)
        assert shared_file(array[1:]) is None
        assert shared_file(np.flip(array)) is None
        assert len(list(own_temp.rglob("*.npy"))) == 1
        del array
    assert reads == 1


def test_nothing_that_runs_in_the_worker_reaches_the_network_or_starts_a_program() -> None:
    code = """
import sys
from workstation.ai import worker
from workstation.ai.worker_sessions import find_machine
worker._stay_inside()
print(find_machine().openvino != ())
print(sys.modules.get("openvino_telemetry"), sys.modules.get("openvino.tools.ovc"))
import socket, subprocess
for act in (lambda: socket.socket().connect(("127.0.0.1", 9)),
            lambda: socket.getaddrinfo("localhost", 80),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
            lambda: subprocess.run([sys.executable, "--version"])):
    try:
        act()
    except PermissionError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(worker.__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "True",
        "None None",
        "the model worker may not use socket.connect",
        "the model worker may not use socket.getaddrinfo",
        "the model worker may not use socket.sendto",
        "the model worker may not use subprocess.Popen",
    ]
