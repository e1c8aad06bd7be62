"""Signatures of users: made and checked by real tools, broken by any changed byte."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests.documents.material import example_report
from workstation.documents.manifest import report_json
from workstation.documents.pdf import report_pdf
from workstation.documents.signatures import (
    _certificate,
    change_key_password,
    fingerprint,
    make_key,
    sign_bytes,
    sign_pdf,
    validate_pdf,
    verify_bytes,
)
from workstation.domain.errors import NotAllowed

PASSWORD = "密码 pass word 1"
Key = tuple[str, str]


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key("李明华", PASSWORD)


@pytest.fixture(scope="module")
def other_key() -> Key:
    return make_key("李明华", PASSWORD)


@pytest.fixture(scope="module")
def page() -> bytes:
    report = example_report("brain-heart")
    return report_pdf(report, report_json(report), site_name="示例医院", role="报告医师")


@pytest.fixture(scope="module")
def signed(key: Key, page: bytes) -> bytes:
    return sign_pdf(page, key[1], PASSWORD, key[0], reason="签发", name="李明华", location="影像科")


def test_the_key_is_encrypted_and_the_certificate_fits(key: Key) -> None:
    certificate = x509.load_pem_x509_certificate(key[0].encode())
    assert certificate.subject.rfc4514_string() == "O=OneScan,CN=李明华"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign
    assert certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=9 * 365)
    assert "BEGIN ENCRYPTED PRIVATE KEY" in key[1]
    assert "argon2id" in key[1]


def test_a_wrong_password_opens_nothing(key: Key) -> None:
    with pytest.raises(NotAllowed, match="password"):
        sign_bytes(b"x", key[1], PASSWORD + " ", key[0])


def test_a_new_password_keeps_the_key(key: Key) -> None:
    moved = change_key_password(key[1], PASSWORD, "another 密码 22")
    signature = sign_bytes(b"x", moved, "another 密码 22", key[0])
    assert verify_bytes(b"x", signature, [key[0]]).ok
    with pytest.raises(NotAllowed):
        sign_bytes(b"x", moved, PASSWORD, key[0])


def test_pdf_signature_is_pades_and_pyhanko_agrees(signed: bytes, key: Key) -> None:
    (embedded,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert str(embedded.sig_object["/SubFilter"]) == "/ETSI.CAdES.detached"
    context = ValidationContext(trust_roots=[_certificate(key[0])], allow_fetching=False)
    status = validate_pdf_signature(embedded, context)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.docmdp_ok
    report = validate_pdf(signed, [key[0]])
    assert report.ok
    assert report.signer == "李明华"
    assert report.fingerprint == fingerprint(key[0])
    assert report.signed_at is not None
    assert abs(report.signed_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_signing_keeps_pdf_a(page: bytes, signed: bytes) -> None:
    assert signed.startswith(page), "an incremental update: what was set is still there"
    reader = PdfFileReader(io.BytesIO(signed))
    before = PdfFileReader(io.BytesIO(page))
    assert reader.root["/Metadata"].data == before.root["/Metadata"].data
    assert b"<pdfaid:part>3</pdfaid:part>" in reader.root["/Metadata"].data
    assert len(reader.root["/AF"]) == 1
    (field,) = reader.root["/AcroForm"]["/Fields"]
    widget = field.get_object()
    # ISO 19005-3 6.3.2 and 6.3.3: printable, not hidden, and no appearance needed at zero size.
    assert widget["/F"] & 0b100
    assert not widget["/F"] & 0b10
    assert [float(v) for v in widget["/Rect"]] == [0, 0, 0, 0]
    assert "/NeedAppearances" not in reader.root["/AcroForm"]
    assert reader.trailer["/ID"]


def test_someone_else_of_the_same_name_is_not_trusted(signed: bytes, other_key: Key) -> None:
    report = validate_pdf(signed, [other_key[0]])
    assert report.intact
    assert not report.trusted
    assert report.why is not None


def test_any_changed_byte_of_the_pdf_is_seen(signed: bytes, key: Key) -> None:
    chosen = random.Random(20261121)
    hole = signed.index(b"/Contents <")  # the signature's own place, which no signature covers
    at = [chosen.randrange(len(signed)) for _ in range(120)]
    at += [hole + 11 + chosen.randrange(signed.index(b">", hole) - hole - 11) for _ in range(40)]
    missed = []
    for n in at:
        changed = bytearray(signed)
        changed[n] ^= 1 << chosen.randrange(8)
        if validate_pdf(bytes(changed), [key[0]]).ok:
            missed.append(n)
    assert not missed


def test_a_pdf_with_something_after_it_is_not_intact(signed: bytes, key: Key) -> None:
    assert not validate_pdf(signed + b"\n%", [key[0]]).ok
    assert not validate_pdf(signed[:-1], [key[0]]).ok
    assert not validate_pdf(b"%PDF-1.7 nothing", [key[0]]).ok
    assert not validate_pdf(b"", [key[0]]).ok


def test_an_unsigned_pdf_is_not_ok(page: bytes, key: Key) -> None:
    report = validate_pdf(page, [key[0]])
    assert not report.ok
    assert report.why is not None


def test_detached_signature_and_every_changed_bit_of_it(key: Key) -> None:
    data = "清单 manifest".encode()
    signature = sign_bytes(data, key[1], PASSWORD, key[0])
    assert verify_bytes(data, signature, [key[0]]).ok
    assert not verify_bytes(data + b" ", signature, [key[0]]).intact
    missed = []
    for at in range(len(signature)):
        changed = bytearray(signature)
        changed[at] ^= 1 << (at % 8)
        if verify_bytes(data, bytes(changed), [key[0]]).ok:
            missed.append(at)
    assert not missed


def test_openssl_accepts_the_detached_signature(key: Key, tmp_path: Path) -> None:
    tool = shutil.which("openssl")
    if tool is None:
        print("openssl is not installed: its opinion is not asked")
        return
    data = b"manifest"
    (tmp_path / "data").write_bytes(data)
    (tmp_path / "p7s").write_bytes(sign_bytes(data, key[1], PASSWORD, key[0]))
    (tmp_path / "cert.pem").write_text(key[0], encoding="ascii")
    done = subprocess.run(
        [tool, "cms", "-verify", "-inform", "DER", "-in", "p7s", "-content", "data", "-CAfile",
         "cert.pem", "-purpose", "any", "-noout"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
