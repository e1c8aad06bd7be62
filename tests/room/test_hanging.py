"""Hanging protocols: every file matches its own example headers; readers' own ones are kept."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.dicom_in.making import Shelf, image
from workstation import text
from workstation.dicom.stacks import build_stacks
from workstation.domain.errors import BadInput
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Stack
from workstation.viewing.hanging import BULLSEYE, Pane, Protocol, as_protocol, hang, shape_for
from workstation.viewing.hanging_files import (
    as_toml,
    delete_protocol,
    installed,
    own_protocols,
    read_protocol,
    save_protocol,
)
from workstation.viewing.viewport import Projection, Slab

FOLDER = text.RESOURCES / "hanging_protocols"
FILES = sorted(FOLDER.glob("*.toml"))


def made(folder: Path, number: int, given: dict[str, Any]) -> list[Stack]:
    """Stacks from real files with an example's headers."""
    headers = dict(given)
    slices, phases = headers.pop("slices"), headers.pop("phases", 1)
    modality, uid = headers.pop("Modality"), f"1.2.3.{number}"
    shelf = Shelf(folder / str(number))
    for at in range(slices * phases):
        extra = dict(headers, SeriesNumber=number, SpecificCharacterSet="ISO_IR 192")
        if phases > 1:
            extra["TriggerTime"] = 40.0 * (at % phases)
        place = (0.0, 0.0, 4.0 * (at // phases))
        shelf.add(image(at, place, modality=modality, series=uid, **extra))
    return build_stacks(shelf.study_uid, shelf.series, shelf.instances)


def examples() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in FILES:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        assert given.get("example"), f"{path.name} has no example"
        found += [(path.stem, example) for example in given["example"]]
    return found


@pytest.mark.parametrize(("id", "example"), examples(), ids=lambda v: str(v)[:24])
def test_protocol_matches_its_own_example_headers(
    tmp_path: Path, id: str, example: dict[str, Any]
) -> None:
    stacks: list[Stack] = []
    priors: list[Stack] = []
    for number, series in enumerate(example["series"], 1):
        given = dict(series)
        (priors if given.pop("prior", False) else stacks).extend(made(tmp_path, number, given))
    hanging = hang(stacks, installed(), priors)
    assert hanging.protocol.id == id, hanging.scores
    role = {s.id: s.role for s in [*stacks, *priors]}
    stage = hanging.stages[0]
    assert [p.drawing or role.get(p.stack_id, "") for p in stage.panes] == example["shows"]
    assert len(stage.panes) == stage.rows * stage.columns
    ways = [(p.stack_id, p) for p in stage.panes if p.stack_id]
    assert len(set(ways)) == len(ways), "a pane shows what another one shows already"


def test_names_and_stages_are_in_chinese() -> None:
    known = text.catalogue("zh_CN")
    words = {p.name for p in installed()} | {s.name for p in installed() for s in p.stages}
    assert not sorted(w for w in words if not known.get(w))


def test_issue_lists_are_there() -> None:
    assert {p.id for p in installed()} >= {
        "brain_heart", "brain_tumour", "head_ct", "vessels", "chest_ct", "chest_ct_prior",
        "heart_cine", "pet_ct", "breast_dce", "radiograph", "generic",
    }  # fmt: skip


def study(tmp_path: Path, *series: dict[str, Any]) -> list[Stack]:
    return [s for n, one in enumerate(series, 1) for s in made(tmp_path, n, dict(one))]


CHEST = {"Modality": "CT", "BodyPartExamined": "CHEST", "slices": 16}
FLAIR = {"Modality": "MR", "SeriesDescription": "FLAIR", "slices": 16}
CINE = {"Modality": "MR", "SeriesDescription": "cine sax", "slices": 6, "phases": 10}


def test_a_prior_decides_between_protocols(tmp_path: Path) -> None:
    now, before = study(tmp_path / "now", CHEST), study(tmp_path / "then", CHEST)
    assert hang(now, installed()).protocol.id == "chest_ct"
    both = hang(now, installed(), before)
    assert both.protocol.id == "chest_ct_prior"
    panes = both.stages[0].panes
    assert [p.stack_id for p in panes] == [now[0].id, before[0].id] * 2


def test_fusion_needs_one_frame_of_reference(tmp_path: Path) -> None:
    series = (
        {"Modality": "CT", "SeriesDescription": "CT AC", "slices": 16},
        {"Modality": "PT", "SeriesDescription": "PET", "slices": 16},
    )
    stacks = study(tmp_path, *series)
    first = hang(stacks, installed()).stages[0].panes[0]
    assert (first.stack_id, first.fused_stack_id) == (stacks[0].id, stacks[1].id)
    apart = [stacks[0], replace(stacks[1], frame_of_reference_uid="1.2.3.99")]
    assert hang(apart, installed()).stages[0].panes[0].fused_stack_id == ""


def test_stages_without_their_series_are_left_out(tmp_path: Path) -> None:
    hanging = hang(study(tmp_path, FLAIR, CINE), installed())
    assert hanging.protocol.id == "brain_heart"
    assert [s.name for s in hanging.stages] == ["Overview", "Heart"]
    assert hanging.stages[1].panes[-1].drawing == BULLSEYE


def test_a_chosen_protocol_wins(tmp_path: Path) -> None:
    stacks = study(tmp_path, CHEST)
    assert hang(stacks, installed(), chosen="generic").protocol.id == "generic"


@pytest.mark.parametrize("count", range(1, 13))
def test_there_is_a_shape_for_every_number_of_panes(count: int) -> None:
    rows, columns = shape_for(count)
    assert rows * columns >= count and rows <= 3 and columns <= 4


# --- a reader's own


def own_of(stacks: list[Stack], name: str = '我的胸部 "双窗"') -> Protocol:
    ids = {s.id: s for s in stacks}
    panes = (
        Pane(stacks[0].id, PlaneKind.CORONAL, Slab(12.5, Projection.MEAN), preset=7),
        Pane(stacks[0].id, solid=True),
    )
    return as_protocol("", name, 1, 2, panes, ids.get)


def test_a_saved_arrangement_is_hung_next_time(home: Path, tmp_path: Path) -> None:
    stacks = study(tmp_path, CHEST)
    kept = save_protocol(home, own_of(stacks))
    (read,), faults = own_protocols(home)
    assert read == kept and not faults and read.own
    assert read.name == '我的胸部 "双窗"' and read.modalities == ("CT",)
    hanging = hang(stacks, (*installed(), read))
    assert hanging.protocol.id == kept.id
    stage = hanging.stages[0]
    assert (stage.rows, stage.columns) == (1, 2)
    assert stage.panes[0].slab == Slab(12.5, Projection.MEAN) and stage.panes[0].preset == 7
    assert stage.panes[1].solid
    # A head is not a chest: the saved protocol keeps to the roles it was made for.
    head = study(tmp_path / "head", {**CHEST, "BodyPartExamined": "HEAD"})
    assert hang(head, (*installed(), read)).protocol.id == "head_ct"


def test_a_saved_comparison_asks_for_a_prior(home: Path, tmp_path: Path) -> None:
    now, before = study(tmp_path / "now", CHEST), study(tmp_path / "then", CHEST)
    before = [replace(before[0], id="before")]
    ids = {s.id: s for s in [*now, *before]}
    panes = (Pane(now[0].id, preset=6), Pane("before", preset=6))
    kept = save_protocol(home, as_protocol("", "bone", 1, 2, panes, ids.get, {"before"}))
    assert kept.prior and [slot.prior for slot in kept.stages[0].slots] == [False, True]
    known = (*installed(), kept)
    assert hang(now, known).protocol.id == "chest_ct"
    hanging = hang(now, known, before)
    assert hanging.protocol.id == kept.id
    assert [p.stack_id for p in hanging.stages[0].panes] == [now[0].id, "before"]


def test_saving_under_the_same_name_replaces(home: Path, tmp_path: Path) -> None:
    stacks = study(tmp_path, CHEST)
    first, second = (save_protocol(home, own_of(stacks, "a")) for _ in range(2))
    assert first.id == second.id and len(own_protocols(home)[0]) == 1
    delete_protocol(home, first.id)
    assert own_protocols(home) == ((), ())
    with pytest.raises(BadInput):
        delete_protocol(home, "generic")
    with pytest.raises(BadInput):
        save_protocol(home, own_of(stacks, "  "))


def test_installed_files_survive_the_writer(tmp_path: Path) -> None:
    for protocol in installed():
        path = tmp_path / f"{protocol.id}.toml"
        path.write_text(as_toml(protocol), encoding="utf-8")
        assert read_protocol(path) == protocol


PANE = '[[stage.pane]]\nroles = ["*"]'


def stage(rows: int, columns: int, pane: str = PANE, before: str = "") -> str:
    return f'name = "a"\n{before}\n[[stage]]\nrows = {rows}\ncolumns = {columns}\n{pane}'


@pytest.mark.parametrize(
    "broken",
    [
        "name = 1",
        "not toml",
        'name = "a"\nstage = []',
        stage(1, 1, before='needs = ["FLAIRE"]'),
        stage(4, 4),
        stage(1, 1, PANE + "\n" + PANE),
        stage(1, 1, PANE + '\nplane = "up"'),
        stage(1, 1, PANE + "\nsame_as = 0"),
        stage(1, 1, PANE + "\nslab_mm = -3"),
        stage(1, 1, before="extra = 1"),
        stage(1, 1, "pane = [1]"),
    ],
)
def test_a_faulty_file_is_named_and_does_not_stop_the_others(
    home: Path, tmp_path: Path, broken: str
) -> None:
    save_protocol(home, own_of(study(tmp_path, CHEST), "good"))
    (home / "hanging_protocols" / "own-x.toml").write_text(broken, encoding="utf-8")
    found, faults = own_protocols(home)
    assert [p.name for p in found] == ["good"]
    assert len(faults) == 1 and "own-x.toml" in str(faults[0].params)
