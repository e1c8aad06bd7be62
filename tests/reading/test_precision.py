"""The setting ``ai_precision`` in the infer room: asked for, checked first, said with results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.ai.packages import MAKER, trust_maker
from tests.ai.test_installed_models import example
from tests.reading.test_infer import STUDY, bring
from workstation.ai.package import load_package
from workstation.ai.precision import LOWER, known_check
from workstation.ai.trust import sign_package
from workstation.archive.store import Archive
from workstation.reading.infer import infer
from workstation.settings import FASTER, Settings


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "模型", ai_threads=1)


def test_fewer_digits_by_the_setting_are_said_with_the_result(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    spot = np.zeros((4, 6, 8), dtype=bool)
    spot[1:3, 2:4, 2:5] = True
    folder = example(settings.models, spot)
    sign_package(folder, MAKER)
    plain = infer(archive, settings, STUDY).outcomes
    assert [one.precision for one in plain] == ["float32"]
    assert not (settings.home / "ai" / "precision").exists()  # nobody asked
    # A new version, read by the other setting: checked on its example first.
    said = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps(said | {"version": "1.1.0"}), encoding="utf-8")
    sign_package(folder, MAKER)
    faster = replace(settings, ai_precision=FASTER)
    (outcome,) = infer(archive, faster, STUDY).outcomes
    package = load_package(folder)
    known = [known_check(package, settings.home, one) for one in LOWER]
    worth = [check.precision for check in known if check is not None and check.worth_it]
    assert known[0] is not None
    assert outcome.precision == (worth[0] if worth else "float32")
