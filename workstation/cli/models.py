"""Model packages on the command line: what is installed, and one package run on files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from workstation.ai.card import card_in, read_card
from workstation.ai.child import warm
from workstation.ai.client import run_package
from workstation.ai.files import is_picture, load_image, write_mask
from workstation.ai.gate import misfit
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.ai.precision import precision_for
from workstation.ai.shelf import installed
from workstation.cli.output import Answer, table
from workstation.dicom.folder import read_folder
from workstation.domain.errors import N_, BadInput, NotFound, ReaderError
from workstation.domain.geometry import Grid
from workstation.domain.measurement import format_value
from workstation.reading.models import check
from workstation.text import language, say, tr
from workstation.viewing.model_words import EVIDENCE, STATES, signer_words
from workstation.wiring import Services


def list_models(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models list``."""
    data, rows = [], []
    for entry in installed(services.settings).entries:
        package, reason = entry.package, "" if entry.reason is None else say(entry.reason)
        said = package.manifest if package is not None else None
        signer = package.signer if package is not None else None
        data.append(
            {
                "id": entry.id, "version": said.version if said else "", "state": entry.state,
                "ok": entry.state == "usable", "place": entry.place, "reason": reason,
                "sha256": package.model_sha256 if package else "",
                "package_sha256": package.sha256 if package else "",
                "evidence": said.evidence if said else "",
                "signer": signer.name if signer else "",
                "fingerprint": signer.fingerprint if signer else "",
                "older": list(entry.older),
            }
        )  # fmt: skip
        rows.append(
            (
                entry.id,
                said.version if said else "",
                tr(STATES[entry.state]),
                tr(EVIDENCE[said.evidence]) if said else "",
                signer_words(signer),
                reason,
            )
        )
    head = (tr("Model"), tr("Version"), tr("State"), tr("Evidence"), tr("Signed by"), tr("Why"))
    return Answer({"models": data}, table(head, rows))


def package_of(services: Services, wanted: str) -> ModelPackage:
    """The package with this id, where it may run; ``BadInput`` says why not, or ``NotFound``."""
    entry = installed(services.settings).entry(wanted)
    if entry.package is None or entry.state != "usable":
        assert entry.reason is not None
        raise BadInput(entry.reason.template, **entry.reason.params)
    return entry.package


