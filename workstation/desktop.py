"""What needs a screen: the window, pictures of it, and the benchmarks of the viewer."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workstation.domain.errors import ReaderError
from workstation.text import LANGUAGES, say
from workstation.wiring import open_services


def prepare_platform(*, need_screen: bool) -> None:
    """Settle Qt's platform before Qt is imported.

    VTK's X11 windows do not live inside Wayland surfaces, so X11 (XWayland) is asked for there.
    Without any display pictures can still be made off screen.
    """
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "xcb"
    elif not os.environ.get("WAYLAND_DISPLAY") and not need_screen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


def build_parser() -> argparse.ArgumentParser:
    """Grammar of the commands that need a screen."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", type=Path, default=argparse.SUPPRESS)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    common.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS)
    parser = argparse.ArgumentParser(prog="python -m workstation", parents=[common])
    commands = parser.add_subparsers(dest="command")
    window = commands.add_parser("window", help="open the workstation", parents=[common])
    window.add_argument("--with-demo", action="store_true", help="make the demo studies at need")
    shot = commands.add_parser("screenshot", help="picture of a study", parents=[common])
    shot.add_argument("study", metavar="STUDY")
    shot.add_argument("--layout", default="grid", choices=["grid", "single", "mpr"])
    shot.add_argument("--to", required=True, type=Path, metavar="FILE.png")
    shot.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT in pixels")
    bench = commands.add_parser("bench", help="speed of the viewer", parents=[common])
    bench.add_argument("name", choices=["ai_window", "first_image", "scroll", "viewer"])
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command with a screen; its exit code."""
    arguments = build_parser().parse_args(argv)
    command = arguments.command or "window"
    as_json: bool = getattr(arguments, "json", False)
    prepare_platform(need_screen=command == "window")
    logging.basicConfig(level=logging.WARNING)
    try:
        if command == "bench":
            return _bench(arguments.name, as_json)
        home: Path | None = getattr(arguments, "home", None)
        with open_services(home, getattr(arguments, "lang", "")) as services:
            from workstation.ui.program import run_window, take_screenshot

            if command == "screenshot":
                return take_screenshot(
                    services.settings,
                    services.archive,
                    arguments.study,
                    arguments.layout,
                    arguments.to,
                    arguments.size,
                )
            with_demo: bool = getattr(arguments, "with_demo", False)
            spoken: str = getattr(arguments, "lang", "")
            return run_window(
                services.settings, services.archive, with_demo=with_demo, spoken=spoken
            )
    except ReaderError as error:
        print(say(error.message), file=sys.stderr)
        return 1


def _bench(name: str, as_json: bool) -> int:
    import json

    from workstation.ui.bench_ai_window import bench_ai_window
    from workstation.ui.bench_room import bench_viewer
    from workstation.ui.bench_viewer import BENCHES

    own = {"viewer": bench_viewer, "ai_window": bench_ai_window, **BENCHES}
    entries = own[name]()
    if as_json:
        print(json.dumps({"entries": entries}))
    else:
        for entry in entries:
            ratio = "" if entry["ratio"] is None else f"  ratio {entry['ratio']:.3g}"
            print(f"{entry['name']}: {entry['value']:.4g} {entry['unit']}{ratio}")
    return 0
