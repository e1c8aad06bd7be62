"""``analyse``: one measure on files, with its inputs and parameters as its spec states them."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from workstation import __version__
from workstation.ai.files import write_image, write_mask
from workstation.analyses import find_analyses, named_analysis
from workstation.cli.output import Answer, table
from workstation.domain.analysis import (
    AXIS_UNITS,
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    InputSpec,
    Parameter,
    Quantity,
    Value,
)
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.measurement import format_value
from workstation.reading.analysis_files import read_inputs
from workstation.reading.analysis_tables import numbers_of
from workstation.text import language, say, tr
from workstation.wiring import Services


def analyse(services: Services, arguments: argparse.Namespace) -> Answer:
    """``analyse --list`` or ``analyse NAME --input KEY=PATH ...``."""
    if arguments.list or not arguments.name:
        chosen = [named_analysis(arguments.name)[0]] if arguments.name else _every()
        return Answer({"analyses": [_described(s) for s in chosen]}, _listed(chosen))
    spec, run = named_analysis(arguments.name)
    paths: dict[str, list[Path]] = {}
    for key, path in _pairs(arguments.input, "--input"):
        paths.setdefault(key, []).append(Path(path))
    values: dict[str, Value] = dict(_pairs(arguments.param, "--param"))
    positions = {key: _positions(text) for key, text in _pairs(arguments.positions, "--positions")}
    inputs, cautions = read_inputs(spec, paths, values, positions)
    result = run(inputs)
    files = write_result(result, Path(arguments.to)) if arguments.to else {}
    return _answer(spec, inputs, result, (*cautions, *result.cautions), files)


def _every() -> list[AnalysisSpec]:
    return [spec for spec, _ in find_analyses()]


def _pairs(given: Sequence[str], option: str) -> Iterable[tuple[str, str]]:
    for one in given:
        key, equals, rest = one.partition("=")
        if not (key and equals and rest):
            raise BadInput(
                N_("{option} takes KEY=VALUE, not {given}."), option=option, given=one[:80]
            )
        yield key, rest


def _positions(text: str) -> tuple[float, ...]:
    """Numbers, or a file of them."""
    path = Path(text)
    return numbers_of(path.read_text(encoding="utf-8") if path.is_file() else text)


def _answer(
    spec: AnalysisSpec,
    inputs: AnalysisInputs,
    result: AnalysisResult,
    cautions: tuple[Message, ...],
    files: dict[str, str],
) -> Answer:
    data: dict[str, Any] = {
        "analysis": spec.id,
        "version": spec.version,
        "program": __version__,
        "formula": spec.formula,
        "source": spec.source,
        "parameters": {one.key: inputs.of(one) for one in spec.parameters},
        "quantities": [_number(q) for q in result.quantities],
        "candidates": [
            {
                "label": c.label.en,
                "label_zh": c.label.zh,
                "site": c.site.en,
                "location_lps_mm": [round(v, 3) for v in c.location_mm],
                "urgent": c.urgent,
                "quantities": [_number(q) for q in (c.quantity, *c.others)],
            }
            for c in result.candidates
        ],
        "curves": {
            c.key: {"x": c.curve.x.tolist(), "y": c.curve.y.tolist(),
                    "x_unit": c.curve.x_unit, "y_unit": c.curve.y_unit}
            for c in result.curves
        },
        "lines": {one.key: one.points_mm.tolist() for one in result.lines},
        "maps": [m.key for m in result.maps],
        "masks": [m.key for m in result.masks],
        "cautions": [say(one) for one in cautions],
        "files": files,
    }  # fmt: skip
    lines = [_word(spec.name), *table((tr("Measure"), tr("Site"), tr("Value")), _rows(result))]
    lines += [say(one) for one in cautions]
    lines += [f"{key}: {path}" for key, path in files.items()]
    return Answer(data, [*lines, f"{spec.id} {spec.version} · {spec.source}"])


def _word(wording: Wording) -> str:
    return wording.in_language(language())


def _rows(result: AnalysisResult) -> list[tuple[str, str, str]]:
    rows = [
        (_word(q.name), _word(q.site), format_value(q.value, q.unit)) for q in result.quantities
    ]
    for candidate in result.candidates:
        rows += [
            (_word(q.name), _word(candidate.site), format_value(q.value, q.unit))
            for q in (candidate.quantity, *candidate.others)
        ]
    return rows


def _number(quantity: Quantity) -> dict[str, Any]:
    return {
        "name": quantity.name.en,
        "name_zh": quantity.name.zh,
        "site": quantity.site.en,
        "code": f"{quantity.code.value}^{quantity.code.scheme}",
        "value": quantity.value,
        "unit": quantity.unit,
    }


def write_result(result: AnalysisResult, folder: Path) -> dict[str, str]:
    """Maps and masks as NIfTI (``.nrrd`` of a tilted gantry), curves as CSV; path by key."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {m.key: write_image(folder / f"{m.key}.nii.gz", m.values, m.grid)
                 for m in result.maps}  # fmt: skip
        for mask in result.masks:
            phase = f"_{mask.phase}" if mask.phase else ""
            key = f"{mask.key}{phase}"
            files[key] = write_mask(folder / f"{key}.nii.gz", mask.mask, mask.grid)
        for one in result.curves:
            head = (f"x_{one.curve.x_unit}", f"y_{one.curve.y_unit}")
            rows = zip(one.curve.x.tolist(), one.curve.y.tolist(), strict=True)
            files[one.key] = _write_table(folder / f"{one.key}.csv", head, rows)
        for line in result.lines:
            files[line.key] = _write_table(
                folder / f"{line.key}.csv", ("x", "y", "z"), line.points_mm.tolist()
            )
    except OSError as error:
        raise BadInput(N_("{path} cannot be written."), path=str(folder)) from error
    return {key: str(path) for key, path in files.items()}


