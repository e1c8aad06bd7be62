"""A small 2.5D U-Net: three neighbouring axial slices in, the lesion logit of the middle one out.

Ronneberger 2015 (MICCAI, U-Net) with residual-free double convolutions and batch normalisation,
which at inference folds into the convolutions and does not depend on where a patch is cut.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTHS = (16, 32, 64, 96, 128)


def _double(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """(N, 3, H, W) normalised FLAIR to (N, 1, H, W) logits; H and W multiples of 16."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        for inside, outside in zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True):
            self.down.append(_double(inside, outside))
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.ModuleList()
        self.up = nn.ModuleList()
        for below, here in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True):
            self.grow.append(nn.ConvTranspose2d(below, here, 2, stride=2))
            self.up.append(_double(2 * here, here))
        self.out = nn.Conv2d(WIDTHS[0], 1, 1)
        nn.init.constant_(self.out.bias, -4.0)  # lesions are rare: start from "none"

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        kept = []
        for number, block in enumerate(self.down):
            image = block(self.pool(image) if number else image)
            kept.append(image)
        image = kept.pop()
        for grow, block in zip(self.grow, self.up, strict=True):
            image = block(torch.cat([kept.pop(), grow(image)], dim=1))
        return self.out(image)
