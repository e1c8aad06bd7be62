"""U-Net over volumes."""

from __future__ import annotations

from collections.abc import Sequence

from models.kit.unet import Norm, UNet, widths_of


class UNet3d(UNet):
    """(N, channels_in, D, H, W) to (N, channels_out, D, H, W); sizes multiples of 2**(levels - 1).

    widths: channels of each level, in place of ``base`` doubled level by level up to ``most``.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        base: int = 8,
        levels: int = 4,
        *,
        widths: Sequence[int] | None = None,
        most: int = 128,
        norm: Norm = "batch",
        bias: float | Sequence[float] | None = None,
    ) -> None:
        chosen = tuple(widths) if widths is not None else widths_of(base, levels, most)
        super().__init__(3, channels_in, channels_out, chosen, norm, bias)
