"""Networks loaded by a runtime, in the worker process only: onnxruntime and OpenVINO.

OpenVINO is used by its own package beside onnxruntime: ``onnxruntime-openvino`` replaces the
``onnxruntime`` module, lags behind its releases, and its Windows wheel brings no runtime.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import Any, Protocol, cast

import numpy as np

from workstation.ai.manifest import Manifest
from workstation.ai.providers import NAMES, Choice, Machine, Precision
from workstation.ai.sliding_window import Image
from workstation.domain.errors import N_, BadInput, Message

_ERROR_NUMBER = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_GPU_BUILDS = ("onnxruntime-gpu", "onnxruntime-directml")
_HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_LANES_PART = 1 / 3  # of the memory allowed: the rest is the image, the sums and the runtime
_CAPABILITIES: dict[str, Precision] = {"BF16": "bfloat16", "FP16": "float16"}


class Session(Protocol):
    """A loaded network."""

    choice: Choice

    def stream(self, batches: Iterable[Image]) -> Iterator[Image]:
        """Each (N, C, D, H, W) or (N, C, H, W) to the output of the same N, in their order. An
        output may be used until the next is asked for; batches may be taken ahead of it."""


def why(error: BaseException) -> str:
    """The first line of a runtime's message, without its own error numbers."""
    lines = [line for line in _ERROR_NUMBER.sub("", str(error).strip()).splitlines() if line]
    return lines[0][:200] if lines else type(error).__name__


def _openvino() -> Any:
    # Importing the package whole would report the import to its maker over the network; without
    # its conversion tools, which nothing here needs, it does not.
    for name in ("openvino.tools.ovc", "openvino_telemetry"):
        sys.modules.setdefault(name, cast(ModuleType, None))
    import openvino

    return openvino


@cache
def _core() -> Any:
    """OpenVINO's runtime; every further network of this process shares it."""
    return _openvino().Core()


def find_machine() -> Machine:
    """What this machine offers; onnxruntime is asked only where a build for GPUs is installed."""
    offered: tuple[str, ...] = (NAMES["cpu"],)
    for build in _GPU_BUILDS:
        try:
            importlib.metadata.version(build)
        except importlib.metadata.PackageNotFoundError:
            continue
        import onnxruntime

        offered = tuple(onnxruntime.get_available_providers())
    if importlib.util.find_spec("openvino") is None:
        return Machine(offered)
    try:
        can = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, OSError, RuntimeError):
        return Machine(offered)  # installed, but not for this processor or system
    lower = tuple(_CAPABILITIES[one] for one in can if one in _CAPABILITIES)
    return Machine(offered, ("float32", *lower))


def _missing(manifest: Manifest, name: str) -> BadInput:
    return BadInput(
        N_("Model {model} cannot be loaded: it has no tensor named {name}."),
        model=manifest.id,
        name=name,
    )


class _Onnxruntime:
    """onnxruntime with one provider; its errors while running are told apart by words alone."""

    def __init__(self, model: bytes, manifest: Manifest, threads: int, choice: Choice) -> None:
        import onnxruntime

        self.choice = choice
        self._manifest = manifest
        self._dtype = np.dtype(manifest.io.dtype)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # Spinning threads burn every core for a second after each run and starve the window.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = manifest.io.layout == "NCHW"  # 3D: an arena only ever grows
        options.enable_mem_pattern = choice.provider != "directml"  # its documented requirement
        options.log_severity_level = 4
        # TensorFloat-32 keeps ten bits of a mantissa: not float32.
        own = {"use_tf32": "0"} if choice.provider == "cuda" else {}
        self._session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=[(choice.name, own)]
        )
        if self._session.get_providers()[0] != choice.name:
            raise RuntimeError(f"{choice.name} is not available")
        inputs = {entry.name for entry in self._session.get_inputs()}
        outputs = {entry.name for entry in self._session.get_outputs()}
        for name, known in ((manifest.io.input, inputs), (manifest.io.output, outputs)):
            if name not in known:
                raise _missing(manifest, name)
        others = sorted(inputs - {manifest.io.input})
        if others:
            raise BadInput(
                N_("Model {model} cannot be loaded: it wants a further input, {name}."),
                model=manifest.id,
                name=others[0],
            )

    def stream(self, batches: Iterable[Image]) -> Iterator[Image]:
        """See ``Session``."""
        for batch in batches:
            given = {self._manifest.io.input: batch.astype(self._dtype, copy=False)}
            (out,) = self._session.run([self._manifest.io.output], given)
            yield np.asarray(out, dtype=np.float32)


