"""Networks loaded by a runtime, in the worker process only: onnxruntime and OpenVINO.

OpenVINO is used by its own package beside onnxruntime: ``onnxruntime-openvino`` replaces the
``onnxruntime`` module, lags behind its releases, and its Windows wheel brings no runtime.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Sequence
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
_CAPABILITIES: dict[str, Precision] = {"BF16": "bfloat16", "FP16": "float16"}


class Session(Protocol):
    """A loaded network."""

    choice: Choice

    def run(self, batch: Image) -> Image:
        """(N, C, D, H, W) or (N, C, H, W) to the output of the same N. The result may be used
        until the next call."""


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
        core = _openvino().Core()
        can = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
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

    def run(self, batch: Image) -> Image:
        """See ``Session``."""
        given = {self._manifest.io.input: batch.astype(self._dtype, copy=False)}
        (out,) = self._session.run([self._manifest.io.output], given)
        return np.asarray(out, dtype=np.float32)


class _OpenVino:
    """OpenVINO on the processor, compiled for the very shape of a batch: a partial batch is
    filled up, for shapes that change at run time cost speed and memory."""

    def __init__(self, model: bytes, manifest: Manifest, threads: int, choice: Choice) -> None:
        openvino = _openvino()
        self.choice = choice
        self._dtype = np.dtype(manifest.io.dtype)
        core = openvino.Core()
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
        compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[choice.precision],
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                # Pinned threads would sit on the very cores that the window is drawn by.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._output = compiled.output(manifest.io.output)
        self._request = compiled.create_infer_request()

    def run(self, batch: Image) -> Image:
        """See ``Session``."""
        count = len(batch)
        given = batch.astype(self._dtype, copy=False)
        if count < self._batch:
            rest = np.zeros((self._batch - count, *batch.shape[1:]), dtype=self._dtype)
            given = np.concatenate([given, rest])
        found = self._request.infer([given], share_inputs=True, share_outputs=True)
        return np.asarray(found[self._output], dtype=np.float32)[:count]


def open_session(
    model: bytes, manifest: Manifest, threads: int, wanted: Sequence[Choice]
) -> tuple[Session, list[Message]]:
    """The network by the first of ``wanted`` that takes it, and a note for each that did not.

    Raises ``BadInput`` where none does.
    """
    notes: list[Message] = []
    for choice in wanted:
        make = _OpenVino if choice.provider == "openvino" else _Onnxruntime
        try:
            session: Session = make(model, manifest, threads, choice)
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
