"""Learning rate over a training, and the running mean of weights that is shipped."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn


def rate(part: float, highest: float = 3e-3, rise: float = 0.04) -> float:
    """Learning rate after a part (0..1) of the training: a short rise, then half a cosine."""
    if part < rise:
        return highest * (0.1 + 0.9 * part / rise)
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (part - rise) / (1 - rise)))) + 1e-6


class RunningMean:
    """An exponential mean of a network's weights (Polyak 1992): steadier than the last step's.

    net: the network to evaluate and export; buffers (means and variances of normalisation) too
    are averaged. decay: what of it is kept at each step, less in the first steps.
    """

    def __init__(self, net: nn.Module, decay: float = 0.999) -> None:
        self.net = copy.deepcopy(net).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Take in the weights after one more step."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        given = net.state_dict()
        for name, mine in self.net.state_dict().items():
            if mine.dtype.is_floating_point:
                mine.mul_(keep).add_(given[name], alpha=1 - keep)
            else:
                mine.copy_(given[name])
