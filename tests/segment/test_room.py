"""Segments in the archive: numbers, steps that survive a restart, codes that are real."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.sr._snomed_dict import mapping

from tests.archive.samples import READER, WHY, make_instance, make_series, make_stack, make_study
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.artefact import Wording, new_id
from workstation.domain.errors import NotAllowed
from workstation.domain.people import MACHINE, Permission
from workstation.domain.segment import (
    COLOURS,
    KINDS,
    STEPS_KEPT,
    Segment,
    colour_of,
    pattern_of,
)
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import VoxelSet
from workstation.reading import segments
from workstation.ui.segment_list import home_of


@pytest.fixture
def kept(home: Path) -> tuple[Archive, Stack]:
    archive = Archive(home)
    stack = make_stack()
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        series = make_series()
        sha256 = archive.put_bytes(b"an image")
        writer.add_instances(make_study(), series, [make_instance(series, 1, sha256)])
        writer.put(stack)
    return archive, stack


def some(stack: Stack, seed: int) -> VoxelSet:
    rng = np.random.default_rng(seed)
    return VoxelSet.of(rng.random(stack.grid.shape) < 0.1, stack.grid)


def test_every_operation_is_a_step_that_survives_a_restart(
    kept: tuple[Archive, Stack], home: Path
) -> None:
    archive, stack = kept
    made = segments.create(archive, READER, stack, KINDS[1])
    assert made.number == 1 and made.mask_id == "" and made.colour == COLOURS[0]
    masks = [some(stack, seed) for seed in range(3)]
    for mask in masks:
        segment = segments.store(archive, READER, made.id, mask)
        assert segment.volume_ml == pytest.approx(mask.count * stack.grid.voxel_ml)
    archive.close()
    again = Archive(home)
    segment = again.all(Segment, stack.study_uid)[0]
    assert len(segment.steps) == 4 and segment.step_at == 3
    assert np.array_equal(again.load_mask(segment.mask_id), masks[2].full())
    back = segments.step(again, READER, made.id, -1)
    loaded = again.load_voxels(back.mask_id)
    assert np.array_equal(loaded.full(), masks[1].full())
    assert loaded.voxels.size <= masks[1].voxels.size
    assert back.volume_ml == pytest.approx(masks[1].volume_ml)
    assert segments.step(again, READER, made.id, +1).mask_id == segment.mask_id
    with pytest.raises(NotAllowed, match="redo"):
        segments.step(again, READER, made.id, +1)
    segments.step(again, READER, made.id, -1)
    emptied = segments.store(again, READER, made.id, VoxelSet(stack.grid))
    assert emptied.mask_id == "" and emptied.volume_ml == 0.0 and len(emptied.steps) == 4
    assert verify(again).ok
    again.close()


def test_numbers_names_locks_and_removal(kept: tuple[Archive, Stack]) -> None:
    archive, stack = kept
    a, b, c = (segments.create(archive, READER, stack, kind) for kind in KINDS[:3])
    assert [s.number for s in (a, b, c)] == [1, 2, 3]
    segments.remove(archive, READER, b.id)
    d = segments.create(archive, READER, stack, KINDS[4], mask=some(stack, 9))
    assert d.number == 2 and d.colour == b.colour and d.volume_ml > 0
    named = segments.describe(archive, READER, d.id, name=Wording("右上叶结节", "右上叶结节"))
    assert named.kind == KINDS[4].kind and named.name.en == "右上叶结节"
    locked = segments.describe(archive, READER, d.id, locked=True, visible=False)
    assert locked.locked and not locked.visible and locked.name == named.name
    with pytest.raises(NotAllowed, match="locked"):
        segments.store(archive, READER, d.id, some(stack, 3))
    with pytest.raises(NotAllowed, match="locked"):
        segments.remove(archive, READER, d.id)
    segments.describe(archive, READER, d.id, locked=False)
    for seed in range(STEPS_KEPT + 5):
        last = segments.store(archive, READER, d.id, some(stack, seed))
    assert len(last.steps) == STEPS_KEPT and last.step_at == STEPS_KEPT - 1
    archive.close()


def test_codes_are_those_of_dicoms_snomed_subset() -> None:
    """Every category and type stands in the SNOMED CT subset that DICOM publishes (PS3.16)."""
    known = mapping["SCT"]
    elsewhere = {"55641003"}  # Infarct: a SNOMED CT concept that DICOM has not listed
    for kind in KINDS:
        for code in (kind.category, kind.kind):
            assert code.scheme == "SCT"
            assert code.value in known or code.value in elsewhere, code
        assert kind.name.zh and kind.name.en
    assert len({kind.kind.value for kind in KINDS}) == len(KINDS)


def test_neighbouring_numbers_differ_in_colour_and_pattern() -> None:
    looks = [(colour_of(n), pattern_of(n)) for n in range(1, 25)]
    assert len(set(looks)) == 24
    for a, b in itertools.pairwise(looks):
        assert a[0] != b[0] and a[1] != b[1]


def test_a_segment_follows_its_series_when_that_is_assembled_anew(
    kept: tuple[Archive, Stack],
) -> None:
    archive, stack = kept
    segment = segments.create(archive, READER, stack, KINDS[1], mask=some(stack, 1))
    voxels = archive.load_voxels(segment.mask_id)
    again = replace(stack, id=new_id())
    other = replace(stack, id=new_id(), grid=make_stack(frames=5).grid)
    assert home_of(segment, voxels, [other, again, stack]) is stack
    assert home_of(segment, voxels, [other, again]) is again
    assert home_of(segment, voxels, [other]) is None
    assert home_of(segment, None, [replace(again, series_uid="1.9")]) is None
    archive.close()
