"""A small 2.5D U-Net: three neighbouring axial slices in, the middle one's lesion logit out."""

from __future__ import annotations

from models.kit.unet2d import UNet2d

WIDTHS = (16, 32, 64, 96, 128)
RARE = -4.0  # lesions are rare: start from "none"


def network(channels: int = 3) -> UNet2d:
    """(N, 3, H, W) normalised FLAIR to (N, 1, H, W) logits; H and W multiples of 16."""
    return UNet2d(channels, 1, widths=WIDTHS, bias=RARE)
