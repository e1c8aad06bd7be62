"""Inputs of an analysis from files: DICOM folders, NIfTI, NRRD, tables of numbers as CSV.

What a file does not say is not guessed: times, b-values and echo times of images without headers
come from their sidecar (BIDS ``.json``, ``.bval``) or from the caller, or the analysis has to do
without them and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.ai.files import load_series
from workstation.dicom.folder import Folder, read_folder
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisSpec,
    Curve,
    Images,
    InputSpec,
    Kind,
    Value,
)
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.volume import Stack, Volume, generated_volume
from workstation.reading.analysis_images import ALONG, along, images_of
from workstation.reading.analysis_tables import numbers_of, read_curve, read_line

LABEL = "#"
"""Between a mask's file and the value that is meant, where the file has several."""

# BIDS 1.10 names, seconds; here milliseconds.
_BIDS = {"echo_ms": "EchoTime", "repetition_ms": "RepetitionTime", "inversion_ms": "InversionTime"}


@dataclass
class _Reading:
    """What has been read so far. cautions: what a file did not say and was taken as it is."""

    images: dict[str, Images] = field(default_factory=dict)
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    lines: dict[str, Floats] = field(default_factory=dict)
    grids: list[tuple[Path, Grid]] = field(default_factory=list)
    cautions: list[Message] = field(default_factory=list)


def read_inputs(
    spec: AnalysisSpec,
    paths: Mapping[str, Sequence[Path]],
    values: Mapping[str, Value],
    positions: Mapping[str, Sequence[float]] | None = None,
) -> tuple[AnalysisInputs, tuple[Message, ...]]:
    """The inputs of ``spec`` from files, and what a reader must know about how they were taken.

    paths: of each input by its key, several of one series in their order. positions: of a series'
    volumes (``AXIS_UNITS``), where its files do not say. Raises ``BadInput`` with the file or key
    that cannot be used, or that is missing.
    """
    known = {one.key: one for one in spec.takes}
    _refuse_others(paths, known)
    _refuse_others(positions or {}, known)
    parameters = {one.key: one for one in spec.parameters}
    _refuse_others(values, parameters)
    reading = _Reading()
    for key, one in known.items():
        there = list(paths.get(key, ()))
        if there:
            _take(one, there, (positions or {}).get(key, ()), reading)
        elif not one.optional:
            raise BadInput(N_("The input {key} is missing: --input {key}=PATH."), key=key)
    grid = _one_grid(reading.grids)
    checked = {key: parameters[key].checked(value) for key, value in values.items()}
    inputs = AnalysisInputs(
        grid=grid, values=checked, images=reading.images, masks=reading.masks,
        curves=reading.curves, lines=reading.lines,
    )  # fmt: skip
    return inputs, tuple(reading.cautions)


def _refuse_others(given: Mapping[str, object], known: Mapping[str, object]) -> None:
    for key in given:
        if key not in known:
            raise BadInput(
                N_("{key} is not known here; known are: {allowed}."),
                key=key, allowed=", ".join(known) or "-",
            )  # fmt: skip


def _take(one: InputSpec, paths: list[Path], positions: Sequence[float], reading: _Reading) -> None:
    if one.kind in (Kind.IMAGE, Kind.SERIES):
        images = _images(one, paths, positions, reading.cautions)
        reading.images[one.key] = images
        reading.grids.insert(0, (paths[0], images.grid))
        return
    if len(paths) > 1:
        raise BadInput(N_("{key} takes one file."), key=one.key)
    path = paths[0]
    if one.kind is Kind.MASK:
        reading.grids.append((path, _masks(one, path, reading.masks)))
    elif one.kind is Kind.CURVE:
        reading.curves[one.key] = read_curve(path, one.axis, one.unit)
    else:
        reading.lines[one.key] = read_line(path)


