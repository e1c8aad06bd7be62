"""By what a network is computed: decided from what the machine has and what the package allows.

Pure policy; the runtimes themselves are touched in the worker's files only. Every choice is tried
in order until one loads, and the plain processor in float32 is always the last.

OpenVINO is preferred on a processor: three times torch's speed in float32 on a 3D U-Net where
onnxruntime's own kernels reach 1.5. Its default precision is not float32 where the processor has
bfloat16 or float16 units, so the precision is always stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workstation.ai.vocabulary import Provider

Precision = Literal["float32", "bfloat16", "float16"]
Wish = Literal["auto", "cuda", "directml", "openvino", "cpu"]

FASTEST_FIRST: tuple[Provider, ...] = ("cuda", "directml", "openvino", "cpu")
NAMES: dict[Provider, str] = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINO CPU",
    "cpu": "CPUExecutionProvider",
}
"""What a result records: onnxruntime's own names, and OpenVINO's runtime with its device."""


@dataclass(frozen=True)
class Machine:
    """onnxruntime: names of the providers that its build offers. openvino: precisions in which
    OpenVINO's processor plug-in computes natively, none where it is not installed."""

    onnxruntime: tuple[str, ...] = ("CPUExecutionProvider",)
    openvino: tuple[Precision, ...] = ()

    def has(self, provider: Provider) -> bool:
        """Whether networks can be given to ``provider``."""
        if provider == "openvino":
            return bool(self.openvino)
        return provider == "cpu" or NAMES[provider] in self.onnxruntime


@dataclass(frozen=True)
class Choice:
    """One way to compute a network."""

    provider: Provider
    precision: Precision

    @property
    def name(self) -> str:
        """What a result records."""
        return NAMES[self.provider]


def choices(
    machine: Machine,
    allowed: Sequence[Provider] = (),
    *,
    wish: Wish = "auto",
    precision: Precision = "float32",
) -> tuple[Choice, ...]:
    """What to try, best first; the processor in float32 last.

    allowed: the package's ``infer.providers``, empty for any. wish: one provider in place of the
    fastest. precision: lower ones only where the provider computes in them; the caller answers
    for their having been checked (``ai.precision``).
    """
    wanted = FASTEST_FIRST if wish == "auto" else (wish,)
    found: list[Choice] = []
    for provider in wanted:
        if machine.has(provider) and (not allowed or provider in allowed):
            native = provider == "openvino" and precision in machine.openvino
            found.append(Choice(provider, precision if native else "float32"))
    plain = Choice("cpu", "float32")
    return (*found, *(() if plain in found else (plain,)))
