"""The canary: each package's own example, run once on this machine before it may judge patients.

A network can give other answers on another processor, runtime or driver than on its maker's. What
came of it is kept for the package's hash, this machine and provider; a package whose example came
out differently is switched off with the reason, until something of these changes.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from workstation.ai.example import ExampleReport, run_example
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.ai.precision import machine_id
from workstation.ai.providers import Wish
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Cancelled, Message, Param, ReaderError
from workstation.domain.work import Cancel, Progress, no_progress

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()

DIFFERS = N_(
    "Switched off: on this computer the model's own example comes out differently ({label}: "
    "overlap {dice}, {found} mL instead of {expected} mL)."
)


@dataclass(frozen=True)
class Canary:
    """What came of it. reason: template and params of why the package is off; "" where it agreed.
    checked: whether the package has an example at all. provider, precision: how it was computed."""

    package: str
    sha256: str
    wish: str
    checked: bool
    reason: str = ""
    params: dict[str, Param] | None = None
    provider: str = ""
    precision: str = ""
    at: str = ""

    @property
    def why_off(self) -> Message | None:
        """Why the package may not run here; None where it may."""
        return Message(self.reason, self.params or {}) if self.reason else None


def _path(package: ModelPackage, home: Path, wish: Wish) -> Path:
    name = f"{package.sha256[:32]}-{machine_id()[:32]}-{wish}.json"
    return home / "ai" / "canary" / name


def known(package: ModelPackage, home: Path, wish: Wish = "auto") -> Canary | None:
    """What came of it earlier on this machine; None where it was not run, or not to its end."""
    try:
        return Canary(**json.loads(_path(package, home, wish).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def sing(
    package: ModelPackage,
    home: Path,
    limits: Limits | None = None,
    wish: Wish = "auto",
    *,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Canary:
    """Run it where it was not run yet on this machine, and keep what came of it.

    A run that was stopped for want of memory or time tells nothing of the answers: it is not kept,
    and the package is off until a run ends.
    """
    with _one_at_a_time:
        there = known(package, home, wish)
        if there is not None:
            return there
        if not (package.folder / "example" / "input.npz").is_file():
            return _kept(Canary(package.manifest.id, package.sha256, wish, False), package, home)
        try:
            report = run_example(package, limits, provider=wish, progress=progress, cancel=cancel)
        except Cancelled:
            raise
        except BadInput as error:
            return _kept(_failed(package, wish, error), package, home)
        except ReaderError as error:
            return _failed(package, wish, error)
        return _kept(_judged(package, wish, report), package, home)


def _failed(package: ModelPackage, wish: Wish, error: ReaderError) -> Canary:
    _log.warning("the example of %s cannot be run: %s", package.made_by, error)
    said = error.message
    id = package.manifest.id
    return Canary(id, package.sha256, wish, True, said.template, dict(said.params))


def _judged(package: ModelPackage, wish: Wish, report: ExampleReport) -> Canary:
    wrong = next((label for label in report.labels if not label.ok), None)
    params: dict[str, Param] | None = None
    if wrong is not None:
        params = {
            "label": wrong.key,
            "dice": f"{wrong.dice:.3f}",
            "found": f"{wrong.volume_ml:.2f}",
            "expected": f"{wrong.expected_ml:.2f}",
        }
        _log.warning("the example of %s differs: %s", package.made_by, params)
    return Canary(
        package.manifest.id,
        package.sha256,
        wish,
        True,
        DIFFERS if wrong is not None else "",
        params,
        report.result.provider,
        report.result.precision,
        now().isoformat(),
    )


def _kept(canary: Canary, package: ModelPackage, home: Path) -> Canary:
    path = _path(package, home, _wish(canary))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(asdict(canary)), encoding="utf-8")
    part.replace(path)
    return canary


def _wish(canary: Canary) -> Wish:
    wishes: tuple[Wish, ...] = ("auto", "cuda", "directml", "openvino", "cpu")
    return next(wish for wish in wishes if wish == canary.wish)


def must_agree(
    package: ModelPackage,
    home: Path,
    limits: Limits | None = None,
    wish: Wish = "auto",
    *,
    cancel: Cancel | None = None,
) -> None:
    """Raise ``BadInput`` with the reason where the package is switched off here; runs its example
    where that was not done yet."""
    reason = sing(package, home, limits, wish, cancel=cancel).why_off
    if reason is not None:
        raise BadInput(reason.template, **reason.params)


def sing_all(
    packages: Sequence[ModelPackage],
    home: Path,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Canary]:
    """At start-up: every package's example that was not run on this machine yet."""
    found = []
    doing = Message(N_("Running the models' own examples"))
    for number, package in enumerate(packages):
        if cancel is not None:
            cancel.check()
        progress(number / len(packages), doing)
        found.append(sing(package, home, limits, cancel=cancel))
    return found
