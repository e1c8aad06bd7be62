"""Keys for vouching for packages: those that a site trusts, and the one it signs with.

Ed25519 (RFC 8032). ``trusted_keys.json`` and ``keys/`` lie in the home folder: whoever may write
there may also replace the program's settings, so the list carries no protection of its own. Each
change of it is entered in the archive's log by ``reading.models``.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError

from workstation.ai.vocabulary import Strict
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, NotAllowed, NotFound
from workstation.settings import load_settings

TRUSTED = "trusted_keys.json"
KEYS = "keys"
SITE_KEY = "model_signing_key.pem"

_LARGEST = 64 << 10
_KDF = "OneScan-KDF: argon2id m=65536 t=3 p=1 salt="
HEX = r"^[0-9a-f]{64}$"


class TrustedKey(Strict):
    """A key that this site trusts. public: the 32 bytes of the key, base64. name: who that is,
    as the person who trusted it said. own: made here, with ``site_key``."""

    fingerprint: str = Field(pattern=HEX)
    public: str
    name: str = Field(min_length=1, max_length=120)
    added_by: str
    added: str
    own: bool = False


class _TrustedKeys(Strict):
    format: Literal["onescan-trusted-keys/1"]
    keys: tuple[TrustedKey, ...] = ()


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


def trusted_keys(home: Path) -> tuple[TrustedKey, ...]:
    """The keys that this site trusts, in the order in which they were trusted. ``BadInput`` where
    the list cannot be read."""
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
    keys = trusted_keys(home)
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
        for key in trusted_keys(home)
        if key.name == wanted or (len(begin) >= 8 and key.fingerprint.startswith(begin))
    ]
    if len(found) != 1:
        raise NotFound(N_("{n} trusted keys fit {wanted}; name one by its fingerprint."),
                       n=len(found), wanted=wanted)  # fmt: skip
    return found[0]


def remove_trusted_key(home: Path, fingerprint: str) -> None:
    """Trust a key no longer; what it signed is refused from now on."""
    _write_keys(home, tuple(k for k in trusted_keys(home) if k.fingerprint != fingerprint))


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


class Protection(enum.Enum):
    """Whether the site has a signing key, and what opens it."""

    NONE_YET = "none yet"
    OPEN = "without a passphrase"
    PASSPHRASE = "passphrase"


def protection_of(home: Path) -> Protection:
    """What it takes to sign with this site's key."""
    path = site_key_file(home)
    if not path.exists():
        return Protection.NONE_YET
    locked = path.read_bytes().startswith(_KDF.split(":")[0].encode("ascii"))
    return Protection.PASSPHRASE if locked else Protection.OPEN


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
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if head is not None:
            raise NotAllowed(N_("The passphrase does not open the site's signing key.")) from error
        raise BadInput(N_("The site's signing key cannot be read ({file})."),
                       file=path.name) from error  # fmt: skip
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(N_("The site's signing key cannot be read ({file})."), file=path.name)
    fingerprint = fingerprint_of(key.public_key().public_bytes_raw())
    known = next((k for k in trusted_keys(home) if k.fingerprint == fingerprint), None)
    return SiteKey(known.name if known else load_settings(home).site_name, key)
