"""What must be known of an ONNX file before it is loaded, read from its protobuf wire bytes.

Field numbers are those of onnx.proto3 (ONNX 1.18, IR version 11). Only the outline is walked:
weights are skipped over, the file is mapped and not read, so a network of any size is looked at
in milliseconds and nothing of it is run.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from pathlib import Path

from workstation.domain.errors import N_, BadInput

# Message: {field number: message that the field holds}
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION = range(7)
_CHILDREN: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE},
    _TENSOR: {},
}
_DEEPEST = 40  # nested messages; a file beyond this was made to do harm
_MOST_PARTS = 4_000_000  # fields of messages, weights not counted

# TensorProto.DataType to bytes a value; strings have none.
_BYTES: dict[int, float] = {
    1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16,
    16: 2, 17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1,
}  # fmt: skip
DTYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
          11: "float64", 16: "bfloat16"}  # fmt: skip
# Fields of TensorProto that hold values one by one, to the least bytes that one takes.
_TYPED = {4: 4, 5: 1, 6: 1, 7: 1, 10: 8, 11: 1}


@dataclass(frozen=True)
class Tensor:
    """An input or output. dtype: as numpy says, "" where it is no plain tensor. shape: None where
    the rank is free, None for an axis that is free."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass
class OnnxHeader:
    """opset: of the default operator domain. external_data: where weights lie outside the file.

    nodes: operators after every function is written out; 0 where functions call themselves.
    nesting: how deep branches and loops lie in one another. swollen: (name, values claimed,
    values carried) of weights that claim to be more than the file holds. calls: (domain,
    operator) that is neither standard nor a function of the file.
    """

    ir_version: int = 0
    opset: int = 0
    external_data: list[str] = field(default_factory=list)
    node_domains: set[str] = field(default_factory=set)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    initialisers: set[str] = field(default_factory=set)
    swollen: list[tuple[str, int, int]] = field(default_factory=list)
    nodes: int = 0
    nesting: int = 0
    calls: set[tuple[str, str]] = field(default_factory=set)


STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("number too long")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, number or bytes) for each field of one message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(data):
            raise ValueError("ends early")
        yield number, data[at : at + length]
        at += length


def _text(value: int | memoryview) -> str:
    return "" if isinstance(value, int) else bytes(value).decode("utf-8", "replace")


