"""Standardised uptake values: decay, body measures, and what Bq/mL is multiplied by.

SUVbw = activity (Bq/mL) x weight (g) / dose at the time the image is decay-corrected to (Bq).
Lean body mass: Janmahasatian, Clin Pharmacokinet 2005;44:1051; James, Research on obesity, 1976.
Body surface: Du Bois, Arch Intern Med 1916;17:863. Units by DICOM CID 85.
"""

from __future__ import annotations

SUV_BW = "{SUVbw}g/mL"
SUV_LBM_JANMA = "{SUVlbm(Janma)}g/mL"
SUV_LBM_JAMES = "{SUVlbm(James128)}g/mL"
SUV_BSA = "{SUVbsa}cm2/mL"


def remaining(seconds: float, half_life_s: float) -> float:
    """Part of an activity that is left after ``seconds``."""
    return float(2.0 ** (-seconds / half_life_s))


def suv_factor(weight_kg: float, dose_bq: float, seconds: float, half_life_s: float) -> float:
    """SUVbw for one Bq/mL in an image decay-corrected to ``seconds`` after the injection."""
    return weight_kg * 1000.0 / (dose_bq * remaining(seconds, half_life_s))


def lean_mass_janmahasatian(sex: str, weight_kg: float, height_m: float) -> float:
    """Lean body mass in kg; sex: "M" or "F"."""
    index = weight_kg / height_m**2
    if sex == "M":
        return 9270.0 * weight_kg / (6680.0 + 216.0 * index)
    return 9270.0 * weight_kg / (8780.0 + 244.0 * index)


def lean_mass_james(sex: str, weight_kg: float, height_m: float) -> float:
    """Lean body mass in kg after James with 128 for men (DICOM LBMJAMES128), 148 for women."""
    ratio = weight_kg / (height_m * 100.0)
    if sex == "M":
        return 1.10 * weight_kg - 128.0 * ratio**2
    return 1.07 * weight_kg - 148.0 * ratio**2


def body_surface_m2(weight_kg: float, height_m: float) -> float:
    """Body surface in square metres."""
    return float(0.007184 * weight_kg**0.425 * (height_m * 100.0) ** 0.725)


def suv_bsa_factor(
    weight_kg: float, height_m: float, dose_bq: float, seconds: float, half_life_s: float
) -> float:
    """SUVbsa (cm2/mL) for one Bq/mL."""
    left = dose_bq * remaining(seconds, half_life_s)
    return body_surface_m2(weight_kg, height_m) * 1e4 / left
