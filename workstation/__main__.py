"""``python -m workstation``: what needs a screen goes to desktop, everything else to cli."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NEEDS_SCREEN = {"window", "screenshot"}
SCREEN_BENCHES = {"ai_window", "first_image", "scroll", "viewer"}


def needs_screen(argv: Sequence[str]) -> bool:
    """Whether the command line asks for something that only the desktop can do."""
    valued = {"--home", "--lang"}
    words, skip = [], False
    for word in argv:
        if skip:
            skip = False
        elif word in valued:
            skip = True
        elif not word.startswith("-"):
            words.append(word)
    if not words:
        return not any(a in {"-h", "--help", "--version"} for a in argv)
    return words[0] in NEEDS_SCREEN or (
        words[0] == "bench" and len(words) > 1 and words[1] in SCREEN_BENCHES
    )


def main(argv: Sequence[str]) -> int:
    """Run the program; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a Windows console may not be UTF-8
            reconfigure(encoding="utf-8", errors="replace")
    if needs_screen(argv):
        from workstation.desktop import main as desktop_main

        return desktop_main(argv)
    from workstation.cli.main import main as cli_main

    return cli_main(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
