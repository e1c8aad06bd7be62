"""The infer room with a real archive, real child processes and tiny networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.ai.packages import hog, identity, manifest, trust_maker, write_package
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Candidate,
    Quantity,
)
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import N_, BadInput, Cancelled, Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.study import Instance, Patient, Series, Study, StudyState
from workstation.domain.volume import Flag, Frame, Stack
from workstation.domain.work import Cancel
from workstation.reading.draft import draft
from workstation.reading.infer import InferReport, infer
from workstation.settings import Settings

READER = Actor("li", Role.READER)
STUDY = "2.25.1"
GRID = Grid((6, 20, 24), as_matrix(np.diag([2.0, 2.0, 5.0, 1.0])))
VOXEL_ML = 0.02


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "模型", ai_threads=1)


def image() -> NDArray[np.int16]:
    """Two spots of 12 and 2 voxels: 0.24 and 0.04 mL."""
    array = np.zeros(GRID.shape, dtype=np.int16)
    array[2:5, 4:6, 4:6] = 1
    array[3, 15, 18:20] = 1
    return array


def bring(
    archive: Archive, array: NDArray[np.int16] | None = None, series: int = 1, **changes: Any
) -> Stack:
    """A study with one stack, as intake and assemble leave it; slices are raw blobs."""
    voxels = image() if array is None else array
    series_uid = f"{STUDY}.{series}"
    blobs = [archive.put_bytes(plane.tobytes()) for plane in voxels]
    stack = Stack(
        id=f"{series:032x}", study_uid=STUDY, series_uid=series_uid, series_number=series,
        description="FLAIR", modality="MR", frame_of_reference_uid="2.25.9", grid=GRID,
        frames=tuple(Frame(sha, f"{series_uid}.{z}", 0, 0, 5.0 * z) for z, sha in enumerate(blobs)),
        phases=1, dtype="int16", stored_dtype="int16", unit="1", window=None,
        photometric="MONOCHROME2", samples=1, flags=(), notes=(), role="FLAIR", role_reason="",
        region="brain", slice_thickness_mm=5.0, calibrated="patient", made_from=tuple(blobs),
        made_by=MadeBy("assemble", "1"),
    )  # fmt: skip
    stack = replace(stack, **changes)
    study = Study(STUDY, Patient("1", "测试", "测试", "", ""), "20250101", "", "", "")
    instances = [
        Instance(f"{series_uid}.{z}", "1.2", series_uid, STUDY, sha, 960, z, "1.2.840.10008.1.2.1")
        for z, sha in enumerate(blobs)
    ]
    with archive.write(MACHINE, Permission.IMPORT, Message("test"), STUDY) as writer:
        writer.add_instances(study, Series(series_uid, STUDY, "MR", series, "", ""), instances)
        writer.put(stack)
    return stack


def decide(archive: Archive, finding: Finding, state: FindingState) -> None:
    with archive.write(READER, Permission.REVIEW, Message("test"), STUDY) as writer:
        writer.put(replace(finding, state=state))


def label(**changes: Any) -> list[dict[str, Any]]:
    return [manifest()["labels"][0] | changes]


def only_models(report: InferReport) -> list[str]:
    return [id for id in report.ran if "/" not in id]


def of_model(report: InferReport, kind: str = "tiny") -> list[Refusal]:
    return [one for one in report.refusals if one.what == kind]


def test_model_proposes_and_nothing_is_decided(archive: Archive, settings: Settings) -> None:
    stack = bring(archive)
    write_package(settings.models, identity())
    report = infer(archive, settings, STUDY)
    assert only_models(report) == ["tiny"]
    (finding,) = report.findings
    assert finding.state is FindingState.PROPOSED
    assert finding.value == pytest.approx(14 * VOXEL_ML)
    assert (finding.unit, finding.label.zh) == ("mL", "斑点")
    assert finding.made_by.name == "tiny"
    assert len(finding.made_by.sha256) == 64
    assert finding.made_from == (stack.id,)
    assert np.array_equal(archive.load_mask(finding.mask_id), image() > 0)
    x, y, z = np.round(GRID.to_index(finding.location_mm)).astype(int)
    assert image()[z, y, x] == 1  # a click lands on it
    (outcome,) = [one for one in report.outcomes if one.what == "tiny"]
    assert outcome.found == 1 and outcome.provider
    assert outcome.peak_mb > 20
    assert not of_model(report)
    assert archive.study(STUDY).state is StudyState.ANALYSED
    assert not archive.study(STUDY).urgent


def test_walking_again_changes_nothing(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity())
    write_package(settings.models, identity(), id="ct-only",
                  accept=[{"channel": "image", "modality": ["CT"]}])  # fmt: skip
    first = infer(archive, settings, STUDY)
    before = archive.last_change()
    second = infer(archive, settings, STUDY)
    assert second.ran == ()
    assert archive.last_change() == before
    assert (second.findings, second.refusals, second.outcomes) == (
        first.findings, first.refusals, first.outcomes,
    )  # fmt: skip


def test_each_piece_above_the_least_volume(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="each"))
    found = infer(archive, settings, STUDY).findings
    assert sorted(round(f.value or 0, 4) for f in found) == [0.04, 0.24]
    write_package(settings.models, identity(), labels=label(proposes="each", min_volume_ml=0.1))
    found = infer(archive, settings, STUDY).findings
    assert [round(f.value or 0, 4) for f in found] == [0.24]


def test_nothing_found_is_an_outcome_and_no_refusal(archive: Archive, settings: Settings) -> None:
    bring(archive, np.zeros(GRID.shape, dtype=np.int16))
    write_package(settings.models, identity())
    report = infer(archive, settings, STUDY)
    assert report.findings == ()
    assert not of_model(report)
    assert [o.found for o in report.outcomes if o.what == "tiny"] == [0]


def test_no_suitable_series_is_said_once(archive: Archive, settings: Settings) -> None:
    bring(archive, role="T1")
    bring(archive, series=2, role="", flags=(Flag.NOT_A_VOLUME,))
    write_package(settings.models, identity())
    report = infer(archive, settings, STUDY)
    (refusal,) = of_model(report)
    assert str(refusal.reason) == "No suitable series: the study has no FLAIR series."
    assert [one for one in report.outcomes if one.what == "tiny"] == []
    # A FLAIR that is no volume tells more than a missing one, and takes its place.
    bring(archive, series=3, flags=(Flag.NOT_A_VOLUME,))
    (refusal,) = of_model(infer(archive, settings, STUDY))
    assert str(refusal.reason) == "No suitable series: series 3 is not a volume."
    # And a good one is judged; nothing is refused any more.
    bring(archive, series=4)
    report = infer(archive, settings, STUDY)
    assert not of_model(report)
    assert len(report.findings) == 1


def test_broken_package_is_refused_by_name_and_others_run(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    write_package(settings.models, identity())
    place = write_package(settings.models, identity(), id="altered")
    (place / "model.onnx").write_bytes(b"x")
    report = infer(archive, settings, STUDY)
    assert only_models(report) == ["tiny"]
    (refusal,) = of_model(report, "altered")
    assert str(refusal.reason) == (
        "Model altered: model.onnx was altered (its SHA-256 is not the one listed)."
    )
    write_package(settings.models, identity(), id="altered")  # installed again
    report = infer(archive, settings, STUDY)
    assert only_models(report) == ["altered"]
    assert not of_model(report, "altered")


def test_stopped_model_is_a_refusal_and_tried_again(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, hog())
    report = infer(archive, replace(settings, ai_memory_mb=400), STUDY)
    (refusal,) = of_model(report)
    assert str(refusal.reason) == (
        "Model tiny was stopped because it used more than 400 MB of memory."
    )
    assert not report.findings
    assert not [one for one in report.outcomes if one.what == "tiny"]
    write_package(settings.models, identity())
    report = infer(archive, settings, STUDY)
    assert not of_model(report)
    assert len(report.findings) == 1


def test_new_version_replaces_only_what_nobody_decided(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="each"))
    one, two = infer(archive, settings, STUDY).findings
    decide(archive, one, FindingState.ACCEPTED)
    write_package(settings.models, identity(), version="1.1.0")
    report = infer(archive, settings, STUDY)
    assert only_models(report) == ["tiny"]
    kept = [f for f in report.findings if f.made_by.version == "1.0.0"]
    new = [f for f in report.findings if f.made_by.version == "1.1.0"]
    assert [(f.id, f.state) for f in kept] == [(one.id, FindingState.ACCEPTED)]
    assert [f.state for f in new] == [FindingState.PROPOSED]
    masks = {mask.id for mask in archive.all(MaskInfo, STUDY)}
    assert masks == {one.mask_id, new[0].mask_id}
    assert archive.load_mask(two.mask_id).any()  # withdrawn is not deleted
    assert [o.made_by.version for o in report.outcomes if o.what == "tiny"] == ["1.1.0"]


def test_proposals_on_images_put_together_anew_are_taken_back(
    archive: Archive, settings: Settings
) -> None:
    old = bring(archive)
    write_package(settings.models, identity())
    infer(archive, settings, STUDY)
    with archive.write(MACHINE, Permission.IMPORT, Message("test"), STUDY) as writer:
        writer.withdraw(Stack, old.id)
    anew = bring(archive, series=5)
    report = infer(archive, settings, STUDY)
    assert [f.stack_id for f in report.findings] == [anew.id]
    assert {o.stack_id for o in archive.all(Outcome, STUDY)} == {anew.id}


def test_emergency_model_lifts_the_study(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), stat=True)
    (finding,) = infer(archive, settings, STUDY).findings
    assert finding.urgent
    assert archive.study(STUDY).urgent


def test_second_channel_must_lie_with_the_first(archive: Archive, settings: Settings) -> None:
    both = [
        {"channel": "flair", "modality": ["MR"], "roles": ["FLAIR"]},
        {"channel": "t1", "modality": ["MR"], "roles": ["T1"]},
    ]
    bring(archive)
    bring(archive, series=2, role="T1", frame_of_reference_uid="2.25.8")
    write_package(settings.models, identity(), accept=both)
    (refusal,) = of_model(infer(archive, settings, STUDY))
    assert str(refusal.reason) == (
        "No suitable series: there is no T1 series that lies with series 1."
    )
    bring(archive, series=3, role="T1")
    report = infer(archive, settings, STUDY)
    assert not of_model(report)
    (outcome,) = [one for one in report.outcomes if one.what == "tiny"]
    assert len(outcome.made_from) == 2


def test_cancel_keeps_nothing_half_made(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity())
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        infer(archive, settings, STUDY, cancel=cancel)
    assert archive.all(Finding, STUDY) == []
    assert archive.all(Outcome, STUDY) == []


def test_signed_study_is_left_alone(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity())
    with archive.write(MACHINE, Permission.IMPORT, Message("test"), STUDY) as writer:
        writer.set_state(STUDY, StudyState.SIGNED)
    assert infer(archive, settings, STUDY).ran == ()


def test_a_series_that_nothing_looks_at_is_named_until_something_does(
    archive: Archive, settings: Settings
) -> None:
    bring(archive)
    t1 = bring(archive, series=2, role="T1", description="t1_mprage")
    scout = bring(archive, series=3, role="", description="scout", flags=(Flag.LOCALISER,))
    # A second part of the same series: one refusal speaks for both.
    bring(archive, series=3, id="4" * 32, role="", description="scout", flags=(Flag.SPLIT,))
    bare = bring(archive, series=5, role="", description=" ", flags=(Flag.NOT_A_VOLUME,))
    write_package(settings.models, identity())
    report = infer(archive, settings, STUDY)
    unseen = {one.series_uid: one for one in of_model(report, "series")}
    assert set(unseen) == {t1.series_uid, scout.series_uid, bare.series_uid}
    assert {uid: (one.name.en, one.name.zh) for uid, one in unseen.items()} == {
        t1.series_uid: ("T1", "T1"),
        scout.series_uid: ("scout", "scout"),
        bare.series_uid: ("Series 5", "序列 5"),
    }
    for one in unseen.values():
        assert str(one.reason) == "Nothing installed looks at this series."
    assert unseen[t1.series_uid].made_from == (t1.id,)
    before = archive.last_change()
    assert infer(archive, settings, STUDY).refusals == report.refusals
    assert archive.last_change() == before
    # The report says it in its scope.
    drafted = draft(archive, STUDY, language="zh_CN")
    scope = [
        s.text for part in drafted.sections if part.key == "not_judged" for s in part.sentences
    ]
    assert "scout：没有已安装的模型或分析可判读该序列。" in scope
    # Gone, and looked at.
    with archive.write(MACHINE, Permission.IMPORT, Message("test"), STUDY) as writer:
        writer.withdraw(Stack, bare.id)
    channels = [{"channel": "t1", "modality": ["MR"], "roles": ["T1"]}]
    write_package(settings.models, identity(), id="of-t1", accept=channels)
    left = of_model(infer(archive, settings, STUDY), "series")
    assert [one.series_uid for one in left] == [scout.series_uid]


def read_after(home: str, models: str, gate: Any, told: Any) -> None:
    """A second program that reads the study at the same moment as the first."""
    opened = Archive(Path(home))
    settings = Settings(home=Path(home), models=Path(models), ai_threads=1)

    def wait_for_the_other(fraction: float, doing: Message) -> None:
        # Said once the tasks are chosen: both then believe that nobody judged the stack yet.
        if not passed:
            passed.append(True)
            gate.wait(60)

    passed: list[bool] = []
    told.put(infer(opened, settings, STUDY, progress=wait_for_the_other).ran)
    opened.close()


def test_two_programs_reading_at_once_store_one_set(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), labels=label(proposes="each"))
    trust_maker(archive.home)  # the programs take it for the site's home
    spawning = get_context("spawn")
    gate, told = spawning.Barrier(2), spawning.Queue()
    places = (str(archive.home), str(settings.models), gate, told)
    programs = [spawning.Process(target=read_after, args=places) for _ in range(2)]
    for program in programs:
        program.start()
    ran = [told.get(timeout=120) for _ in programs]
    for program in programs:
        program.join(60)
        assert program.exitcode == 0
    assert sorted(len([id for id in one if id == "tiny"]) for one in ran) == [0, 1]
    found = archive.all(Finding, STUDY)
    assert sorted(round(f.value or 0, 4) for f in found) == [0.04, 0.24]
    assert {mask.id for mask in archive.all(MaskInfo, STUDY)} == {f.mask_id for f in found}
    assert [o.found for o in archive.all(Outcome, STUDY) if o.what == "tiny"] == [2]
    assert infer(archive, settings, STUDY).ran == ()
    assert verify(archive).ok


def test_file_that_is_gone_is_a_refusal(archive: Archive, settings: Settings) -> None:
    stack = bring(archive)
    archive.blob_path(stack.frames[0].sha256).unlink()
    write_package(settings.models, identity())
    (refusal,) = of_model(infer(archive, settings, STUDY))
    assert refusal.series_uid == stack.series_uid


def bright_spot(inputs: AnalysisInputs) -> AnalysisResult:
    """One candidate at the brightest voxel of the first phase; refuses an empty image."""
    volume = inputs.volumes[0]
    if not volume.array.any():
        raise BadInput(N_("There is nothing bright in it."))
    mask = np.asarray(volume.array == volume.array.max())
    z, y, x = np.argwhere(mask)[0]
    place = volume.grid.to_lps((float(x), float(y), float(z)))
    code = Code("SPOT", "99ONESCAN", "Spot")
    size = Quantity(Wording("Diameter", "直径"), code, 4.5, "mm")
    count = Quantity(Wording("Voxels", "体素数"), code, float(mask.sum()), "1")
    return AnalysisResult(
        candidates=(
            Candidate(
                Wording("Spot", "斑点"), code, Wording("left", "左侧"),
                (float(place[0]), float(place[1]), float(place[2])), mask, size, (count,),
                "nodule", urgent=True,
            ),
        )
    )  # fmt: skip


def spec(id: str = "other/bright") -> AnalysisSpec:
    name = Wording("Bright spot", "亮斑")
    return AnalysisSpec(id, "1", name, "chest", ("FLAIR",), "", "brightest voxel", "a test", ())


def fails(inputs: AnalysisInputs) -> AnalysisResult:
    raise ZeroDivisionError


def test_analyses_propose_and_refuse_too(
    archive: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = ((spec(), bright_spot), (spec("other/faulty"), fails))
    monkeypatch.setattr("workstation.reading.infer.find_analyses", lambda: plugins)
    stack = bring(archive)
    empty = bring(archive, np.zeros(GRID.shape, dtype=np.int16), series=2)
    bring(archive, series=3, role="T1")
    report = infer(archive, settings, STUDY)
    assert report.ran == ("other/bright",)
    (finding,) = report.findings
    assert (finding.value, finding.unit, finding.formula) == (4.5, "mm", "other/bright")
    assert (finding.template_key, finding.area, finding.stack_id) == ("nodule", "chest", stack.id)
    assert archive.load_mask(finding.mask_id).sum() == 14
    assert archive.study(STUDY).urgent
    (other,) = archive.all(Measurement, STUDY)
    assert (other.value, other.finding_id) == (14.0, finding.id)
    assert other.made_from == (stack.id, finding.mask_id)
    assert {(one.what, one.series_uid, str(one.reason)) for one in report.refusals} == {
        ("other/bright", empty.series_uid, "There is nothing bright in it."),
        ("other/faulty", stack.series_uid,
         "It failed unexpectedly (ZeroDivisionError); the log file says more."),
        ("other/faulty", empty.series_uid,
         "It failed unexpectedly (ZeroDivisionError); the log file says more."),
        ("series", f"{STUDY}.3", "Nothing installed looks at this series."),
    }  # fmt: skip
    before = archive.last_change()
    assert infer(archive, settings, STUDY).ran == ()
    assert archive.last_change() == before


def bring_cine(archive: Archive) -> Stack:
    """Three phases; the spots are as large as ever in the middle one alone."""
    small = image()
    small[2:4] = 0
    small[4, 4:6, 4:6] = 1
    small[3, 15, 18:20] = 0
    phases = [small, image(), small]
    uid = f"{STUDY}.1"
    blobs = [archive.put_bytes(plane.tobytes()) for voxels in phases for plane in voxels]
    frames = tuple(
        Frame(sha, f"{uid}.{n}", 0, 0, 5.0 * (n % GRID.shape[0])) for n, sha in enumerate(blobs)
    )
    return bring(archive, phases[0], phases=3, frames=frames, made_from=tuple(blobs))


def test_model_looks_at_every_phase_of_a_cine(archive: Archive, settings: Settings) -> None:
    stack = bring_cine(archive)
    accepts = [manifest()["accept"][0] | {"phases": "each"}]
    write_package(settings.models, identity(), accept=accepts)
    report = infer(archive, settings, STUDY)
    (finding,) = report.findings
    assert finding.phase == 1  # where the first label is largest
    assert finding.value == pytest.approx(14 * VOXEL_ML)
    masks = {mask.phase: mask for mask in archive.all(MaskInfo, STUDY)}
    assert sorted(masks) == [0, 1, 2]
    assert finding.mask_id == masks[1].id
    for phase, voxels in ((0, 4), (1, 14), (2, 4)):
        assert masks[phase].voxel_count == voxels
        assert masks[phase].volume_ml == pytest.approx(voxels * VOXEL_ML)
        assert archive.load_mask(masks[phase].id).sum() == voxels
    (outcome,) = [one for one in report.outcomes if one.what == "tiny"]
    assert outcome.found == 1
    assert outcome.stack_id == stack.id


def test_time_series_is_refused_unless_the_package_says_each(
    archive: Archive, settings: Settings
) -> None:
    bring_cine(archive)
    write_package(settings.models, identity())
    (refusal,) = of_model(infer(archive, settings, STUDY))
    assert "time series of 3 phases" in str(refusal.reason)
