"""Everything that can be known of a package before it meets a patient, step by step.

A step that fails ends the check: what comes after would rest on it. The example is run last, in
the worker and within its limits, and only where every earlier step was passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from workstation.ai.bundle import ENDING, open_bundle
from workstation.ai.card import check_card
from workstation.ai.example import ExampleReport, run_example
from workstation.ai.limits import Limits
from workstation.ai.manifest import Manifest
from workstation.ai.network import check_network
from workstation.ai.package import (
    ModelPackage,
    check_files,
    load_package,
    parse_manifest,
    read_manifest,
    read_signature,
)
from workstation.ai.shelf import incoming
from workstation.ai.stored_arrays import check_arrays
from workstation.ai.sums import MANIFEST, MODEL, SIGNATURE, SUMS, parse_sums, read_sums
from workstation.ai.trust import Signer, Trust, vouch
from workstation.ai.vocabulary import Strict
from workstation.domain.errors import N_, BadInput, Cancelled, Message, ReaderError
from workstation.domain.work import Cancel, Progress, no_progress

ZIP = N_("ZIP file")
VOUCHED = N_("Signature")
FILES = N_("Files")
SAID = N_("Manifest")
NETWORK = N_("Network")
CARD_STEP = N_("Model card")
EXAMPLE_FILES = N_("Example files")
EXAMPLE = N_("Example, run in the worker")

_LARGEST_MANIFEST = 1 << 20


@dataclass(frozen=True)
class Step:
    """One thing looked at. said: what was found, or why the package is refused."""

    name: str
    ok: bool
    said: Message


@dataclass
class CheckReport:
    """What a check found. package: where everything but the example was right."""

    source: Path
    steps: list[Step] = field(default_factory=list)
    package: ModelPackage | None = None
    signer: Signer | None = None
    example: ExampleReport | None = None

    @property
    def ok(self) -> bool:
        """Whether every step was passed."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    @property
    def refusal(self) -> Message | None:
        """Why the package is refused."""
        return next((step.said for step in self.steps if not step.ok), None)


class _Stopped(Exception):
    """A step failed; the report says which."""


class _Tolerance(Strict):
    """``example/tolerance.json``: tighter is allowed, so loose that anything passes is not."""

    min_dice: float = Field(ge=0.9, le=1.0)
    volume_ml: float = Field(ge=0.0)


def check_example_files(folder: Path, manifest: Manifest) -> None:
    """Raise ``BadInput`` where ``example/`` does not fit the manifest or would prove nothing."""
    place, model = folder / "example", manifest.id
    for file in ("input.npz", "expected.npz", "tolerance.json"):
        if not (place / file).is_file():
            raise BadInput(
                N_("Model {model}: {file} is missing."), model=model, file=f"example/{file}"
            )
    given, expected = check_arrays(place / "input.npz"), check_arrays(place / "expected.npz")
    wanted = {accept.channel for accept in manifest.accept} | {"affine"}
    shape = given.get(manifest.accept[0].channel, ())
    for name, found, names in (
        ("input.npz", set(given), wanted),
        ("expected.npz", set(expected), {label.key for label in manifest.labels}),
    ):
        if found != names:
            raise BadInput(
                N_("Model {model}: {file} holds {found}; by manifest.json it is {expected}."),
                model=model, file=f"example/{name}",
                found=", ".join(sorted(found)), expected=", ".join(sorted(names)),
            )  # fmt: skip
    sizes = {name: size for name, size in {**given, **expected}.items() if name != "affine"}
    for name, size in sizes.items():
        if len(size) != 3 or (name in expected and size != shape) or given["affine"] != (4, 4):
            raise BadInput(
                N_("Model {model}: {file}: array {name} has another shape than the others."),
                model=model, file="example", name=name,
            )  # fmt: skip
    _check_tolerance(place, model)
    with np.load(place / "expected.npz", allow_pickle=False) as arrays:
        if not any(arrays[name].any() for name in arrays.files):
            raise BadInput(
                N_("Model {model}: {file} expects nothing at all; such an example proves nothing."),
                model=model, file="example/expected.npz",
            )  # fmt: skip


def _check_tolerance(place: Path, model: str) -> None:
    data = (place / "tolerance.json").read_bytes()[:65536]
    try:
        _Tolerance.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(
            N_("Model {model}: {file} cannot be used ({why})."), model=model,
            file="example/tolerance.json",
            why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
        ) from error  # fmt: skip


