"""The bullseye shows what a measure says of each segment; a click on one leads to its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workstation.domain.derived import DerivedMap
from workstation.domain.finding import FindingState
from workstation.domain.measurement import Measurement
from workstation.text import language
from workstation.ui.bullseye import BullseyeView
from workstation.viewing.segment_values import SegmentValues, by_segments, map_of, places_of

if TYPE_CHECKING:
    from workstation.ui.window import Window

Place = tuple[float, float, float]
Shown = tuple[SegmentValues, str, dict[int, Place]]
"""Values, the stack that they are of, and where segments lie in it."""


def install(window: Window) -> None:
    """Feed the bullseyes of the grid."""
    BullseyeArea(window)


class BullseyeArea(QObject):
    """Reads values by segment of the open study: of the finding in focus, else the newest."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.desk, self.grid = window.desk, window.grid_
        self.shown: Shown | None = None
        self._known: set[BullseyeView] = set()
        self.desk.contents_changed.connect(self.refresh)
        self.desk.study_opened.connect(lambda _: self.refresh())
        self.desk.study_closed.connect(self._closed)
        self.desk.finding_focused.connect(lambda _: self.refresh())
        # A diagram is no series: that it is hung is told by the layout alone.
        self.grid.layout_changed.connect(lambda _: self._draw())
        self.grid.stage_changed.connect(self._draw)

    def _closed(self) -> None:
        self.shown = None
        self._draw()

    def refresh(self) -> None:
        """Read again what there is, off the GUI thread."""
        contents, archive = self.desk.contents, self.desk.archive
        if contents is None:
            return
        uid, focus = contents.study.study_uid, self.desk.state.finding_id
        gone = {f.id for f in contents.findings if f.state is FindingState.REJECTED}
        there = {f.id for f in contents.findings}

        def read() -> Shown | None:
            known = [m for m in archive.all(Measurement, uid) if m.finding_id in there - gone]
            found = by_segments(known)
            if not found:
                return None
            mine = [one for one in found if one.finding_id == focus]
            last = [one for one in found if one.finding_id == found[-1].finding_id]
            values = (mine or last)[0]
            info = map_of(values, archive.all(DerivedMap, uid))
            if info is None:
                return values, "", {}
            return values, info.stack_id, places_of(archive.load_map(info), info.grid)

        def arrived(shown: Shown | None) -> None:
            if self.desk.study_uid == uid:
                self.shown = shown
                self._draw()

        self.desk.jobs.read(read, arrived)

    def _draw(self) -> None:
        for pane in self.grid.panes:
            view = pane.bullseye
            if view is None:
                continue
            if view not in self._known:
                self._known.add(view)
                view.segment_chosen.connect(self._chosen)
                view.destroyed.connect(lambda _=None, v=view: self._known.discard(v))
            if self.shown is None:
                view.set_values("", "", {}, {})
            else:
                values, _, _ = self.shown
                title = values.name.in_language(language())
                view.set_values(title, values.unit, values.words(), values.colours())

    def _chosen(self, number: int) -> None:
        """Show the images at a segment."""
        if self.shown is None:
            return
        _, stack_id, places = self.shown
        if number in places:
            self.grid.jump_to(places[number], stack_id, self._phase(stack_id))

    def _phase(self, stack_id: str) -> int:
        """The phase shown of a stack stays."""
        return next((p.phase for p in self.grid.panes if p.content.stack_id == stack_id), 0)
