"""How far apart pixels are, and whose distance that is: the patient's or the detector's.

PS3.3 10.7.1.3: of a projection, PixelSpacing equal to ImagerPixelSpacing or without a calibration
type is a distance on the detector, larger than in the patient by the magnification of the beam.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workstation.dicom.attributes import of_frame
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats

_PROJECTION = {"CR", "DX", "XA", "RF", "MG", "IO", "PX", "RG"}
_GEOMETRIC = {"XA", "RF"}
"""Where source distances are those of the imaged object (PS3.3 C.8.7.5)."""

Facts = dict[str, object]


def floats_of(value: Any, count: int) -> Floats | None:
    """The first ``count`` numbers of a list, None where there are fewer or they are none."""
    if not isinstance(value, list) or len(value) < count:
        return None
    try:
        array = np.asarray(value[:count], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array if np.isfinite(array).all() else None


def _pair(facts: Facts, keyword: str, frame: int) -> tuple[float, float] | None:
    value = floats_of(of_frame(facts, keyword, frame), 2)
    if value is None or not (value > 0).all():
        return None
    return float(value[0]), float(value[1])


def _number(facts: Facts, keyword: str) -> float:
    value = facts.get(keyword)
    return float(value) if isinstance(value, (int, float)) else 0.0


def magnification_of(facts: Facts) -> float | None:
    """How many times larger than in the patient lengths are on the detector.

    The stated factor, or of angiography the distances it is defined by: source to detector over
    source to patient (PS3.3 C.8.7.5, Estimated Radiographic Magnification Factor).
    """
    stated = _number(facts, "EstimatedRadiographicMagnificationFactor")
    if not stated and facts.get("Modality") in _GEOMETRIC:
        patient = _number(facts, "DistanceSourceToPatient")
        stated = _number(facts, "DistanceSourceToDetector") / patient if patient > 0 else 0.0
    return stated if 1.0 <= stated <= 10.0 else None


def spacing_of(facts: Facts, frame: int) -> tuple[tuple[float, float], str]:
    """Spacing between rows and between columns in mm, and whose it is.

    "patient", "detector", "magnified" (the detector's, divided by the magnification), or "" for
    (1, 1) or the aspect ratio where no length is known.
    """
    own = _pair(facts, "PixelSpacing", frame)
    detector = _pair(facts, "ImagerPixelSpacing", frame)
    scanned = _pair(facts, "NominalScannedPixelSpacing", frame)
    if own and str(facts.get("Modality", "")) in _PROJECTION:
        if facts.get("PixelSpacingCalibrationType"):
            return own, "patient"
        if detector is not None and not np.allclose(own, detector, rtol=1e-4):
            return own, "patient"
        detector = own
    elif own:
        return own, "patient"
    if detector:
        factor = magnification_of(facts)
        if factor is None:
            return detector, "detector"
        return (detector[0] / factor, detector[1] / factor), "magnified"
    if scanned:
        return scanned, "detector"
    aspect = _pair(facts, "PixelAspectRatio", frame)
    return ((aspect[0] / aspect[1], 1.0) if aspect else (1.0, 1.0)), ""


def spacing_note(facts: Facts, spacing: tuple[float, float], calibrated: str) -> Message | None:
    """Where the spacing of a radiograph or an ultrasound image comes from, as one sentence."""
    mm = round(spacing[1], 4)
    if facts.get("UltrasoundRegions"):
        return Message(N_("Lengths count inside the calibrated ultrasound regions only."))
    if calibrated == "magnified":
        return Message(
            N_("Lengths are estimates: detector spacing divided by a magnification of {factor}."),
            {"factor": round(magnification_of(facts) or 0.0, 3)},
        )
    if calibrated == "detector" and facts.get("Modality") in _PROJECTION:
        return Message(
            N_("Pixel spacing {mm} mm is that of the detector: lengths in the patient are less."),
            {"mm": mm},
        )
    kind = str(facts.get("PixelSpacingCalibrationType") or "").strip().upper()
    told = str(facts.get("PixelSpacingCalibrationDescription") or "").strip()
    if kind == "FIDUCIAL":
        said = N_("Pixel spacing {mm} mm, calibrated by an object of known size. {told}")
    elif kind == "GEOMETRY":
        said = N_("Pixel spacing {mm} mm, calibrated by the geometry of the beam. {told}")
    else:
        return None
    return Message(said, {"mm": mm, "told": told})