def run_golden_example(
    package: ModelPackage,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> ExampleReport:
    """Run the example; ``BadInput`` names the first label that does not come out as expected."""
    report = run_example(package, limits, progress=progress, cancel=cancel)
    for label in report.labels:
        if not label.ok:
            raise BadInput(
                N_("Model {model}: label {label} does not come out of {file} as expected: Dice "
                   "{dice}, {found} mL where {expected} mL are expected."),
                model=package.manifest.id, label=label.key, file="example",
                dice=f"{label.dice:.3f}", found=f"{label.volume_ml:.2f}",
                expected=f"{label.expected_ml:.2f}",
            )  # fmt: skip
    return report


class _Check:
    """One check under way."""

    def __init__(self, source: Path, trust: Trust | None, progress: Progress, cancel: Cancel):
        self.report = CheckReport(source)
        self.trust = trust
        self.progress = progress
        self.cancel = cancel

    def step(self, name: str, look: Callable[[], Message]) -> None:
        """Take a step; what it finds wrong ends the check."""
        self.cancel.check()
        self.progress(min(0.3, 0.05 * len(self.report.steps)), Message(name))
        try:
            self.report.steps.append(Step(name, True, look()))
        except Cancelled:
            raise
        except ReaderError as error:
            self.report.steps.append(Step(name, False, error.message))
            raise _Stopped from error

    def folder(self, folder: Path, name: str) -> None:
        """Every step but the example's run."""
        report = self.report
        sums = b""
        listed: dict[str, str] = {}
        manifests: list[Manifest] = []

        def vouched() -> Message:
            nonlocal sums
            sums = read_sums(folder)
            if self.trust is None:
                return Message(N_("not looked at: the package is still being made"))
            report.signer = vouch(name, sums, read_signature(folder), self.trust)
            if report.signer.kind == "program":
                return Message(N_("came with the program"))
            return Message(N_("{name}, {when}"),
                           {"name": report.signer.name, "when": report.signer.signed})  # fmt: skip

        def files() -> Message:
            signer = report.signer
            beside = self.trust is None or (signer is not None and signer.kind == "program")
            listed.update(check_files(folder, name, sums, code_beside=beside))
            return Message(N_("{n} files are as SHA256SUMS lists them"), {"n": len(listed)})

        def said() -> Message:
            manifests.append(read_manifest(folder, name))
            params = {"id": manifests[0].id, "version": manifests[0].version}
            return Message("{id} {version}", params)

        def network() -> Message:
            io = manifests[0].io
            check_network(folder / MODEL, name, manifests[0], listed[MODEL])
            return Message(N_("opset {opset}, {layout}, {dtype}"),
                           {"opset": io.opset, "layout": io.layout, "dtype": io.dtype})  # fmt: skip

        def card() -> Message:
            check_card(folder, name)
            return Message(N_("in Chinese and English"))

        def example() -> Message:
            check_example_files(folder, manifests[0])
            return Message(N_("input, expected output and tolerance are there"))

        for title, look in (
            (VOUCHED, vouched), (FILES, files), (SAID, said), (NETWORK, network),
            (CARD_STEP, card), (EXAMPLE_FILES, example),
        ):  # fmt: skip
            self.step(title, look)
        report.package = load_package(folder, self.trust, id=name)

    def run(self, limits: Limits | None) -> None:
        """The example, in the worker."""

        def running(fraction: float, doing: Message) -> None:
            self.progress(0.3 + 0.7 * fraction, doing)

        def example() -> Message:
            assert self.report.package is not None
            found = run_golden_example(self.report.package, limits, running, self.cancel)
            self.report.example = found
            worst = min(label.dice for label in found.labels)
            return Message(
                N_("as expected (Dice {dice}), {seconds} s, {memory} MB, {provider}"),
                {"dice": f"{worst:.3f}", "seconds": f"{found.result.seconds:.1f}",
                 "memory": round(found.result.peak_mb), "provider": found.result.provider},
            )  # fmt: skip

        self.step(EXAMPLE, example)


@contextmanager
def checked(
    source: Path,
    home: Path,
    trust: Trust | None,
    *,
    id: str = "",
    limits: Limits | None = None,
    with_example: bool = True,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Iterator[CheckReport]:
    """Check the package in ``source``, a folder or a ZIP file; its files stay while in the block.

    A ZIP file is unpacked below ``home``, and only after somebody in ``trust`` vouched for it.
    trust: None for a maker's own look at unsigned work. id: of an installed package, whose folder
    is named by its version. Raises ``Cancelled`` only: whatever is
    wrong with the package is in the report.
    """
    check = _Check(source, trust, progress, cancel or Cancel())
    with incoming(home) as place:
        try:
            folder, name = source, id or source.name
            if not source.is_dir():
                folder, name = _unpacked(check, source, place)
            check.folder(folder, name)
            if with_example:
                check.run(limits)
        except _Stopped:
            pass
        yield check.report


def _unpacked(check: _Check, source: Path, place: Path) -> tuple[Path, str]:
    """(folder of the unpacked package, id). Nothing is unpacked before somebody vouched."""
    name = source.name

    def archive() -> Message:
        nonlocal name
        with open_bundle(source) as bundle:
            sums = bundle.read(SUMS, 1 << 20)
            if sums is None:
                raise BadInput(N_("Model {model}: SHA256SUMS is missing."), model=source.name)
            data = bundle.read(MANIFEST, _LARGEST_MANIFEST + 1)
            if data is None:
                raise BadInput(
                    N_("Model {model}: {file} is missing."), model=source.name, file=MANIFEST
                )
            said = parse_manifest(data, source.name)
            name = said.id
            if source.name.endswith(ENDING) and source.name != f"{name}-{said.version}{ENDING}":
                raise BadInput(
                    N_("{file}: the manifest in it is that of {id} {version}, not what the file "
                       "is called."),
                    file=source.name, id=name, version=said.version,
                )  # fmt: skip
            if check.trust is not None:
                vouch(name, sums, bundle.read(SIGNATURE, 1 << 17), check.trust)
            listed = parse_sums(sums, name)
            for entry in sorted(set(bundle.entries) - set(listed) - {SUMS, SIGNATURE}):
                raise BadInput(
                    N_("Model {model}: {file} is not listed in SHA256SUMS."),
                    model=name, file=entry,
                )  # fmt: skip
            folder = place / name
            folder.mkdir()
            bundle.unpack(folder, check.progress, check.cancel)
            return Message(N_("{n} files"), {"n": len(bundle.entries)})

    check.step(ZIP, archive)
    return place / name, name
