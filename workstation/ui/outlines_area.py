"""What a model outlined on the other phases of a cine, beside the one on which its finding stands.

A volume over the heart beat is only as good as the outlines behind it: each is drawn on its phase,
the finding's own structure in the colour of the finding's state, the model's other structures (the
right ventricle, the wall) in colours of their own. They are looked at here, not decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workstation.domain.artefact import MadeBy
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.segment import pattern_of
from workstation.domain.voxel_set import VoxelSet
from workstation.text import language
from workstation.viewing.overlay import Overlay

if TYPE_CHECKING:
    from workstation.archive.store import Archive
    from workstation.ui.window import Window

SOURCE = "outlines"
COLOURS = ("#468cfa", "#f0c828", "#b45ad2", "#3cb482", "#e68c46")
"""Of structures without a finding, in the order of their names."""

Maker = tuple[MadeBy, str]  # who outlined, on which stack


def install(window: Window) -> None:
    """Draw them on the views of the open study."""
    OutlinesArea(window)


@dataclass(frozen=True)
class Outline:
    """One mask of one phase, kept as the block that holds it."""

    info: MaskInfo
    voxels: VoxelSet


class OutlinesArea(QObject):
    """Reads the outlines in the background, once for each model and series."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.desk, self.grid = window.desk, window.grid_
        self._read: frozenset[tuple[str, Maker]] = frozenset()  # study, maker
        self._outlines: tuple[Outline, ...] = ()
        self.desk.study_opened.connect(lambda _: self._refresh())
        self.desk.contents_changed.connect(self._refresh)
        self.desk.study_closed.connect(self._closed)

    def _closed(self) -> None:
        self._read, self._outlines = frozenset(), ()
        self.grid.set_other_overlays(SOURCE, [])

    def _beating(self) -> dict[Maker, Finding]:
        """Findings of models on time series that nobody rejected, by their maker."""
        contents = self.desk.contents
        if contents is None or contents.hidden:
            return {}
        found: dict[Maker, Finding] = {}
        for finding in contents.findings:
            stack = contents.stack(finding.stack_id)
            beats = stack is not None and stack.phases > 1 and bool(finding.made_by.sha256)
            if beats and finding.state is not FindingState.REJECTED:
                found[finding.made_by, finding.stack_id] = finding
        return found

    def _refresh(self) -> None:
        study_uid = self.desk.study_uid
        wanted = frozenset((study_uid, maker) for maker in self._beating())
        if not wanted <= self._read:
            self._read = wanted
            archive, makers = self.desk.archive, frozenset(maker for _, maker in wanted)

            def arrived(outlines: tuple[Outline, ...]) -> None:
                if self.desk.study_uid == study_uid:
                    self._outlines = outlines
                    self._draw()

            self.desk.jobs.read(lambda: outlines_of(archive, study_uid, makers), arrived)
        self._draw()

    def _draw(self) -> None:
        contents, findings = self.desk.contents, self._beating()
        if contents is None:
            return
        own = {id for f in contents.findings for id in (f.mask_id, f.original_mask_id, *f.edits)}
        names = sorted({one.info.label.en for one in self._outlines})
        drawn = []
        for one in self._outlines:
            info = one.info
            finding = findings.get((info.made_by, info.stack_id))
            stack = contents.stack(info.stack_id)
            if finding is None or stack is None or info.id in own:
                continue
            same = info.code == finding.code
            number = names.index(info.label.en)
            x, y, z = (float(v) for v in one.voxels.grid.centre_lps)
            drawn.append(
                Overlay(
                    id=info.id,
                    stack_id=info.stack_id,
                    frame=stack.frame_of_reference_uid,
                    label=info.label.in_language(language()),
                    state=finding.state,
                    location_mm=(x, y, z),
                    array=one.voxels.voxels,
                    grid=one.voxels.own_grid,
                    phase=info.phase,
                    colour="" if same else COLOURS[number % len(COLOURS)],
                    number=number + 1,
                    pattern="plain" if same else pattern_of(number + 1),
                    on_slices_alone=True,
                )
            )
        self.grid.set_other_overlays(SOURCE, drawn)


def outlines_of(archive: Archive, study_uid: str, makers: frozenset[Maker]) -> tuple[Outline, ...]:
    """Every outline of these models that says what it outlines."""
    return tuple(
        Outline(info, archive.load_voxels(info.id))
        for info in archive.all(MaskInfo, study_uid)
        if info.code is not None and (info.made_by, info.stack_id) in makers and info.voxel_count
    )
