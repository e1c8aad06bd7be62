"""What a model of organs outlined, on the slices while its row of the findings panel is open.

Such a model proposes no finding, but its volumes, and measures that run on them unasked, are only
as good as the outlines behind them: a reader must be able to look.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workstation.domain.artefact import MadeBy
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.segment import colour_of, pattern_of
from workstation.domain.voxel_set import VoxelSet
from workstation.text import language
from workstation.viewing.overlay import Overlay

if TYPE_CHECKING:
    from workstation.archive.store import Archive
    from workstation.ui.window import Window

SOURCE = "organs"
WHOLE_BODY = "38266002"  # SCT: its outline would tint everything
Organ = tuple[MaskInfo, VoxelSet]


def install(window: Window) -> None:
    """Draw them on the views of the open study."""
    OrgansArea(window)


def outlined(archive: Archive, study_uid: str, made_by: frozenset[MadeBy]) -> tuple[Organ, ...]:
    """Outlines by these models that are no finding's."""
    own = {
        id
        for finding in archive.all(Finding, study_uid)
        for id in (finding.mask_id, finding.original_mask_id, *finding.edits)
    }
    return tuple(
        (info, archive.load_voxels(info.id))
        for info in archive.all(MaskInfo, study_uid)
        if info.made_by in made_by
        and info.id not in own
        and info.voxel_count
        and (info.code is None or info.code.value != WHOLE_BODY)
    )


class OrgansArea(QObject):
    """Reads outlines when a row is opened and forgets them when it is closed."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.desk, self.grid, self.panel = window.desk, window.grid_, window.findings
        self._shown: dict[str, tuple[Organ, ...]] = {}  # by the judge's id
        self.panel.row_opened.connect(self._opened)
        self.desk.study_opened.connect(lambda _: self._forget())
        self.desk.study_closed.connect(self._forget)
        window.add_retranslate(self._draw)  # the words of the outlines

    def _forget(self) -> None:
        self._shown.clear()
        self._draw()

    def _opened(self, judge_id: str, opened: bool) -> None:
        self._shown.pop(judge_id, None)
        contents, study_uid = self.desk.contents, self.desk.study_uid
        row = self.panel.rows[judge_id].row
        if not opened or contents is None or contents.hidden or row.findings:
            self._draw()
            return

        def came(found: tuple[Organ, ...]) -> None:
            if self.desk.study_uid == study_uid and self.panel.is_open(judge_id):
                self._shown[judge_id] = found
                self._draw()

        makers = frozenset(outcome.made_by for outcome in row.outcomes)
        read = functools.partial(outlined, self.desk.archive, study_uid, makers)
        self.desk.jobs.read(read, came)

    def _draw(self) -> None:
        drawn = []
        for organs in self._shown.values():
            for number, (info, voxels) in enumerate(organs, start=1):
                x, y, z = (float(v) for v in voxels.grid.centre_lps)
                drawn.append(
                    Overlay(
                        id=info.id,
                        stack_id=info.stack_id,
                        frame="",
                        label=info.label.in_language(language()),
                        state=FindingState.PROPOSED,
                        location_mm=(x, y, z),
                        array=voxels.voxels,
                        grid=voxels.own_grid,
                        colour=colour_of(number),
                        number=number,
                        pattern=pattern_of(number),
                        on_slices_alone=True,
                    )
                )
        self.grid.set_other_overlays(SOURCE, drawn)
