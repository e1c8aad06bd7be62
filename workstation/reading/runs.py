"""What is still to be run on a study, in which order, and its volumes, read once for all of it.

Order: models and measures that look for emergencies before everything else, then by the seconds
that a run is declared to take, so that most answers are there soonest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType, TracebackType
from typing import Self

from workstation.ai.canary import must_agree
from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.ai.precision import precision_for
from workstation.ai.providers import Precision
from workstation.ai.results import ResultCache, input_digest, result_key
from workstation.ai.volumes import SharedVolumes
from workstation.archive.store import Archive
from workstation.dicom.volumes import read_volume
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, AnalysisSpec
from workstation.domain.errors import N_, Message
from workstation.domain.volume import Stack, Volume
from workstation.domain.work import Cancel, Progress
from workstation.reading.analysis_images import first_image, images_of
from workstation.reading.proposals import Judge, Proposals, from_model
from workstation.reading.proposals_measured import from_analysis
from workstation.settings import Settings

RESULTS = "results"
"""Folder of the home in which results of models are kept."""

Image = tuple[str, int]  # stack id, phase
NO_MASKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Run:
    """One run still to be made: who looks, at which stacks, and how. stack: the first of them."""

    judge: Judge
    stacks: tuple[Stack, ...]
    compute: Callable[[Progress], Proposals]
    stat: bool = False
    cost_s: float = 0.0

    @property
    def stack(self) -> Stack:
        """The stack that its findings lie on."""
        return self.stacks[0]

    @property
    def images(self) -> tuple[Image, ...]:
        """Volumes that it wants."""
        return tuple((stack.id, phase) for stack in self.stacks for phase in range(stack.phases))


def in_order(runs: Iterable[Run]) -> list[Run]:
    """The most urgent first; what takes equally long follows the order of the series."""
    return sorted(runs, key=lambda run: (not run.stat, run.cost_s))


class Volumes:
    """Volumes of one walk: read when first wanted, shared while another run still wants them.

    What several want, or a model's own process, is mapped from one file (``ai.volumes``); the
    files go with the walk: use as a context manager.
    """

    def __init__(self, archive: Archive, cancel: Cancel) -> None:
        self._archive = archive
        self._cancel = cancel
        self._wanted: Counter[Image] = Counter()
        self._kept: dict[Image, Volume] = {}
        self._shared: SharedVolumes | None = None
        self.reads = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.clear()
        if self._shared is not None:
            self._shared.close()

    def expect(self, runs: Iterable[Run]) -> None:
        """These runs will ask."""
        for run in runs:
            self._wanted.update(run.images)

    def take(self, stack: Stack, phase: int = 0) -> Volume:
        """One phase of a stack; raises ``ReaderError`` where its files cannot be read."""
        key = (stack.id, phase)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        volume = read_volume(stack, self._archive.blob_path, phase, cancel=self._cancel)
        self.reads += 1
        if self._wanted[key] > 1:  # by this run and a later one
            if self._shared is None:
                self._shared = SharedVolumes()
            mapped = self._shared.share(f"{stack.id}/{phase}", lambda: volume.array)
            volume = replace(volume, array=mapped)
            self._kept[key] = volume
        return volume

    def done(self, run: Run) -> None:
        """``run`` has ended, well or not: what nobody else wants is let go."""
        for key in run.images:
            self._wanted[key] -= 1
            if self._wanted[key] <= 0:
                self._kept.pop(key, None)


@dataclass(frozen=True)
class Unusual:
    """What the headers of a run's images have that speaks for care, and against relying on it."""

    cautions: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()


