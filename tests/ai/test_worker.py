"""Real child processes: what they give back, and the plain words of every bad end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.ai.packages import hog, identity, manifest, network, package, sleeper, write_package
from workstation.ai import child as child_process
from workstation.ai import worker
from workstation.ai.client import run_package
from workstation.ai.limits import Limits, ModelStopped, Unsuitable
from workstation.ai.package import load_package
from workstation.ai.providers import Wish
from workstation.domain.errors import BadInput, Cancelled
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.work import Cancel

GRID = Grid((5, 9, 7), as_matrix(np.diag([0.7, 0.9, 3.1, 1.0])))


def spots(seed: int = 3) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).random(GRID.shape) > 0.7).astype(np.float32)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def leftovers() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("onescan-ai-*")}


@pytest.fixture(autouse=True)
def _nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A temp folder of its own: other programs on the machine run models too.
    own = tmp_path / "temp"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    before, running = leftovers(), children()
    yield
    assert not children() - running
    assert leftovers() == before


@pytest.mark.parametrize(
    ("wish", "name"), [("auto", "OpenVINO CPU"), ("cpu", "CPUExecutionProvider")]
)
def test_identity_model_gives_its_input_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Wish, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the child must be found from any working directory
    array = spots()
    seen: list[float] = []
    result = run_package(
        package(tmp_path / "模型", identity()),
        [array],
        [GRID],
        limits=Limits(threads=1),
        progress=lambda fraction, doing: seen.append(fraction),
        provider=wish,
    )
    assert np.array_equal(result.masks["spot"], array > 0.5)
    assert result.scores["spot"] == 1.0
    assert result.provider == name
    assert not result.notes
    assert set(result.stages) == {
        *("start", "judge", "load", "prepare"),
        *("network", "window and masks"),
    }
    assert sum(result.stages.values()) <= result.seconds
    assert result.precision == "float32"
    assert result.threads == 1
    assert result.seconds > 0
    assert 30 < result.peak_mb < 1000
    assert seen == sorted(seen)
    assert seen[-1] == 0.9


@pytest.mark.parametrize("wish", ["auto", "cpu"])
def test_an_answer_that_is_no_number_is_no_answer(tmp_path: Path, wish: Wish) -> None:
    """NaN passes no threshold: it would read as "nothing there"."""
    nan = network(
        [
            helper.make_node("Sub", ["image", "image"], ["zero"]),
            helper.make_node("Div", ["zero", "image"], ["out"]),
        ]
    )
    with pytest.raises(BadInput, match="no number"):
        run_package(package(tmp_path, nan), [spots()], [GRID], provider=wish)


def test_network_altered_after_it_was_listed(tmp_path: Path) -> None:
    listed = package(tmp_path, identity())
    listed.model_path.write_bytes(listed.model_path.read_bytes() + b"\x00")
    with pytest.raises(BadInput, match=r"Model tiny: model\.onnx was altered"):
        run_package(listed, [spots()], [GRID])


def test_corrupt_network_cannot_be_loaded(tmp_path: Path) -> None:
    # Right hash, readable outline, and a node whose operator does not exist.
    broken = identity()
    broken.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(BadInput, match=r"Model tiny cannot be loaded: .*NoSuchOperator"):
        run_package(package(tmp_path, broken), [spots()], [GRID])


def test_network_without_the_named_tensor(tmp_path: Path) -> None:
    io = {"input": "picture", "output": "out", "layout": "NCDHW", "opset": 17}
    with pytest.raises(BadInput, match="has no tensor named picture"):
        run_package(package(tmp_path, identity(), io=io), [spots()], [GRID])


def test_network_that_fails_while_running(tmp_path: Path) -> None:
    wrong = network(
        [helper.make_node("Reshape", ["image", "shape"], ["out"])],
        {"shape": np.array([7, 7], dtype=np.int64)},
    )
    with pytest.raises(BadInput, match="Model tiny failed while running: "):
        run_package(package(tmp_path, wrong), [spots()], [GRID])


def test_too_much_memory(tmp_path: Path) -> None:
    greedy = package(tmp_path, hog())
    with pytest.raises(
        ModelStopped, match="Model tiny was stopped because it used more than 600 MB of memory"
    ):
        run_package(greedy, [spots()], [GRID], limits=Limits(memory_mb=600))


def test_too_slow(tmp_path: Path) -> None:
    slow = package(tmp_path, sleeper())
    with pytest.raises(
        ModelStopped, match="Model tiny was stopped because it took longer than 2 s"
    ):
        run_package(slow, [spots()], [GRID], limits=Limits(timeout_s=2))


def test_the_packages_own_limit_holds_too(tmp_path: Path) -> None:
    slow = package(
        tmp_path,
        sleeper(),
        infer={"patch": [8, 8, 8], "max_ram_mb": 1024, "timeout_s": 1},
    )
    with pytest.raises(ModelStopped, match="longer than 1 s"):
        run_package(slow, [spots()], [GRID], limits=Limits(timeout_s=900))


def when_running(
    act: Callable[[psutil.Process], None], found: list[psutil.Process]
) -> threading.Thread:
    """Do ``act`` to the child once it is inside the network."""

    def wait() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for child in psutil.Process().children():
                if child.cpu_times().user > 1.5:
                    found.append(child)
                    act(child)
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_killed(tmp_path: Path) -> None:
    found: list[psutil.Process] = []
    killer = when_running(lambda child: child.kill(), found)
    # SIGKILL; Windows has no signals and gives the exit code of TerminateProcess.
    how = r"exit code \d+" if sys.platform == "win32" else "signal 9"
    with pytest.raises(
        ModelStopped, match=rf"Model tiny: the worker process ended unexpectedly \({how}\)"
    ):
        run_package(package(tmp_path, sleeper()), [spots()], [GRID])
    killer.join()


def test_cancelled(tmp_path: Path) -> None:
    cancel = Cancel()
    found: list[psutil.Process] = []
    asker = when_running(lambda child: cancel.cancel(), found)
    with pytest.raises(Cancelled):
        run_package(package(tmp_path, sleeper()), [spots()], [GRID], cancel=cancel)
    asker.join()
    assert found
    assert not found[0].is_running()


def test_child_ends_with_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_package(tmp_path, sleeper())
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from workstation.ai.client import run_package\n"
        "from workstation.ai.package import load_package\n"
        "from workstation.domain.geometry import Grid, as_matrix\n"
        "grid = Grid((4, 4, 4), as_matrix(np.eye(4)))\n"
        "run_package(load_package(Path(sys.argv[1])), [np.ones((4, 4, 4))], [grid])\n"
    )
    env = os.environ | {
        "PYTHONPATH": str(Path(worker.__file__).resolve().parents[2]),
        "TMPDIR": str(tmp_path),
        "TEMP": str(tmp_path),
    }
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "tiny")], env=env)
    child = None
    deadline = time.monotonic() + 20
    while child is None and time.monotonic() < deadline:
        for one in psutil.Process(parent.pid).children():
            if one.cpu_times().user > 0.3:
                child = one
        time.sleep(0.02)
    assert child is not None
    parent.kill()
    parent.wait()
    assert list(tmp_path.glob("onescan-ai-*"))  # nobody was left to delete it
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    with monkeypatch.context() as here:
        here.setattr(tempfile, "tempdir", str(tmp_path))
        child_process.sweep()  # the next run does so
    assert not list(tmp_path.glob("onescan-ai-*"))


def test_one_model_at_a_time(tmp_path: Path) -> None:
    slow, quick = package(tmp_path / "a", sleeper()), package(tmp_path / "b", identity())
    most = 0
    results: list[object] = []

    def first() -> None:
        with pytest.raises(ModelStopped):
            run_package(slow, [spots()], [GRID], limits=Limits(timeout_s=2))

    one = threading.Thread(target=first)
    one.start()
    time.sleep(0.3)
    two = threading.Thread(target=lambda: results.append(run_package(quick, [spots()], [GRID])))
    two.start()
    while two.is_alive():
        most = max(most, len(children()))
        time.sleep(0.02)
    one.join()
    two.join()
    assert most == 1
    assert len(results) == 1


def test_image_outside_the_quality_bounds_is_not_judged(tmp_path: Path) -> None:
    strict = package(tmp_path, identity(), qc={"foreground_ml": [500.0, 3000.0]})
    with pytest.raises(Unsuitable, match="the model was made for 500 to 3000 mL"):
        run_package(strict, [spots()], [GRID])
    strict = package(tmp_path, identity(), qc={"output_ml": [0.0, 0.01]})
    with pytest.raises(Unsuitable, match="not plausible"):
        run_package(strict, [spots()], [GRID])


def test_channel_that_the_network_has_not(tmp_path: Path) -> None:
    label = manifest()["labels"][0] | {"index": 2}
    with pytest.raises(BadInput, match=r"has 1 output channels, manifest\.json names channel 2"):
        run_package(package(tmp_path, identity(), labels=[label]), [spots()], [GRID])


def test_wrong_number_of_images(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="wants 1 images and was given 2"):
        run_package(load_package(write_package(tmp_path, identity())), [spots()] * 2, [GRID] * 2)
