"""What was outlined on the other phases of a cine, beside the one on which its finding stands.

A volume over the heart beat is only as good as the outlines behind it: each is drawn on its phase,
the finding's own structure in the colour of the finding's state, the model's other structures (the
right ventricle, the wall) in colours of their own. What a reader drew goes before the model's.
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
        self._drawn: dict[str, Outline] = {}  # of readers, by the mask's id
        window.decisions.painting_begun.connect(lambda _: self._draw())
        window.decisions.painting_ended.connect(self._draw)
        self.decisions = window.decisions
        self.desk.study_opened.connect(lambda _: self._refresh())
        self.desk.contents_changed.connect(self._refresh)
        self.desk.study_closed.connect(self._closed)
        window.add_retranslate(self._draw)  # the words of the outlines

    def _closed(self) -> None:
        self._read, self._outlines, self._drawn = frozenset(), (), {}
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
        self._fetch(study_uid)
        self._draw()

    def _fetch(self, study_uid: str) -> None:
        """Read what readers outlined since."""
        shown = {one.mask_id for f in self._beating().values() for one in f.outlined}
        lacking, archive = sorted(shown - self._drawn.keys()), self.desk.archive
        self._drawn = {id: one for id, one in self._drawn.items() if id in shown}
        if not lacking:
            return

        def read() -> list[Outline]:
            return [Outline(archive.get(MaskInfo, id), archive.load_voxels(id)) for id in lacking]

        def came(found: list[Outline]) -> None:
            if self.desk.study_uid == study_uid:
                self._drawn |= {one.info.id: one for one in found}
                self._draw()

        self.desk.jobs.read(read, came)

    def _draw(self) -> None:
        contents, findings = self.desk.contents, self._beating()
        if contents is None:
            return
        own = {id for f in contents.findings for id in (f.mask_id, f.original_mask_id, *f.edits)}
        names = sorted({one.info.label.en for one in self._outlines})
        shown = [
            (finding, one)
            for one in self._outlines
            if (finding := findings.get((one.info.made_by, one.info.stack_id))) is not None
            and one.info.id not in own
            and _place_of(one) not in {(o.code, o.phase) for o in finding.outlined}
        ]
        shown += [
            (finding, self._drawn[o.mask_id])
            for finding in findings.values()
            for o in finding.outlined
            if o.mask_id in self._drawn
        ]
        painted, aim = self.decisions.painted_id, self.decisions.aim
        brush = (aim.structure.code.value, aim.phase) if aim is not None else None
        drawn = []
        for finding, one in shown:
            info = one.info
            stack = contents.stack(info.stack_id)
            if stack is None or (finding.id == painted and _place_of(one) == brush):
                continue
            same = info.code is not None and info.code.value == finding.code.value
            number = names.index(info.label.en) if info.label.en in names else 0
            x, y, z = (float(v) for v in one.voxels.grid.centre_lps)
            drawn.append(
                Overlay(
                    id=info.id,
                    stack_id=info.stack_id,
                    frame="",  # other series of the heart would show those of every phase at once
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


def _place_of(one: Outline) -> tuple[str, int]:
    """Structure and phase."""
    return one.info.code.value if one.info.code is not None else "", one.info.phase


def outlines_of(archive: Archive, study_uid: str, makers: frozenset[Maker]) -> tuple[Outline, ...]:
    """Every outline of these models that says what it outlines."""
    return tuple(
        Outline(info, archive.load_voxels(info.id))
        for info in archive.all(MaskInfo, study_uid)
        if info.code is not None and (info.made_by, info.stack_id) in makers and info.voxel_count
    )
