"""The signed list of a report's files: names, kinds and hashes, with a detached signature.

What is exported can so be checked anywhere, without the archive it came from.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstation.documents.mark_words import main_text
from workstation.documents.page import NUMBER_PREFIX, report_number
from workstation.documents.signatures import validate_pdf, verify_bytes
from workstation.domain.artefact import canonical_json
from workstation.domain.errors import N_, Message
from workstation.domain.finding import shown_value
from workstation.domain.measurement import shown_number
from workstation.domain.report import SignedReport

MANIFEST = ".manifest.json"
SIGNATURE = ".manifest.p7s"
AI_FILE = re.compile(r"ai-([0-9a-f]{16})\.[a-z]+\.dcm")
SUFFIXES = {"pdf": ".pdf", "sr": ".sr.dcm", "json": ".report.json"}
_OTHER_CERTIFICATE = N_("The certificate is not the one that signed the report.")
_SCHEMA = "onescan-manifest/1"
_REPORT_SCHEMA = "onescan-report/1"


@dataclass(frozen=True)
class Bad:
    """The first thing that is not as it was signed. what: a file's name."""

    what: str
    why: Message


@dataclass(frozen=True)
class FolderReport:
    """What checking found. names: every file that was checked. signers: who signed, by name."""

    ok: bool
    first_bad: Bad | None
    names: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()


def report_json(report: SignedReport) -> bytes:
    """The report as canonical JSON, with each number also as every screen and page prints it.

    The hashes of its documents are left out: this is one of them.
    """
    printed = [
        {"id": f.id, "shown": shown_value(f)} for f in report.findings if f.value is not None
    ]
    printed += [{"id": m.id, "shown": shown_number(m)} for m in report.measurements]
    language = report.draft.language
    printed += [{"id": m.id, "shown": main_text(m, m.numbers, language)} for m in report.marks]
    whole = {"schema": _REPORT_SCHEMA, "report": report, "printed": printed}
    plain: dict[str, Any] = json.loads(canonical_json(whole))
    del plain["report"]["documents"]
    return canonical_json(plain).encode("utf-8")


def write_manifest(report: SignedReport, files: Mapping[str, tuple[str, bytes]]) -> bytes:
    """The manifest of ``report``. files: file name to (kind, bytes)."""
    listed = [
        {"name": name, "kind": kind, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, (kind, data) in files.items()
    ]
    manifest = {
        "schema": _SCHEMA,
        "report_id": report.id,
        "report_number": report_number(report.study_uid, report.number),
        "kind": report.kind,
        "study_uid": report.study_uid,
        "signer": report.signer,
        "signer_name": report.signer_name,
        "signed_at": report.signed_at,
        "certificate_sha256": report.certificate_fingerprint,
        "previous_id": report.previous_id,
        "previous_digest": report.previous_digest,
        "files": listed,
    }
    return canonical_json(manifest).encode("utf-8")


Read = Callable[[str], bytes | None]
"""File name to its bytes, None where there is no such file."""


def verify_files(folder: Path, trusted_pems: Iterable[str] | None = None) -> FolderReport:
    """Check every report in ``folder``: its manifest's signature, each file's hash, the PDF's own.

    AI results, which nobody signs, are checked against the hash in their names.

    trusted_pems: certificates of known signers; None asks only that everything is as its signer,
    whoever that is, left it.
    """
    if not folder.is_dir():
        return _bad(folder.name, N_("There is no such folder."))

    def read(name: str) -> bytes | None:
        path = folder / Path(name).name
        return path.read_bytes() if path.is_file() else None

    found = [p.name for p in folder.iterdir()]
    stems = {n.removesuffix(MANIFEST) for n in found if n.endswith(MANIFEST)}
    stems |= {n.removesuffix(SIGNATURE) for n in found if n.endswith(SIGNATURE)}
    if not stems:
        return _bad(folder.name, N_("There is no signed list of files (manifest) in this folder."))
    report = verify_reports(sorted(stems), read, trusted_pems)
    if not report.ok:
        return report
    for name in sorted(found):
        # A file that looks like part of a report but is on no list was put there by someone.
        if name.startswith(NUMBER_PREFIX) and name not in report.names:
            return _bad(name, N_("This file is on no signed list."))
        stated = AI_FILE.fullmatch(name)
        if stated and not hashlib.sha256(read(name) or b"").hexdigest().startswith(stated[1]):
            return _bad(name, N_("The content is not what its name says: it was changed."))
    return report


def ai_file_name(data: bytes, ending: str) -> str:
    """Name of an unsigned file of AI results: it holds part of the content's SHA-256, so that
    damage is found. It is no signature: who renames a changed file is not found."""
    return f"ai-{hashlib.sha256(data).hexdigest()[:16]}.{ending}.dcm"


def verify_reports(
    stems: Iterable[str], read: Read, trusted_pems: Iterable[str] | None
) -> FolderReport:
    """Check the reports whose file names begin with ``stems``; as ``verify_files``."""
    trusted = None if trusted_pems is None else tuple(trusted_pems)
    signers: list[str] = []
    names: list[str] = []
    for stem in stems:
        try:
            manifest = _checked_manifest(stem, read, trusted)
            for entry in manifest["files"]:
                _check_file(entry, read, str(manifest["certificate_sha256"]))
                names.append(str(entry["name"]))
            signers.append(str(manifest["signer_name"]))
        except _Found as found:
            return FolderReport(False, found.bad)
        except (ValueError, KeyError, TypeError):
            return _bad(stem + MANIFEST, N_("The signed list of files is not one of OneScan."))
        names += [stem + MANIFEST, stem + SIGNATURE]
    return FolderReport(True, None, tuple(names), tuple(dict.fromkeys(signers)))


class _Found(Exception):
    def __init__(self, what: str, why: Message) -> None:
        super().__init__(what)
        self.bad = Bad(what, why)


def _bad(what: str, template: str) -> FolderReport:
    return FolderReport(False, Bad(what, Message(template)))


def _present(name: str, read: Read) -> bytes:
    data = read(name)
    if data is None:
        raise _Found(name, Message(N_("The file is missing.")))
    return data


def _checked_manifest(stem: str, read: Read, trusted: tuple[str, ...] | None) -> dict[str, Any]:
    """The manifest of ``stem``, signed and, where it is asked for, by someone trusted."""
    data = _present(stem + MANIFEST, read)
    signature = _present(stem + SIGNATURE, read)
    judged = verify_bytes(data, signature, trusted or ())
    if not judged.intact and judged.why is not None:
        # A signature that can be read speaks for other bytes: then the list was changed.
        raise _Found(stem + (MANIFEST if judged.fingerprint else SIGNATURE), judged.why)
    if trusted is not None and judged.why is not None:
        raise _Found(stem + SIGNATURE, judged.why)
    manifest: dict[str, Any] = json.loads(data)
    if manifest["certificate_sha256"] != judged.fingerprint:
        raise _Found(stem + SIGNATURE, Message(_OTHER_CERTIFICATE))
    return manifest


def _check_file(entry: dict[str, Any], read: Read, certificate: str) -> None:
    name = str(entry["name"])
    data = _present(name, read)
    if len(data) != entry["size"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise _Found(name, Message(N_("The content was changed after it was signed.")))
    if entry["kind"] == "pdf":
        judged = validate_pdf(data, ())
        if not judged.intact and judged.why is not None:
            raise _Found(name, judged.why)
        if judged.fingerprint != certificate:
            raise _Found(name, Message(_OTHER_CERTIFICATE))