def _one_grid(grids: list[tuple[Path, Grid]]) -> Grid | None:
    """The grid of every mask; of the first image where there is no mask."""
    if not grids:
        return None
    path, grid = grids[0]
    for other, there in grids[1:]:
        if not there.lies_on(grid):
            raise BadInput(
                N_("{one} and {other} do not lie on the same voxels."),
                one=path.name, other=other.name,
            )  # fmt: skip
    return grid


def _masks(one: InputSpec, path: Path, masks: dict[str, NDArray[np.bool_]]) -> Grid:
    label = 0
    name = path.name
    if LABEL in name and not path.exists():
        stem, _, chosen = name.rpartition(LABEL)
        if not chosen.isdigit():
            raise BadInput(N_("There is no file {path}."), path=str(path))
        path, label = path.with_name(stem), int(chosen)
    array, grid, _ = load_series(path)
    if not label:
        _one_value(path, array)
    drawn = array == label if label else array != 0
    if one.by_phase:
        masks.update({f"{one.key}:{phase}": part for phase, part in enumerate(drawn) if part.any()})
    elif len(drawn) > 1:
        raise BadInput(N_("{path} is a time series; give one volume."), path=str(path))
    else:
        masks[one.key] = drawn[0]
    return grid


def _one_value(path: Path, array: NDArray[Any]) -> None:
    """``BadInput`` where an array has several values that each could be what is meant."""
    values = np.unique(array)
    inside = values[values != 0]
    if inside.size > 1:
        shown = ", ".join(f"{value:g}" for value in inside[:6])
        raise BadInput(
            N_(
                "{path} has several values ({values}): of a mask with several say which, "
                "{file}#VALUE; an image is no mask."
            ),
            path=str(path), file=path.name, values=shown + (", …" if inside.size > 6 else ""),
        )  # fmt: skip


def _images(
    one: InputSpec, paths: list[Path], positions: Sequence[float], cautions: list[Message]
) -> Images:
    parts = [_part(one, path, cautions) for path in paths]
    volumes = tuple(volume for part in parts for volume in part.volumes)
    grid = volumes[0].grid
    for volume in volumes[1:]:
        if volume.grid != grid:
            raise BadInput(N_("The volumes of {key} do not lie on the same voxels."), key=one.key)
    if one.kind is Kind.IMAGE:
        if len(volumes) > 1:
            raise BadInput(N_("{key} takes one volume, not a series of them."), key=one.key)
        return Images(volumes)
    told = tuple(positions) or _positions(one, parts, volumes)
    if told and len(told) != len(volumes):
        raise BadInput(
            N_("{key} has {volumes} volumes, but {positions} positions were given."),
            key=one.key, volumes=len(volumes), positions=len(told),
        )  # fmt: skip
    order = sorted(range(len(told)), key=lambda i: told[i]) if told else range(len(volumes))
    return Images(
        tuple(volumes[i] for i in order), tuple(told[i] for i in order) if told else (), one.axis
    )


def _positions(
    one: InputSpec, parts: list[Images], volumes: tuple[Volume, ...]
) -> tuple[float, ...]:
    """Where the volumes lie on the axis, as one file or each of several says."""
    if len(parts) == 1:
        return parts[0].positions
    told = [part.positions for part in parts]
    fact = ALONG.get(one.axis)
    if all(told) or fact is None:
        return tuple(p for part in told for p in part) if all(told) else ()
    stated = [getattr(volume.stack.acquisition, fact) for volume in volumes]
    return tuple(float(v) for v in stated if v is not None) if None not in stated else ()


def _part(one: InputSpec, path: Path, cautions: list[Message]) -> Images:
    if not path.exists():
        raise BadInput(N_("There is no file or folder {path}."), path=str(path))
    if path.is_dir():
        folder = read_folder(path)
        return images_of(one, _stack(one, folder, path), folder.read, folder.stacks)
    return _file(one, path, cautions)


