"""The audit's hash chain, and the head file that notices a shortened one.

h_i = SHA-256(h_(i-1) || canonical JSON of row i); h_0 is 64 zeros. Every row names what it wrote
with the digest of each, so the chain vouches for the whole archive.

``audit.head`` beside the database holds number and hash of the newest row known to be committed.
It is replaced after the commit, so it may lag behind after a crash but is never ahead: a chain
that ends before it was cut. What this cannot notice: someone with the rights of this account who
rewrites database and head file together, with hashes computed anew. Against that stand the
reports' own signatures, whose keys need their owners' passwords, and copies of the head kept
elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstation.archive.encoding import as_json

GENESIS = "0" * 64
HEAD_FILE = "audit.head"
_OLD_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """The newest audit row known: its number and hash."""

    seq: int
    hash: str


def audit_hash(previous: str, row: Mapping[str, Any]) -> str:
    """Hash of an audit row: all its columns but ``hash``."""
    columns = {k: v for k, v in row.items() if k != "hash"}
    return hashlib.sha256((previous + as_json(columns)).encode("utf-8")).hexdigest()


def read_head(home: Path) -> Head | None:
    """The head file; None where it is missing or not readable as one."""
    try:
        found = json.loads((home / HEAD_FILE).read_text(encoding="ascii"))
        return Head(int(found["seq"]), str(found["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_head(home: Path, head: Head) -> None:
    """Replace the head file in one step. A failure leaves it behind, which is allowed."""
    temp = home / f"{HEAD_FILE}.{uuid.uuid4().hex}"
    try:
        with temp.open("x", encoding="ascii") as file:
            json.dump({"seq": head.seq, "hash": head.hash}, file)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(home / HEAD_FILE)
    except OSError as error:
        _log.warning("the audit head stays behind: %s", error)
        temp.unlink(missing_ok=True)


def sweep_heads(home: Path) -> None:
    """Remove head files that a killed process left half-written."""
    for path in home.glob(f"{HEAD_FILE}.*"):
        try:
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink(missing_ok=True)
        except OSError:
            continue  # another process sweeps too: next start
