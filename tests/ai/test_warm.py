"""A worker that serves one job after the other, and when it is not used again."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.ai.packages import hog, identity, package, sleeper
from tests.ai.test_trouble import crash
from tests.ai.test_worker import GRID, children, spots, when_running
from workstation.ai.child import warm
from workstation.ai.client import run_package
from workstation.ai.limits import Limits, ModelStopped, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.domain.errors import BadInput, Cancelled, ReaderError
from workstation.domain.work import Cancel


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temp folder of its own, empty again at the end, and no process left."""
    own = tmp_path / "temp"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    before = children()
    yield own
    assert not children() - before
    assert not list(own.glob("onescan-ai-*"))


def job(one: ModelPackage, seed: int = 3, limits: Limits | None = None) -> None:
    """One run, its answer checked."""
    result = run_package(one, [spots(seed)], [GRID], limits=limits)
    assert np.array_equal(result.masks["spot"], spots(seed) > 0.5)


def test_one_process_for_many_jobs_and_models(tmp_path: Path) -> None:
    first, second = package(tmp_path / "a", identity()), package(tmp_path / "b", sleeper(2))
    with warm():
        job(first)
        (pid,) = children()
        for seed, one in enumerate((first, first, second, first)):
            job(one, seed)
            assert children() == {pid}
    assert not children()
    job(first)
    assert not children()  # outside nothing waits


def test_the_network_is_loaded_once_and_its_file_checked_when_it_is(tmp_path: Path) -> None:
    one = package(tmp_path, identity())
    with warm():
        times = [run_package(one, [spots()], [GRID]).stages["load"] for _ in range(3)]
        assert max(times[1:]) < times[0] / 2
        (tmp_path / "tiny" / "model.onnx").write_bytes(b"something else")
        job(one)  # what was checked and loaded computes it, not the file
        job(package(tmp_path / "b", sleeper(2)))
        with pytest.raises(BadInput, match="was altered"):
            run_package(one, [spots()], [GRID])


def test_a_refused_image_is_an_answer(tmp_path: Path) -> None:
    strict = package(tmp_path / "a", identity(), qc={"foreground_ml": [500.0, 3000.0]})
    usual = package(tmp_path / "b", identity())
    with warm():
        job(usual)
        before = children()
        with pytest.raises(Unsuitable):
            run_package(strict, [spots()], [GRID])
        job(usual)
        assert children() == before


def test_whatever_else_happens_is_the_end_of_the_process(tmp_path: Path) -> None:
    usual, slow = package(tmp_path / "a", identity()), package(tmp_path / "b", sleeper())
    greedy = package(tmp_path / "c", hog())
    unknown = identity()
    unknown.graph.node[0].op_type = "NoSuchOperator"
    broken = package(tmp_path / "d", unknown)
    stop = Cancel()

    def cancelled() -> None:
        asker = when_running(lambda child: stop.cancel(), [])
        run_package(slow, [spots()], [GRID], cancel=stop)
        asker.join()

    def crashed() -> None:
        breaker = when_running(crash, [])
        try:
            run_package(slow, [spots()], [GRID], provider="cpu")
        finally:
            breaker.join()

    with warm():
        for act, kind in (
            (lambda: run_package(slow, [spots()], [GRID], limits=Limits(timeout_s=1)),
             ModelStopped),
            (lambda: run_package(greedy, [spots()], [GRID], limits=Limits(memory_mb=600)),
             ModelStopped),
            (lambda: run_package(broken, [spots()], [GRID]), BadInput),
            (cancelled, Cancelled),
            (crashed, ModelStopped),
        ):  # fmt: skip
            job(usual)
            (before,) = children()
            with pytest.raises(kind):
                act()
            assert not children()
            assert not psutil.pid_exists(before)
        job(usual)


def test_a_process_that_dies_while_it_waits_is_replaced(tmp_path: Path) -> None:
    usual = package(tmp_path, identity())
    with warm():
        job(usual)
        (pid,) = children()
        psutil.Process(pid).kill()
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
        job(usual)
        assert pid not in children()


def test_threads_are_a_matter_of_the_process(tmp_path: Path) -> None:
    usual = package(tmp_path, identity())
    with warm():
        job(usual, limits=Limits(threads=1))
        (pid,) = children()
        job(usual, limits=Limits(threads=2))
        (other,) = children()
    assert pid != other


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    with warm(idle_s=0.3):
        job(package(tmp_path, identity()))
        deadline = time.monotonic() + 20
        while children() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not children()
        job(package(tmp_path, identity()))


def test_scopes_within_scopes_and_from_other_threads(tmp_path: Path) -> None:
    usual = package(tmp_path, identity())

    def inner() -> None:
        with warm():
            job(usual)

    with warm():
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()
        (pid,) = children()
        job(usual)
        assert children() == {pid}


def test_of_a_job_nothing_stays_mapped_and_memory_is_its_own(tmp_path: Path) -> None:
    room = {"patch": [8, 8, 8], "max_ram_mb": 4096, "timeout_s": 60}
    large = package(tmp_path / "a", hog(1, 2**26), infer=room)
    small = package(tmp_path / "b", identity(), infer=room)
    with warm():
        job(small)
        (pid,) = children()
        most = run_package(large, [spots()], [GRID]).peak_mb
        assert children() == {pid}
        assert most > 2 * 256
        later = run_package(small, [spots()], [GRID]).peak_mb
        assert children() == {pid}
        assert later < most - 256
        mapped = [part.path for part in psutil.Process(pid).memory_maps()]
        assert mapped and not any(".npy" in path for path in mapped)


def test_twenty_jobs_while_some_are_cancelled(tmp_path: Path) -> None:
    usual = package(tmp_path, identity())
    ends: list[str] = []

    def one(seed: int, stop: Cancel) -> None:
        try:
            result = run_package(usual, [spots(seed)], [GRID], cancel=stop)
            right = np.array_equal(result.masks["spot"], spots(seed) > 0.5)
            ends.append("right" if right else "wrong")
        except ReaderError as error:
            ends.append(type(error).__name__)

    with warm():
        wishes = [Cancel() for _ in range(20)]
        threads = [
            threading.Thread(target=one, args=(seed, stop)) for seed, stop in enumerate(wishes)
        ]
        for thread in threads:
            thread.start()
        for stop in wishes[1::2]:
            stop.cancel()
        for thread in threads:
            thread.join()
    assert len(ends) == 20
    assert set(ends) <= {"right", "Cancelled"}
    assert ends.count("right") >= 10
