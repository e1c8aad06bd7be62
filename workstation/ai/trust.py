"""Who vouches for a package: Ed25519 signatures over ``SHA256SUMS``, and whose keys a site trusts.

As in OpenSSF Model Signing: one detached signature over the list of digests, with bare keys. The
signed bytes are DSSE's pre-authentication encoding (Secure Systems Lab, DSSE v1) of signer, date
and ``SHA256SUMS``, so that none of them can be changed or taken for something else.

Packages that come with the program are vouched for by the program: ``resources/
shipped_models.json`` holds the hash of each one's ``SHA256SUMS``. Whoever could alter that list
could alter the program, so a signature would add nothing, and a rebuilt model is one visible line
in a change. Every other package needs a signature by a key in ``trusted_keys.json`` of the home.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workstation.ai.sums import SIGNATURE, SUMS, read_sums, write_sums
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.settings import load_settings
from workstation.text import RESOURCES

SHIPPED = RESOURCES / "shipped_models.json"
TRUSTED = "trusted_keys.json"
KEYS = "keys"
SITE_KEY = "model_signing_key.pem"

_TYPE = b"application/vnd.onescan.model-sums"
_FORMAT: Literal["onescan-signature/1"] = "onescan-signature/1"
_LARGEST = 64 << 10
_KDF = "OneScan-KDF: argon2id m=65536 t=3 p=1 salt="
_HEX = r"^[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TrustedKey(_Strict):
    """A key that this site trusts. public: the 32 bytes of the key, base64. name: who that is,
    as the person who trusted it said. own: made here, with ``site_key``."""

    fingerprint: str = Field(pattern=_HEX)
    public: str
    name: str = Field(min_length=1, max_length=120)
    added_by: str
    added: str
    own: bool = False


class _TrustedKeys(_Strict):
    format: Literal["onescan-trusted-keys/1"]
    keys: tuple[TrustedKey, ...] = ()


class _Signature(_Strict):
    format: Literal["onescan-signature/1"]
    algorithm: Literal["Ed25519"]
    fingerprint: str = Field(pattern=_HEX)
    name: str = Field(min_length=1, max_length=120)
    signed: str = Field(max_length=40)
    signature: str = Field(max_length=100)


@dataclass(frozen=True)
class Signer:
    """Who vouches for a package. kind: "program" for what came with it, "site" for this site's
    own key, "trusted" for another key that the site trusts. signed: when, ISO 8601."""

    kind: Literal["program", "site", "trusted"]
    name: str
    fingerprint: str = ""
    signed: str = ""


@dataclass(frozen=True)
class Trust:
    """Whom a site believes. shipped: package id to SHA-256 of its ``SHA256SUMS``. fault: why the
    site's own list cannot be read; then no signature is believed."""

    shipped: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[TrustedKey, ...] = ()
    fault: Message | None = None


@dataclass(frozen=True)
class SiteKey:
    """A private key that is open for signing."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public half, hexadecimal."""
        return fingerprint_of(self.public)

    @property
    def public_pem(self) -> str:
        """The public half as others are given it (SubjectPublicKeyInfo, PEM)."""
        return (
            self.private.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode("ascii")
        )


def fingerprint_of(public: bytes) -> str:
    """SHA-256 of a raw public key, hexadecimal."""
    return hashlib.sha256(public).hexdigest()


def short(fingerprint: str) -> str:
    """The beginning of a fingerprint in groups, for tables; compare keys by the whole of it."""
    return " ".join(fingerprint[i : i + 4] for i in range(0, 16, 4))


# --- signing and verifying


def _signed_bytes(name: str, signed: str, sums: bytes) -> bytes:
    said = json.dumps([name, signed], ensure_ascii=False).encode("utf-8")
    body = b"%d %b %b" % (len(said), said, sums)
    return b"DSSEv1 %d %b %d %b" % (len(_TYPE), _TYPE, len(body), body)


def signature_of(sums: bytes, key: SiteKey) -> bytes:
    """The content of ``SIGNATURE`` for the bytes of a ``SHA256SUMS``."""
    signed = now().isoformat(timespec="seconds")
    raw = key.private.sign(_signed_bytes(key.name, signed, sums))
    written = _Signature(
        format=_FORMAT,
        algorithm="Ed25519",
        fingerprint=key.fingerprint,
        name=key.name,
        signed=signed,
        signature=base64.b64encode(raw).decode("ascii"),
    )
    return (written.model_dump_json(indent=1) + "\n").encode("utf-8")


def sign_package(folder: Path, key: SiteKey) -> Path:
    """List every file of the package in ``SHA256SUMS`` anew and sign that list.

    Whoever signs vouches for what lies in the folder now. Gives the path of ``SIGNATURE``.
    """
    write_sums(folder)
    path = folder / SIGNATURE
    path.write_bytes(signature_of(read_sums(folder), key))
    return path