def of_model(
    archive: Archive,
    settings: Settings,
    volumes: Volumes,
    cancel: Cancel,
    package: ModelPackage,
    judge: Judge,
    inputs: tuple[Stack, ...],
    unusual: Unusual = Unusual(),
) -> Run:
    """A package on its input channels, phase by phase. A result kept for the same voxels, package
    and way of computing is used again; a new one is kept beside it."""
    cache = ResultCache(settings.home / RESULTS)
    limits = Limits(settings.ai_memory_mb, settings.ai_timeout_s, settings.ai_threads)

    phases = max(stack.phases for stack in inputs)

    def on_phase(phase: int, precision: Precision, progress: Progress) -> ModelResult:
        taken = [volumes.take(stack, phase if stack.phases > 1 else 0) for stack in inputs]
        digests = [input_digest(volume.array, volume.grid) for volume in taken]
        key = result_key(package.sha256, digests, {"provider": "auto", "precision": precision})
        result = cache.get(key)
        if result is None:
            result = run_package(
                package,
                [volume.array for volume in taken],
                [volume.grid for volume in taken],
                limits=limits,
                progress=progress,
                cancel=cancel,
                precision=precision,
            )
            cache.put(key, result)
        return result

    def compute(progress: Progress) -> Proposals:
        must_agree(package, settings.home, limits, cancel=cancel)
        wish = settings.ai_precision
        precision = precision_for(package, settings.home, wish, limits, cancel)
        results = []
        for phase in range(phases):
            cancel.check()

            def part(fraction: float, doing: Message, phase: int = phase) -> None:
                progress((phase + fraction) / phases, doing)

            results.append(on_phase(phase, precision, part))
        proposals = from_model(archive, judge, package, results, inputs)
        return _with_doubts(proposals, unusual, results)

    said = package.manifest
    return Run(judge, inputs, compute, said.stat, said.cost_s)


def _with_doubts(
    proposals: Proposals, unusual: Unusual, results: Sequence[ModelResult]
) -> Proposals:
    """The proposals with what the headers and the images of all phases have against them."""
    cautions, doubts = (*unusual.cautions,), (*unusual.doubts,)
    for result in results:
        cautions += tuple(one for one in result.cautions if one not in cautions)
        doubts += tuple(one for one in result.doubts if one not in doubts)
    known = [result.unlikeness for result in results if result.unlikeness is not None]
    proposals.outcome = replace(
        proposals.outcome,
        cautions=cautions,
        doubts=doubts,
        unlikeness=max(known, default=None),
    )
    proposals.findings = [
        replace(one, cautions=cautions, doubts=doubts) for one in proposals.findings
    ]
    return proposals


def of_analysis(
    archive: Archive,
    volumes: Volumes,
    spec: AnalysisSpec,
    judge: Judge,
    analyse: Callable[[AnalysisInputs], AnalysisResult],
    stack: Stack,
    masks: Mapping[str, str] = NO_MASKS,
    parts: Sequence[Stack] = (),
) -> Run:
    """An analysis on every phase of one stack. masks: ids of outlines it stands on, by key. parts:
    the stacks ``along`` the axis of its series, where it was split by that."""

    def compute(progress: Progress) -> Proposals:
        progress(0.0, Message(N_("Measuring")))
        one = first_image(spec)
        assert one is not None  # ``accepts`` speaks of it
        images = images_of(one, stack, volumes.take, parts)
        voxels = {key: archive.load_mask(id) for key, id in masks.items()}
        inputs = AnalysisInputs(masks=voxels, grid=stack.grid, images={one.key: images})
        result = analyse(inputs)
        used = (*(part.id for part in parts if part.id != stack.id), *masks.values())
        return from_analysis(archive, judge, spec, result, stack, masks=used)

    others = [part for part in parts if part.id != stack.id]
    return Run(judge, (stack, *others), compute, spec.stat, spec.cost_s)


def share(runs: Sequence[Run], number: int) -> tuple[float, float]:
    """Which part of the whole walk run ``number`` is (0..1), by declared cost."""
    costs = [max(run.cost_s, 0.1) for run in runs]
    whole = sum(costs)
    start = sum(costs[:number]) / whole
    return start, start + costs[number] / whole
