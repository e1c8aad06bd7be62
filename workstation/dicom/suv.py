"""From PET headers to standardised uptake values, or one sentence why there are none.

Vendor-neutral pseudocode of the QIBA FDG-PET/CT profile (2013, appendix G; also
qibawiki.rsna.org, "Standardized Uptake Value"), with branches for images that are decay-corrected
to the injection and for Philips and GE. A residual dose is never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workstation.dicom.slices import Slice
from workstation.domain.errors import N_, Message
from workstation.domain.suv import SUV_BSA, SUV_BW, SUV_LBM_JAMES, SUV_LBM_JANMA, suv_factor

_SUV_TYPES = {
    "": SUV_BW,
    "BW": SUV_BW,
    "BSA": SUV_BSA,
    "LBM": "{SUVlbm}g/mL",
    "LBMJAMES128": SUV_LBM_JAMES,
    "LBMJANMA": SUV_LBM_JANMA,
    "IBW": "{SUVibw}g/mL",
}
_LEAST_DOSE_BQ, _MOST_DOSE_BQ = 1e5, 1e11
_MOST_HALF_LIVES = 10.0


class _Refused(Exception):
    def __init__(self, template: str, **params: str | float) -> None:
        super().__init__(template)
        self.message = Message(template, params)


@dataclass(frozen=True)
class Uptake:
    """What the values of PET images are.

    unit: UCUM. factors: for each slice what its rescaled values are multiplied by to be in
    ``unit``. per_bq_ml: SUVbw for one Bq/mL, None where not known. why_not: why it is no SUV.
    """

    unit: str
    factors: tuple[float, ...]
    per_bq_ml: float | None = None
    why_not: Message | None = None


def uptake_of(slices: Sequence[Slice]) -> Uptake:
    """Unit and factors of the slices of one PET series."""
    units = _units(slices[0])
    ones = (1.0,) * len(slices)
    if units == "GML":
        kind = slices[0].text("SUVType").strip().upper()
        if kind in _SUV_TYPES:
            return Uptake(_SUV_TYPES[kind], ones)
        return Uptake("1", ones, None, Message(N_("SUV of a kind that is not known.")))
    if units == "CM2ML":
        return Uptake(SUV_BSA, ones)
    if units == "CNTS":
        return _counts(slices)
    if units != "BQML":
        said = N_("The PET values are not in a unit that can be used.")
        return Uptake("1", ones, None, Message(said))
    try:
        factor = _per_bq_ml(slices)
    except _Refused as refused:
        return Uptake("Bq/mL", ones, None, refused.message)
    return Uptake(SUV_BW, (factor,) * len(slices), factor)


def _units(item: Slice) -> str:
    """Units as of classic PET; of enhanced PET from the unit of its real world values."""
    stated = item.text("Units").strip().upper()
    real = item.fact("RealWorld")
    if not stated and isinstance(real, dict):
        return {"Bq/mL": "BQML", SUV_BW: "GML", SUV_BSA: "CM2ML"}.get(str(real["unit"]), "")
    return stated


def _counts(slices: Sequence[Slice]) -> Uptake:
    """Philips: counts with a private factor to SUVbw, else one to Bq/mL."""
    ones = (1.0,) * len(slices)
    direct = [s.number("PhilipsSUVFactor") or 0.0 for s in slices]
    if all(factor > 0 for factor in direct):
        return Uptake(SUV_BW, tuple(direct))
    activity = [s.number("PhilipsActivityFactor") or 0.0 for s in slices]
    if not all(factor > 0 for factor in activity):
        said = N_("The PET values are counts, and no factor to an activity is stated.")
        return Uptake("1", ones, None, Message(said))
    try:
        factor = _per_bq_ml(slices)
    except _Refused as refused:
        return Uptake("Bq/mL", tuple(activity), None, refused.message)
    return Uptake(SUV_BW, tuple(a * factor for a in activity), factor)


def _per_bq_ml(slices: Sequence[Slice]) -> float:
    """SUVbw for one Bq/mL; raises ``_Refused`` with why it cannot be had."""
    first = slices[0]
    corrected = {str(v).strip().upper() for v in first.fact("CorrectedImage") or ()}
    if "ATTN" not in corrected and first.text("AttenuationCorrected") != "YES":
        raise _Refused(N_("No SUV: the images are not stated to be attenuation-corrected."))
    if "DECY" not in corrected and first.text("DecayCorrected") != "YES":
        raise _Refused(N_("No SUV: the images are not stated to be decay-corrected."))
    weight = first.number("PatientWeight") or 0.0
    if not 0.5 <= weight <= 500.0:
        raise _Refused(N_("No SUV: the patient's weight is not stated."))
    dose = first.number("RadionuclideTotalDose") or 0.0
    if dose <= 0:
        raise _Refused(N_("No SUV: the injected dose is not stated."))
    if not _LEAST_DOSE_BQ <= dose <= _MOST_DOSE_BQ:
        raise _Refused(
            N_("No SUV: an injected dose of {dose} Bq cannot be true."), dose=f"{dose:g}"
        )
    to = first.text("DecayCorrection").strip().upper()
    if to == "ADMIN":
        return suv_factor(weight, dose, 0.0, 1.0)
    enhanced = _date_time(first.text("DecayCorrectionDateTime"))
    if to != "START" and enhanced is None:
        raise _Refused(N_("No SUV: it is not stated to what time decay was corrected."))
    half_life = first.number("RadionuclideHalfLife") or 0.0
    if half_life <= 0:
        raise _Refused(N_("No SUV: the half-life of the nuclide is not stated."))
    seconds = (scan_start(slices) - injection(first, scan_start(slices))).total_seconds()
    if not 0 <= seconds <= _MOST_HALF_LIVES * half_life:
        raise _Refused(
            N_("No SUV: injection and scan are stated {hours} hours apart."),
            hours=round(seconds / 3600.0, 1),
        )
    return suv_factor(weight, dose, seconds, half_life)


def _moment(date: str, time: str) -> datetime | None:
    """A DA and a TM value as one moment; None where either is none."""
    day = "".join(c for c in date if c.isdigit())[:8]
    clock, _, fraction = time.replace(":", "").strip().partition(".")
    clock = clock.ljust(6, "0") if len(clock) in {2, 4, 6} else clock
    if len(day) != 8 or len(clock) != 6 or not clock.isdigit():
        return None
    try:
        found = datetime.strptime(day + clock, "%Y%m%d%H%M%S")  # local time, as the scanner's
    except ValueError:
        return None
    return found + timedelta(seconds=float(f"0.{fraction}") if fraction.isdigit() else 0.0)


def _date_time(text: str) -> datetime | None:
    """A DT value without its zone: scan and injection were told by one clock."""
    bare = text.strip().split("+")[0]
    bare = bare[: bare.index("-")] if "-" in bare else bare
    return _moment(bare[:8], bare[8:]) if len(bare) >= 10 else None


def _acquired(item: Slice) -> datetime | None:
    whole = _date_time(item.text("AcquisitionDateTime"))
    date = item.text("AcquisitionDate") or item.text("SeriesDate")
    return whole or _moment(date, item.text("AcquisitionTime"))


def scan_start(slices: Sequence[Slice]) -> datetime:
    """The moment that decay is corrected to.

    What enhanced PET states as such, else the series' own time, unless it is later than an
    acquisition (a series made afterwards): then GE's private scan time, else what the frames'
    reference times lead back to.
    """
    enhanced = _date_time(slices[0].text("DecayCorrectionDateTime"))
    if enhanced is not None:
        return enhanced
    series = _moment(slices[0].text("SeriesDate"), slices[0].text("SeriesTime"))
    acquired = [a for a in (_acquired(s) for s in slices) if a is not None]
    if series is not None and acquired and series <= min(acquired):
        return series
    private = _date_time(slices[0].text("GEScanDateTime"))
    if private is not None:
        return private
    starts = [s for s in (_led_back(item) for item in slices) if s is not None]
    if starts:
        return min(starts)
    if not acquired:
        raise _Refused(N_("No SUV: the time of the scan is not stated."))
    raise _Refused(N_("No SUV: the series was made after the scan, whose start is not stated."))


def _led_back(item: Slice) -> datetime | None:
    """Start of the scan from one frame: its acquisition, less its reference time, plus when
    within the frame the mean count rate was reached (QIBA, for Siemens)."""
    acquired, reference = _acquired(item), item.number("FrameReferenceTime")
    duration, half_life = item.number("ActualFrameDuration"), item.number("RadionuclideHalfLife")
    if acquired is None or reference is None or reference <= 0 or not duration or not half_life:
        return None
    decays = math.log(2.0) / half_life * duration / 1000.0
    mean = half_life / math.log(2.0) * math.log(decays / (1.0 - math.exp(-decays)))
    return acquired - timedelta(seconds=reference / 1000.0 - mean)


def injection(item: Slice, scan: datetime) -> datetime:
    """When the dose was given: the last such time of day before the scan where no date is told."""
    whole = _date_time(item.text("RadiopharmaceuticalStartDateTime"))
    half_life = item.number("RadionuclideHalfLife") or 0.0
    if whole is not None and 0 <= (scan - whole).total_seconds() <= _MOST_HALF_LIVES * half_life:
        return whole
    text = item.text("RadiopharmaceuticalStartTime")
    given = _moment(scan.strftime("%Y%m%d"), text)
    if given is None:
        if whole is not None:
            return whole
        raise _Refused(N_("No SUV: the time of the injection is not stated."))
    if whole is not None and whole.time() != given.time():
        raise _Refused(N_("No SUV: two times of injection are stated, which do not agree."))
    return given if given <= scan else given - timedelta(days=1)
