"""How one frame of reference lies in another: found by registration or set by a reader's hand."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats, Matrix

# What the numbers of a registration mean, from trials on generated and public images
# (tests/geometry/test_rigid.py): heads of one patient reach 0.7 to 1.3 nats and lose half when
# moved by 12 mm or turned by 12 degrees; CT of one head on MR of another 0.5, losing 0.14; PET on
# CT 0.3; a head on a chest under 0.15, losing less than 0.08; a head on noise 0.00.
LEAST_OVERLAP = 0.25
LEAST_INFORMATION = 0.15
LEAST_PEAK = 0.1
DOUBTFUL_OVERLAP = 0.5
DOUBTFUL_PEAK = 0.2
DOUBTFUL_GAIN = 0.2
MOST_TURN_DEG = 50.0
METRIC = "MI"


class How(enum.Enum):
    """Who found an alignment."""

    AUTOMATIC = "automatic"
    BY_HAND = "by hand"


@dataclass(frozen=True)
class Alignment:
    """How the moving frame of reference lies in the fixed one.

    matrix: 4x4, moving LPS mm to fixed LPS mm, a rotation and a shift. study_uid: the study it was
    made for. fixed_frame, moving_frame: FrameOfReferenceUID, or "stack:" and the stack's id where
    the files name none. fixed_stack, moving_stack: the series that were compared; when one of
    them is no longer current the alignment is stale. metric, quality: "MI" and mutual information
    in nats after registration; before: the same as the files place them. overlap: share of the
    fixed body that the moving series reaches. peak: share of the information that is lost when
    the result is moved by 12 mm or 12 degrees. accepted: a reader looked at it and kept it.
    """

    id: str
    study_uid: str
    fixed_frame: str
    moving_frame: str
    fixed_stack: str
    moving_stack: str
    matrix: Matrix
    how: How
    by: str
    at: datetime
    metric: str = ""
    quality: float = 0.0
    before: float = 0.0
    overlap: float = 1.0
    peak: float = 1.0
    accepted: bool = False

    @property
    def to_fixed(self) -> Floats:
        """(4, 4): moving LPS mm to fixed LPS mm."""
        return np.asarray(self.matrix, dtype=np.float64)

    @property
    def to_moving(self) -> Floats:
        """(4, 4): fixed LPS mm to moving LPS mm."""
        return np.asarray(np.linalg.inv(self.to_fixed))

    @property
    def unconfirmed(self) -> bool:
        """Whether a program found it and no reader has looked at it and kept it."""
        return self.how is How.AUTOMATIC and not self.accepted

    @property
    def turn_deg(self) -> float:
        """The angle of its rotation."""
        cosine = (float(np.trace(self.to_fixed[:3, :3])) - 1) / 2
        return float(np.degrees(np.arccos(min(max(cosine, -1.0), 1.0))))

    def joins(self, frame: str, other: str) -> bool:
        """Whether it is about these two frames, whichever is fixed."""
        return {frame, other} == {self.fixed_frame, self.moving_frame}

    @property
    def why_refused(self) -> Message | None:
        """Why it must not be used at all; None where it may be."""
        if self.how is How.BY_HAND:
            return None
        if self.overlap < LEAST_OVERLAP:
            return Message(
                N_("The two series share too little of the body ({percent} %)."),
                {"percent": round(self.overlap * 100)},
            )
        if self.turn_deg > MOST_TURN_DEG:
            return Message(
                N_("The best alignment would turn the patient by {angle}°: it was not used."),
                {"angle": round(self.turn_deg)},
            )
        if self.quality < LEAST_INFORMATION or self.peak < LEAST_PEAK:
            return Message(
                N_("The two series have nothing in common that could be aligned (MI {value})."),
                {"value": f"{self.quality:.2f}"},
            )
        return None

    @property
    def doubts(self) -> tuple[Message, ...]:
        """What a reader should know before trusting it; empty where nothing speaks against it."""
        found = []
        if self.how is How.BY_HAND:
            return ()
        if self.peak < DOUBTFUL_PEAK:
            found.append(Message(N_("weak match: check it at landmarks")))
        elif self.quality - self.before < DOUBTFUL_GAIN * self.quality:
            found.append(
                Message(
                    N_("hardly better than as the files place them (MI {before})"),
                    {"before": f"{self.before:.2f}"},
                )
            )
        if self.overlap < DOUBTFUL_OVERLAP:
            found.append(
                Message(N_("only {percent} % in common"), {"percent": round(self.overlap * 100)})
            )
        return tuple(found)
