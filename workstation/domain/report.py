"""Reports: a draft made from decided findings, and what a person signed."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from workstation.domain.acquisition import Reconstruction
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.finding import Finding
from workstation.domain.first_read import FirstRead
from workstation.domain.mark import KeyImage, Mark
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.study import Study


@dataclass(frozen=True)
class Sentence:
    """Text of a report. finding_ids: what it was made from; none for free text."""

    text: str
    finding_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One part of a report; ``free_text`` is the reader's own, kept when the rest is remade."""

    key: str
    title: str
    sentences: tuple[Sentence, ...]
    free_text: str = ""


@dataclass(frozen=True)
class FreeText:
    """A reader's own words for one section of one study's report."""

    id: str  # study_uid + "/" + section key
    study_uid: str
    section: str
    text: str


@dataclass(frozen=True)
class TakenOver:
    """A reader's word on a sentence that a rule offered: said in the report, or not. finding_ids:
    what it rested on when the reader took it over; about other findings it was never read."""

    id: str  # study_uid + "/" + rule
    study_uid: str
    rule: str
    said: bool
    by: str
    finding_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportDraft:
    """What would be signed now. made_from: digests of findings, measurements and free text."""

    id: str  # the study_uid: a study has one draft
    study_uid: str
    template: str
    template_version: str
    language: str
    title: str
    sections: tuple[Section, ...]
    made_from: tuple[str, ...]
    made_by: MadeBy
    reviewed: bool  # whether a person has decided every finding


@dataclass(frozen=True)
class Obstacle:
    """One thing that stands in the way of signing."""

    why: Message
    finding_id: str = ""


class ReportKind(enum.Enum):
    """FHIR DiagnosticReport status words: final, appended, corrected."""

    FINAL = "final"
    ADDENDUM = "appended"
    CORRECTION = "corrected"


@dataclass(frozen=True)
class Document:
    """A file that belongs to a signed report. kind: pdf, sr, seg, json."""

    kind: str
    sha256: str
    name: str
    sop_instance_uid: str = ""


@dataclass(frozen=True)
class SignedReport:
    """A report as signed; never changed. previous: id and digest of the report it follows."""

    id: str
    study_uid: str
    number: int  # 1 for the original, then up
    kind: ReportKind
    reason: str
    study: Study
    draft: ReportDraft
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    refusals: tuple[Refusal, ...]
    signer: str
    signer_name: str
    signed_at: datetime
    certificate_fingerprint: str
    documents: tuple[Document, ...]
    previous_id: str = ""
    previous_digest: str = ""
    addendum_text: str = ""
    marks: tuple[Mark, ...] = ()
    key_images: tuple[KeyImage, ...] = ()
    first_read: FirstRead | None = None  # locked before AI was shown, where a site reads so
    reconstructions: tuple[tuple[str, Reconstruction], ...] = ()  # by stack that numbers are of


@dataclass(frozen=True)
class PatientPage:
    """The page for the patient that the signing doctor released; withdrawn when the report that
    it was made from is added to or corrected. documents: PDF and PNG in each language."""

    id: str  # the study_uid: a study has one page
    study_uid: str
    report_id: str
    report_number: int
    released_by: str
    released_name: str
    released_at: datetime
    documents: tuple[Document, ...]


@dataclass(frozen=True)
class ReportPhrase:
    """What a template says of one finding, in both languages, with ``{value}`` and ``{site}``."""

    key: str
    findings: Wording
    impression: Wording
