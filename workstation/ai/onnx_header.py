"""What must be known of an ONNX file before it is loaded, read from its protobuf wire bytes.

Field numbers are those of onnx.proto3 (ONNX 1.16, IR version 10). Only the outline is walked:
weights are skipped over, so a model of any size is read in milliseconds and nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
_DEEPEST = 40  # nested subgraphs; a file beyond this was made to do harm


@dataclass
class OnnxHeader:
    """opset: of the default operator domain. external_data: where weights lie outside the file."""

    ir_version: int = 0
    opset: int = 0
    external_data: list[str] = field(default_factory=list)
    node_domains: set[str] = field(default_factory=set)
    function_domains: set[str] = field(default_factory=set)


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


def _walk(message: int, data: memoryview, header: OnnxHeader, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    domain = ""
    for number, value in _fields(data):
        child = _CHILDREN[message].get(number)
        if child is not None and isinstance(value, memoryview):
            _walk(child, value, header, depth + 1)
        elif message == _MODEL and number == 1 and isinstance(value, int):
            header.ir_version = value
        elif message == _MODEL and number == 8 and isinstance(value, memoryview):
            named, version = _opset(value)
            if named in ("", "ai.onnx"):
                header.opset = version
        elif message == _NODE and number == 7:
            domain = _text(value)
        elif message == _FUNCTION and number == 10:
            header.function_domains.add(_text(value))
        elif message == _TENSOR and number == 13 and isinstance(value, memoryview):
            header.external_data.append(_external_location(value) or "?")
        elif message == _TENSOR and number == 14 and value == 1:
            header.external_data.append("?")
    if message == _NODE:
        header.node_domains.add(domain)


def read_onnx_header(path: Path) -> OnnxHeader:
    """The outline of the network in ``path``. Raises ``BadInput`` where it is not ONNX."""
    header = OnnxHeader()
    try:
        _walk(_MODEL, memoryview(path.read_bytes()), header)
    except (ValueError, IndexError, OSError) as error:
        raise BadInput(
            N_("{file} is not a readable ONNX network ({why})."), file=path.name, why=str(error)
        ) from error
    if not header.opset or not header.ir_version:
        raise BadInput(
            N_("{file} is not a readable ONNX network ({why})."),
            file=path.name,
            why="no operator set",
        )
    # "location" comes among several key-value pairs of one tensor: name a real place first.
    header.external_data.sort(key=lambda place: place == "?")
    return header
