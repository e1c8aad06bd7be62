"""The plug-in contract of ``analyses/<area>/<name>.py``: one file, pure functions, a known answer.

A plug-in module has a constant ``SPEC: AnalysisSpec`` and a function
``analyse(inputs: AnalysisInputs) -> AnalysisResult``; it is found by inspection of the package.
It raises ``BadInput`` with a plain reason where it cannot judge, which becomes a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import Code, Wording
from workstation.domain.geometry import Grid
from workstation.domain.volume import Volume


@dataclass(frozen=True)
class Quantity:
    """One number an analysis gives. unit: UCUM."""

    name: Wording
    code: Code
    value: float
    unit: str


@dataclass(frozen=True)
class Candidate:
    """Something an analysis proposes as a finding. mask: (z, y, x) bool on the input's grid.

    phase: of a time series, the one that the mask is drawn on.
    """

    label: Wording
    code: Code
    site: Wording
    location_mm: tuple[float, float, float]
    mask: NDArray[np.bool_] | None
    quantity: Quantity
    others: tuple[Quantity, ...] = ()
    template_key: str = ""
    urgent: bool = False
    phase: int = 0


@dataclass(frozen=True)
class AnalysisInputs:
    """volumes: one for each phase, in time order. masks: by label key, bool (z, y, x)."""

    volumes: tuple[Volume, ...] = ()
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    grid: Grid | None = None  # of the masks


@dataclass(frozen=True)
class AnalysisResult:
    """What an analysis found: numbers about the study, and candidates for findings."""

    quantities: tuple[Quantity, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class KnownAnswer:
    """A case with a published or analytic answer; the tests run it.

    make: builds the inputs. expected: quantity name (English) to (value, absolute tolerance).
    source: where the answer comes from.
    """

    make: Callable[[], AnalysisInputs]
    expected: Mapping[str, tuple[float, float]]
    source: str


@dataclass(frozen=True)
class AnalysisSpec:
    """What an analysis is. accepts: roles of stacks it runs on ("TOF"); needs_mask: template_key
    of the finding whose mask it measures ("" for none). source: citation of the formula."""

    id: str  # "<area>/<name>"
    version: str
    name: Wording
    area: str
    accepts: tuple[str, ...]
    needs_mask: str
    formula: str
    source: str
    known_answers: tuple[KnownAnswer, ...]
    cost_s: float = 5.0  # seconds it takes on two cores, as its author measured them
    stat: bool = False  # it looks for emergencies: it runs before everything that does not
