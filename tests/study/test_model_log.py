"""Decisions counted by package and version: by hand on a small archive, drift on a long one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.ai.packages import identity, trust_maker, write_package
from tests.command_line import CommandLine
from tests.reading.test_infer import GRID, READER, STUDY, VOXEL_ML, bring, image, label
from workstation.archive.store import Archive
from workstation.domain.artefact import Code, MadeBy, Wording, new_id
from workstation.domain.errors import Message
from workstation.domain.finding import Action, Decision, Finding, FindingState
from workstation.domain.measurement import Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import Permission
from workstation.domain.voxel_set import VoxelSet
from workstation.reading import review
from workstation.reading.infer import infer
from workstation.reading.model_log import BASELINE, dice, model_log
from workstation.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    models = home / "模型"
    (home / "settings.toml").write_text(f"models = '{models.as_posix()}'\n", encoding="utf-8")
    return Settings(home=home, models=models, ai_threads=1)


def test_decisions_of_one_study_by_hand(archive: Archive, settings: Settings) -> None:
    bring(archive)  # pieces of 12 and 2 voxels
    bring(archive, series=2, grid=GRID)
    write_package(settings.models, identity(), labels=label(proposes="each"))
    found = infer(archive, settings, STUDY).findings
    large = [f for f in found if (f.value or 0) > 0.1]
    small = [f for f in found if (f.value or 0) < 0.1]
    review.accept(archive, READER, large[0].id)
    review.reject(archive, READER, small[0].id)
    drawn = archive.load_mask(large[1].mask_id)
    drawn[2] = False  # 4 of its 12 voxels less
    review.edit(archive, READER, large[1].id, drawn)
    (log,) = model_log(archive, "tiny")
    assert (log.accepted, log.edited, log.rejected, log.undecided) == (1, 1, 1, 1)
    assert (log.judged, log.refused, log.refusal_rate) == (2, 0, 0.0)
    (edit,) = log.edits
    assert edit.dice == pytest.approx(2 * 8 / (12 + 8))
    assert edit.volume_ml == pytest.approx(8 * VOXEL_ML)
    assert edit.change_ml == pytest.approx(-4 * VOXEL_ML)
    (month,) = log.months
    assert (month.accepted, month.edited, month.rejected) == (1, 1, 1)
    assert month.acceptance == pytest.approx(2 / 3)
    assert (month.judged, month.uncertain, month.refused) == (2, 0, 0)
    assert month.month == f"{datetime.now(UTC):%Y-%m}"
    # Another version is counted by itself; what was decided stays with the version that said it.
    write_package(settings.models, identity(), version="1.10.0")
    infer(archive, settings, STUDY)
    older, newer = model_log(archive, "tiny")
    assert [older.made_by.version, newer.made_by.version] == ["1.0.0", "1.10.0"]
    assert (older.decided, older.undecided) == (3, 0)
    assert (newer.decided, newer.undecided) == (0, 2)


def test_refusals_count_only_where_a_series_was_meant(archive: Archive, settings: Settings) -> None:
    bring(archive, role="T1")  # none for it: no refusal of an image
    write_package(settings.models, identity(), qc={"foreground_ml": [1.0, 2.0]})
    infer(archive, settings, STUDY)
    assert model_log(archive, "tiny") == []
    bring(archive, series=2)  # 0.28 mL: outside of its bounds
    infer(archive, settings, STUDY)
    (log,) = model_log(archive, "tiny")
    assert (log.judged, log.refused, log.refusal_rate) == (0, 1, 1.0)
    (month,) = log.months
    assert month.month == f"{datetime.now(UTC):%Y-%m}"
    assert (month.judged, month.refused, month.refusal_rate) == (0, 1, 1.0)
    assert (month.decided, month.acceptance) == (0, None)
    (refusal,) = [one for one in archive.all(Refusal, STUDY) if one.what == "tiny"]
    infer(archive, settings, STUDY)  # it says the same once more: that is no news
    assert len(archive.history(Refusal, refusal.id)) == 1


def test_nothing_of_a_patient_leaves(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity())
    (finding,) = infer(archive, settings, STUDY).findings
    review.accept(archive, READER, finding.id)
    told = CommandLine(settings.home)("--json", "models", "log", "tiny")
    assert told.code == 0, told.err
    (version,) = json.loads(told.out)["versions"]
    assert (version["accepted"], version["undecided"]) == (1, 0)
    assert len(version["package_sha256"]) == 64
    for secret in ("测试", STUDY, "20250101", finding.id, finding.stack_id, READER.name + '"'):
        assert secret not in told.out
    lines = CommandLine(settings.home)("models", "log", "tiny").out
    assert "1 accepted, 0 edited, 0 rejected, 0 undecided" in lines
    assert CommandLine(settings.home)("models", "log", "nothing").code == 1


def history(archive: Archive, states: list[FindingState], scores: list[float]) -> None:
    """Findings of one model decided one a day; only rows, as review writes them."""
    stack = bring(archive)
    made_by = MadeBy("tiny", "1.0.0", "a" * 64)
    words, code = Wording("Spot", "斑点"), Code("SPOT", "99ONESCAN", "Spot")
    with archive.write(READER, Permission.REVIEW, Message("test"), STUDY) as writer:
        for day, (state, score) in enumerate(zip(states, scores, strict=True)):
            at = START + timedelta(days=day)
            stack_id = f"{stack.id}-{day}"
            one = Finding(
                new_id(), STUDY, "", stack_id, words, code, words, state, made_by, (stack_id,),
                (0.0, 0.0, 0.0), confidence=score,
            )  # fmt: skip
            writer.put(one)
            writer.put(
                Decision(new_id(), STUDY, one.id, Action.ACCEPT, FindingState.PROPOSED, state,
                         READER, at)
            )  # fmt: skip
            outcome = _outcome(stack_id, made_by, at)
            writer.put(outcome)


def _outcome(stack_id: str, made_by: MadeBy, at: datetime) -> Outcome:
    words = Wording("Tiny", "微型")
    return Outcome(new_id(), STUDY, "", stack_id, "tiny", words, 1, (stack_id,), made_by, at=at)


def test_a_model_that_gets_worse_is_noticed(archive: Archive) -> None:
    well, ill = FindingState.ACCEPTED, FindingState.REJECTED
    states = ([well] * 9 + [ill]) * 6 + [ill] * 30  # two calm months, then everything is rejected
    scores = [0.3, 0.7] * 30 + [0.95] * 30
    history(archive, states, scores)
    (log,) = model_log(archive, "tiny")
    assert log.decided == 90
    assert [month.month for month in log.months] == ["2026-01", "2026-02", "2026-03"]
    # 3 of the first 30 rejected: 3.5 / 31; the calm rest of 30 falls, then it rises past the limit.
    assert log.cusum.signal is not None
    assert log.cusum.signal >= 60 - BASELINE
    assert log.months[-1].psi is not None
    assert log.months[-1].psi > 0.2
    said = [str(sign) for sign in log.signs]
    assert any("CUSUM" in one for one in said)
    assert any("2026-03" in one and "PSI" in one for one in said)


def test_a_steady_model_gives_no_sign(archive: Archive) -> None:
    well, ill = FindingState.ACCEPTED, FindingState.REJECTED
    history(archive, ([well] * 9 + [ill]) * 9, [0.3, 0.7] * 45)
    (log,) = model_log(archive, "tiny")
    assert log.signs == ()
    assert log.cusum.signal is None
    assert all(month.psi is None or month.psi < 0.05 for month in log.months)


def test_dice_of_blocks_that_lie_apart_and_overlap() -> None:
    whole = np.zeros(GRID.shape, dtype=np.bool_)
    one, other = whole.copy(), whole.copy()
    one[1:3, 1:5, 1:5] = True  # 32
    other[2:4, 3:7, 1:5] = True  # 32, of which 1 x 2 x 4 in both
    assert dice(VoxelSet(GRID, one), VoxelSet(GRID, other)) == pytest.approx(2 * 8 / 64)
    cut = VoxelSet(GRID, one[1:3, 1:5, 1:5], (1, 1, 1))
    assert dice(cut, VoxelSet(GRID, other)) == pytest.approx(2 * 8 / 64)
    assert dice(cut, VoxelSet(GRID, image() > 5)) == 0.0
    far = VoxelSet(GRID, np.ones((1, 1, 1), dtype=np.bool_), (5, 19, 23))
    assert dice(cut, far) == 0.0
    assert dice(VoxelSet(GRID), VoxelSet(GRID)) == 1.0
    assert dice(cut, replace(cut)) == 1.0
