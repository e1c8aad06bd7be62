"""The U-Net that both dimensions share (Ronneberger 2015, MICCAI).

Double convolutions with batch or instance normalisation. Batch normalisation folds into the
convolutions when the network is exported and does not depend on where a patch is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

Norm = Literal["batch", "instance"]


def widths_of(base: int, levels: int, most: int) -> tuple[int, ...]:
    """Channels of each level: doubled from ``base`` on, never over ``most``."""
    return tuple(min(base << level, most) for level in range(levels))


class UNet(nn.Module):
    """(N, channels_in, ...) to (N, channels_out, ...) logits; sizes multiples of 2**(levels-1).

    dimensions: 2 or 3. widths: channels of each level, finest first. bias: what the logits of each
    output channel start from; a rare label learns faster from about -4.
    """

    def __init__(
        self,
        dimensions: Literal[2, 3],
        channels_in: int,
        channels_out: int,
        widths: Sequence[int],
        norm: Norm = "batch",
        bias: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.norm = norm
        convolution, pool, grow, norms = _LAYERS[dimensions]
        self._convolution = convolution
        self._normalised = norms[norm]
        self.down = nn.ModuleList()
        for inside, outside in zip((channels_in, *widths[:-1]), widths, strict=True):
            self.down.append(self._double(inside, outside))
        self.pool = pool(2)
        self.grow = nn.ModuleList()
        self.up = nn.ModuleList()
        for below, here in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.grow.append(grow(below, here, 2, stride=2))
            self.up.append(self._double(2 * here, here))
        self.out = convolution(widths[0], channels_out, 1)
        if bias is not None:
            start = [bias] * channels_out if isinstance(bias, (int, float)) else list(bias)
            with torch.no_grad():
                self.out.bias.copy_(torch.tensor(start, dtype=torch.float32))

    def _double(self, inside: int, outside: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for given in (inside, outside):
            layers += [
                self._convolution(given, outside, 3, padding=1, bias=False),
                self._normalised(outside, affine=True),
                nn.ReLU(inplace=True),
            ]
        return nn.Sequential(*layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        kept = []
        for number, block in enumerate(self.down):
            image = block(self.pool(image) if number else image)
            kept.append(image)
        image = kept.pop()
        for grow, block in zip(self.grow, self.up, strict=True):
            image = block(torch.cat([kept.pop(), grow(image)], dim=1))
        return self.out(image)


_LAYERS = {
    2: (
        nn.Conv2d,
        nn.MaxPool2d,
        nn.ConvTranspose2d,
        {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d},
    ),
    3: (
        nn.Conv3d,
        nn.MaxPool3d,
        nn.ConvTranspose3d,
        {"batch": nn.BatchNorm3d, "instance": nn.InstanceNorm3d},
    ),
}
