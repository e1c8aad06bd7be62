"""Runs a model package in a child process, within limits; every bad end has plain words.

The child (``ai.worker``, held by ``ai.child``) is ended with every bad end, and with every good one
unless ``warm`` keeps it for the next. Arrays travel as ``.npy`` files in a private folder that is
deleted afterwards; voxels carry no names.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.ai.child import FOLDER, Child, Crashed, ended, sweep, worker
from workstation.ai.limits import Limits, ModelStopped, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.ai.pieces import Piece, stored_pieces
from workstation.ai.providers import Precision, Wish
from workstation.ai.volumes import shared_file
from workstation.domain.errors import N_, BadInput, Message, Param
from workstation.domain.geometry import Grid
from workstation.domain.work import Cancel, Progress, no_progress

_POLL_S = 0.05
_QUEUE: deque[object] = deque()
_QUEUE_MOVED = threading.Condition()


@dataclass(frozen=True)
class ModelResult:
    """What a package made of its input.

    masks: by label key, bool (z, y, x) on the first input's grid. scores: by label key, mean
    probability 0..1. provider, precision, threads: how it was computed. seconds: from the start
    of the child to its answer. stages: of these, by name. peak_mb: largest resident memory of
    the child. notes: what a reader should know of how it was computed, such as a provider that
    failed. cautions, doubts, unlikeness: see ``domain.outcome.Outcome``.
    pieces: findings of a detector, surest first.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    scores: Mapping[str, float]
    provider: str
    precision: str
    threads: int
    seconds: float
    peak_mb: float
    stages: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    cautions: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()
    unlikeness: float | None = None
    pieces: tuple[Piece, ...] = ()


class CroppedMasks(Mapping[str, NDArray[np.bool_]]):
    """Masks by label key, each kept as the smallest block that holds it and given whole: a
    hundred organs of a body would not fit into memory otherwise."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        blocks: Mapping[str, tuple[tuple[int, int, int], NDArray[np.bool_]]],
    ) -> None:
        self.shape = shape
        self.blocks = blocks

    def __getitem__(self, key: str) -> NDArray[np.bool_]:
        origin, block = self.blocks[key]
        full = np.zeros(self.shape, dtype=bool)
        full[tuple(slice(o, o + n) for o, n in zip(origin, block.shape, strict=True))] = block
        return full

    def __iter__(self) -> Iterator[str]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)


@contextlib.contextmanager
def _turn(cancel: Cancel) -> Iterator[None]:
    """One model at a time on this workstation, in the order of asking: two would fight for cores
    and memory."""
    ticket = object()
    with _QUEUE_MOVED:
        _QUEUE.append(ticket)
    try:
        with _QUEUE_MOVED:
            while _QUEUE[0] is not ticket:
                _QUEUE_MOVED.wait(timeout=0.1)
                cancel.check()
        yield
    finally:
        with _QUEUE_MOVED:
            _QUEUE.remove(ticket)
            _QUEUE_MOVED.notify_all()


def _refused(event: Mapping[str, Any]) -> BadInput:
    template = str(event["template"])
    params: dict[str, Param] = dict(event["params"])
    return (Unsuitable if event["unsuitable"] else BadInput)(template, **params)


def _too_large(name: str, limits: Limits) -> ModelStopped:
    return ModelStopped(
        N_("Model {model} was stopped because it used more than {limit} MB of memory."),
        model=name,
        limit=limits.memory_mb,
    )


def _watch(
    child: Child, name: str, limits: Limits, deadline: float, progress: Progress, cancel: Cancel
) -> Mapping[str, Any]:
    """Wait for the child's answer, enforcing limits."""
    look, heard = 0.0, False
    while True:
        cancel.check()
        present = time.monotonic()
        if present >= deadline:
            raise ModelStopped(
                N_("Model {model} was stopped because it took longer than {limit} s."),
                model=name,
                limit=f"{limits.timeout_s:g}",
            )
        if present >= look:
            look = present + _POLL_S
            if child.memory_mb() > limits.memory_mb:
                raise _too_large(name, limits)
        try:
            line = child.lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            raise ended(name, child)
        event = json.loads(line)
        if not heard:  # what the child still held of an earlier job is gone
            child.peak_mb, heard = 0.0, True
        if event["event"] == "progress":
            progress(float(event["fraction"]), Message(event["doing"]))
        elif event["event"] == "too_large":
            raise _too_large(name, limits)
        elif event["event"] == "failed":
            refusal = _refused(event)
            child.answered = isinstance(refusal, Unsuitable)  # else something broke in there
            raise refusal
        else:
            child.answered = True
            return dict(event)


