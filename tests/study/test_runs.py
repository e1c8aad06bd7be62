"""What runs first, what is read once, what is kept, and what is not computed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ai.packages import identity, trust_maker, write_package
from tests.reading.test_infer import STUDY, bring, label, of_model, only_models
from workstation.archive.store import Archive
from workstation.domain.finding import Finding
from workstation.domain.outcome import Outcome
from workstation.domain.study import StudyState
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


def test_emergencies_first_then_by_declared_cost_and_one_volume_is_read_once(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    write_package(settings.models, identity(), id="slow", cost_s=300.0)
    write_package(settings.models, identity(), id="quick", cost_s=2.0)
    write_package(settings.models, identity(), id="triage", cost_s=500.0, stat=True)
    begun: list[str] = []
    report = infer(archive, settings, STUDY, begun=begun.append)
    assert only_models(report) == ["triage", "quick", "slow"]
    assert begun == list(report.ran)
    assert report.reads == 1
    stored = [one for one in archive.all(Outcome, STUDY) if "/" not in one.what]
    assert [one.what for one in stored] == ["triage", "quick", "slow"]
    moments = [one.at for one in stored if one.at is not None]
    assert len(moments) == 3
    assert moments == sorted(moments)


def test_only_emergencies_then_all_the_rest_and_nothing_twice(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    write_package(settings.models, identity(), id="plain")
    write_package(settings.models, identity(), id="triage", stat=True)
    first = infer(archive, settings, STUDY, stat_only=True)
    assert first.ran == ("triage",)
    assert archive.study(STUDY).state is StudyState.NEW  # it still waits to be read
    assert archive.study(STUDY).urgent
    assert not first.refusals
    second = infer(archive, settings, STUDY)
    assert only_models(second) == ["plain"]
    assert archive.study(STUDY).state is StudyState.ANALYSED


def test_the_same_voxels_and_package_are_not_computed_again(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    write_package(settings.models, identity())
    (one,) = infer(archive, settings, STUDY).findings
    kept = sorted((settings.home / "results").glob("*.result"))
    assert len(kept) == 1
    # The same images as another series: judged as such, from the kept result.
    bring(archive, series=2)
    report = infer(archive, settings, STUDY)
    assert only_models(report) == ["tiny"]
    assert sorted((settings.home / "results").glob("*.result")) == kept
    first, second = report.findings
    assert np.array_equal(archive.load_mask(first.mask_id), archive.load_mask(second.mask_id))
    took = {o.stack_id: (o.seconds, o.peak_mb) for o in report.outcomes if o.what == "tiny"}
    assert len(set(took.values())) == 1  # measured once
    assert one.id == first.id


def test_a_new_version_adds_and_never_overwrites(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="each"))
    old = infer(archive, settings, STUDY).findings
    kept = {path: path.read_bytes() for path in (settings.home / "results").iterdir()}
    write_package(settings.models, identity(), version="1.1.0")
    report = infer(archive, settings, STUDY)
    assert [one.made_by.version for one in report.findings] == ["1.1.0"]
    for finding in old:  # still in the archive, with its outline
        assert archive.history(Finding, finding.id)[-1] == finding
        assert archive.load_mask(finding.mask_id).any()
    (outcome,) = [one for one in report.outcomes if one.what == "tiny"]
    versions = [one.made_by.version for one in archive.history(Outcome, outcome.id)]
    assert versions == ["1.0.0", "1.1.0"]
    for path, data in kept.items():
        assert path.read_bytes() == data
    assert not of_model(report)
