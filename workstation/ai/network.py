"""Whether a network is what its manifest says, judged by its outline; it is not loaded here.

What an outline cannot tell (a loop that never ends, an operator that asks for all memory) is held
by the time and memory limits of the worker.
"""

from __future__ import annotations

import functools
from pathlib import Path

from workstation.ai.manifest import Manifest
from workstation.ai.onnx_header import OnnxHeader, Tensor, read_onnx_header
from workstation.ai.sums import MODEL
from workstation.domain.errors import N_, BadInput, Param

LARGEST = 2 << 30
"""Bytes; protobuf cannot hold more, and weights outside the file are refused."""
IR_VERSIONS = (3, 13)
MOST_NODES = 50_000
DEEPEST_NESTING = 4


@functools.lru_cache(maxsize=64)
def _header(path: Path, sha256: str) -> OnnxHeader:
    return read_onnx_header(path)


def check_network(path: Path, name: str, manifest: Manifest, sha256: str) -> None:
    """Raise ``BadInput`` where the network in ``path`` may not or cannot be used as said."""
    if path.stat().st_size > LARGEST:
        raise BadInput(
            N_("Model {model}: {file} is larger than {limit} MB."),
            model=name, file=MODEL, limit=LARGEST >> 20,
        )  # fmt: skip
    header = _header(path, sha256)
    _check_harmless(header, name)
    if header.opset != manifest.io.opset:
        raise BadInput(
            N_("Model {model}: {file} has opset {found}, manifest.json says {expected}."),
            model=name, file=MODEL, found=header.opset, expected=manifest.io.opset,
        )  # fmt: skip
    _check_tensors(header, name, manifest)


def _check_harmless(header: OnnxHeader, name: str) -> None:
    if header.external_data:
        raise BadInput(
            N_("Model {model}: {file} keeps weights in another file, {other}; that is refused."),
            model=name, file=MODEL, other=header.external_data[0],
        )  # fmt: skip
    if header.calls:
        domain, operator = min(header.calls)
        raise BadInput(
            N_("Model {model}: {file} uses operators that are not standard ({domain})."),
            model=name, file=MODEL, domain=f"{domain} {operator}".strip(),
        )  # fmt: skip
    low, high = IR_VERSIONS
    if not low <= header.ir_version <= high:
        raise BadInput(
            N_("Model {model}: {file} has IR version {found}; {low} to {high} can be read."),
            model=name, file=MODEL, found=header.ir_version, low=low, high=high,
        )  # fmt: skip
    if header.swollen:
        weights, claimed, carried = header.swollen[0]
        raise BadInput(
            N_("Model {model}: {file}: weights {weights} claim {claimed} values and hold at most "
               "{carried}."),
            model=name, file=MODEL, weights=weights or "?", claimed=claimed, carried=carried,
        )  # fmt: skip
    if header.nodes > MOST_NODES:
        raise BadInput(
            N_("Model {model}: {file} has {found} operators; at most {limit} are accepted."),
            model=name, file=MODEL, found=header.nodes, limit=MOST_NODES,
        )  # fmt: skip
    if header.nesting > DEEPEST_NESTING:
        raise BadInput(
            N_("Model {model}: {file} nests loops and branches {found} deep; at most {limit} are "
               "accepted."),
            model=name, file=MODEL, found=header.nesting, limit=DEEPEST_NESTING,
        )  # fmt: skip


def _check_tensors(header: OnnxHeader, name: str, manifest: Manifest) -> None:
    io = manifest.io
    inputs = {k: v for k, v in header.inputs.items() if k not in header.initialisers}
    for wanted, known in ((io.input, inputs), (io.output, header.outputs)):
        if wanted not in known:
            raise BadInput(
                N_("Model {model}: {file} has no tensor named {name}, as manifest.json says."),
                model=name, file=MODEL, name=wanted,
            )  # fmt: skip
    others = sorted(set(inputs) - {io.input})
    if others:
        raise BadInput(
            N_("Model {model}: {file} wants a further input, {name}."),
            model=name, file=MODEL, name=others[0],
        )  # fmt: skip
    given, gives = inputs[io.input], header.outputs[io.output]
    channels = len(manifest.accept) * manifest.infer.slices
    batch = None if manifest.infer.batch > 1 else 1
    _check_shape(name, io.input, given, (batch, channels, *manifest.infer.patch))
    if given.dtype != io.dtype:
        raise _differs(name, io.input, given.dtype or "?", io.dtype)
    if gives.dtype not in (io.dtype, "float32", "float16", ""):
        raise _differs(name, io.output, gives.dtype, io.dtype)
    _check_shape(name, io.output, gives, (batch, None, *(None for _ in manifest.infer.patch)))
    highest = max(label.index for label in manifest.labels)
    found = gives.shape[1] if gives.shape is not None else None
    if found is not None and found <= highest:
        raise BadInput(
            N_("Model {model}: {file} gives {found} channels; manifest.json has a label with "
               "index {index}."),
            model=name, file=MODEL, found=found, index=highest,
        )  # fmt: skip


def _check_shape(name: str, tensor: str, found: Tensor, expected: tuple[int | None, ...]) -> None:
    """Fixed axes must be as expected; free ones are, and a batch of one is, always."""
    shape = found.shape
    if shape is None:
        return
    fits = len(shape) == len(expected) and all(
        have is None or want is None or have == want
        for have, want in zip(shape, expected, strict=True)
    )
    # A network with a fixed batch cannot be given the odd last one, unless that is always one.
    if fits and expected[0] is None and shape[0] is not None:
        fits = False
    if not fits:
        raise _differs(name, tensor, _words(shape), _words(expected))


def _words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("?" if axis is None else str(axis) for axis in shape)


def _differs(name: str, tensor: str, found: Param, expected: Param) -> BadInput:
    return BadInput(
        N_("Model {model}: {file}: tensor {tensor} is {found}; by manifest.json it is {expected}."),
        model=name, file=MODEL, tensor=tensor, found=found, expected=expected,
    )  # fmt: skip
