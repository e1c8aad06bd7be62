"""A 2.5D U-Net: three neighbouring slices in, four classes of the middle one out."""

from __future__ import annotations

from models.kit.unet2d import UNet2d

WIDTHS = (16, 32, 64, 128, 192)


def network() -> UNet2d:
    """(N, 3, H, W) normalised cine to (N, 4, H, W) logits; H and W multiples of 16."""
    return UNet2d(3, 4, widths=WIDTHS, bias=(1.0, -1.0, -1.0, -1.0))
