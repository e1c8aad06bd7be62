"""What every test may use: the real data folder, a clean home, the language set back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from workstation import text

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


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
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the demo studies imported and read by the machine; copied, never changed."""
    home = tmp_path_factory.mktemp("家") / "阅片 home"
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
    return home


@pytest.fixture(autouse=True)
def _language_set_back() -> Iterator[None]:
    before = text.language()
    yield
    text.set_language(before)
