"""Writes small ONNX networks, for benchmarks: the few messages of onnx.proto3 that they need.

Field numbers as in ONNX 1.16 (IR version 9). The ``onnx`` package itself is a tool of tests and
training and no part of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17
_IR_VERSION = 9
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_ATTRIBUTE_INT, _ATTRIBUTE_FLOAT, _ATTRIBUTE_INTS = 2, 1, 7  # AttributeProto.AttributeType

Attribute = int | float | Sequence[int]
Dimension = int | str


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1  # negative numbers are two's complement of 64 bits
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _block(field: int, data: bytes | str) -> bytes:
    raw = data.encode("utf-8") if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _attribute(name: str, value: Attribute) -> bytes:
    out = _block(1, name)
    if isinstance(value, float):
        return out + _varint(2 << 3 | 5) + np.float32(value).tobytes() + _number(20, 1)
    if isinstance(value, int):
        return out + _number(3, value) + _number(20, _ATTRIBUTE_INT)
    return out + b"".join(_number(8, one) for one in value) + _number(20, _ATTRIBUTE_INTS)


def node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Attribute
) -> bytes:
    """A NodeProto of the standard operator set."""
    out = b"".join(_block(1, one) for one in inputs) + b"".join(_block(2, one) for one in outputs)
    out += _block(4, operator)
    return out + b"".join(_block(5, _attribute(name, one)) for name, one in attributes.items())


def constant(name: str, array: NDArray[Any]) -> bytes:
    """A TensorProto of weights (float32) or numbers (int64)."""
    kind = _INT64 if array.dtype == np.int64 else _FLOAT
    data = array if kind == _INT64 else array.astype("<f4")
    dims = b"".join(_number(1, one) for one in array.shape)
    return dims + _number(2, kind) + _block(8, name) + _block(9, data.tobytes())


def _value(name: str, shape: Sequence[Dimension]) -> bytes:
    dims = b"".join(
        _block(1, _number(1, one) if isinstance(one, int) else _block(2, one)) for one in shape
    )
    tensor = _number(1, _FLOAT) + _block(2, dims)
    return _block(1, name) + _block(2, _block(1, tensor))


def model(
    nodes: Sequence[bytes],
    constants: Sequence[bytes],
    given: tuple[str, Sequence[Dimension]],
    made: tuple[str, Sequence[Dimension]],
) -> bytes:
    """The bytes of a network with one input and one output, both float32."""
    graph = b"".join(_block(1, one) for one in nodes) + _block(2, "network")
    graph += b"".join(_block(5, one) for one in constants)
    graph += _block(11, _value(*given)) + _block(12, _value(*made))
    opset = _block(1, "") + _number(2, OPSET)
    out = _number(1, _IR_VERSION) + _block(2, "OneScan benchmark")
    return out + _block(7, graph) + _block(8, opset)
