"""Results of model runs kept by what they were made of; what is there is never overwritten.

The key names the input's voxels and place, the package (every file of it) and how it was
computed, so that a rerun finds what was found before, and a new version stands beside the old.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.ai.client import CroppedMasks, ModelResult
from workstation.ai.pieces import Piece
from workstation.domain.errors import Message
from workstation.domain.geometry import Grid
from workstation.domain.mask import bounding_block

_log = logging.getLogger("workstation.ai")
_KEY = re.compile(r"^[0-9a-f]{64}$")
_ABOUT = "about"


def input_digest(array: NDArray[Any], grid: Grid) -> str:
    """SHA-256 of a volume (z, y, x): type, shape, place in the patient and every voxel; taken
    slice by slice, for a volume may be mapped from a file."""
    said = [array.dtype.str, list(array.shape), grid.matrix.tolist()]
    whole = hashlib.sha256(json.dumps(said).encode())
    for plane in array:
        whole.update(np.ascontiguousarray(plane).data)
    return whole.hexdigest()


def result_key(
    package_sha256: str, digests: Sequence[str], parameters: Mapping[str, str | float | bool]
) -> str:
    """SHA-256 of what a result is made of. digests: of the inputs in order. parameters: how it
    is computed, such as provider and precision."""
    said = [package_sha256, list(digests), dict(sorted(parameters.items()))]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class ResultCache:
    """Results under one folder, a file each, named by key; each carries its own hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, key: str) -> Path:
        if not _KEY.match(key):
            raise ValueError("a key is a SHA-256")
        return self.folder / f"{key}.result"

    def get(self, key: str) -> ModelResult | None:
        """The result kept under ``key``; None where there is none, or one that was damaged."""
        try:
            data = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        said, _, body = data.partition(b"\n")
        if said.decode("ascii", "replace") != hashlib.sha256(body).hexdigest():
            _log.warning("a kept result of a model was altered and is computed anew: %s", key)
            return None
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return _read(archive)

    def put(self, key: str, result: ModelResult) -> None:
        """Keep ``result``; where one is kept already, and undamaged, nothing changes."""
        if self.get(key) is not None:
            return
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
            _write(archive, result)
        data = body.getvalue()
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).hexdigest().encode("ascii") + b"\n" + data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path(key))


def _write(archive: zipfile.ZipFile, result: ModelResult) -> None:
    about: dict[str, Any] = {
        "scores": dict(result.scores),
        "provider": result.provider,
        "precision": result.precision,
        "threads": result.threads,
        "seconds": result.seconds,
        "peak_mb": result.peak_mb,
        "stages": dict(result.stages),
        "notes": _said(result.notes),
        "cautions": _said(result.cautions),
        "doubts": _said(result.doubts),
        "unlikeness": result.unlikeness,
        "masks": [],
        "pieces": [
            [one.label, list(one.origin), list(one.mask.shape), one.score] for one in result.pieces
        ],
    }
    for number, piece in enumerate(result.pieces):
        archive.writestr(f"piece{number}", np.packbits(piece.mask).tobytes())
    for number, (label, mask) in enumerate(result.masks.items()):
        origin, shape = bounding_block(mask)
        block = tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))
        about["masks"].append([label, list(mask.shape), list(origin), list(shape)])
        archive.writestr(str(number), np.packbits(mask[block]).tobytes())
    archive.writestr(_ABOUT, json.dumps(about))


def _read(archive: zipfile.ZipFile) -> ModelResult:
    about = json.loads(archive.read(_ABOUT))
    whole, blocks = (0, 0, 0), {}
    for number, (label, all_of_it, origin, shape) in enumerate(about["masks"]):
        whole = (all_of_it[0], all_of_it[1], all_of_it[2])
        packed = np.frombuffer(archive.read(str(number)), dtype=np.uint8)
        bits = np.unpackbits(packed, count=int(np.prod(shape))).astype(bool).reshape(shape)
        blocks[label] = ((origin[0], origin[1], origin[2]), bits)
    return ModelResult(
        masks=CroppedMasks(whole, blocks),
        scores=about["scores"],
        provider=about["provider"],
        precision=about["precision"],
        threads=about["threads"],
        seconds=about["seconds"],
        peak_mb=about["peak_mb"],
        stages=about["stages"],
        notes=_messages(about["notes"]),
        cautions=_messages(about["cautions"]),
        doubts=_messages(about["doubts"]),
        unlikeness=about["unlikeness"],
        pieces=tuple(_pieces(archive, about.get("pieces", []))),
    )


def _pieces(archive: zipfile.ZipFile, said: Sequence[Sequence[Any]]) -> Iterator[Piece]:
    for number, (label, origin, shape, score) in enumerate(said):
        bits = np.frombuffer(archive.read(f"piece{number}"), dtype=np.uint8)
        mask = np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
        yield Piece(str(label), (origin[0], origin[1], origin[2]), mask, float(score))


def _said(messages: Sequence[Message]) -> list[list[Any]]:
    return [[one.template, dict(one.params)] for one in messages]


def _messages(said: list[Any]) -> tuple[Message, ...]:
    return tuple(Message(template, params) for template, params in said)
