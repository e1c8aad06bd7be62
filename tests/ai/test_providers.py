"""What a network is computed by: a table of machines, wishes and packages."""

from __future__ import annotations

import pytest

from workstation.ai.providers import Choice, Machine, Precision, Wish, choices
from workstation.ai.vocabulary import Provider

PLAIN = Machine()
LAPTOP = Machine(openvino=("float32",))
SERVER = Machine(openvino=("float32", "bfloat16", "float16"))
GPU = Machine(("CUDAExecutionProvider", "CPUExecutionProvider"), ("float32",))
WINDOWS = Machine(("DmlExecutionProvider", "CPUExecutionProvider"))
CPU = Choice("cpu", "float32")


@pytest.mark.parametrize(
    ("machine", "allowed", "wish", "precision", "expected"),
    [
        (PLAIN, (), "auto", "float32", ["cpu float32"]),
        (PLAIN, (), "auto", "bfloat16", ["cpu float32"]),
        (LAPTOP, (), "auto", "float32", ["openvino float32", "cpu float32"]),
        (LAPTOP, (), "auto", "bfloat16", ["openvino float32", "cpu float32"]),
        (SERVER, (), "auto", "float32", ["openvino float32", "cpu float32"]),
        (SERVER, (), "auto", "bfloat16", ["openvino bfloat16", "cpu float32"]),
        (SERVER, (), "cpu", "bfloat16", ["cpu float32"]),
        (GPU, (), "auto", "float32", ["cuda float32", "openvino float32", "cpu float32"]),
        (GPU, ("openvino",), "auto", "float32", ["openvino float32", "cpu float32"]),
        (GPU, ("directml",), "auto", "float32", ["cpu float32"]),
        (WINDOWS, (), "auto", "float32", ["directml float32", "cpu float32"]),
        (WINDOWS, (), "openvino", "float32", ["cpu float32"]),
    ],
)
def test_what_is_tried(
    machine: Machine,
    allowed: tuple[Provider, ...],
    wish: Wish,
    precision: Precision,
    expected: list[str],
) -> None:
    found = choices(machine, allowed, wish=wish, precision=precision)
    assert [f"{one.provider} {one.precision}" for one in found] == expected
    assert found[-1] == CPU
    assert found.count(CPU) == 1
