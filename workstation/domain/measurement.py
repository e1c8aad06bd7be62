"""Numbers that carry their unit, formula and source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import Message


@dataclass(frozen=True)
class Measurement:
    """One number. unit: UCUM code ("mL", "%", "mm"). formula: id of the analysis that made it.

    source: citation of the formula. made_from: ids of stacks and masks; when one of these is no
    longer current, the measurement is stale. settings: parameters of the analysis, as they were.
    """

    id: str
    study_uid: str
    series_uid: str
    name: Wording
    code: Code
    value: float
    unit: str
    formula: str
    source: str
    made_from: tuple[str, ...]
    made_by: MadeBy
    finding_id: str = ""
    note: Message | None = None
    stated: bool = False
    modifiers: tuple[tuple[Code, Code], ...] = ()
    unit_code: Code | None = None
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A model or measure that does not judge this study, and why. Never shown as normal."""

    id: str
    study_uid: str
    series_uid: str
    what: str  # package or analysis id
    name: Wording
    reason: Message
    made_by: MadeBy
    made_from: tuple[str, ...] = ()
    at: datetime | None = None  # when a model said so, UTC; None in archives of earlier versions


_UNITS = {
    "[hnsf'U]": "HU",
    "1": "",
    "{count}": "",
    "{ratio}": "",
    "mm2": "mm²",
    "mm3": "mm³",
    "m2": "m²",
    "mL/m2": "mL/m²",
    "g/m2": "g/m²",
    "cm2": "cm²",
    "cm3": "cm³",
    "um2/s": "×10⁻⁶ mm²/s",
    "mL/(100.g.min)": "mL/100 g/min",
    "mL/(100.g)": "mL/100 g",
}


def as_stated(value: float, unit: str) -> str:
    """A number of another system with every digit that it stated, and its unit."""
    digits = repr(float(value))
    return f"{digits.removesuffix('.0')} {_UNITS.get(unit, unit)}".strip()


def shown_number(measurement: Measurement) -> str:
    """A measurement as every screen and report writes it."""
    if measurement.stated:
        return as_stated(measurement.value, measurement.unit)
    return format_value(measurement.value, measurement.unit)


def format_value(value: float, unit: str) -> str:
    """``value`` and ``unit`` as every screen, PDF and export writes them, so that they agree.

    mL, %, mm and cm to one decimal, below 1 to two significant digits (a lesion of 0.056 mL is not
    0.1 mL); counts, HU and mm3 whole; else three significant digits, from 1000 on whole.
    """
    shown = _UNITS.get(unit, unit)
    if unit in {"mL", "%", "mm", "cm"}:
        small = 0 < abs(value) < 0.995
        number = f"{value:.2g}" if small else f"{value:.1f}"
    elif unit in {"1", "{count}", "[hnsf'U]", "mm3"}:
        number = f"{value:.0f}"
    else:
        number = f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"
    return f"{number} {shown}".strip()
