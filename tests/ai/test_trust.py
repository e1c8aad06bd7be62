"""Whose signature is believed, and how a site comes by a key of its own."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.accept_model import SCHEMA, schema_text
from tests.ai.packages import MAKER, identity, trust_maker, write_package
from workstation.ai.keys import (
    SiteKey,
    add_trusted_key,
    find_trusted_key,
    fingerprint_of,
    read_public_key,
    remove_trusted_key,
    site_key,
    site_key_file,
    trusted_keys,
)
from workstation.ai.package import load_package
from workstation.ai.trust import Trust, sign_package, trust_of, vouch
from workstation.domain.errors import BadInput, NotAllowed, NotFound


def test_key_is_that_of_rfc_8032() -> None:
    """RFC 8032, 7.1, test 1: secret and public key."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert SiteKey("a", Ed25519PrivateKey.from_private_bytes(secret)).public.hex() == public


def test_what_is_signed_is_written_out(tmp_path: Path) -> None:
    """The bytes under the signature, put together by hand as DSSE says, for other tools."""
    place = write_package(tmp_path, identity())
    said = json.loads((place / "SIGNATURE").read_text(encoding="utf-8"))
    sums = (place / "SHA256SUMS").read_bytes()
    who = json.dumps([said["name"], said["signed"]], ensure_ascii=False).encode()
    body = str(len(who)).encode() + b" " + who + b" " + sums
    kind = b"application/vnd.onescan.model-sums"
    signed = b" ".join(
        [b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body]
    )  # fmt: skip
    public = Ed25519PublicKey.from_public_bytes(MAKER.public)
    public.verify(base64.b64decode(said["signature"]), signed)


def test_signed_package_is_believed_by_those_who_trust_the_key(tmp_path: Path) -> None:
    place = write_package(tmp_path / "models", identity())
    with pytest.raises(BadInput, match="a key that this site does not trust"):
        load_package(place, trust_of(tmp_path))
    trust_maker(tmp_path)
    signer = load_package(place, trust_of(tmp_path)).signer
    assert signer is not None
    assert (signer.kind, signer.name, signer.fingerprint) == (
        "trusted", MAKER.name, MAKER.fingerprint,
    )  # fmt: skip
    remove_trusted_key(tmp_path, MAKER.fingerprint)
    with pytest.raises(BadInput, match="a key that this site does not trust"):
        load_package(place, trust_of(tmp_path))


def test_name_is_the_one_that_the_site_gave(tmp_path: Path) -> None:
    """A signer may call itself what it likes; a reader sees what a person of the site said."""
    place = write_package(tmp_path / "models", identity())
    add_trusted_key(tmp_path, MAKER.public, "张工，设备科", "boss")
    signer = load_package(place, trust_of(tmp_path)).signer
    assert signer is not None
    assert signer.name == "张工，设备科"


def test_shipped_package_needs_no_signature_and_no_other_has_its_name(tmp_path: Path) -> None:
    place = write_package(tmp_path, identity())
    sums = (place / "SHA256SUMS").read_bytes()
    shipped = Trust({"tiny": fingerprint_of(sums)})
    assert vouch("tiny", sums, None, shipped).kind == "program"
    with pytest.raises(BadInput, match="SHA256SUMS is not the one that came with the program"):
        vouch("tiny", sums + b"\n", None, shipped)
    with pytest.raises(BadInput, match="SIGNATURE is missing"):
        vouch("other", sums, None, shipped)


def test_list_that_cannot_be_read_believes_nobody(tmp_path: Path) -> None:
    place = write_package(tmp_path / "models", identity())
    trust_maker(tmp_path)
    path = tmp_path / "trusted_keys.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["keys"][0]["public"] = base64.b64encode(b"\x01" * 32).decode()
    path.write_text(json.dumps(said), encoding="utf-8")  # another key under a known fingerprint
    with pytest.raises(BadInput, match=r"trusted_keys\.json cannot be read"):
        load_package(place, trust_of(tmp_path))


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "钥.pem"
    path.write_text(MAKER.public_pem, encoding="ascii")
    assert read_public_key(path) == MAKER.public
    private = MAKER.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private)
    with pytest.raises(BadInput, match="holds a private key"):
        read_public_key(path)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    path.write_bytes(
        curve.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    for content in (path.read_bytes(), b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n"):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="is not an Ed25519 public key"):
            read_public_key(path)


def test_trusting_twice_and_finding(tmp_path: Path) -> None:
    trust_maker(tmp_path)
    with pytest.raises(BadInput, match="trusted already, as Maker of tests"):
        trust_maker(tmp_path)
    assert find_trusted_key(tmp_path, MAKER.name).fingerprint == MAKER.fingerprint
    assert find_trusted_key(tmp_path, MAKER.fingerprint[:12].upper()).name == MAKER.name
    for wanted in ("", MAKER.fingerprint[:7], "nobody"):
        with pytest.raises(NotFound):
            find_trusted_key(tmp_path, wanted)


def test_site_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = site_key(tmp_path, name="放射科", by="boss")
    assert site_key(tmp_path).fingerprint == key.fingerprint
    assert site_key(tmp_path).name == "放射科"
    (known,) = trusted_keys(tmp_path)
    assert (known.own, known.added_by) == (True, "boss")
    file = site_key_file(tmp_path)
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600  # noqa: PTH116
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    place = write_package(tmp_path / "models", identity())
    sign_package(place, key)
    signer = load_package(place, trust_of(tmp_path)).signer
    assert signer is not None
    assert signer.kind == "site"


def test_passphrase(tmp_path: Path) -> None:
    key = site_key(tmp_path, passphrase="correct horse")
    text = site_key_file(tmp_path).read_text(encoding="ascii")
    assert "ENCRYPTED PRIVATE KEY" in text
    raw = key.private.private_bytes_raw()
    assert base64.b64encode(raw).decode() not in text
    assert site_key(tmp_path, passphrase="correct horse").fingerprint == key.fingerprint
    with pytest.raises(NotAllowed, match="protected by a passphrase"):
        site_key(tmp_path)
    with pytest.raises(NotAllowed, match="does not open"):
        site_key(tmp_path, passphrase="wrong")
    site_key_file(tmp_path).write_text("damaged", encoding="ascii")
    with pytest.raises(BadInput, match="cannot be read"):
        site_key(tmp_path)


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    key = site_key(tmp_path)
    assert key.private.private_bytes_raw().hex() not in repr(key)
    assert "private" not in repr(key)


def test_schema_is_current() -> None:
    """After a change of the manifest: ``python -m tests.accept_model schema``."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
