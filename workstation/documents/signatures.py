"""Keys of users and their signatures: PAdES in the PDF, detached CMS beside other files.

Each user has a self-signed certificate (RSA 3072, SHA-256: what every PDF reader checks); the
archive's users are whom the workstation trusts. The private key is encrypted with the user's
password stretched by argon2id, so that a stolen archive gives nobody's signature away.
"""

from __future__ import annotations

import io
import logging
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argon2.low_level import Type, hash_secret_raw
from asn1crypto import cms, keys
from asn1crypto import parser as asn1_parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from workstation.domain.errors import N_, BadInput, Message, NotAllowed

# What pyHanko finds wrong comes back as a SignatureReport; its log would quote the document.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)

FIELD = "Signature"
_YEARS = 10
_UNREADABLE = (PdfError, ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What the readers of damaged PDF and ASN.1 raise."""
_MEMORY_KIB = 65536
_KDF = "OneScan-KDF: argon2id m=65536 t=3 p=1 salt="


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class SignatureReport:
    """What was found about a signature. why: the first thing wrong, None where all is well.

    intact: the bytes are those that were signed. trusted: by one of the certificates given.
    fingerprint: SHA-256 of the signer's certificate, hexadecimal.
    """

    intact: bool
    trusted: bool
    signer: str
    fingerprint: str
    signed_at: datetime | None
    why: Message | None

    @property
    def ok(self) -> bool:
        """Whether the bytes are as signed, by someone trusted."""
        return self.intact and self.trusted


def make_key(name: str, password: str) -> tuple[str, str]:
    """A new key for ``name``: certificate and encrypted private key (PKCS #8), both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "?"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "OneScan"),
        ]
    )
    start = datetime.now(UTC) - timedelta(minutes=5)  # clocks of two machines differ a little
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _KEY_USAGE,
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"), _wrap(
        key, password
    )


def change_key_password(key_pem: str, old: str, new: str) -> str:
    """The same private key encrypted with another password. Raises ``NotAllowed``."""
    return _wrap(_unwrap(key_pem, old), new)


