"""What was done on marks while nobody was signed in, and waits to be stored."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.domain.mark import MarkEdit
from workstation.domain.mark_voxels import Painted


@dataclass(frozen=True)
class Waiting:
    """One thing done. edit: what was edited, or None where the study's last edit was taken back
    (by -1) or done again (+1); painted: voxels of a new brush region."""

    study_uid: str
    edit: MarkEdit | None = None
    by: int = 0
    painted: Painted | None = None
