"""Second reader: until a reader has locked a first read, nothing says what the machine found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ai.packages import identity, trust_maker, write_package
from tests.command_line import CommandLine
from tests.study.material import STAT, threshold, write_flair
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.documents.signatures import make_key
from workstation.domain.artefact import Code, Wording, canonical_json
from workstation.domain.errors import BadInput, NotAllowed
from workstation.domain.finding import Finding, FindingState
from workstation.domain.first_read import FirstRead, after_ai, changed_after, is_hidden
from workstation.domain.people import MACHINE, Role, User
from workstation.domain.readiness import obstacles, read_case
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.alerts import open_alerts
from workstation.reading.export import export
from workstation.reading.intake import intake
from workstation.reading.line import read_study, walk_forward
from workstation.reading.second_reader import lock_first_read
from workstation.settings import SECOND_READER, Settings, load_settings

SECRET = {"id": "secret", "name": {"en": "Secret model", "zh": "秘密模型"}}
WORDS = ("secret", "Secret", "秘密", "bleeding", "Bleeding", "出血", "Spot", "斑点", "wmh")


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    (home / "settings.toml").write_text(
        f"models = '{(home / '模型').as_posix()}'\nai_threads = 1\n"
        'ai_reading = "second_reader"\n',
        encoding="utf-8",
    )
    return load_settings(home)


@pytest.fixture
def study(archive: Archive, settings: Settings, tmp_path: Path) -> str:
    """A study with a spot, taken in; a plain and a triage model would find it."""
    write_package(settings.models, identity(), **SECRET)
    write_package(settings.models, threshold(), **STAT)
    uid = write_flair(tmp_path / "片子", 1, "Test^One=测试", bright=True)
    intake(archive, [tmp_path / "片子"])
    return uid


def reader(archive: Archive) -> User:
    return add_user(archive, MACHINE, "li", "李医生", Role.READER, "long enough 1", make_key)


def leaks(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


def own_finding(archive: Archive, user: User, study_uid: str) -> Finding:
    (stack,) = archive.all(Stack, study_uid)
    code, place = Code("X", "99ONESCAN", "X"), stack.grid.to_lps((5.0, 5.0, 5.0))
    return review.add(
        archive, user.actor, stack, Wording("Cyst", "囊肿"), code, Wording("", ""), None,
        (float(place[0]), float(place[1]), float(place[2])),
    )  # fmt: skip


def test_nothing_leaks_before_the_first_read(
    archive: Archive, settings: Settings, study: str, tmp_path: Path
) -> None:
    reading = read_study(archive, settings, study, language="zh_CN")
    assert len(archive.all(Finding, study)) == 2  # it was found, and waits
    assert reading.hidden
    assert (reading.findings, reading.refusals, reading.outcomes) == ((), (), ())
    assert reading.measurements == ()
    assert leaks(canonical_json(reading.draft)) == []
    case = read_case(archive, study)
    assert leaks(canonical_json((case.findings, case.masks, case.measurements))) == []
    progress = archive.progress_of([archive.study(study)])[study]
    assert progress.hidden
    assert (progress.findings, progress.open, progress.judged, progress.refused) == (0, 0, 0, 0)

    user = reader(archive)
    mine = own_finding(archive, user, study)
    drafted = walk_forward(archive, study, language="zh_CN", actor=user.actor)
    assert leaks(canonical_json(drafted)) == []
    assert not drafted.reviewed
    # Whether the machine found something cannot be told from the state of the study either.
    assert archive.study(study).state is StudyState.IN_REVIEW
    assert archive.progress_of([archive.study(study)])[study].findings == 1
    files = export(archive, study, tmp_path / "out")
    assert files
    for file in files:
        if file.path.suffix == ".json":
            said = file.path.read_text(encoding="utf-8")
            assert leaks(said) == [], file.path.name
            assert mine.id in said
    (theirs, *_) = [f for f in archive.all(Finding, study) if f.id != mine.id]
    with pytest.raises(NotAllowed, match="hidden"):
        review.accept(archive, user.actor, theirs.id)
    assert "hidden" in str(obstacles(read_case(archive, study))[0].why)


def test_the_command_line_does_not_leak(archive: Archive, settings: Settings, study: str) -> None:
    cli = CommandLine(settings.home)
    for arguments in (("read", study), ("studies",), ("objects", study)):
        for form in ((), ("--json",)):
            told = cli(*form, *arguments)
            assert told.code == 0, told.err
            assert leaks(told.out) == [], arguments
    said = json.loads(cli("--json", "read", study).out)
    assert said["findings"] == []
    assert (said["ai_hidden"], said["panel"]) == (True, [])
    for judge in ("secret", "bleeding"):  # counts of one study would tell what it has
        log = json.loads(cli("--json", "models", "log", judge).out)
        assert log["versions"] == [], log
    reader(archive)
    wrong = cli("lock", study, "--user", "li", password="not this one")
    assert wrong.code == 1 and is_hidden(archive, study)
    locked = cli("lock", study, "--user", "li")
    assert locked.code == 0, locked.err
    log = json.loads(cli("--json", "models", "log", "secret").out)
    assert log["versions"][0]["undecided"] == 1
    panel = json.loads(cli("--json", "read", study).out)["panel"]
    states = {row["what"]: (row["state"], row["found"]) for row in panel}
    assert len(states) == len(panel)
    assert states["bleeding"] == states["secret"] == ("found", 1)
    assert states["brain-wmh"] == ("not installed", 0)
    assert states["vessel/stenosis"] == ("no suitable series", 0)
    assert panel[0]["what"] == "bleeding"  # the emergency stands first


def test_locking_is_a_persons_act_and_shows_ai(
    archive: Archive, settings: Settings, study: str
) -> None:
    read_study(archive, settings, study)
    user = reader(archive)
    mine = own_finding(archive, user, study)
    read = lock_first_read(archive, user, study)
    assert (read.reader, read.reader_name) == ("li", "李医生")
    assert [(one.kind, one.id) for one in read.held] == [("finding", mine.id)]
    assert not is_hidden(archive, study)
    assert len(read_case(archive, study).findings) == 3
    with pytest.raises(NotAllowed, match="already"):
        lock_first_read(archive, user, study)
    assert archive.history(FirstRead, study) == [read]
    (row,) = [r for r in archive.audit(study) if any(e[0] == "first read" for e in r.entries)]
    assert (row.actor, row.permission) == ("li", "review")

    # What he says from now on is marked as said after AI.
    assert not after_ai(read, archive.get(Finding, mine.id))
    review.reject(archive, user.actor, mine.id)
    assert after_ai(read, archive.get(Finding, mine.id))
    later = own_finding(archive, user, study)
    assert after_ai(read, later)
    assert {one.id for one in changed_after(archive, read)} == {mine.id, later.id}


def test_an_emergency_is_told_before_the_first_read_unless_the_site_says_no(
    archive: Archive, settings: Settings, study: str
) -> None:
    read_study(archive, settings, study)
    (alert,) = open_alerts(archive)
    assert alert.what == "bleeding"
    assert archive.study(study).urgent


def test_a_site_may_let_emergencies_wait_too(
    archive: Archive, settings: Settings, study: str
) -> None:
    silent = replace(settings, stat_before_first_read=False)
    read_study(archive, silent, study)
    assert open_alerts(archive) == []
    assert not archive.study(study).urgent
    user = reader(archive)
    lock_first_read(archive, user, study)
    (alert,) = open_alerts(archive)
    assert (alert.what, alert.name.zh) == ("bleeding", "出血急诊筛查")
    assert archive.study(study).urgent


def test_changing_the_setting_shows_nothing_early_and_hides_nothing_late(
    archive: Archive, settings: Settings, study: str, tmp_path: Path
) -> None:
    read_study(archive, settings, study)
    together = replace(settings, ai_reading="concurrent")
    assert read_study(archive, together, study).hidden
    other = write_flair(tmp_path / "另一", 2, "Test^Two=测试", bright=True)
    intake(archive, [tmp_path / "另一"])
    assert len(read_study(archive, together, other).findings) == 2
    assert not read_study(archive, settings, other).hidden
    with pytest.raises(NotAllowed, match="together with AI"):
        lock_first_read(archive, reader(archive), other)


def test_settings_that_mean_nothing_are_refused(settings: Settings) -> None:
    path = settings.home / "settings.toml"
    wrong: list[tuple[str, Callable[[str], bool]]] = [
        ('ai_reading = "sometimes"\n', lambda said: "second_reader" in said),
        ("ai_on_arrival = 1\n", lambda said: "ai_on_arrival" in said),
        ("ai_threads = true\n", lambda said: "ai_threads" in said),
    ]
    for line, names in wrong:
        path.write_text(line, encoding="utf-8")
        with pytest.raises(BadInput) as caught:
            load_settings(settings.home)
        assert names(str(caught.value))
    path.write_text("ai_on_arrival = false\nstat_before_first_read = false\n", encoding="utf-8")
    given = load_settings(settings.home)
    assert (given.ai_on_arrival, given.stat_before_first_read) == (False, False)
    assert (given.ai_reading == SECOND_READER) is False


def test_proposals_wait_undecided(archive: Archive, settings: Settings, study: str) -> None:
    read_study(archive, settings, study)
    user = reader(archive)
    lock_first_read(archive, user, study)
    states = {f.state for f in read_case(archive, study).findings}
    assert states == {FindingState.PROPOSED}
    case = read_case(archive, study)
    assert sum("undecided" in str(o.why) for o in obstacles(case)) == 2
