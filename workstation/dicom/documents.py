"""Documents within DICOM files: Encapsulated PDF and its kin (PS3.3 A.45)."""

from __future__ import annotations

from pathlib import Path

from workstation.dicom.items import open_object
from workstation.domain.document import EncapsulatedDocument
from workstation.domain.errors import N_, BadInput


def read_document(path: Path) -> EncapsulatedDocument:
    """The document of a file, as it was put in. Raises ``BadInput`` where there is none."""
    item = open_object(path, pixels=True)
    raw = item.dataset.get("EncapsulatedDocument")
    data = bytes(raw) if isinstance(raw, (bytes, bytearray)) else b""
    length = item.whole("EncapsulatedDocumentLength")
    if 0 < length < len(data):
        data = data[:length]
    if not data:
        raise BadInput(N_("There is no document in this file."))
    media = item.text("MIMETypeOfEncapsulatedDocument").lower()
    if data[:5] == b"%PDF-":
        media = "application/pdf"  # what it is counts, not what it is called
    title = item.text("DocumentTitle") or item.text("SeriesDescription")
    return EncapsulatedDocument(title, media, data)
