"""Two batches side by side: the same bits as one after the other, in order, within memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.ai.packages import network, package, serialised
from workstation.ai.manifest import Manifest
from workstation.ai.package import load_package
from workstation.ai.providers import Choice
from workstation.ai.sliding_window import Image, slide
from workstation.ai.worker_sessions import _core, _OpenVino, lanes_of

GOLDEN = Path(__file__).parent / "imports" / "golden"
OPENVINO = Choice("openvino", "float32")
PLENTY = 4096


def golden(name: str) -> tuple[bytes, Manifest]:
    (folder,) = (path for path in (GOLDEN / name).iterdir() if path.is_dir())
    found = load_package(folder)
    return found.model_path.read_bytes(), found.manifest


@pytest.mark.parametrize("name", ["monai-shapes", "nnunet-ShapesMR"])
def test_the_same_bits_by_one_lane_and_by_two(name: str) -> None:
    model, said = golden(name)
    shape = [int(1.2 * n) for n in said.infer.patch]
    channels = len(said.accept)
    image = np.random.default_rng(4).normal(size=(channels, *shape)).astype(np.float32)

    def planes(session: _OpenVino) -> Image:
        return np.stack([p.copy() for _, p in slide(image, said.infer, session.stream, 0.0)])

    one = _OpenVino(model, said, 1, OPENVINO, PLENTY)
    two = _OpenVino(model, said, 2, OPENVINO, PLENTY)
    assert (one.lanes, two.lanes) == (1, 2)
    first = planes(two)
    assert first.std() > 0
    assert np.array_equal(first, planes(one))
    assert np.array_equal(first, planes(two))  # and the same again


def doubling(tmp_path: Path, threads: int) -> _OpenVino:
    """A session that doubles batches of one 8 x 8 x 8 patch."""
    twice = network([helper.make_node("Mul", ["image", "two"], ["out"])], {"two": np.float32(2.0)})
    said = package(tmp_path, twice).manifest
    return _OpenVino(serialised(twice), said, threads, OPENVINO, PLENTY)


def batch(value: float) -> Image:
    return np.full((1, 1, 8, 8, 8), value, dtype=np.float32)


@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (2, 3)])
def test_batches_are_taken_ahead_and_outputs_stay_in_order(
    tmp_path: Path, threads: int, ahead: int
) -> None:
    session = doubling(tmp_path, threads)
    taken: list[float] = []

    def batches() -> Iterator[Image]:
        for number in range(7):
            taken.append(float(number))
            yield batch(number)

    outputs = session.stream(batches())
    first = next(outputs)
    assert len(taken) == ahead
    assert (first == 0.0).all()  # while the next ones are computed
    assert [float(out.mean()) for out in outputs] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]


def test_a_stream_that_was_given_up_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    session = doubling(tmp_path, 2)

    def breaking() -> Iterator[Image]:
        yield batch(1)
        yield batch(2)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(session.stream(breaking()))
    abandoned = session.stream(batch(n) for n in range(9))
    next(abandoned)
    del abandoned  # with two batches under way
    assert [float(out.mean()) for out in session.stream([batch(5), batch(6)])] == [10.0, 12.0]


def test_lanes_are_counted_by_threads_and_memory() -> None:
    """Four tensors of 8 MB (2**21 float32) in a row; the third reads the first two: 24 MB."""
    nodes = [
        helper.make_node("Exp", ["image"], ["a"]),
        helper.make_node("Sin", ["a"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Cos", ["c"], ["out"]),
    ]
    core = _core()
    known = core.read_model(model=serialised(network(nodes)), weights=b"")
    assert lanes_of(known, 8, 10**9) == 1  # of shapes not known beforehand nothing can be said
    known.reshape({"image": [1, 1, 128, 128, 128]})
    assert lanes_of(known, 1, 10**9) == 1
    assert lanes_of(known, 2, 3 * 2 * 24) == 2
    assert lanes_of(known, 2, 3 * 2 * 24 - 1) == 1
