"""``models import-nnunet``, ``import-monai`` and ``import-totalsegmentator``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workstation.ai.imports.bundle import read_bundle
from workstation.ai.imports.nnunet import read_training
from workstation.ai.imports.packaging import Imported, write_package
from workstation.ai.imports.taken import Answers, Taken, read_answers
from workstation.ai.imports.totalsegmentator import read_class_map, read_weights, weight_folders
from workstation.cli.model_acts import actor_of, passphrase_of
from workstation.cli.output import Answer
from workstation.domain.people import Permission
from workstation.reading import models
from workstation.text import language, tr
from workstation.wiring import Services


def import_models(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models import-... FOLDER --user NAME [--to DIR] [--answers FILE] [--install]``.

    A package folder for each model in the given one, signed with this site's key.
    """
    actor = actor_of(services, arguments)
    services.archive.check(actor, Permission.MANAGE_MODELS)
    services.archive.check(actor, Permission.MANAGE_MODELS)
    answers = read_answers(Path(arguments.answers) if arguments.answers else None)
    made = [write_package(taken, answers, Path(arguments.to))
            for taken in _taken(arguments, answers)]  # fmt: skip
    lines: list[str] = []
    for one in made:
        models.sign(
            services.archive,
            services.settings,
            one.folder.absolute(),
            actor=actor,
            passphrase=passphrase_of(services, arguments.passphrase),
            to=Path(arguments.to) if arguments.zip else None,
        )
        lines += _lines(one)
        if arguments.install:
            models.install(services.archive, services.settings, one.folder, actor=actor)
            lines.append(tr("Model {id} was installed.", id=one.manifest.id))
    return Answer({"packages": [_data(one) for one in made]}, lines)


def _taken(arguments: argparse.Namespace, answers: Answers) -> list[Taken]:
    kind, folder = str(arguments.models_command), Path(arguments.folder)
    if kind == "import-nnunet":
        return [read_training(folder, answers)]
    if kind == "import-monai":
        return [read_bundle(folder, answers)]
    class_map = read_class_map(Path(arguments.class_map) if arguments.class_map else None)
    return [read_weights(one, answers, class_map) for one in weight_folders(folder)]


def _data(one: Imported) -> dict[str, Any]:
    return {
        "id": one.manifest.id,
        "version": one.manifest.version,
        "folder": str(one.folder),
        "draft": one.manifest.draft,
        "open": list(one.open),
        "difference": one.difference,
        "labels": [label.key for label in one.manifest.labels],
        "notes": [note[1 if language().startswith("zh") else 0] for note in one.notes],
    }


def _lines(one: Imported) -> list[str]:
    said = _data(one)
    lines = [
        tr("{model} {version} was made in {folder} and signed by this site.",
           model=said["id"], version=said["version"], folder=said["folder"]),
        tr("Largest difference between the exported network and the original: {difference} of "
           "its largest output.", difference=f"{one.difference:.1g}"),
        *said["notes"],
    ]  # fmt: skip
    if one.open:
        lines.append(
            tr("It stays a draft, which runs only when asked for, until these are answered with "
               "--answers: {open}.", open=", ".join(one.open))
        )  # fmt: skip
    lines.append(tr("Evidence: none of this site's own, until performance is measured here."))
    return lines
