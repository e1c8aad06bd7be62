"""The grammar of ``models ...``: packages, keys, and one package run on files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import ModuleType
from typing import Any

Command = Callable[[Any, argparse.Namespace], Any]


def _models() -> ModuleType:
    from workstation.cli import models

    return models


def _acts() -> ModuleType:
    from workstation.cli import model_acts

    return model_acts


def _imports() -> ModuleType:
    from workstation.cli import model_imports

    return model_imports


IMPORTS = {
    "import-nnunet": "make a package of nnU-Net v2 training output",
    "import-monai": "make a package of a MONAI bundle",
    "import-totalsegmentator": "make packages of TotalSegmentator's weight folders",
}


def _log() -> ModuleType:
    from workstation.cli import model_log

    return model_log


def add_model_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``models`` and everything below it to the program's commands."""
    model = commands.add_parser("models", help="model packages", parents=[common])
    below = model.add_subparsers(dest="models_command", required=True)

    def add(name: str, run: Command, about: str, *, by: bool = False) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = below.add_parser(
            name, help=about, description=about, parents=[common]
        )
        sub.set_defaults(run=run)
        if by:
            sub.add_argument("--user", required=True, help="who does this; needs the permission")
        return sub

    add("list", lambda s, a: _models().list_models(s, a), "packages and whether they may run")
    one = add("card", lambda s, a: _models().show_card(s, a), "the model card of a package")
    one.add_argument("id", metavar="ID")
    one = add(
        "log",
        lambda s, a: _log().show_log(s, a),
        "how often a model's findings were accepted, edited, rejected, and drift; no patient data",
    )
    one.add_argument("id", metavar="ID")
    one = add(
        "check",
        lambda s, a: _models().check_model(s, a),
        "check a package: files, signature, network, and its example in the worker",
    )
    one.add_argument("source", metavar="ID|FOLDER|ZIP")
    one.add_argument("--unsigned", action="store_true", help="a package still being made")
    one.add_argument("--no-example", action="store_true", help="do not run the example")
    one = add(
        "install",
        lambda s, a: _acts().install_model(s, a),
        "install a package from a ZIP file or a folder",
        by=True,
    )
    one.add_argument("source", metavar="ZIP|FOLDER")
    one.add_argument("--older", action="store_true", help="also over a newer version")
    one = add("remove", lambda s, a: _acts().remove_model(s, a), "remove an installed package",
              by=True)  # fmt: skip
    one.add_argument("id", metavar="ID")
    for name, about in (("on", "let a model run again"), ("off", "let a model run no more")):
        one = add(name, lambda s, a: _acts().switch_model(s, a), about, by=True)
        one.add_argument("id", metavar="ID")
        one.add_argument("--reason", default="")
    one = add(
        "sign",
        lambda s, a: _acts().sign_model(s, a),
        "vouch for a package with this site's key; --to writes it as one file",
        by=True,
    )
    one.add_argument("folder", metavar="FOLDER")
    one.add_argument("--to", default="", metavar="DIR", help="write ID-VERSION.onescan.zip here")
    one.add_argument(
        "--passphrase", action="store_true",
        help="protect the site's key with a passphrase when it is made (asked for, or "
        "ONESCAN_KEY_PASSPHRASE)",
    )  # fmt: skip
    one = add("key", lambda s, a: _acts().show_key(s, a), "the public half of this site's key",
              by=True)  # fmt: skip
    one.add_argument("--to", default="", metavar="FILE", help="write it to a file")
    one.add_argument("--passphrase", action="store_true", help="as for sign")
    one = add("trust", lambda s, a: _acts().trust(s, a), "trust a key to sign models", by=True)
    one.add_argument("key_file", metavar="KEYFILE", help="Ed25519 public key, PEM")
    one.add_argument("--name", required=True, help="whose key it is")
    add("trusted", lambda s, a: _acts().list_trusted(s, a), "the keys that this site trusts")
    one = add("distrust", lambda s, a: _acts().distrust(s, a), "trust a key no longer", by=True)
    one.add_argument("key", metavar="NAME|FINGERPRINT")
    for name, about in IMPORTS.items():
        one = add(name, lambda s, a: _imports().import_models(s, a), about, by=True)
        one.add_argument("folder", metavar="FOLDER")
        one.add_argument("--to", default=".", metavar="DIR", help="where the package is made")
        one.add_argument("--answers", default="", metavar="FILE", help="answers.json")
        one.add_argument("--zip", action="store_true", help="also as one file")
        one.add_argument("--install", action="store_true", help="and install it")
        one.add_argument("--passphrase", action="store_true", help="as for sign")
        if name == "import-totalsegmentator":
            one.add_argument("--class-map", default="", metavar="FILE", help='{"1": "spleen", ...}')
    one = add("run", lambda s, a: _models().run_model(s, a), "run one package on files")
    one.add_argument("id", metavar="ID")
    one.add_argument("--input", required=True, metavar="PATH", nargs="+")
    one.add_argument("--to", required=True, metavar="DIR")
