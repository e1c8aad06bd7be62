"""A small one-stage detector: centres of boxes as heat, and how far their sides are away.

Objects as points (Zhou 2019, arXiv:1904.07850) on a quarter of the resolution; distances to the
four sides as in FCOS (Tian 2019, ICCV). The shipped network enlarges its output to the image, so
that a host which slides networks over images needs to know nothing of strides.
"""

from __future__ import annotations

import itertools

import torch
from slices import STRIDE
from torch import nn
from torch.nn import functional


def _layer(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Detector(nn.Module):
    """(N, 1, H, W) to (N, classes + 4, H / 4, W / 4): heat logits, then distances to the left,
    upper, right and lower side in ``slices.UNIT`` pixels. H and W multiples of 32."""

    def __init__(self, classes: int = 3, widths: tuple[int, ...] = (16, 24, 48, 96, 128),
                 neck: int = 48) -> None:  # fmt: skip
        super().__init__()
        self.classes = classes
        self.stem = _layer(1, widths[0], 2)
        stages = []
        for inside, outside in itertools.pairwise(widths):
            stages.append(
                nn.Sequential(
                    _layer(inside, outside, 2), _layer(outside, outside), _layer(outside, outside)
                )
            )
        self.stages = nn.ModuleList(stages)
        self.side = nn.ModuleList(nn.Conv2d(width, neck, 1) for width in widths[1:])
        self.smooth = nn.ModuleList(_layer(neck, neck) for _ in widths[1:-1])
        self.heat = nn.Sequential(_layer(neck, neck), nn.Conv2d(neck, classes, 1))
        self.reach = nn.Sequential(_layer(neck, neck), nn.Conv2d(neck, 4, 1))
        nn.init.constant_(self.heat[1].bias, -3.0)
        nn.init.constant_(self.reach[1].bias, 1.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        kept, found = [], self.stem(image)
        for stage in self.stages:
            found = stage(found)
            kept.append(found)
        path = self.side[-1](kept[-1])
        for number in range(len(kept) - 2, -1, -1):
            path = functional.interpolate(path, scale_factor=2, mode="nearest")
            path = self.smooth[number](path + self.side[number](kept[number]))
        return torch.cat([self.heat(path), functional.softplus(self.reach(path))], dim=1)


class Shipped(nn.Module):
    """The detector with its output on the image's own pixels: heat is enlarged smoothly, and
    distances, too, after the step from each place of the coarse grid was taken off."""

    def __init__(self, inner: Detector) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.inner(image)
        # Half a pixel: coarse place k lies at the middle of pixels 4k to 4k + 3.
        return functional.interpolate(
            found, scale_factor=STRIDE, mode="bilinear", align_corners=False
        )
