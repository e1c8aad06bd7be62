"""Arguments to commands. Exit codes: 0 well, 1 refused or failed with a sentence, 2 wrong usage."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from workstation import __version__
from workstation.cli.model_grammar import add_model_commands
from workstation.cli.output import Answer, complain, show
from workstation.domain.errors import ReaderError
from workstation.settings import default_home
from workstation.text import LANGUAGES, say, tr
from workstation.wiring import Services, open_services

Command = Callable[[Services, argparse.Namespace], Answer]


# Commands are imported when they run: what signs a PDF or generates a patient takes a second to
# load, and a worklist should not wait for it.
def _people() -> ModuleType:
    from workstation.cli import people

    return people


def _studies() -> ModuleType:
    from workstation.cli import studies

    return studies


def _reports() -> ModuleType:
    from workstation.cli import reports

    return reports


def _patient_page() -> ModuleType:
    from workstation.cli import patient_page

    return patient_page


def _objects() -> ModuleType:
    from workstation.cli import objects

    return objects


def _bench() -> ModuleType:
    from workstation.cli import bench

    return bench


def _analyses() -> ModuleType:
    from workstation.cli import analyses

    return analyses


def named_path(given: str) -> str:
    """A path as given; an empty one (an unset variable) would mean the folder one stands in."""
    if not given.strip():
        raise argparse.ArgumentTypeError("a path is empty")
    return given


def common_arguments() -> argparse.ArgumentParser:
    """Arguments that every command takes, before or after its name."""
    parser = argparse.ArgumentParser(add_help=False)
    suppressed = argparse.SUPPRESS
    parser.add_argument("--home", type=Path, default=suppressed, help="folder where data lives")
    parser.add_argument("--json", action="store_true", default=suppressed, help="one JSON object")
    parser.add_argument("--lang", choices=LANGUAGES, default=suppressed, help="language of answers")
    return parser


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    common = common_arguments()
    parser = argparse.ArgumentParser(
        prog="python -m workstation", description="OneScan reading workstation", parents=[common]
    )
    parser.add_argument("--version", action="version", version=f"OneScan {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about, parents=[common])
        sub.set_defaults(run=run)
        return sub

    user = commands.add_parser("user", help="local users", parents=[common])
    user_commands = user.add_subparsers(dest="user_command", required=True)
    one = user_commands.add_parser("add", help="add a user", parents=[common])
    one.add_argument("name")
    one.add_argument("--role", required=True, choices=["reader", "reviewer", "admin"])
    one.add_argument("--display-name", default="", help="name under reports")
    one.set_defaults(run=lambda s, a: _people().user_add(s, a))
    listed = user_commands.add_parser("list", help="the users", parents=[common])
    listed.set_defaults(run=lambda s, a: _people().user_list(s, a))

    add("demo", lambda s, a: _studies().demo(s, a), "make and import the demo studies")
    one = add(
        "import",
        lambda s, a: _studies().import_files(s, a),
        "import files, folders, ZIP files or DICOMDIR",
    )
    one.add_argument("paths", nargs="+", metavar="PATH", type=named_path)
    one = add("studies", lambda s, a: _studies().studies(s, a), "the worklist")
    one.add_argument("--search", default="", help="part of a name, patient id or accession")
    one.add_argument("--limit", type=int, default=500)
    one = add(
        "names",
        lambda s, a: _studies().names(s, a),
        "read a study's names in another character set than its files state",
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument(
        "--charset", default="", help="e.g. GB18030, ISO_IR 192, BIG5; default: as stated"
    )
    one = add(
        "read", lambda s, a: _studies().read(s, a), "assemble, infer, quantify and draft a study"
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--template", default="", help="brain-heart or oncology")
    one = add(
        "decide", lambda s, a: _studies().decide(s, a), "accept or reject a finding as a named user"
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("finding", metavar="FINDING")
    one.add_argument("decision", choices=["accept", "reject", "reopen"])
    one.add_argument("--reason", default="")
    one.add_argument("--user", required=True)
    one = add(
        "lock",
        lambda s, a: _studies().lock(s, a),
        "lock the first read of a study, so that AI is shown (where a site reads so)",
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--user", required=True)
    one = add(
        "objects",
        lambda s, a: _objects().list_objects(s, a),
        "reports, segmentations, key images and other objects of a study",
    )
    one.add_argument("study", metavar="STUDY")
    one = add("sign", lambda s, a: _reports().sign(s, a), "sign the report of a study")
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--user", required=True)
    one = add("addendum", lambda s, a: _reports().add_addendum(s, a), "add to a signed report")
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--text", required=True)
    one.add_argument("--reason", required=True)
    one.add_argument("--user", required=True)
    one = add(
        "correct",
        lambda s, a: _reports().begin_correction(s, a),
        "open a signed study for a corrected report",
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--reason", required=True)
    one.add_argument("--user", required=True)
    one = add(
        "export",
        lambda s, a: _reports().export_report(s, a),
        "write PDF, SR, SEG and JSON to a folder, marks and key images as SR, GSPS and KO",
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--to", required=True, metavar="DIR")
    one = add(
        "patient-page",
        lambda s, a: _patient_page().patient_page(s, a),
        "the page for the patient: released by who signed the report, taken out as PNG and PDF",
    )
    one.add_argument("study", metavar="STUDY")
    one.add_argument("--release", action="store_true", help="release it, as --user")
    one.add_argument("--user", default="")
    one.add_argument("--to", default="", metavar="DIR", help="write its files there")
    one = add(
        "verify", lambda s, a: _reports().verify_all(s, a), "check that nothing stored was changed"
    )
    one.add_argument("folder", nargs="?", default="", metavar="DIR")
    add(
        "walk",
        lambda s, a: _reports().walk(s, a),
        "walk the demo through the whole line without a screen",
    )

    add_model_commands(commands, common)
    one = add("analyse", lambda s, a: _analyses().analyse(s, a), "one measure on files")
    one.add_argument("name", nargs="?", default="", metavar="NAME", help="as --list shows it")
    one.add_argument("--list", action="store_true", help="measures, their inputs and parameters")
    one.add_argument(
        "--input", action="append", default=[], metavar="KEY=PATH", type=named_path,
        help="DICOM folder, NIfTI, NRRD or CSV; of a mask with several values PATH#VALUE; "
        "may be repeated for the volumes of a series",
    )  # fmt: skip
    one.add_argument("--param", action="append", default=[], metavar="KEY=VALUE")
    one.add_argument(
        "--positions", action="append", default=[], metavar="KEY=NUMBERS",
        help="times (s), b-values (s/mm2), echo times (ms) of a series whose files lack them",
    )  # fmt: skip
    one.add_argument("--to", default="", metavar="DIR", help="write maps, masks and curves there")

    one = add(
        "bench",
        lambda s, a: _bench().bench(s, a),
        "measure speed against a reference in the same run",
    )
    one.add_argument("name", choices=["ai", "analyses", "first_image", "scroll", "worklist"])
    one.add_argument(
        "--osipy", default="", metavar="PYTHON", help="analyses: of an environment with osipy"
    )
    # Commands of the desktop are listed here so that --help shows them; __main__ runs them.
    for name, about in (("window", "open the workstation"), ("screenshot", "picture of a study")):
        commands.add_parser(name, help=about, parents=[common], add_help=False)
    return parser


def log_unexpected(home: Path, error: BaseException) -> Path:
    """Write where ``error`` came from; its message is left out, it may name a patient."""
    folder = home / "log"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "errors.log"
    with path.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {type(error).__name__}\n")
        for frame in traceback.extract_tb(error.__traceback__):
            log.write(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}\n")
    return path


def main(argv: Sequence[str]) -> int:
    """Run one command; its exit code."""
    arguments = build_parser().parse_args(argv)
    home: Path | None = getattr(arguments, "home", None)
    as_json: bool = getattr(arguments, "json", False)
    try:
        if arguments.command == "verify" and not arguments.folder:
            broken = _reports().verify_unopened(
                home or default_home(), getattr(arguments, "lang", "")
            )
            if broken is not None:
                return show(broken, as_json)
        with open_services(home, getattr(arguments, "lang", "")) as services:
            answer: Answer = arguments.run(services, arguments)
            return show(answer, as_json)
    except ReaderError as error:
        return complain(say(error.message), as_json)
    except KeyboardInterrupt:
        return complain(tr("Stopped on request. Nothing half-finished was kept."), as_json)
    except Exception as error:  # noqa: BLE001 - the last wall: no traceback with patient data
        path = log_unexpected(home or default_home(), error)
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            return 1
        sentence = tr("Something unexpected failed ({kind}). Where: {path}",
                      kind=type(error).__name__, path=str(path))  # fmt: skip
        return complain(sentence, as_json)
