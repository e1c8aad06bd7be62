"""Training that may be cut off or put to sleep.

A clock that does not count sleep, and a file that a run goes on from as if nothing had happened.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Clock:
    """Minutes of work. longest_s: a step that took longer was asleep, and counts as this much."""

    def __init__(self, longest_s: float = 15.0) -> None:
        self.longest_s = longest_s
        self.spent_s = 0.0
        self._last = time.monotonic()

    def tick(self) -> float:
        """Seconds of work so far; called once a step."""
        present = time.monotonic()
        self.spent_s += min(present - self._last, self.longest_s)
        self._last = present
        return self.spent_s


def save_state(
    path: Path, step: int, spent_s: float, rng: np.random.Generator, **parts: Any
) -> None:
    """Everything that the next step depends on. parts: networks and optimisers by name."""
    part = path.with_suffix(".part")
    state = {name: one.state_dict() for name, one in parts.items()}
    torch.save(
        {"step": step, "spent_s": spent_s, "rng": rng.bit_generator.state, "parts": state}, part
    )
    part.replace(path)


def load_state(path: Path, rng: np.random.Generator, **parts: Any) -> tuple[int, float]:
    """Bring a run back to where ``save_state`` left it: (steps done, seconds of work)."""
    state = torch.load(path, weights_only=False)  # a file of this machine's own making
    for name, one in parts.items():
        one.load_state_dict(state["parts"][name])
    rng.bit_generator.state = state["rng"]
    return int(state["step"]), float(state["spent_s"])
