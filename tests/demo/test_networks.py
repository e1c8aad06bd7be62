"""Networks written for benchmarks are sound ONNX, and compute what their nodes say."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from workstation.demo.networks import hog, unet
from workstation.demo.onnx_file import constant, model, node


@pytest.mark.parametrize("data", [unet((4, 8)), unet((4, 8, 16), classes=5), hog(1)])
def test_the_onnx_package_finds_nothing_wrong(data: bytes) -> None:
    network = onnx.load_from_string(data)
    onnx.checker.check_model(network, full_check=True)
    assert network.graph.input[0].name == "image"
    assert network.opset_import[0].version == 17


def test_shape_comes_back_with_a_channel_a_class() -> None:
    session = onnxruntime.InferenceSession(unet((4, 8, 16), classes=5))
    image = np.random.default_rng(1).standard_normal((2, 1, 8, 16, 12)).astype(np.float32)
    (out,) = session.run(["out"], {"image": image})
    assert out.shape == (2, 5, 8, 16, 12)
    assert np.isfinite(out).all()
    assert out.std() > 0.01


def test_numbers_floats_and_negative_numbers_are_written_as_read() -> None:
    nodes = [
        node("LeakyRelu", ["image"], ["half"], alpha=0.25),
        node("Transpose", ["half"], ["turned"], perm=[1, 0]),
        node("Gather", ["turned", "which"], ["out"], axis=-1),
    ]
    given = model(
        nodes, [constant("which", np.array([-1], dtype=np.int64))],
        ("image", (2, "width")), ("out", ("width", 1)),
    )  # fmt: skip
    onnx.checker.check_model(onnx.load_from_string(given), full_check=True)
    image = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]], dtype=np.float32)
    (out,) = onnxruntime.InferenceSession(given).run(["out"], {"image": image})
    assert out.ravel().tolist() == [-1.0, 5.0, -1.5]
