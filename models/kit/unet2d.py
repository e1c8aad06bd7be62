"""U-Net over slices: 2D, or 2.5D with neighbouring slices as channels."""

from __future__ import annotations

from collections.abc import Sequence

from models.kit.unet import Norm, UNet, widths_of


class UNet2d(UNet):
    """(N, channels_in, H, W) to (N, channels_out, H, W); H and W multiples of 2**(levels - 1).

    widths: channels of each level, in place of ``base`` doubled level by level up to ``most``.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        base: int = 16,
        levels: int = 5,
        *,
        widths: Sequence[int] | None = None,
        most: int = 256,
        norm: Norm = "batch",
        bias: float | Sequence[float] | None = None,
    ) -> None:
        chosen = tuple(widths) if widths is not None else widths_of(base, levels, most)
        super().__init__(2, channels_in, channels_out, chosen, norm, bias)
