"""What every stored thing has in common: an identity, what it was made from and by what."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def new_id() -> str:
    """A fresh identifier, 32 hexadecimal digits (RFC 9562 version 4)."""
    return uuid.uuid4().hex


def new_uid() -> str:
    """A fresh DICOM UID below 2.25 (PS3.5 annex B.2), no registration needed."""
    return f"2.25.{uuid.uuid4().int}"


def now() -> datetime:
    """The present moment in UTC, to the millisecond (what JSON and SQL keep alike)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class MadeBy:
    """The code or model that made an artefact: ``name`` and ``version`` (plus package hash)."""

    name: str
    version: str
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Wording:
    """One term in both languages that the product speaks."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        """The term in ``language`` ("en" or "zh_CN")."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True)
class Code:
    """A coded concept (PS3.3 table 8.8-1): value, scheme designator (SCT, DCM, UCUM), meaning."""

    value: str
    scheme: str
    meaning: str


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, frozenset, set)):
        items = [_plain(v) for v in value]
        return sorted(items) if isinstance(value, (frozenset, set)) else items
    return value


def canonical_json(value: Any) -> str:
    """``value`` (dataclasses included) as JSON with sorted keys and no spaces, for hashing."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest_of(value: Any) -> str:
    """SHA-256 of ``canonical_json(value)``, hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()
