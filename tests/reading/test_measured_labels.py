"""Organ masks: kept without findings, measured where good enough, never reported unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.ai.packages import identity, manifest, trust_maker, write_package
from tests.reading.test_infer import STUDY, VOXEL_ML, bring, image, label
from workstation.ai.manifest import Manifest
from workstation.archive.store import Archive
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement
from workstation.reading.draft import draft
from workstation.reading.infer import infer
from workstation.settings import Settings


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "模型", ai_threads=1)


def test_an_organ_is_measured_and_no_finding_waits(archive: Archive, settings: Settings) -> None:
    stack = bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="none", measured=True))
    report = infer(archive, settings, STUDY)
    assert not report.findings
    (mask,) = archive.all(MaskInfo, STUDY)
    assert np.array_equal(archive.load_mask(mask.id), image() > 0)
    (number,) = archive.all(Measurement, STUDY)
    assert number.value == pytest.approx(14 * VOXEL_ML)
    assert (number.name.en, number.name.zh, number.unit) == ("Spot: volume", "斑点体积", "mL")
    assert number.made_from == (stack.id, mask.id)
    assert not number.finding_id


def test_an_organ_is_in_no_report_unasked(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="none", measured=True))
    infer(archive, settings, STUDY)
    assert "0.28" not in str(draft(archive, STUDY, language="en"))


def test_an_experimental_organ_gives_no_number(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="none", experimental=True))
    report = infer(archive, settings, STUDY)
    assert len(archive.all(MaskInfo, STUDY)) == 1
    assert not report.findings
    assert not archive.all(Measurement, STUDY)


def test_a_new_version_takes_mask_and_number_back(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="none", measured=True))
    infer(archive, settings, STUDY)
    write_package(settings.models, identity(), labels=label(proposes="none"), version="1.0.1")
    infer(archive, settings, STUDY)
    assert len(archive.all(MaskInfo, STUDY)) == 1
    assert not archive.all(Measurement, STUDY)


@pytest.mark.parametrize(
    "words",
    [
        {"proposes": "one", "experimental": True},
        {"proposes": "none", "experimental": True, "measured": True},
        {"proposes": "each", "measured": True},
    ],
)
def test_what_does_not_go_together_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate_json(json.dumps(manifest(labels=label(**words))))