def _read_signature(model: str, data: bytes) -> _Signature:
    why = "too large"
    if len(data) <= _LARGEST:
        try:
            return _Signature.model_validate_json(data)
        except ValidationError as error:
            why = str(error.errors(include_url=False)[0]["msg"])
    raise BadInput(N_("Model {model}: {file} cannot be used ({why})."),
                   model=model, file=SIGNATURE, why=why)  # fmt: skip


def vouch(model: str, sums: bytes, signature: bytes | None, trust: Trust) -> Signer:
    """Who of those in ``trust`` vouches for the package ``model`` with this ``SHA256SUMS``.

    Raises ``BadInput`` where nobody does: no signature, one that cannot be read, one by a key
    that is not trusted, or one that does not fit.
    """
    known = trust.shipped.get(model)
    if known is not None and known == hashlib.sha256(sums).hexdigest():
        return Signer("program", "OneScan", known)
    if signature is None:
        if known is not None:
            raise BadInput(
                N_("Model {model}: {file} is not the one that came with the program, and nobody "
                   "signed it."), model=model, file=SUMS,
            )  # fmt: skip
        raise BadInput(
            N_("Model {model}: {file} is missing: nobody vouches for this package."),
            model=model, file=SIGNATURE,
        )  # fmt: skip
    said = _read_signature(model, signature)
    if trust.fault is not None:
        raise BadInput(trust.fault.template, **trust.fault.params)
    key = next((one for one in trust.keys if one.fingerprint == said.fingerprint), None)
    if key is None:
        raise BadInput(
            N_("Model {model}: {file} is by a key that this site does not trust: {name}, {key}."),
            model=model, file=SIGNATURE, name=said.name, key=short(said.fingerprint),
        )  # fmt: skip
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public, validate=True))
        raw = base64.b64decode(said.signature, validate=True)
        public.verify(raw, _signed_bytes(said.name, said.signed, sums))
    except (InvalidSignature, ValueError) as error:
        raise BadInput(
            N_("Model {model}: {file} does not fit {other}: one of the two was altered."),
            model=model, file=SIGNATURE, other=SUMS,
        ) from error  # fmt: skip
    return Signer("site" if key.own else "trusted", key.name, key.fingerprint, said.signed)


# --- whom a site trusts


