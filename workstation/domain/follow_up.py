"""What makes numbers of two examinations of one patient hard to compare."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.domain.acquisition import DEEP
from workstation.domain.errors import N_, Message
from workstation.domain.volume import Stack

_MIXED = {
    (True, "other"): N_(
        "{series}: deep learning reconstruction now, another one before. Numbers may differ for "
        "that alone."
    ),
    (True, ""): N_(
        "{series}: deep learning reconstruction now, not stated before. Numbers may differ for "
        "that alone."
    ),
    (False, "other"): N_(
        "{series}: deep learning reconstruction before, another one now. Numbers may differ for "
        "that alone."
    ),
    (False, ""): N_(
        "{series}: deep learning reconstruction before, not stated now. Numbers may differ for "
        "that alone."
    ),
}


def mixed_reconstructions(now: Sequence[Stack], before: Sequence[Stack]) -> tuple[Message, ...]:
    """A warning for each kind of series of which one examination has deep learning reconstruction
    and the other has not, or does not say. What neither states is not warned of."""
    said: dict[str, Message] = {}
    for one in now:
        for other in before:
            if one.modality != other.modality or _purpose(one) != _purpose(other):
                continue
            ours, theirs = (s.acquisition.reconstruction.kind for s in (one, other))
            if (ours == DEEP) == (theirs == DEEP):
                continue
            words = _MIXED[ours == DEEP, theirs if ours == DEEP else ours]
            series = one.role or one.description or one.modality
            said.setdefault(series, Message(words, {"series": series}))
    return tuple(said.values())


def _purpose(stack: Stack) -> str:
    """What a series is for: its role, else what it is called."""
    return stack.role or f"{stack.region} {stack.description.casefold()}"
