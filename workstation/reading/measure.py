"""Measure: an analysis that a person starts, on images, outlines and lines that they chose.

What comes of it is a proposal like any other: the reader accepts, edits or rejects it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workstation.analyses import analysis
from workstation.archive.store import Archive
from workstation.dicom.volumes import read_volume
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Curve,
    Images,
    InputSpec,
    Kind,
    Value,
)
from workstation.domain.artefact import MadeBy, new_id, now
from workstation.domain.centreline import Centreline
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, named
from workstation.domain.finding import Finding
from workstation.domain.geometry import Floats, Grid
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack, Volume
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.imaging.sections import resampled
from workstation.reading.analysis_images import along, images_of
from workstation.reading.analysis_tables import read_curve
from workstation.reading.proposals import Judge
from workstation.reading.proposals_measured import from_person

CENTRELINE = "centreline"
"""Key of a line that a run found, and of one that it is given."""
HANDLES_MM = 4.0


@dataclass(frozen=True)
class Request:
    """What a person wants measured. By the keys of the analysis's inputs: ids of stacks, of masks
    (several of one outline on several phases), of centrelines; tables with curves; values of its
    parameters."""

    analysis: str
    stacks: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Path] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What a run proposed; its curves and marks, which are shown and not stored. lines: those it
    found through a vessel, stored as if the reader had drawn them."""

    findings: tuple[Finding, ...]
    maps: tuple[DerivedMap, ...]
    result: AnalysisResult
    stack_id: str = ""
    lines: tuple[Centreline, ...] = ()