def show_card(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models card ID``: in the reader's language, whatever state the package is in."""
    entry = installed(services.settings).entry(arguments.id)
    text = read_card(entry.folder, entry.id)
    own = card_in(text, language()) or text
    said = entry.package.manifest if entry.package is not None else None
    lines = [said.name.wording().in_language(language())] if said else [entry.id]
    lines.append(f"{tr('State')}: {tr(STATES[entry.state])}"
                 + (f" ({say(entry.reason)})" if entry.reason else ""))  # fmt: skip
    return Answer({"id": entry.id, "card": own}, [*lines, "", *own.splitlines()])


def check_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models check ID|FOLDER|ZIP``: every step, and the example in the worker."""
    source, id = Path(arguments.source), ""
    known = [e for e in installed(services.settings).entries if e.id == arguments.source]
    if known:
        entry = installed(services.settings).entry(arguments.source)
        source, id = entry.folder, entry.id
    elif not source.exists():
        raise NotFound(N_("There is no model {id} on this workstation, and no such file."),
                       id=arguments.source)  # fmt: skip
    report = check(services.settings, source, id=id, unsigned=arguments.unsigned,
                   with_example=not arguments.no_example)  # fmt: skip
    rows = [("✓" if step.ok else "✗", tr(step.name), say(step.said)) for step in report.steps]
    lines = table((" ", tr("Step"), tr("Result")), rows)
    verdict = tr("Everything is in order.") if report.ok else tr("Refused.")
    data = {
        "ok": report.ok, "source": str(source),
        "steps": [{"step": s.name, "ok": s.ok, "said": say(s.said)} for s in report.steps],
    }  # fmt: skip
    return Answer(data, [*lines, verdict], 0 if report.ok else 1)


def read_input(package: ModelPackage, path: Path) -> tuple[Any, Grid]:
    """Voxels (z, y, x) and grid of a DICOM folder, or of a NIfTI, NRRD or PNG file.

    Of a folder, the series that the package accepts; ``BadInput`` says why none does. Files
    without headers are the caller's own choice: only their shape can be checked.
    """
    if not path.exists():
        raise BadInput(N_("There is no file or folder {path}."), path=str(path))
    if not path.is_dir():
        return load_image(path)
    folder = read_folder(path)
    accept = package.manifest.accept[0]
    misfits = [(misfit(accept, stack), stack) for stack in folder.stacks]
    for found, stack in misfits:
        if found is None:
            volume = folder.read(stack)
            return volume.array, volume.grid
    nearest = max((m for m, _ in misfits if m is not None), key=lambda m: m.nearness)
    raise BadInput(nearest.reason.template, **nearest.reason.params)


def run_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models run ID --input PATH ... --to DIR``: masks as NIfTI and numbers as JSON; of several
    inputs each in a folder of its name, all by one worker process."""
    package = package_of(services, arguments.id)
    inputs, to = [Path(one) for one in arguments.input], Path(arguments.to)
    if len(inputs) == 1:
        return _run_on(services, package, inputs[0], to)
    names = [_bare(one.name) for one in inputs]
    answers = []
    with warm():
        for number, (one, name) in enumerate(zip(inputs, names, strict=True), 1):
            own = name if names.count(name) == 1 else f"{number}-{name}"
            try:
                answers.append(_run_on(services, package, one, to / own))
            except ReaderError as error:  # one image that does not suit leaves the others theirs
                words = say(error.message)
                answers.append(Answer({"input": str(one), "error": words}, [words], 1))
    lines = [
        line for one, said in zip(inputs, answers, strict=True) for line in (f"{one}:", *said.lines)
    ]
    data = {"model": str(package.made_by), "runs": [one.data for one in answers]}
    return Answer(data, lines, max(one.code for one in answers))


def _bare(name: str) -> str:
    """A file's name without what says its kind."""
    return name.removesuffix(".gz").rsplit(".", 1)[0] or name


def _run_on(services: Services, package: ModelPackage, path: Path, folder: Path) -> Answer:
    """One package on one image."""
    array, grid = read_input(package, path)
    settings = services.settings
    limits = Limits(
        timeout_s=settings.ai_timeout_s,
        memory_mb=settings.ai_memory_mb,
        threads=settings.ai_threads,
    )
    precision = precision_for(package, settings.home, settings.ai_precision, limits)
    result = run_package(package, [array], [grid], limits=limits, precision=precision)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(N_("The folder {path} cannot be made."), path=str(folder)) from error
    labels, files, lines = [], [], []
    flat = is_picture(path)  # a PNG has no size in the patient
    for label in package.manifest.labels:
        mask = result.masks[label.key]
        # A tilted grid is written as NRRD: NIfTI cannot hold its shear.
        file = write_mask(folder / f"{package.manifest.id}-{label.key}.nii.gz", mask, grid)
        volume = None if flat else float(mask.sum()) * grid.voxel_ml
        name = label.name.wording().in_language(language())
        labels.append(
            {"key": label.key, "name": name, "voxels": int(mask.sum()), "value": volume,
             "unit": "mL", "score": result.scores[label.key]}
        )  # fmt: skip
        files.append({"kind": "mask", "path": str(file)})
        pixels = tr("{n} pixels", n=int(mask.sum()))
        shown = pixels if volume is None else format_value(volume, "mL")
        lines.append(f"{name}: {shown}  {file}")
    doubts = [say(doubt) for doubt in result.doubts]
    data = {
        "model": str(package.made_by),
        "sha256": package.sha256,
        "labels": labels,
        "shape": list(grid.shape),
        "affine": [list(row) for row in grid.affine],
        "provider": result.provider,
        "precision": result.precision,
        "threads": result.threads,
        "seconds": result.seconds,
        "peak_mb": result.peak_mb,
        "warning": None,
        "doubts": doubts,
        "unlikeness": result.unlikeness,
    }
    lines += ["⚠ " + tr("uncertain: {why}", why=doubt) for doubt in doubts]
    if not path.is_dir():
        warning = tr("The file has no headers: whether this is the kind of image that the model "
                     "was made for could not be checked.")  # fmt: skip
        data["warning"] = warning
        lines.append(warning)
    report = folder / f"{package.manifest.id}.json"
    report.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
    files.append({"kind": "json", "path": str(report)})
    lines.append(tr("Research use, not registered"))
    return Answer({**data, "files": files}, lines)
