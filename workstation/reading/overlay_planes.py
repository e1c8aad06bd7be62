"""Overlay planes of stored images, for whoever draws them."""

from __future__ import annotations

from workstation.archive.store import Archive
from workstation.dicom.overlay_planes import read_overlays
from workstation.domain.errors import Message
from workstation.domain.overlay_plane import OverlayPlane


def overlay_planes(
    archive: Archive, sha256: str, frame: int
) -> tuple[list[OverlayPlane], list[Message]]:
    """Bitmaps over one frame (from 0) of a stored file, and why others are not drawn."""
    return read_overlays(archive.blob_path(sha256), frame)