def shipped_models(path: Path = SHIPPED) -> dict[str, str]:
    """Package id to SHA-256 of ``SHA256SUMS``, of the packages that come with the program."""
    return {str(k): str(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}


def _read_keys(home: Path) -> tuple[TrustedKey, ...]:
    path = home / TRUSTED
    if not path.exists():
        return ()
    try:
        keys = _TrustedKeys.model_validate_json(path.read_bytes()).keys
        for key in keys:
            if fingerprint_of(base64.b64decode(key.public, validate=True)) != key.fingerprint:
                raise ValueError("a fingerprint is not that of its key")
    except (OSError, ValueError) as error:
        why = type(error).__name__ if isinstance(error, (OSError, ValidationError)) else str(error)
        raise BadInput(
            N_("{file} cannot be read ({why}): no signature of a model is believed until it is "
               "put right."), file=TRUSTED, why=why,
        ) from error  # fmt: skip
    return keys


def _write_keys(home: Path, keys: tuple[TrustedKey, ...]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    said = _TrustedKeys(format="onescan-trusted-keys/1", keys=keys).model_dump(mode="json")
    text = json.dumps(said, ensure_ascii=False, indent=1) + "\n"
    beside = home / f"{TRUSTED}.{secrets.token_hex(4)}.tmp"
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(home / TRUSTED)
    finally:
        beside.unlink(missing_ok=True)


def trusted_keys(home: Path) -> tuple[TrustedKey, ...]:
    """The keys that this site trusts, in the order in which they were trusted. ``BadInput`` where
    the list cannot be read."""
    return _read_keys(home)


def trust_of(home: Path) -> Trust:
    """Whom the site of ``home`` believes: the program itself, and the keys that it trusts."""
    try:
        return Trust(shipped_models(), _read_keys(home))
    except BadInput as error:
        return Trust(shipped_models(), fault=error.message)


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of an Ed25519 public key from a PEM file (``openssl pkey -pubout``).

    Raises ``BadInput``; a private key is refused, it should not travel.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except OSError as error:
        raise BadInput(N_("{file} cannot be read ({why})."), file=path.name,
                       why=type(error).__name__) from error  # fmt: skip
    if b"PRIVATE KEY" in data:
        raise BadInput(
            N_("{file} holds a private key. Only its public half is given away; if this file was "
               "sent to you, its owner must make a new key."), file=path.name,
        )  # fmt: skip
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(N_("{file} is not an Ed25519 public key (PEM)."), file=path.name)
    return key.public_bytes_raw()


def add_trusted_key(
    home: Path, public: bytes, name: str, by: str, *, own: bool = False
) -> TrustedKey:
    """Trust a key from now on. Raises ``BadInput`` where it is trusted already."""
    keys = _read_keys(home)
    known = next((k for k in keys if k.fingerprint == fingerprint_of(public)), None)
    if known is not None:
        raise BadInput(N_("This key is trusted already, as {name}."), name=known.name)
    if not name.strip() or len(name.strip()) > 120:
        raise BadInput(N_("Say in up to 120 characters whose key this is."))
    key = TrustedKey(
        fingerprint=fingerprint_of(public),
        public=base64.b64encode(public).decode("ascii"),
        name=name.strip(),
        added_by=by,
        added=now().isoformat(timespec="seconds"),
        own=own,
    )
    _write_keys(home, (*keys, key))
    return key


def find_trusted_key(home: Path, wanted: str) -> TrustedKey:
    """The trusted key with this name, or with a fingerprint that begins so (8 digits or more)."""
    begin = re.sub(r"[\s:]", "", wanted.lower())
    found = [
        key
        for key in _read_keys(home)
        if key.name == wanted or (len(begin) >= 8 and key.fingerprint.startswith(begin))
    ]
    if len(found) != 1:
        raise NotFound(N_("{n} trusted keys fit {wanted}; name one by its fingerprint."),
                       n=len(found), wanted=wanted)  # fmt: skip
    return found[0]


def remove_trusted_key(home: Path, fingerprint: str) -> None:
    """Trust a key no longer; what it signed is refused from now on."""
    _write_keys(home, tuple(k for k in _read_keys(home) if k.fingerprint != fingerprint))


# --- this site's own key


def _stretched(passphrase: str, salt: bytes) -> bytes:
    raw = hash_secret_raw(
        passphrase.encode("utf-8"), salt, time_cost=3, memory_cost=65536, parallelism=1,
        hash_len=32, type=Type.ID,
    )  # fmt: skip
    return raw.hex().encode("ascii")


def _private_pem(key: Ed25519PrivateKey, passphrase: str) -> str:
    head = ""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        salt = secrets.token_bytes(16)
        head = f"{_KDF}{salt.hex()}\n"
        protection = serialization.BestAvailableEncryption(_stretched(passphrase, salt))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    return head + pem.decode("ascii")


def site_key_file(home: Path) -> Path:
    """Where the site's private key lies, if it has one."""
    return home / KEYS / SITE_KEY


def site_key(home: Path, *, name: str = "", passphrase: str = "", by: str = "") -> SiteKey:
    """This site's own signing key, made and trusted where there is none yet.

    name: whose it is, default the site's name in the settings. passphrase: encrypts the private
    key (argon2id, PKCS #8). Without one, the file's permissions alone protect it: it is made for
    its owner only (on Windows the profile folder sees to that). by: who made it, for the list.
    Raises ``NotAllowed`` for a wrong passphrase, ``BadInput`` for a damaged file.
    """
    path = site_key_file(home)
    if path.exists():
        return _open_site_key(home, path, passphrase)
    named = name.strip() or load_settings(home).site_name
    key = SiteKey(named, Ed25519PrivateKey.generate())
    path.parent.mkdir(parents=True, exist_ok=True)
    written = _private_pem(key.private, passphrase).encode("ascii")
    # Complete or not there at all, never readable by others, never over another key.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0),
                     0o600)  # fmt: skip
    with os.fdopen(handle, "wb") as file:
        file.write(written)
        file.flush()
        os.fsync(file.fileno())
    add_trusted_key(home, key.public, named, by, own=True)
    beside.replace(path)
    return key


def _open_site_key(home: Path, path: Path, passphrase: str) -> SiteKey:
    text = path.read_bytes().decode("ascii", "replace")
    head = re.match(re.escape(_KDF) + r"([0-9a-f]{32})\n", text)
    if head is None and passphrase:
        passphrase = ""  # the key was made without one
    if head is not None and not passphrase:
        raise NotAllowed(N_("The site's signing key is protected by a passphrase."))
    phrase = _stretched(passphrase, bytes.fromhex(head[1])) if head else None
    try:
        key = serialization.load_pem_private_key(
            text[head.end() if head else 0 :].encode("ascii", "replace"), phrase
        )
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        if head is not None:
            raise NotAllowed(N_("The passphrase does not open the site's signing key.")) from error
        raise BadInput(N_("The site's signing key cannot be read ({file})."),
                       file=path.name) from error  # fmt: skip
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(N_("The site's signing key cannot be read ({file})."), file=path.name)
    fingerprint = fingerprint_of(key.public_key().public_bytes_raw())
    known = next((k for k in _read_keys(home) if k.fingerprint == fingerprint), None)
    return SiteKey(known.name if known else load_settings(home).site_name, key)


__all__ = [
    "SUMS", "Signer", "SiteKey", "Trust", "TrustedKey", "add_trusted_key", "find_trusted_key",
    "fingerprint_of", "read_public_key", "remove_trusted_key", "short", "sign_package",
    "signature_of", "site_key", "site_key_file", "trust_of", "trusted_keys", "vouch",
]  # fmt: skip