def _write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[float]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return path


def _described(spec: AnalysisSpec) -> dict[str, Any]:
    """Everything that is needed to run an analysis on files."""
    return {
        "id": spec.id,
        "version": spec.version,
        "name": spec.name.en,
        "name_zh": spec.name.zh,
        "inputs": [_input(one) for one in spec.takes],
        "parameters": [_parameter(one) for one in spec.parameters],
        "unasked_on": list(spec.accepts),
        "formula": spec.formula,
        "source": spec.source,
        "known_answers": [
            {"source": k.source, "expected": {n: list(v) for n, v in k.expected.items()}}
            for k in spec.known_answers
        ],
    }


def _input(one: InputSpec) -> dict[str, Any]:
    return {
        "key": one.key, "kind": one.kind.value, "name": one.name.en, "name_zh": one.name.zh,
        "unit": one.unit, "axis": one.axis, "axis_unit": AXIS_UNITS.get(one.axis, ""),
        "roles": list(one.roles), "optional": one.optional, "by_phase": one.by_phase,
    }  # fmt: skip


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "key": one.key, "name": one.name.en, "name_zh": one.name.zh, "default": one.default,
        "unit": one.unit, "low": one.low, "high": one.high,
        "choices": [choice.key for choice in one.choices],
    }  # fmt: skip


def _listed(specs: Sequence[AnalysisSpec]) -> list[str]:
    lines = []
    for spec in specs:
        lines.append(f"{spec.id} {spec.version}  {_word(spec.name)}")
        for one in spec.takes:
            facts = [one.kind.value, one.axis, one.unit, tr("optional") if one.optional else ""]
            said = ", ".join(fact for fact in facts if fact)
            lines.append(f"    --input {one.key}=PATH  {_word(one.name)} ({said})")
        for parameter in spec.parameters:
            shown = "" if parameter.default is None else f"{parameter.default}"
            choices = "|".join(choice.key for choice in parameter.choices)
            facts = [f"{shown} {parameter.unit}".strip(), choices]
            said = "; ".join(fact for fact in facts if fact)
            lines.append(f"    --param {parameter.key}=VALUE  {_word(parameter.name)} ({said})")
    return lines
