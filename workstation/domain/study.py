"""Patients' studies as the worklist and the rooms see them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Patient:
    """Who was scanned. Dates are DICOM DA strings (YYYYMMDD) or empty; age is of the study day."""

    patient_id: str
    name: str  # as shown: ideographic group first where there is one
    name_dicom: str  # the PN value with all its groups
    birth_date: str
    sex: str  # M, F, O or empty
    age: str = ""  # DICOM AS, e.g. 063Y, where the header states it


@dataclass(frozen=True)
class Instance:
    """One imported file. attributes: headers that later rooms need, DICOM keyword to JSON value."""

    sop_instance_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    sha256: str
    size: int
    instance_number: int | None
    transfer_syntax_uid: str
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """A series as its headers describe it."""

    series_uid: str
    study_uid: str
    modality: str
    number: int | None
    description: str
    body_part: str
    instances: int = 0


class StudyState(enum.Enum):
    """How far a study has come on the line; what the worklist shows."""

    NEW = "new"
    ANALYSED = "analysed"
    IN_REVIEW = "in review"
    READY = "ready to sign"
    SIGNED = "signed"


@dataclass(frozen=True)
class Study:
    """One visit, with the patient as its headers named them on that day (context snapshot)."""

    study_uid: str
    patient: Patient
    date: str  # YYYYMMDD or empty
    time: str
    description: str
    accession: str
    modalities: tuple[str, ...] = ()
    series: int = 0
    instances: int = 0
    state: StudyState = StudyState.NEW
    urgent: bool = False


class WorklistOrder(enum.Enum):
    """What the worklist may be sorted by; urgent studies come first in every order."""

    DATE = "date"
    PATIENT = "patient"
    PATIENT_ID = "patient id"
    AGE = "age"
    MODALITY = "modality"
    DESCRIPTION = "description"
    STATE = "state"


@dataclass(frozen=True)
class WorklistQuery:
    """What the worklist searches for; empty means any. ``text`` matches name, id, accession.

    unread: without a signed report. order, downwards: newest first unless said otherwise.
    """

    text: str = ""
    modality: str = ""
    state: StudyState | None = None
    date_from: str = ""
    date_to: str = ""
    limit: int = 500
    offset: int = 0
    urgent: bool = False
    unread: bool = False
    order: WorklistOrder = WorklistOrder.DATE
    downwards: bool = True


@dataclass(frozen=True)
class Progress:
    """How far a study has come, counted from what is stored.

    priors: earlier studies of the same patient. findings, open: proposed or decided, and those
    still to decide. judged: series that a model or analysis looked at. refused: those that one
    could not judge. reports: signed, addenda included. waiting: its images are still to be read by
    the machine. alerts, open_alerts: emergencies ever raised, and those nobody acknowledged yet.
    hidden: what the machine found waits for the first read; its numbers then are 0.
    """

    priors: int = 0
    findings: int = 0
    open: int = 0
    judged: int = 0
    refused: int = 0
    reports: int = 0
    waiting: bool = False
    alerts: int = 0
    open_alerts: int = 0
    hidden: bool = False
