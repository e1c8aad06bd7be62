"""How images were acquired: the header facts that decide whether a model may look at them."""

from __future__ import annotations

from dataclasses import dataclass

DEEP, OTHER = "deep learning", "other"
"""What a header may state of a reconstruction; "" where it states nothing."""


@dataclass(frozen=True)
class Reconstruction:
    """How images were reconstructed, as their headers state it, never guessed.

    kind: ``DEEP``, ``OTHER`` (stated not to be deep learning) or "" (not stated). name: of the
    algorithm. field: keyword of the header element that says so.
    """

    kind: str = ""
    name: str = ""
    field: str = ""


UNSAID = Reconstruction()


@dataclass(frozen=True)
class Acquisition:
    """Of the middle image of a stack; None or "" where the headers do not say.

    sop_class_uid: of its files. body_part: BodyPartExamined. kvp: tube voltage, kV. field_t:
    tesla. kernel: as the scanner names it; kernel_class: "smooth", "sharp" or "". contrast:
    "enhanced", "unenhanced" or "". phase: "unenhanced", "arterial", "venous", "delayed" or "".
    age_years, sex ("M", "F", "O") of the patient at the time. repetition_ms, echo_ms,
    inversion_ms, b_value (s/mm²): of MR. phase_values: of each phase what the phases differ in
    (b-value, echo, inversion or repetition time, flip angle in degrees); empty where they differ in
    time, or where it is not stated for every phase. height_cm, weight_kg: of the patient.
    reconstruction: by deep learning or not.
    """

    sop_class_uid: str = ""
    body_part: str = ""
    kvp: float | None = None
    field_t: float | None = None
    kernel: str = ""
    kernel_class: str = ""
    contrast: str = ""
    phase: str = ""
    age_years: float | None = None
    sex: str = ""
    repetition_ms: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    b_value: float | None = None
    phase_values: tuple[float, ...] = ()
    reconstruction: Reconstruction = UNSAID
    height_cm: float | None = None
    weight_kg: float | None = None


UNSTATED = Acquisition()
"""Of images whose headers say nothing of it."""
