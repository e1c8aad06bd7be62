"""A registration whose series has changed since places no overlay and no subtraction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.planes.test_window import CT_GRID, MR_GRID, STUDY, Room, header
from workstation.archive.store import Archive
from workstation.dicom.write import write_series
from workstation.domain.alignment import Alignment
from workstation.domain.artefact import now
from workstation.domain.errors import Message
from workstation.domain.people import MACHINE, Permission
from workstation.reading import align
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.ui.fusion_area import FusionArea
from workstation.ui.program import application


def _put(archive: Archive, alignment: Alignment) -> None:
    with archive.write(MACHINE, Permission.ANALYSE, Message("test"), STUDY) as writer:
        writer.put(alignment)


def test_what_is_out_of_date_is_not_fused(tmp_path: Path) -> None:
    files = tmp_path / "files"
    write_series(files / "ct", np.zeros(CT_GRID.shape, np.int16), CT_GRID, header(1, "CT", "CT"))
    apart = header(2, "MR", "MR", frame_of_reference_uid=f"{STUDY}.98")
    write_series(files / "mr", np.ones(MR_GRID.shape, np.int16), MR_GRID, apart)
    archive = Archive(tmp_path / "家")
    intake(archive, [files], actor=MACHINE)
    stacks = {s.modality: s for s in assemble(archive, STUDY, actor=MACHINE)}
    made = align.by_hand(stacks["CT"], stacks["MR"], np.eye(4), "li")
    _put(archive, made)
    application()
    room = Room(archive, tmp_path / "家")
    fusing = room.window.findChildren(FusionArea)[0]
    room.show("CT")
    pane = room.window.grid_.panes[0]
    room.until(lambda: [s.modality for s in fusing.candidates(pane)] == ["MR"])
    fusing.fuse(pane, stacks["MR"])
    assert fusing.active is not None
    _put(archive, replace(made, moving_stack="gone", at=now()))
    room.until(lambda: fusing.active is None)
    assert fusing.candidates(pane) == []
    fusing.fuse(pane, stacks["MR"])
    assert fusing.active is None and not room.window.notice.isHidden()
    room.window.shut()
    archive.close()