def fingerprint(certificate_pem: str) -> str:
    """SHA-256 of a certificate, hexadecimal."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode("ascii"))
    return certificate.fingerprint(hashes.SHA256()).hex()


def _passphrase(password: str, salt: bytes) -> bytes:
    raw = hash_secret_raw(
        password.encode("utf-8"), salt, time_cost=3, memory_cost=_MEMORY_KIB, parallelism=1,
        hash_len=32, type=Type.ID,
    )  # fmt: skip
    return raw.hex().encode("ascii")


def _wrap(key: rsa.RSAPrivateKey, password: str) -> str:
    salt = secrets.token_bytes(16)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(_passphrase(password, salt)),
    )
    return f"{_KDF}{salt.hex()}\n{pem.decode('ascii')}"


def _unwrap(key_pem: str, password: str) -> rsa.RSAPrivateKey:
    found = re.match(re.escape(_KDF) + r"([0-9a-f]{32})\n", key_pem)
    if found is None:
        raise BadInput(N_("This user's signing key cannot be read. An administrator can renew it."))
    phrase = _passphrase(password, bytes.fromhex(found[1]))
    try:
        key = serialization.load_pem_private_key(key_pem[found.end() :].encode("ascii"), phrase)
    except ValueError as error:
        raise NotAllowed(N_("The password does not open the signing key.")) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadInput(N_("This user's signing key cannot be read. An administrator can renew it."))
    return key


def _signer(key_pem: str, password: str, certificate_pem: str) -> signers.SimpleSigner:
    key = _unwrap(key_pem, password)
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # An empty store: the signer's own certificate is embedded anyway, and only once.
    return signers.SimpleSigner(
        signing_cert=_certificate(certificate_pem),
        signing_key=keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore(),
    )


def _certificate(pem: str) -> asn1_x509.Certificate:
    loaded = x509.load_pem_x509_certificate(pem.encode("ascii"))
    return asn1_x509.Certificate.load(loaded.public_bytes(serialization.Encoding.DER))


def sign_pdf(
    pdf: bytes,
    key_pem: str,
    password: str,
    certificate_pem: str,
    *,
    reason: str,
    name: str,
    location: str = "",
) -> bytes:
    """``pdf`` with a PAdES B-B signature (ETSI EN 319 142-1) that allows no later change.

    Needs no network: there is no time stamp, the time is this machine's. The field has no
    appearance of its own and is printable, which keeps PDF/A (ISO 19005-3 6.3.2).
    """
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    # pyHanko would write the XMP packet anew; the one that Typst wrote is what makes this PDF/A.
    writer._update_meta = lambda: None
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        name=name,
        location=location or None,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    signer = _signer(key_pem, password, certificate_pem)
    out = signers.PdfSigner(
        metadata, signer, new_field_spec=fields.SigFieldSpec(sig_field_name=FIELD)
    ).sign_pdf(writer)
    return bytes(out.getvalue())


def validate_pdf(pdf: bytes, trusted_pems: Iterable[str]) -> SignatureReport:
    """What the signature of ``pdf`` is worth: every byte of the file must be as signed."""
    try:
        signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    except _UNREADABLE:
        return _broken(N_("The PDF is damaged: it cannot be read."))
    if len(signatures) != 1:
        return _broken(N_("The PDF does not carry exactly one signature."))
    embedded = signatures[0]
    trusted = [_certificate(pem) for pem in trusted_pems]
    try:
        certificate = embedded.signer_cert
        moment = embedded.self_reported_timestamp
        context = ValidationContext(
            trust_roots=[certificate],  # whom to trust is decided below, by fingerprint
            allow_fetching=False,
            moment=moment,
        )
        status = validate_pdf_signature(embedded, context)
        intact = bool(status.intact and status.valid and status.bottom_line)
        intact = intact and _covers_all(pdf, embedded)
    except _UNREADABLE:
        return _broken(N_("The PDF is damaged: its signature cannot be read."))
    return _judged(certificate, intact, trusted, moment)


def _covers_all(pdf: bytes, embedded: EmbeddedPdfSignature) -> bool:
    """Whether no byte of the file is free to change.

    The signature's own place is not signed: it must hold exactly the signature and zeros, as
    written, and nothing may follow what was signed.
    """
    start, length, resume, rest = (int(n) for n in embedded.byte_range)
    content = bytes(embedded.pkcs7_content)
    held = pdf[start + length : resume]
    padding_bytes = content[asn1_parser.peek(content) :]
    return (
        start == 0
        and resume + rest == len(pdf)
        and held == b"<" + content.hex().upper().encode("ascii") + b">"
        and not any(padding_bytes)
    )


def _broken(template: str) -> SignatureReport:
    return SignatureReport(False, False, "", "", None, Message(template))


def _judged(
    certificate: asn1_x509.Certificate,
    intact: bool,
    trusted: list[asn1_x509.Certificate],
    moment: datetime | None,
) -> SignatureReport:
    found = certificate.sha256.hex()
    known = found in {c.sha256.hex() for c in trusted}
    why = None
    if not intact:
        why = Message(N_("The content was changed after it was signed."))
    elif not known:
        why = Message(N_("The signature is by someone this workstation does not know."))
    name = str(certificate.subject.native.get("common_name", ""))
    return SignatureReport(intact, known, name, found, moment, why)


def sign_bytes(data: bytes, key_pem: str, password: str, certificate_pem: str) -> bytes:
    """A detached CMS signature of ``data`` (RFC 5652, DER) with the certificate inside.

    Any CMS tool checks it, as ``openssl cms -verify -inform DER -content FILE``.
    """
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode("ascii"))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
    builder = builder.add_signer(certificate, _unwrap(key_pem, password), hashes.SHA256())
    options = [
        pkcs7.PKCS7Options.DetachedSignature,
        pkcs7.PKCS7Options.Binary,
        pkcs7.PKCS7Options.NoCapabilities,
    ]
    return builder.sign(serialization.Encoding.DER, options)


def verify_bytes(data: bytes, signature: bytes, trusted_pems: Iterable[str]) -> SignatureReport:
    """What a detached CMS signature over ``data`` is worth."""
    try:
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        info = signed["signer_infos"][0]
        attributes = {a["type"].native: a["values"][0] for a in info["signed_attrs"]}
        certificate = asn1_x509.Certificate.load(signed["certificates"][0].chosen.dump())
        loaded = x509.load_der_x509_certificate(certificate.dump())
        loaded.verify_directly_issued_by(loaded)
        public = loaded.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise ValueError("not an RSA key")
        # RFC 5652 5.4: what is signed is the attributes as a SET, not as they are tagged.
        public.verify(
            info["signature"].native,
            info["signed_attrs"].untag().dump(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        intact = attributes["message_digest"].native == digest.finalize()
        if _rebuilt(certificate, info) != signature:
            raise ValueError("not as written")
        moment = attributes["signing_time"].native if "signing_time" in attributes else None
    except InvalidSignature:
        return _broken(N_("The content was changed after it was signed."))
    except (*_UNREADABLE, x509.InvalidVersion, UnsupportedAlgorithm):
        return _broken(N_("The signature file is damaged: it cannot be read."))
    return _judged(certificate, intact, [_certificate(pem) for pem in trusted_pems], moment)


def _rebuilt(certificate: asn1_x509.Certificate, info: cms.SignerInfo) -> bytes:
    """The one encoding of a detached signature by ``certificate``: any other byte is foreign."""
    serial = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {"issuer_and_serial_number": cms.IssuerAndSerialNumber(serial)}
        ),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": info["signed_attrs"],
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signature": info["signature"].native,
    }
    content = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": "data"},
        "certificates": [certificate],
        "signer_infos": [cms.SignerInfo(signer)],
    }
    whole = {"content_type": "signed_data", "content": cms.SignedData(content)}
    return bytes(cms.ContentInfo(whole).dump())
