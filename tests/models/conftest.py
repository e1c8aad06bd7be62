"""What the tests of every package share; each file says in ``FOLDER`` which package it is of.

Scripts of packages have the same names in every folder: each file starts without any.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workstation.ai.package import ModelPackage, load_package

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


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest) -> ModelPackage:
    """The package in ``FOLDER``."""
    return load_package(request.module.FOLDER)


@pytest.fixture(scope="module")
def metrics(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What was measured of it."""
    path: Path = request.module.FOLDER / "metrics.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def code(request: pytest.FixtureRequest) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a script of the package by its name."""
    folder = str(request.module.FOLDER)
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)
