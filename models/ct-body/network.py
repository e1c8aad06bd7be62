"""A 3D U-Net at 12 mm with light layers at 6 mm: most work where voxels are few.

The image comes at 3 mm and is decided at 6 mm, brought back to 3 mm by linear interpolation: the
edge of each organ is found on the image's own voxels afterwards (``bounds.REFINE``). Layers at
3 mm cost five times the rest of a training and gave nothing that those steps do not give.

HU/1000 in; the network makes its own windows (soft tissue, narrow, bone) of it. Out: twelve
probabilities (``tissues.OUTPUTS``), of which ``body`` holds all others and ``bone`` the vertebrae.
"""

from __future__ import annotations

import torch
from tissues import CLASSES, OUTPUTS
from torch import nn

from models.kit.unet3d import UNet3d

# Middle and half width of each window, HU.
WINDOWS = ((-500.0, 500.0), (40.0, 160.0), (60.0, 60.0), (350.0, 450.0))


class BodyNet(nn.Module):
    """(N, 1, D, H, W) HU/1000 at 3 mm to (N, 13, D/2, H/2, W/2) logits of ``CLASSES``; sizes are
    multiples of 16."""

    def __init__(self, thin: int = 16, widths: tuple[int, ...] = (32, 64, 112)) -> None:
        super().__init__()
        count, wide = len(WINDOWS), widths[0]
        self.register_buffer("middle", torch.tensor([m for m, _ in WINDOWS]).view(1, -1, 1, 1, 1))
        self.register_buffer("reach", torch.tensor([h for _, h in WINDOWS]).view(1, -1, 1, 1, 1))
        self.stem = nn.Sequential(
            nn.Conv3d(count, thin, 2, stride=2, bias=False), nn.BatchNorm3d(thin), nn.ReLU()
        )
        self.down = nn.Conv3d(thin, wide, 2, stride=2)
        self.trunk = UNet3d(wide, wide, widths=widths)
        self.up = nn.ConvTranspose3d(wide, thin, 2, stride=2)
        self.join = nn.Sequential(
            nn.Conv3d(2 * thin, 24, 3, padding=1, bias=False), nn.BatchNorm3d(24), nn.ReLU()
        )
        self.out = nn.Conv3d(24, len(CLASSES), 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = torch.clamp((image * 1000.0 - self.middle) / self.reach, -1.0, 1.0)
        half = self.stem(seen)
        deep = torch.relu(self.trunk(torch.relu(self.down(half))))
        return self.out(self.join(torch.cat([self.up(deep), half], dim=1)))


class Shipped(nn.Module):
    """What ``model.onnx`` holds: probabilities of ``tissues.OUTPUTS``."""

    def __init__(self, net: BodyNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = nn.functional.interpolate(self.net(image), scale_factor=2, mode="trilinear")
        chance = torch.softmax(logits, dim=1)
        one = {name: chance[:, k : k + 1] for k, name in enumerate(CLASSES)}
        one["body"] = 1.0 - one["outside"]
        one["bone"] = one["bone"] + one["vertebrae"]
        return torch.cat([one[name] for name in OUTPUTS], dim=1)
