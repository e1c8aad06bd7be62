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
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError

from workstation.ai.keys import HEX, SiteKey, TrustedKey, short, site_key, trusted_keys
from workstation.ai.sums import SIGNATURE, SUMS, read_sums, write_sums
from workstation.ai.vocabulary import Strict
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message
from workstation.text import RESOURCES

__all__ = [
    "Signer", "SiteKey", "Trust", "sign_package", "signature_of", "site_key", "trust_of", "vouch",
]  # fmt: skip

SHIPPED = RESOURCES / "shipped_models.json"

_TYPE = b"application/vnd.onescan.model-sums"
_FORMAT: Literal["onescan-signature/1"] = "onescan-signature/1"
_LARGEST = 64 << 10


class _Signature(Strict):
    format: Literal["onescan-signature/1"]
    algorithm: Literal["Ed25519"]
    fingerprint: str = Field(pattern=HEX)
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


def shipped_models(path: Path = SHIPPED) -> dict[str, str]:
    """Package id to SHA-256 of ``SHA256SUMS``, of the packages that come with the program."""
    return {str(k): str(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}


def trust_of(home: Path) -> Trust:
    """Whom the site of ``home`` believes: the program itself, and the keys that it trusts."""
    try:
        return Trust(shipped_models(), trusted_keys(home))
    except BadInput as error:
        return Trust(shipped_models(), fault=error.message)
