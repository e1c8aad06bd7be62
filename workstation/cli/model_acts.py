"""What a named person does with model packages and keys on the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from workstation.ai.keys import Protection, SiteKey, protection_of, short, trusted_keys
from workstation.archive.people import authenticate
from workstation.cli.accounts import password_of
from workstation.cli.output import Answer, table
from workstation.domain.errors import N_, BadInput
from workstation.domain.people import Actor
from workstation.reading import models
from workstation.text import language, tr
from workstation.wiring import Services


def actor_of(services: Services, arguments: argparse.Namespace) -> Actor:
    """The person named by ``--user``, who proved it with the password."""
    name = str(arguments.user)
    return authenticate(services.archive, name, password_of(name)).actor


def passphrase_of(services: Services, wanted: bool) -> str:
    """The passphrase of the site's key: needed where it has one, made up where one is wanted."""
    key = protection_of(services.settings.home)
    there = key is not Protection.NONE_YET
    if not (key is Protection.PASSPHRASE if there else wanted):
        return ""
    given = os.environ.get("ONESCAN_KEY_PASSPHRASE")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise BadInput(
            N_("No passphrase: set ONESCAN_KEY_PASSPHRASE or run this in a terminal that can ask.")
        )
    typed = getpass.getpass(tr("Passphrase of the site's signing key: "))
    if not there and typed != getpass.getpass(tr("The same passphrase again: ")):
        raise BadInput(N_("The two passphrases differ. Nothing was changed."))
    return typed


def install_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models install ZIP|FOLDER --user NAME``."""
    done = models.install(
        services.archive,
        services.settings,
        Path(arguments.source),
        actor=actor_of(services, arguments),
        older=arguments.older,
    )
    said, signer = done.package.manifest, done.signer
    data: dict[str, Any] = {
        "id": said.id, "version": said.version, "sha256": done.package.sha256,
        "before": done.before, "signer": signer.name, "fingerprint": signer.fingerprint,
        "folder": str(done.package.folder),
    }  # fmt: skip
    lines = [
        tr("{name} {version} was installed.", version=said.version,
           name=said.name.wording().in_language(language())),
        tr("Signed by {name}, {key}.", name=signer.name, key=short(signer.fingerprint)),
    ]  # fmt: skip
    if done.before:
        lines.append(tr("It replaces version {version}, which is kept.", version=done.before))
    return Answer(data, lines)


def remove_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models remove ID --user NAME``."""
    actor = actor_of(services, arguments)
    models.remove(services.archive, services.settings, arguments.id, actor=actor)
    return Answer({"removed": arguments.id}, [tr("Model {id} was removed.", id=arguments.id)])


def switch_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models on|off ID --user NAME``."""
    on = arguments.models_command == "on"
    models.switch(
        services.archive, services.settings, arguments.id, on,
        actor=actor_of(services, arguments), reason=arguments.reason,
    )  # fmt: skip
    words = (
        tr("Model {id} is switched on.", id=arguments.id)
        if on
        else tr("Model {id} is switched off.", id=arguments.id)
    )
    return Answer({"id": arguments.id, "on": on}, [words])


def sign_model(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models sign FOLDER --user NAME [--to DIR]``."""
    actor = actor_of(services, arguments)
    done = models.sign(
        services.archive,
        services.settings,
        Path(arguments.folder).absolute(),
        actor=actor,
        passphrase=passphrase_of(services, arguments.passphrase),
        to=Path(arguments.to) if arguments.to else None,
    )
    said = done.package.manifest
    data = {"id": said.id, "version": said.version, "fingerprint": done.key.fingerprint,
            "file": str(done.file or "")}  # fmt: skip
    signed = tr(
        "{id} {version} was signed with the key of {name}, {key}.",
        id=said.id,
        version=said.version,
        name=done.key.name,
        key=short(done.key.fingerprint),
    )
    lines = [signed]
    if done.file is not None:
        lines.append(str(done.file))
    return Answer(data, lines)


def show_key(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models key --user NAME [--to FILE]``."""
    key: SiteKey = models.own_key(
        services.archive,
        services.settings,
        actor=actor_of(services, arguments),
        passphrase=passphrase_of(services, arguments.passphrase),
    )
    data = {"name": key.name, "fingerprint": key.fingerprint, "public": key.public_pem}
    lines = [tr("Key of {name}: {fingerprint}", name=key.name, fingerprint=key.fingerprint)]
    if arguments.to:
        path = Path(arguments.to)
        try:
            path.write_text(key.public_pem, encoding="ascii", newline="\n")
        except OSError as error:
            raise BadInput(N_("The file {path} cannot be written."), path=str(path)) from error
        lines.append(str(path))
    else:
        lines.append(key.public_pem.rstrip())
    return Answer(data, lines)


def trust(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models trust KEYFILE --name WHOSE --user NAME``."""
    key = models.trust_key(
        services.archive,
        services.settings,
        Path(arguments.key_file),
        arguments.name,
        actor=actor_of(services, arguments),
    )
    return Answer(
        {"name": key.name, "fingerprint": key.fingerprint},
        [
            tr("The key of {name} is trusted: {key}", name=key.name, key=key.fingerprint),
            tr("Compare this fingerprint with what its owner tells you by another way."),
        ],
    )


def distrust(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models distrust NAME|FINGERPRINT --user NAME``."""
    key = models.distrust_key(
        services.archive, services.settings, arguments.key, actor=actor_of(services, arguments)
    )
    return Answer(
        {"name": key.name, "fingerprint": key.fingerprint},
        [tr("The key of {name} is no longer trusted; what it signed is refused.", name=key.name)],
    )


def list_trusted(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models trusted``."""
    keys = trusted_keys(services.settings.home)
    rows = [
        (k.name, short(k.fingerprint), "✓" if k.own else "", k.added_by, k.added[:10]) for k in keys
    ]
    head = (tr("Whose key"), tr("Fingerprint"), tr("Own"), tr("Trusted by"), tr("Since"))
    return Answer({"keys": [k.model_dump() for k in keys]}, table(head, rows))
