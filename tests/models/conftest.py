"""Scripts of packages have the same names in every folder: each test file starts without any."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"


def _forget() -> None:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and MODELS in Path(file).parents and not name.startswith("models."):
            del sys.modules[name]


@pytest.fixture(scope="module", autouse=True)
def _scripts_of_one_package() -> Iterator[None]:
    _forget()
    yield
    _forget()