def _numbers(value: int | memoryview) -> Iterator[int]:
    """A repeated integer field, packed or one by one."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number


def _opset(entry: memoryview) -> tuple[str, int]:
    domain, version = "", 0
    for number, value in _fields(entry):
        if number == 1:
            domain = _text(value)
        elif number == 2 and isinstance(value, int):
            version = value
    return domain, version


def _external_location(entry: memoryview) -> str:
    pair = {number: _text(value) for number, value in _fields(entry)}
    return pair.get(2, "") if pair.get(1) == "location" else ""


def _messages(data: int | memoryview, wanted: int) -> Iterator[memoryview]:
    if isinstance(data, memoryview):
        for number, value in _fields(data):
            if number == wanted and isinstance(value, memoryview):
                yield value


def _value_info(entry: memoryview) -> tuple[str, Tensor]:
    name, dtype = "", ""
    shape: tuple[int | None, ...] | None = None
    for number, value in _fields(entry):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for tensor in _messages(value, 1):
                for inner, said in _fields(tensor):
                    if inner == 1 and isinstance(said, int):
                        dtype = DTYPES.get(said, f"type {said}")
                    elif inner == 2:
                        shape = tuple(_axis(axis) for axis in _messages(said, 1))
    return name, Tensor(dtype, shape)


def _axis(entry: memoryview) -> int | None:
    for number, value in _fields(entry):
        if number == 1 and isinstance(value, int):
            return value
    return None


@dataclass
class _Body:
    """What one function, or the graph, calls."""

    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    plain: int = 0


class _Walk:
    """One pass over a file."""

    def __init__(self) -> None:
        self.header = OnnxHeader()
        self.main = _Body()
        self.functions: dict[tuple[str, str], _Body] = {}
        self.parts = 0

    def message(
        self, kind: int, data: memoryview, body: _Body, depth: int = 0, graphs: int = 0
    ) -> None:
        """Walk one message; ``body``: where its operators count; ``graphs``: nesting."""
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        header = self.header
        if kind == _FUNCTION:
            body = _Body()
        texts: dict[int, str] = {}
        weights = _Weights() if kind in (_TENSOR, _SPARSE) else None
        for number, value in _fields(data):
            self.parts += 1
            if self.parts > _MOST_PARTS:
                raise ValueError("too many parts")
            child = _CHILDREN[kind].get(number)
            if child is not None and isinstance(value, memoryview):
                inner = graphs + (child == _GRAPH and kind == _ATTRIBUTE)
                header.nesting = max(header.nesting, inner)
                self.message(child, value, body, depth + 1, inner)
            elif weights is not None:
                weights.take(kind, number, value)
            elif kind == _MODEL:
                self._of_model(number, value)
            elif kind == _GRAPH and graphs == 0 and number in (11, 12):
                if isinstance(value, memoryview):
                    name, tensor = _value_info(value)
                    (header.inputs if number == 11 else header.outputs)[name] = tensor
            elif kind in (_NODE, _FUNCTION) and number in (1, 4, 7, 10):
                texts[number] = _text(value) if isinstance(value, memoryview) else ""
        if kind == _NODE:
            self._node(texts.get(7, ""), texts.get(4, ""), body)
        elif kind == _FUNCTION:
            self.functions[(texts.get(10, ""), texts.get(1, ""))] = body
        elif weights is not None:
            self._weigh(kind, weights, graphs)

    def _of_model(self, number: int, value: int | memoryview) -> None:
        if number == 1 and isinstance(value, int):
            self.header.ir_version = value
        elif number == 8 and isinstance(value, memoryview):
            named, version = _opset(value)
            if named in ("", "ai.onnx"):
                self.header.opset = version

    def _node(self, domain: str, operator: str, body: _Body) -> None:
        self.header.node_domains.add(domain)
        body.plain += 1
        body.calls[(domain, operator)] = body.calls.get((domain, operator), 0) + 1

    def _weigh(self, kind: int, weights: _Weights, graphs: int) -> None:
        self.header.external_data += weights.external
        if kind == _TENSOR and graphs == 0 and weights.name:
            self.header.initialisers.add(weights.name)
        if weights.claimed > weights.carried(kind):
            self.header.swollen.append((weights.name, weights.claimed, weights.carried(kind)))

    def finish(self) -> OnnxHeader:
        """Count operators with every function written out, as the runtime does it."""
        sizes: dict[tuple[str, str], int] = {}

        def size(body: _Body, open_: frozenset[tuple[str, str]]) -> int:
            total = body.plain
            for call, times in body.calls.items():
                if call not in self.functions:
                    if call[0] not in STANDARD_DOMAINS:
                        self.header.calls.add(call)
                    continue
                if call in open_:
                    raise ValueError("a function calls itself")
                if call not in sizes:
                    sizes[call] = size(self.functions[call], open_ | {call})
                total += times * sizes[call]
            return total

        self.header.nodes = size(self.main, frozenset())
        for key, body in self.functions.items():
            size(body, frozenset({key}))
        return self.header


class _Weights:
    """A TensorProto or SparseTensorProto as it claims to be, and what it carries."""

    def __init__(self) -> None:
        self.name = ""
        self.dims: list[int] = []
        self.dtype = 0
        self.raw: int | None = None
        self.values = 0
        self.external: list[str] = []

    def take(self, kind: int, number: int, value: int | memoryview) -> None:
        """One field."""
        if number == (1 if kind == _TENSOR else 3):
            self.dims.extend(_numbers(value))
            if len(self.dims) > 32:
                raise ValueError("too many axes")
        elif kind == _SPARSE:
            return
        elif number == 2 and isinstance(value, int):
            self.dtype = value
        elif number in _TYPED:
            # One by one, a field is one value; packed, it is as many as fit at most.
            packed = isinstance(value, memoryview) and number != 6
            self.values += (
                len(value) // _TYPED[number] if packed and isinstance(value, memoryview) else 1
            )
        elif number == 8:
            self.name = _text(value)
        elif number == 9 and isinstance(value, memoryview):
            self.raw = len(value)
        elif number == 13 and isinstance(value, memoryview):
            self.external.append(_external_location(value) or "?")
        elif number == 14 and value == 1:
            self.external.append("?")

    @property
    def claimed(self) -> int:
        """Values that the axes ask for; a scalar has one."""
        return prod(self.dims)

    def carried(self, kind: int) -> int:
        """Values that the file can hold of them."""
        if self.external:
            return self.claimed  # refused for that anyway
        if kind == _SPARSE:
            return 1 << 26  # made dense when it is loaded: more than this does harm
        size = _BYTES.get(self.dtype)
        if self.raw is not None and size is not None:
            return ceil(self.raw / size)
        return self.values * (2 if size == 0.5 else 1)


def _outline(path: Path) -> OnnxHeader | str:
    """The header, or why there is none. Nothing of the file stays mapped after an error."""
    walk = _Walk()
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        walk.message(_MODEL, memoryview(mapped), walk.main)
        return walk.finish()
    except (ValueError, IndexError, OSError, OverflowError, RecursionError) as error:
        return str(error) or type(error).__name__


def read_onnx_header(path: Path) -> OnnxHeader:
    """The outline of the network in ``path``. Raises ``BadInput`` where it is not ONNX."""
    header = _outline(path)
    if isinstance(header, OnnxHeader) and not (header.opset and header.ir_version):
        header = "no operator set"
    if isinstance(header, str):
        raise BadInput(
            N_("{file} is not a readable ONNX network ({why})."), file=path.name, why=header
        )
    # "location" comes among several key-value pairs of one tensor: name a real place first.
    header.external_data.sort(key=lambda place: place == "?")
    return header
