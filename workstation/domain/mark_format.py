"""How a mark's number is written: digits by its unit, the unit's own sign."""

from __future__ import annotations

from workstation.domain.errors import N_
from workstation.domain.mark import MarkKind, MarkNumber

RAW = N_("raw")
KIND_WORDS: dict[MarkKind, str] = {
    MarkKind.LENGTH: N_("Distance"),
    MarkKind.POLYLINE: N_("Path"),
    MarkKind.ANGLE: N_("Angle"),
    MarkKind.COBB: N_("Cobb angle"),
    MarkKind.BIDIRECTIONAL: N_("Two diameters"),
    MarkKind.RECTANGLE: N_("Rectangle"),
    MarkKind.ELLIPSE: N_("Ellipse"),
    MarkKind.FREEHAND: N_("Freehand region"),
    MarkKind.BRUSH: N_("Painted region"),
    MarkKind.PROBE: N_("Value at a point"),
    MarkKind.ARROW: N_("Arrow"),
    MarkKind.TEXT: N_("Text note"),
    MarkKind.CARDIOTHORACIC: N_("Cardiothoracic ratio"),
    MarkKind.CALIBRATION: N_("Calibration line"),
}
"""What each kind is called, English, catalogue keys."""
SOURCE_WORDS: dict[str, str] = {
    "detector": N_("at the detector"),
    "magnified": N_("magnification removed"),
    "reader": N_("calibrated by reader"),
    "region": N_("ultrasound region"),
}
"""Who says what a pixel is worth, where it is not simply the patient's spacing."""

_SIGNS = {
    "[hnsf'U]": "HU",
    "{SUVbw}g/mL": "SUVbw",
    "mm2": "mm²",
    "deg": "°",
    "{pixels}": "px",
    "{count}": "",
    "1": RAW,
    "mm2/s": "×10⁻³ mm²/s",
    "um2/s": "×10⁻³ mm²/s",
    "Bq/mL": "Bq/mL",
}
_FACTORS = {"mm2/s": 1e3, "um2/s": 1e-3}
_STATISTICS = {"Mean", "Standard deviation"}


def unit_words(unit: str) -> str:
    """The sign of a UCUM unit; "raw" (a catalogue key) for values without one."""
    return _SIGNS.get(unit, unit)


def digits_of(number: MarkNumber) -> str:
    """The value as written before ``unit_words``; ratios without a sign to two decimals.

    Lengths, angles and areas to one decimal (areas from 1000 whole), counts whole; HU and other
    large values whole, their mean and deviation to one decimal; SUV to two, ADC to three.
    """
    unit = number.unit
    value = number.value * _FACTORS.get(unit, 1.0)
    if number.formula == "ctr" and unit == "1":
        return f"{value:.2f}"
    if unit in {"mm", "deg", "{pixels}"}:
        return f"{value:.1f}"
    if unit == "mm2":
        return f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"
    if unit == "{count}":
        return f"{value:.0f}"
    if unit == "mL":
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    if unit in _FACTORS:
        return f"{value:.3f}"
    if unit == "{SUVbw}g/mL":
        return f"{value:.2f}"
    whole = float(value).is_integer() and number.name not in _STATISTICS
    if whole:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def sign_of(number: MarkNumber) -> str:
    """The unit's sign for a number, a catalogue key where it is a word; none for ratios."""
    if number.formula == "ctr" and number.unit == "1":
        return ""
    return unit_words(number.unit)