def _stack(one: InputSpec, folder: Folder, path: Path) -> Stack:
    """The stack of a folder that is meant; ``BadInput`` where none or several could be."""
    usable = [s for s in folder.stacks if s.is_volume and s.samples == 1]
    if one.kind is Kind.SERIES:
        usable = [s for s in usable if s.phases > 1] or usable
    fitting = [s for s in usable if s.role in one.roles] or usable
    if len(fitting) == 1 or (fitting and len(along(one, fitting[0], fitting)) == len(fitting)):
        return fitting[0]
    if not fitting:
        raise BadInput(N_("{path} has no volume that {key} could be."), path=str(path), key=one.key)
    raise BadInput(
        N_("{path} has several series that {key} could be; give the folder of one: {names}."),
        path=str(path), key=one.key,
        names="; ".join(f"{s.series_number} {s.description}".strip() for s in fitting[:8]),
    )  # fmt: skip


def _file(one: InputSpec, path: Path, cautions: list[Message]) -> Images:
    array, grid, step_s = load_series(path)
    sidecar = _sidecar(path)
    if one.unit:
        cautions.append(
            Message(
                N_("{path} does not state its unit; its numbers were taken as {unit}."),
                {"path": path.name, "unit": one.unit},
            )
        )
    blank = generated_volume(
        array[0], grid, modality=str(sidecar.get("Modality", "")), unit=one.unit or "1",
        role=one.roles[0] if one.roles else "", region="",
    )  # fmt: skip
    thickness = _positive(sidecar.get("SliceThickness"))
    stack = replace(
        blank.stack,
        description=path.name,
        phases=len(array),
        slice_thickness_mm=thickness,
        acquisition=_acquisition(sidecar),
    )
    volumes = tuple(Volume(part, grid, stack, phase) for phase, part in enumerate(array))
    return Images(volumes, _told(one, path, sidecar, len(array), step_s), one.axis)


def _told(
    one: InputSpec, path: Path, sidecar: Mapping[str, Any], count: int, step_s: float | None
) -> tuple[float, ...]:
    if one.axis == "b-value":
        beside = _beside(path, ".bval")
        return numbers_of(beside.read_text(encoding="utf-8")) if beside.is_file() else ()
    if one.axis in ("time", "cardiac phase"):
        step = step_s or _positive(sidecar.get("RepetitionTime"))
        return tuple(i * step for i in range(count)) if step and count > 1 else ()
    name = _BIDS.get(ALONG.get(one.axis, ""), "")
    stated = sidecar.get(name)
    many = stated if isinstance(stated, list) else [stated]
    known = [_positive(v) for v in many]
    return tuple(v * 1000.0 for v in known if v is not None) if len(known) == count else ()


def _beside(path: Path, ending: str) -> Path:
    name = path.name
    for known in (".nii.gz", ".nii", ".nrrd", ".mha"):
        if name.lower().endswith(known):
            return path.with_name(name[: -len(known)] + ending)
    return path.with_suffix(ending)


def _sidecar(path: Path) -> Mapping[str, Any]:
    beside = _beside(path, ".json")
    if not beside.is_file():
        return {}
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(N_("{path} is no JSON that can be read."), path=str(beside)) from error
    return said if isinstance(said, dict) else {}


def _positive(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) else 0.0
    return number if number > 0 and np.isfinite(number) else None


def _acquisition(sidecar: Mapping[str, Any]) -> Acquisition:
    return Acquisition(
        kvp=_positive(sidecar.get("KVP")),
        field_t=_positive(sidecar.get("MagneticFieldStrength")),
        repetition_ms=_milliseconds(sidecar, "repetition_ms"),
        echo_ms=_milliseconds(sidecar, "echo_ms"),
        inversion_ms=_milliseconds(sidecar, "inversion_ms"),
    )


def _milliseconds(sidecar: Mapping[str, Any], fact: str) -> float | None:
    seconds = _positive(sidecar.get(_BIDS[fact]))
    return None if seconds is None else seconds * 1000.0
