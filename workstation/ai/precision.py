"""When a network may be computed with fewer digits: after its labels agreed with float32.

The package's own example is run both ways on this machine. The answer is kept for this package
(hash of all its files), this processor and these versions of the runtimes, and for nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from workstation.ai.example import run_example
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.ai.providers import Precision
from workstation.domain.errors import Cancelled, ReaderError
from workstation.domain.mask import dice
from workstation.domain.work import Cancel
from workstation.settings import FASTER

LEAST_DICE = 0.99
"""Of each label, lower precision against float32."""
LOWER: tuple[Precision, ...] = ("bfloat16", "float16")
"""What is tried in place of float32, in this order."""
_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class PrecisionCheck:
    """dices: by label key, lower precision against float32, both on the example. computed: the
    precision that was really used (a provider may not have the one asked for). seconds: of the
    network alone, float32 then lower."""

    precision: str
    computed: str
    dices: dict[str, float]
    within_tolerance: bool
    seconds: tuple[float, float]

    @property
    def agreed(self) -> bool:
        """Whether the lower precision may be used."""
        close = all(value >= LEAST_DICE for value in self.dices.values())
        return self.computed == self.precision and self.within_tolerance and close

    @property
    def worth_it(self) -> bool:
        """Whether it may be used and took the network less time than float32 did."""
        return self.agreed and self.seconds[1] < self.seconds[0]


def machine_id() -> str:
    """SHA-256 of the processor's name and the runtimes' versions."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        name = found[1] if found else name
    said = [name, platform.system()]
    for package in ("onnxruntime", "openvino"):
        try:
            said.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            said.append(f"no {package}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _path(package: ModelPackage, home: Path, precision: Precision) -> Path:
    name = f"{package.sha256[:32]}-{machine_id()[:32]}-{precision}.json"
    return home / "ai" / "precision" / name


def check_precision(
    package: ModelPackage,
    home: Path,
    precision: Precision,
    limits: Limits | None = None,
    cancel: Cancel | None = None,
) -> PrecisionCheck:
    """Run the example in float32 and in ``precision``, and keep what came of it.

    Raises what ``run_example`` raises.
    """
    plain = run_example(package, limits, cancel=cancel)
    lower = run_example(package, limits, precision=precision, cancel=cancel)
    check = PrecisionCheck(
        precision=precision,
        computed=lower.result.precision,
        dices={
            key: dice(lower.result.masks[key], plain.result.masks[key])
            for key in plain.result.masks
        },
        within_tolerance=plain.ok and lower.ok,
        seconds=(plain.result.stages["network"], lower.result.stages["network"]),
    )
    path = _path(package, home, precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(asdict(check)), encoding="utf-8")
    part.replace(path)
    return check


def known_check(package: ModelPackage, home: Path, precision: Precision) -> PrecisionCheck | None:
    """What came of it earlier on this machine; None where it was not checked."""
    try:
        said = json.loads(_path(package, home, precision).read_text(encoding="utf-8"))
        return PrecisionCheck(**{**said, "seconds": tuple(said["seconds"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def allowed_precision(package: ModelPackage, home: Path, wish: Precision) -> Precision:
    """``wish`` where it was checked on this machine and agreed, else float32."""
    check = known_check(package, home, wish) if wish != "float32" else None
    return wish if check is not None and check.agreed else "float32"


def precision_for(
    package: ModelPackage,
    home: Path,
    setting: str,
    limits: Limits | None = None,
    cancel: Cancel | None = None,
) -> Precision:
    """In what a package is computed here by the setting ``ai_precision``.

    ``faster``: the first of ``LOWER`` whose labels agree with float32 on the package's example and
    that is quicker; what was not checked on this machine yet is checked now. A package without
    an example, or whose example cannot be run, is computed in float32. Raises ``Cancelled``.
    """
    if setting != FASTER or not (package.folder / "example" / "input.npz").is_file():
        return "float32"
    for wish in LOWER:
        with _one_at_a_time:
            check = known_check(package, home, wish)
            if check is None:
                try:
                    check = check_precision(package, home, wish, limits, cancel)
                except Cancelled:
                    raise
                except ReaderError as error:
                    _log.warning("%s stays in float32: %s", package.made_by, error)
                    return "float32"
        if check.worth_it:
            return wish
    return "float32"
