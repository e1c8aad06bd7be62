"""Networks with random weights, for benchmarks: a 3D U-Net, and one that takes all memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.demo.onnx_file import constant, model, node

_FREE = ("n", 1, "d", "h", "w")


class _Layers:
    """Nodes and weights of a network as it is put together."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []
        self._rng = np.random.default_rng(seed)

    def _weights(self, *shape: int) -> NDArray[np.float32]:
        spread = np.sqrt(2.0 / np.prod(shape[1:]))  # He et al. 2015
        return np.asarray(self._rng.standard_normal(shape) * spread, dtype=np.float32)

    def convolve(self, name: str, given: str, wide: int, into: int, size: int) -> str:
        """A convolution that keeps the shape."""
        self.constants += [
            constant(f"{name}.weight", self._weights(into, wide, size, size, size)),
            constant(f"{name}.bias", np.zeros(into, dtype=np.float32)),
        ]
        inputs = [given, f"{name}.weight", f"{name}.bias"]
        self.nodes.append(
            node("Conv", inputs, [name], kernel_shape=[size] * 3, pads=[size // 2] * 6)
        )
        return name

    def step(self, name: str, given: str, wide: int, into: int) -> str:
        """Convolution, instance norm, leaky ReLU."""
        found = self.convolve(f"{name}.conv", given, wide, into, 3)
        self.constants += [
            constant(f"{name}.scale", np.ones(into, dtype=np.float32)),
            constant(f"{name}.shift", np.zeros(into, dtype=np.float32)),
        ]
        inputs = [found, f"{name}.scale", f"{name}.shift"]
        self.nodes.append(node("InstanceNormalization", inputs, [f"{name}.norm"]))
        self.nodes.append(node("LeakyRelu", [f"{name}.norm"], [name], alpha=0.01))
        return name

    def block(self, name: str, given: str, wide: int, into: int) -> str:
        """Two steps."""
        return self.step(f"{name}.2", self.step(f"{name}.1", given, wide, into), into, into)

    def join(self, name: str, deep: str, skip: str, wide: int, into: int) -> str:
        """The deeper level brought up by a transposed convolution, beside the skip connection."""
        self.constants.append(constant(f"{name}.weight", self._weights(wide, into, 2, 2, 2)))
        up = node("ConvTranspose", [deep, f"{name}.weight"], [f"{name}.up"],
                  kernel_shape=[2] * 3, strides=[2] * 3)  # fmt: skip
        self.nodes += [up, node("Concat", [f"{name}.up", skip], [name], axis=1)]
        return name


def unet(channels: tuple[int, ...] = (16, 32, 64, 128), classes: int = 3, seed: int = 0) -> bytes:
    """A 3D U-Net with a level for each of ``channels`` (nnU-Net's plain shape), as ONNX bytes;
    from tensor ``image`` (N, 1, D, H, W) to ``out`` (N, classes, D, H, W)."""
    layers, skips, found, wide = _Layers(seed), [], "image", 1
    for level, into in enumerate(channels):
        if level:
            pooled = f"pool{level}"
            layers.nodes.append(
                node("MaxPool", [found], [pooled], kernel_shape=[2] * 3, strides=[2] * 3)
            )
            found = pooled
        found, wide = layers.block(f"down{level}", found, wide, into), into
        skips.append(found)
    for level in reversed(range(len(channels) - 1)):
        into = channels[level]
        joined = layers.join(f"join{level}", found, skips[level], wide, into)
        found, wide = layers.block(f"up{level}", joined, 2 * into, into), into
    layers.convolve("out", found, wide, classes, 1)
    return model(
        layers.nodes, layers.constants, ("image", _FREE), ("out", ("n", classes, "d", "h", "w"))
    )


def hog(gigabytes: int) -> bytes:
    """A network that fills ``gigabytes`` of memory before it answers: a running sum over an
    expanded number cannot be folded away, and every page is written."""
    nodes = [
        node("ReduceMax", ["image"], ["top"], keepdims=0),
        node("Expand", ["top", "shape"], ["large"]),
        node("CumSum", ["large", "axis"], ["sums"]),
        node("ReduceMax", ["sums"], ["most"], keepdims=0),
        node("Mul", ["image", "most"], ["out"]),
    ]
    constants = [
        constant("shape", np.array([gigabytes, 2**28], dtype=np.int64)),
        constant("axis", np.array(0, dtype=np.int64)),
    ]
    return model(nodes, constants, ("image", _FREE), ("out", _FREE))
