#!/usr/bin/env python3
"""Start OneScan, or test it, on a machine that has nothing but Python 3.11.

    python3 start.py            make the environment, make the demo studies, open the workstation
    python3 start.py test       install what the tests need and run every check

Only the standard library is used here: everything else is installed by this file.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent
ENVIRONMENT = REPOSITORY / ".venv"
WINDOWS = sys.platform == "win32"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if WINDOWS else "bin/python")

LANES = 2  # processes that share the tests

# What Qt and VTK load at run time and a bare Linux lacks: library to Debian package.
SCREEN_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libXcursor.so.1": "libxcursor1",
    "libXrender.so.1": "libxrender1",
    "libgomp.so.1": "libgomp1",
}
# What the tests use beside Python packages: program to Debian package.
TEST_PROGRAMS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "dcmdump": "dcmtk",
    "dciodvfy": "dicom3tools",
}


def say(text: str) -> None:
    """Print at once, so that a waiting person sees what is going on."""
    print(text, flush=True)


def missing_packages(programs: dict[str, str]) -> list[str]:
    """Debian packages of the libraries and ``programs`` that this Linux lacks."""
    missing = []
    for library, package in SCREEN_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    missing += [package for program, package in programs.items() if shutil.which(program) is None]
    return missing


def install_system_packages(programs: dict[str, str]) -> bool:
    """Install what is missing where this may be done; else print the one command that does."""
    if not sys.platform.startswith("linux"):
        return True
    missing = missing_packages(programs)
    if not missing:
        return True
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("Installing system packages: " + " ".join(missing))
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet)
        done = subprocess.run([*command, "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL)
        if done.returncode == 0:
            return True
    say("These system packages are missing. Please run:\n\n    sudo " + " ".join(command) + "\n")
    return False


def make_environment(lock: Path) -> None:
    """Make ``.venv`` and install what ``lock`` pins, unless that was already done."""
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / f"installed-{lock.stem}"
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    started = time.monotonic()
    if not PYTHON.exists():
        say("Making the Python environment in .venv ...")
        made = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=False)
        if made.returncode != 0:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            package = f"python{version}-venv"
            can_install = not WINDOWS and shutil.which("apt-get") and os.geteuid() == 0
            if can_install:
                subprocess.run(["apt-get", "update", "-qq"], check=False)
                subprocess.run(["apt-get", "install", "-y", "-qq", package], check=False)
                made = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=False)
            if made.returncode != 0:
                shutil.rmtree(ENVIRONMENT, ignore_errors=True)
                sys.exit(
                    "Python cannot make a virtual environment here. Please run:\n\n"
                    f"    sudo apt-get install -y {package}\n"
                )
    say(f"Installing the packages of {lock.name} (about 500 MB the first time) ...")
    installed = subprocess.run(
        [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-q",
         "--require-hashes", "-r", str(lock)],
        check=False,
    )  # fmt: skip
    if installed.returncode != 0:
        sys.exit(
            "The packages could not be installed (the lines above say why). Check the network "
            "connection or the package mirror, then start again: nothing is lost."
        )
    stamp.write_text(wanted, encoding="ascii")
    say(f"Environment ready after {time.monotonic() - started:.0f} s.")


def has_display() -> bool:
    """Whether a window can be opened here."""
    if WINDOWS or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(*arguments: str) -> int:
    """Run the workstation with ``arguments`` in its environment; its exit code."""
    environment = {**os.environ, "PYTHONUTF8": "1"}
    command = [str(PYTHON), "-m", "workstation", *arguments]
    return subprocess.run(command, check=False, cwd=REPOSITORY, env=environment).returncode


def start() -> int:
    """Open the workstation on the demo studies; without a display, walk them headless."""
    libraries = install_system_packages({})
    make_environment(REPOSITORY / "installer" / "requirements.lock")
    if has_display() and libraries:
        return run("window", "--with-demo")
    if has_display():
        say("The window needs the packages above. Meanwhile the demo is walked without it.")
    return run("walk")


def virtual_screen() -> tuple[str, subprocess.Popen[bytes]] | None:
    """Start Xvfb on a free display: its name and process; None where there is no Xvfb."""
    if WINDOWS or shutil.which("Xvfb") is None:
        return None
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    return f":{number}", screen


def test(arguments: list[str]) -> int:
    """Every check of the project; the first line of each says what it is."""
    if not install_system_packages(TEST_PROGRAMS):
        return 1
    make_environment(REPOSITORY / "installer" / "requirements-test.lock")
    # One for each process of the tests: keys go to the one active window of a screen.
    screens = [screen for screen in (virtual_screen() for _ in range(LANES)) if screen]
    tools = PYTHON.parent
    os.environ["QT_QPA_PLATFORM"] = "xcb" if screens else "offscreen"
    os.environ["ONESCAN_TEST_SCREENS"] = " ".join(name for name, _ in screens)
    pytest = [str(PYTHON), "-m", "pytest", "-q", "-n", str(LANES), "--dist", "loadgroup"]
    checks = [
        ("ruff", [str(tools / "ruff"), "check", "."]),
        ("ruff format", [str(tools / "ruff"), "format", "--check", "-q", "."]),
        ("mypy --strict", [str(PYTHON), "-m", "mypy"]),
        ("import-linter", [str(tools / "lint-imports"), "--no-logo"]),
        ("house rules and pytest", [*pytest, *arguments]),
    ]
    failed = []
    try:
        for name, command in checks:
            say(f"\n== {name}")
            started = time.monotonic()
            if subprocess.run(command, check=False, cwd=REPOSITORY).returncode != 0:
                failed.append(name)
            say(f"   {time.monotonic() - started:.0f} s")
    finally:
        for _, screen in screens:
            screen.terminate()
            screen.wait()
    say("\nFailed: " + ", ".join(failed) if failed else "\nEvery check passed.")
    return 1 if failed else 0


def main() -> int:
    """Entry: ``start.py`` or ``start.py test [pytest arguments]``."""
    if sys.version_info < (3, 11):
        sys.stderr.write("OneScan needs Python 3.11 or newer.\n")
        return 1
    if len(sys.argv) > 1 and sys.argv[1] == "test":
        return test(sys.argv[2:])
    if len(sys.argv) > 1:
        say(__doc__ or "")
        return 0 if sys.argv[1] in {"-h", "--help", "help"} else 2
    return start()


if __name__ == "__main__":
    sys.exit(main())
