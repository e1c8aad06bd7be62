"""What every test may use: the real data folder, a clean home, the language set back.

The whole run is shared by two processes (pytest-xdist). Each has a virtual screen of its own, since
keys go to the one active window of a screen, and the demo home is made once for both.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.command_line import CommandLine
from workstation import text

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """A screen of its own for each process of a shared run."""
    screens = os.environ.get("ONESCAN_TEST_SCREENS", "").split()
    if screens and os.environ.get("QT_QPA_PLATFORM") == "xcb":
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.environ["DISPLAY"] = screens[number % len(screens)]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs a file whole, and all of ``room``, which shares one window."""
    for item in items:
        group = "room" if item.path.parent.name == "room" else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """The folder of public images beside the checkout; None, said aloud, where it is absent."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    print(f"no real images at {SHARED_DATA}: running on generated data only")
    return None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder with Chinese in its path, as on many a hospital PC."""
    folder = tmp_path / "工作站 数据"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A home with the demo studies imported and read by the machine; copied, never changed."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent  # the one folder of all processes of this run
    home, made = folder / "家" / "阅片 home", folder / "demo home made"
    with FileLock(folder / "demo home lock"):
        if not made.exists():
            home.parent.mkdir()  # refuses where it failed before: one reason, said once
            make_demo_home(home)
            made.touch()
    return home


def make_demo_home(home: Path) -> None:
    """A new ``home`` with a reader and the demo studies, imported and read by the machine."""
    kept = os.environ.get("ONESCAN_DEMO_FILES", "")  # a home whose demo files may be used again
    if kept:
        home.mkdir()
        shutil.copytree(Path(kept) / "demo", home / "demo")
        for answers in Path(kept).glob("demo-known-answers-*.json"):
            shutil.copy(answers, home)
    cli = CommandLine(home)
    assert cli("user", "add", "li", "--role", "reader", "--display-name", "李医生").code == 0
    assert cli("user", "add", "boss", "--role", "admin").code == 0
    came = cli("--json", "demo")
    assert came.code == 0, came.err
    for uid in came.json["studies"]:
        read = cli("--json", "read", uid)
        assert read.code == 0, read.err


@pytest.fixture(scope="module", autouse=True)
def _garbage_of_windows() -> Iterator[None]:
    """Windows switch automatic collection off (`ui/memory.py`); what they leave goes here."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _garbage_of_one_test() -> Iterator[None]:
    yield
    if not gc.isenabled():
        gc.collect(1)


@pytest.fixture(autouse=True)
def _language_set_back() -> Iterator[None]:
    before = text.language()
    yield
    text.set_language(before)