def _paths_of(arrays: Sequence[NDArray[Any]], folder: Path) -> list[str]:
    """Files of the voxels: a volume that is mapped from one (``ai.volumes``) needs no other."""
    paths = []
    for number, array in enumerate(arrays):
        own = shared_file(array)
        if own is None:
            own = folder / f"input{number}.npy"
            np.save(own, array, allow_pickle=False)
        paths.append(str(own))
    return paths


def _template_of(package: ModelPackage) -> dict[str, str]:
    """The file of ``pre.locate`` and its hash, as the worker is told of them."""
    said = package.manifest.pre.locate
    if said is None:
        return {"template": "", "template_sha256": ""}
    path = package.folder / said.file
    return {"template": str(path.absolute()), "template_sha256": package.listed(said.file)}


def _result_of(done: Mapping[str, Any], folder: Path, grid: Grid, begun: float) -> ModelResult:
    blocks = {}
    for key, entry in done["labels"].items():
        z, y, x = entry["origin"]
        blocks[key] = ((z, y, x), np.load(folder / entry["file"], allow_pickle=False))
    seconds = time.monotonic() - begun
    stages = {str(name): float(spent) for name, spent in done["stages"].items()}
    return ModelResult(
        masks=CroppedMasks(grid.shape, blocks),
        scores={key: float(entry["score"]) for key, entry in done["labels"].items()},
        provider=str(done["provider"]),
        precision=str(done["precision"]),
        threads=int(done["threads"]),
        seconds=seconds,
        peak_mb=float(done["peak_mb"]),
        stages={"start": seconds - float(done["seconds"]), **stages},
        notes=tuple(Message(one["template"], one["params"]) for one in done["notes"]),
        doubts=tuple(Message(one["template"], one["params"]) for one in done["doubts"]),
        unlikeness=done["unlikeness"],
        pieces=tuple(stored_pieces(done["pieces"], folder)),
    )


def run_package(
    package: ModelPackage,
    arrays: Sequence[NDArray[Any]],
    grids: Sequence[Grid],
    *,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
    provider: Wish = "auto",
    precision: Precision = "float32",
) -> ModelResult:
    """Run ``package`` on volumes (z, y, x), one for each entry of its ``accept``.

    limits: the workstation's; the package's own hold too. provider: one in place of the fastest
    that the machine has. precision: below float32 only where ``ai.precision`` allows it. Where
    native code of a provider crashes, the plain processor computes once more and a note says so.
    Raises ``Unsuitable`` (the image is not what the model was made for), ``BadInput`` (the
    network cannot be loaded or does not fit its manifest), ``ModelStopped`` (memory, time, crash)
    or ``Cancelled``. Blocks; one run at a time on this workstation, further calls wait.
    """
    manifest, stop = package.manifest, cancel or Cancel()
    if len(arrays) != len(manifest.accept) or len(grids) != len(arrays):
        raise BadInput(
            N_("Model {model} wants {expected} images and was given {found}."),
            model=manifest.id,
            expected=len(manifest.accept),
            found=len(arrays),
        )
    allowed = (limits or Limits()).within(manifest)
    sweep()
    with _turn(stop), tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as name:
        folder = Path(name)
        begun = time.monotonic()
        request = {
            "model": str(package.model_path.absolute()),
            "model_sha256": package.model_sha256,
            **_template_of(package),
            "manifest": manifest.model_dump_json(),
            "inputs": _paths_of(arrays, folder),
            "grids": [[list(grid.shape), grid.matrix.tolist()] for grid in grids],
            "folder": str(folder),
            "threads": allowed.threads,
            "memory_mb": allowed.memory_mb,
            "precision": precision,
        }

        def attempt(wish: Wish) -> ModelResult:
            with worker(allowed.threads, allowed.memory_mb) as child:
                child.send(request | {"provider": wish})
                deadline = begun + allowed.timeout_s
                done = _watch(child, manifest.id, allowed, deadline, progress, stop)
                result = _result_of(done, folder, grids[0], begun)
                return replace(result, peak_mb=max(child.peak_mb, result.peak_mb))

        try:
            return attempt(provider)
        except Crashed as crash:
            if provider == "cpu" or not crash.in_native_code:
                raise
            plain = attempt("cpu")
            note = Message(
                N_("The fastest way of computing crashed; {provider} computed it."),
                {"provider": plain.provider},
            )
            return replace(plain, notes=(note, *plain.notes))
