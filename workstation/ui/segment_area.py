"""Segments in the reading room: tools in every view, the tab, undo, findings made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from workstation.domain.artefact import Wording
from workstation.domain.errors import N_
from workstation.domain.finding import Finding
from workstation.reading import review, segments
from workstation.text import language, tr
from workstation.ui.segment_desk import SegmentDesk
from workstation.ui.segment_effects import SegmentEffects
from workstation.ui.segment_layer import TOOLS, SegmentLayer
from workstation.ui.segment_panel import SegmentPanel
from workstation.ui.segment_taking import SegmentTaking

if TYPE_CHECKING:
    from workstation.ui.pane import ViewPane
    from workstation.ui.window import Window

AREA = "segments"


def install(window: Window) -> None:
    """Give the window its segments."""
    area = SegmentArea(window)
    window.add_tab(area.panel, N_("Segments"))
    window.add_retranslate(area.retranslate)


class SegmentArea(QObject):
    """Connects the desk of segments with views, tab, undo and findings."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.setObjectName("segmentArea")
        self.window = window
        self.desk = SegmentDesk(window.desk, window.grid_, window.library, self)
        self.effects = SegmentEffects(self.desk, self)
        self.panel = SegmentPanel(self.effects)
        self.taking = SegmentTaking(window, self.desk, self)
        window.grid_.on_pane(self._equip)
        window.undo.register(AREA, self.desk.undo, self.desk.redo)
        self.desk.did.connect(lambda: window.undo.did(AREA))
        self.desk.wrong.connect(window.notice.error)
        self.desk.list.user_needed.connect(window.people.sign_in)
        self.desk.said.connect(window.notice.news)
        self.effects.leaked.connect(window.notice.news)
        self.panel.new_wanted.connect(self.add)
        self.panel.finding_wanted.connect(self.make_finding)
        self.panel.export_wanted.connect(self.ask_folder)
        window.grid_.tool_changed.connect(self._tool_changed)
        window.grid_.pane_filled.connect(lambda *_: self.desk.refresh())
        for name, act in {
            "segment_add": self.add,
            "segment_next": lambda: self.desk.step_active(1),
            "segment_previous": lambda: self.desk.step_active(-1),
            "segment_largest": self.effects.keep_largest,
            "segment_between": self.effects.fill_between,
            "segment_holes": self.effects.fill_holes,
            "segment_smooth": self.effects.smooth,
            "segment_larger": self.effects.grow_margin,
            "segment_smaller": self.effects.shrink_margin,
            "segment_range": self.effects.take_range,
            "segment_finding": lambda: self.make_finding(self.desk.active_id),
        }.items():
            window.commands.register(name, act)

    def _equip(self, pane: ViewPane) -> None:
        pane.slices.add_layer(SegmentLayer(pane.slices, self.effects))

    def _tool_changed(self, tool: str) -> None:
        # E turns the brush over while a segment tool is in hand; else it edits a finding.
        if not self.window.grid_.is_painting:
            self.window.commands.enable("edit", tool not in TOOLS)
        if tool in TOOLS:
            self.window.tabs.setCurrentWidget(self.panel)

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self.panel.retranslate()
        self.desk.refresh()

    def add(self) -> None:
        """A new segment of the series in the active view."""
        volume = self.window.grid_.active_pane.viewport.volume
        if volume is not None:
            self.desk.create(volume.stack, volume.phase)

    def make_finding(self, segment_id: str) -> None:
        """A finding of the reader's own from a segment: it will speak in the report."""
        desk, window = self.desk, self.window
        sheet, actor = desk.list.sheets.get(segment_id), window.desk.actor
        if sheet is None:
            window.notice.error(tr("Choose a segment first, or add one."))
            return
        if actor is None:
            window.people.sign_in()
            return
        segment, stack = sheet.segment, desk.stack_of(sheet.segment)
        if stack is None or desk.job:
            return
        contents = window.desk.contents
        if segment.finding_id and contents and contents.finding(segment.finding_id):
            window.desk.focus_finding(segment.finding_id)
            return
        archive, voxels = window.desk.archive, desk.voxels(segment_id)

        def work() -> Finding:
            return review.add(
                archive, actor, stack, segment.name, segment.kind, Wording("", ""),
                voxels.full(), template_key=segment.template_key, phase=segment.phase,
            )  # fmt: skip

        def added(finding: Finding) -> None:
            if segment_id in desk.list.sheets:
                desk.list.describe(segment_id, finding_id=finding.id, visible=False)
            window.desk.focus_finding(finding.id)
            window.decisions.walk_forward_soon()
            window.notice.news(tr("The segment is a finding now; it is drawn as one."))

        window.jobs.write(work, added, window.notice.error)

    # --- DICOM

    def ask_folder(self) -> None:
        """Where to write the segments as DICOM segmentations."""
        folder = QFileDialog.getExistingDirectory(self.window, tr("Export segments to folder"))
        if folder:
            self.export(Path(folder))

    def export(self, folder: Path) -> None:
        """Write the segments of the open study, one file for each series."""
        window, actor = self.window, self.window.desk.actor
        if actor is None:
            window.people.sign_in()
            return
        archive, study_uid, lang = window.desk.archive, window.desk.study_uid, language()

        def done(files: list[Path]) -> None:
            window.notice.news(tr("{count} files were written to the folder.", count=len(files)))

        window.jobs.room(
            lambda _progress, _cancel: segments.write_dicom(
                archive, actor, study_uid, folder, lang
            ),
            done,
            window.notice.error,
        )