def measure(
    archive: Archive,
    study_uid: str,
    request: Request,
    *,
    actor: Actor,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Measured:
    """Run one analysis and store what it proposes, all of it or nothing.

    Raises ``BadInput`` with the reason where it cannot judge, ``NotAllowed`` on a signed study.
    """
    cancel = cancel or Cancel()
    spec, analyse = analysis(request.analysis)
    if archive.study(study_uid).state is StudyState.SIGNED:
        raise NotAllowed(N_("The report of this study is signed: open a correction first."))
    doing = Message(N_("Measuring"))
    progress(0.0, doing)
    inputs, stack = _inputs(archive, study_uid, spec, request, cancel)
    cancel.check()
    result = analyse(inputs)
    cancel.check()
    settings = tuple((one.key, _written(inputs.of(one))) for one in spec.parameters)
    judge = Judge(spec.id, spec.name, MadeBy(spec.id, spec.version))
    given = tuple(id for ids in request.masks.values() for id in ids)
    proposals = from_person(archive, judge, spec, result, stack, settings, given)
    lines = _lines_found(result, request, stack, actor)
    reason = Message(N_("{what} was run by hand"), {"what": str(judge.made_by)})
    with archive.write(actor, Permission.REVIEW, reason, study_uid) as writer:
        for group in (
            proposals.masks, proposals.findings, proposals.measurements, proposals.maps, lines
        ):  # fmt: skip
            for item in group:
                writer.put(item)
    progress(1.0, doing)
    findings, maps = tuple(proposals.findings), tuple(proposals.maps)
    return Measured(findings, maps, result, stack.id, lines)


def _lines_found(
    result: AnalysisResult, request: Request, stack: Stack, actor: Actor
) -> tuple[Centreline, ...]:
    """Lines that the run found itself, with handles ``HANDLES_MM`` apart that a reader can move."""
    if CENTRELINE in request.lines:
        return ()
    found = []
    for one in result.lines:
        if one.key == CENTRELINE and len(one.points_mm) > 1:
            points = resampled(one.points_mm, HANDLES_MM)
            # The last piece is shorter: the line ends where it was found to end.
            if np.linalg.norm(points[-1] - one.points_mm[-1]) > 0.5:
                points = np.concatenate([points, one.points_mm[-1:]])
            handles = tuple((float(x), float(y), float(z)) for x, y, z in points)
            found.append(
                Centreline(
                    new_id(), stack.study_uid, stack.series_uid, stack.id,
                    stack.frame_of_reference_uid, handles, actor.name, now(),
                )
            )  # fmt: skip
    return tuple(found)


def _written(value: Value | None) -> str:
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def _inputs(
    archive: Archive, study_uid: str, spec: AnalysisSpec, request: Request, cancel: Cancel
) -> tuple[AnalysisInputs, Stack]:
    """What was chosen as the analysis takes it, and the stack that the result belongs to."""
    stacks = {stack.id: stack for stack in archive.all(Stack, study_uid)}
    known = {mask.id: mask for mask in archive.all(MaskInfo, study_uid)}
    images: dict[str, Images] = {}
    masks: dict[str, NDArray[np.bool_]] = {}
    lines: dict[str, Floats] = {}
    curves: dict[str, Curve] = {}
    used: list[Stack] = []
    grid: Grid | None = None

    def read(stack: Stack, phase: int) -> Volume:
        return read_volume(stack, archive.blob_path, phase, cancel=cancel)

    for one in spec.takes:
        if one.kind in (Kind.IMAGE, Kind.SERIES) and request.stacks.get(one.key):
            stack = stacks[request.stacks[one.key]]
            images[one.key] = images_of(one, stack, read, stacks.values())
            used += [stack, *(s for s in along(one, stack, stacks.values()) if s != stack)]
        elif one.kind is Kind.MASK and request.masks.get(one.key):
            for id in request.masks[one.key]:
                info = known[id]
                if grid is not None and info.grid != grid:
                    raise BadInput(N_("The outlines do not lie on the same voxels."))
                grid = info.grid
                masks[_mask_key(one, info)] = archive.load_mask(id)
                used.append(stacks[info.stack_id])
        elif one.kind is Kind.LINE and request.lines.get(one.key):
            line = archive.get(Centreline, request.lines[one.key])
            lines[one.key] = np.array(line.points_mm, dtype=np.float64)
            used.append(stacks[line.stack_id])
        elif one.kind is Kind.CURVE and request.curves.get(one.key):
            curves[one.key] = read_curve(request.curves[one.key], one.axis, one.unit)
        elif not one.optional:
            raise BadInput(N_("Choose: {name}."), name=one.name.en, name_zh=one.name.zh)
    if not used:
        raise BadInput(N_("Choose an image or an outline to measure."))
    for key, shown in images.items():
        # Voxels of a mask are looked up in the image by their place in the array.
        if grid is not None and not grid.lies_on(shown.grid):
            name = next(one.name for one in spec.takes if one.key == key)
            raise BadInput(
                N_(
                    "{name}: these images do not lie on the voxels of the outline. Draw it on "
                    "them, or choose an outline that was."
                ),
                **named(name.en, name.zh),
            )
    inputs = AnalysisInputs(
        masks=masks, grid=grid or used[0].grid, images=images, lines=lines,
        curves=curves,
        values=dict(request.values),
    )  # fmt: skip
    return inputs, used[0]


def _mask_key(one: InputSpec, info: MaskInfo) -> str:
    return f"{one.key}:{info.phase}" if one.by_phase else one.key


def offered_masks(one: InputSpec, masks: list[MaskInfo]) -> list[tuple[MaskInfo, ...]]:
    """Outlines that an input may be given: each alone or, of one that wants every phase, all that
    one maker drew of one thing on one stack."""
    if not one.by_phase:
        return [(mask,) for mask in masks]
    groups: dict[tuple[str, str, str], list[MaskInfo]] = {}
    for mask in masks:
        key = (mask.stack_id, str(mask.made_by), mask.label.en)
        groups.setdefault(key, []).append(mask)
    return [tuple(sorted(group, key=lambda m: m.phase)) for group in groups.values()]


def remove_map(archive: Archive, actor: Actor, map_id: str) -> None:
    """Take a map away; its history stays."""
    derived = archive.get(DerivedMap, map_id)
    reason = Message(N_("A map was removed."))
    with archive.write(actor, Permission.REVIEW, reason, derived.study_uid) as writer:
        writer.withdraw(DerivedMap, map_id)