class _OpenVino:
    """OpenVINO on the processor, compiled for the very shape of a batch: a partial batch is
    filled up, for shapes that change at run time cost speed and memory.

    With several threads two batches are computed side by side, each by half of them: threads of
    one batch wait for each other after every layer. What comes out does not depend on it, for a
    batch is summed up by one stream alone, and outputs are handed on in order.
    """

    def __init__(
        self, model: bytes, manifest: Manifest, threads: int, choice: Choice, memory_mb: int
    ) -> None:
        self.choice = choice
        self._dtype = np.dtype(manifest.io.dtype)
        core = _core()
        network = core.read_model(model=model, weights=b"")
        if len(network.inputs) != 1:
            raise BadInput(
                N_("Model {model} cannot be loaded: it wants a further input, {name}."),
                model=manifest.id,
                name=network.inputs[-1].get_any_name(),
            )
        infer = manifest.infer
        channels = len(manifest.accept) * infer.slices
        self._batch = infer.batch
        network.reshape({manifest.io.input: [infer.batch, channels, *infer.patch]})
        self.lanes = lanes_of(network, threads, memory_mb)
        compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[choice.precision],
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": self.lanes,
                # Pinned threads would sit on the very cores that the window is drawn by.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._output = compiled.output(manifest.io.output)
        # One more than are computed at once: it waits while the output of another is added up.
        count = self.lanes + 1 if self.lanes > 1 else 1
        self._requests = [compiled.create_infer_request() for _ in range(count)]

    def stream(self, batches: Iterable[Image]) -> Iterator[Image]:
        """See ``Session``."""
        free, busy = deque(self._requests), deque[tuple[Any, Image]]()
        try:
            for batch in batches:
                given = self._filled(batch)
                request = free.popleft()
                request.start_async([given], share_inputs=True)
                busy.append((request, given[: len(batch)]))
                if not free:
                    yield self._next(busy)
                    free.append(busy.popleft()[0])
            while busy:
                yield self._next(busy)
                busy.popleft()
        finally:
            for request, _ in busy:  # of a run that was given up: its voxels are in use till then
                with contextlib.suppress(RuntimeError):
                    request.wait()

    def _next(self, busy: deque[tuple[Any, Image]]) -> Image:
        """The output of the batch that was begun first."""
        request, given = busy[0]
        request.wait()
        found = request.get_tensor(self._output).data
        return np.asarray(found, dtype=np.float32)[: len(given)]

    def _filled(self, batch: Image) -> Image:
        given = batch.astype(self._dtype, copy=False)
        if len(batch) == self._batch:
            return given
        rest = np.zeros((self._batch - len(batch), *batch.shape[1:]), dtype=self._dtype)
        return np.concatenate([given, rest])


def lanes_of(network: Any, threads: int, memory_mb: int) -> int:
    """How many batches OpenVINO computes at once: two where threads and memory allow it.

    memory_mb: what the whole process may take. Decided by the network's shapes, not by what is
    free at the moment: the same model is computed in the same way every time.
    """
    return 2 if threads > 1 and 2 * _live_mb(network) <= _LANES_PART * memory_mb else 1


def _live_mb(network: Any) -> float:
    """The most that tensors of a network take at one time, MB (2**20 bytes), its weights apart:
    each lives from the step that makes it to the last that reads it. Infinite where a shape is
    not known beforehand. Runtimes join steps and so need rather less."""
    steps = network.get_ordered_ops()
    last: dict[tuple[str, int], int] = {}
    for number, step in enumerate(steps):
        for entry in step.inputs():
            source = entry.get_source_output()
            last[source.get_node().get_name(), source.get_index()] = number
    ends: dict[int, float] = {}
    now = most = 0.0
    for number, step in enumerate(steps):
        for out in step.outputs() if step.get_type_name() != "Constant" else ():
            if out.get_partial_shape().is_dynamic:
                return float("inf")
            size = float(np.prod(list(out.get_shape()))) * out.get_element_type().size / 2**20
            now += size
            end = last.get((step.get_name(), out.get_index()), number)
            ends[end] = ends.get(end, 0.0) + size
        most = max(most, now)
        now -= ends.pop(number, 0.0)
    return most


def open_session(
    model: bytes, manifest: Manifest, threads: int, wanted: Sequence[Choice], memory_mb: int
) -> tuple[Session, list[Message]]:
    """The network by the first of ``wanted`` that takes it, and a note for each that did not.

    memory_mb: what the process may take. Raises ``BadInput`` where none does.
    """
    notes: list[Message] = []
    for choice in wanted:
        try:
            session: Session = (
                _OpenVino(model, manifest, threads, choice, memory_mb)
                if choice.provider == "openvino"
                else _Onnxruntime(model, manifest, threads, choice)
            )
            return session, notes
        except MemoryError:
            raise
        except Exception as error:  # the runtimes' exceptions share no other base class
            if choice == wanted[-1]:
                if isinstance(error, BadInput):
                    raise
                raise BadInput(
                    N_("Model {model} cannot be loaded: {why}"), model=manifest.id, why=why(error)
                ) from error
            notes.append(
                Message(
                    N_("{provider} could not take the model ({why}); {other} computed it."),
                    {"provider": choice.name, "why": why(error), "other": wanted[-1].name},
                )
            )
    raise ValueError("nothing to compute by")
