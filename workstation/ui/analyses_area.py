"""Measures by formula in the reading room: a person starts one on what is open, sees its maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workstation.domain.centreline import Centreline
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, Message
from workstation.domain.mask import MaskInfo
from workstation.domain.volume import Stack, Volume
from workstation.domain.work import Cancel, Progress
from workstation.reading import measure as room
from workstation.text import language, tr
from workstation.ui.analyses_panel import AnalysesPanel
from workstation.ui.curved_area import CurvedArea
from workstation.ui.fusion_area import FusionArea
from workstation.viewing.derived import PREFIX, volume_of

if TYPE_CHECKING:
    from workstation.ui.window import Window


class AnalysesArea(QObject):
    """Runs analyses off the GUI thread, and puts their maps where views find them."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.masks: tuple[MaskInfo, ...] = ()
        self.lines: tuple[Centreline, ...] = ()
        self.maps: tuple[DerivedMap, ...] = ()
        self._job = ""
        self.panel = AnalysesPanel(self)
        window.add_tab(self.panel, N_("Analyses"))
        window.commands.register("analyses", self.open)
        window.desk.study_opened.connect(lambda _: self.reload())
        window.desk.contents_changed.connect(self.reload)
        window.desk.study_closed.connect(self._closed)
        window.grid_.active_changed.connect(lambda _: self._view_changed())

    def open(self) -> None:
        """Bring the tab to the front."""
        self.window.tabs.setCurrentWidget(self.panel)
        self.panel.choice.setFocus()

    # --- what there is

    def reload(self) -> None:
        """Read again which outlines, lines and maps the open study has."""
        uid, archive = self.window.desk.study_uid, self.window.desk.archive
        if not uid:
            return

        def read() -> tuple[list[MaskInfo], list[Centreline], list[DerivedMap]]:
            return (
                archive.all(MaskInfo, uid),
                archive.all(Centreline, uid),
                archive.all(DerivedMap, uid),
            )

        def arrived(found: tuple[list[MaskInfo], list[Centreline], list[DerivedMap]]) -> None:
            if uid != self.window.desk.study_uid:
                return
            contents = self.window.desk.contents
            hidden = contents is not None and contents.hidden
            # What the machine outlined waits for a locked first read, as its findings do.
            masks, lines, maps = found if not hidden else ([], found[1], [])
            now = (tuple(masks), tuple(lines), tuple(maps))
            if now != (self.masks, self.lines, self.maps):
                self.masks, self.lines, self.maps = now
                self.panel.build()

        self.window.jobs.read(read, arrived)

    def _closed(self) -> None:
        self.stop()
        self.masks, self.lines, self.maps = (), (), ()
        self.panel.build()

    def _view_changed(self) -> None:
        form = self.panel.form
        if form is not None and not form.touched:
            self.panel.build()

    def offered(
        self,
    ) -> tuple[tuple[Stack, ...], tuple[MaskInfo, ...], tuple[Centreline, ...], str]:
        """Stacks, outlines and lines to choose from, and the stack in the active view."""
        contents = self.window.desk.contents
        stacks = contents.stacks if contents is not None else ()
        volume = self.window.grid_.active_pane.viewport.volume
        return stacks, self.masks, self.lines, volume.stack.id if volume is not None else ""

    # --- running

    def measure(self, request: room.Request) -> None:
        """Run it; what comes of it is a proposal in the list of findings."""
        desk, jobs = self.window.desk, self.window.jobs
        actor, uid, archive = desk.actor, desk.study_uid, desk.archive
        if actor is None:
            self.window.people.sign_in()
            return
        if not uid or self._job:
            return

        def work(progress: Progress, cancel: Cancel) -> room.Measured:
            return room.measure(
                archive, uid, request, actor=actor, progress=progress, cancel=cancel
            )

        def done(measured: room.Measured) -> None:
            self._ended()
            if uid == desk.study_uid:
                self.panel.show_result(measured.result)
                self._show_lines(request, measured)

        def failed(sentence: str) -> None:
            self._ended()
            if uid == desk.study_uid:
                self.panel.show_wrong(sentence)

        self._job = jobs.room(work, done, failed, at_hand=True)
        self.panel.show_running(True)

    def _show_lines(self, request: room.Request, measured: room.Measured) -> None:
        """Lines that were found, or places on the line that was used, in the straightened view."""
        curved = self.window.findChild(CurvedArea)
        assert curved is not None  # installed with the window
        used = request.lines.get(room.CENTRELINE, "")
        places = tuple(
            (m.points_mm[0], m.name) for m in measured.result.lines if len(m.points_mm) == 1
        )
        curved.show_measured(measured.stack_id, measured.lines, used, places)
        self.reload()

    def _ended(self) -> None:
        self._job = ""
        self.panel.show_running(False)

    def stop(self) -> None:
        """Stop the run that is under way."""
        if self._job:
            self.window.jobs.cancel(self._job)

    # --- maps

    def show_map(self, info: DerivedMap) -> None:
        """In the active view."""
        self._with(info, lambda volume: self.window.grid_.show_stack(volume.stack.id))

    def lay_over(self, info: DerivedMap) -> None:
        """Over what the active view shows, or over the images it was made of."""
        fusion = self.window.findChild(FusionArea)
        assert fusion is not None  # installed with the window

        def over(volume: Volume) -> None:
            grid = self.window.grid_
            pane = grid.active_pane
            base = fusion.base(pane)
            if base is None or base.id.startswith(PREFIX):
                grid.show_stack(info.stack_id)
            fusion.fuse(pane, volume.stack)

        self._with(info, over)

    def _with(self, info: DerivedMap, act: Callable[[Volume], None]) -> None:
        """Read a map in the background, make it known to the views, then act."""
        contents, archive = self.window.desk.contents, self.window.desk.archive
        base = contents.stack(info.stack_id) if contents is not None else None
        if base is None:
            self.window.notice.error(tr("The images that this map was made of are not there."))
            return
        words = info.name.in_language(language())

        def work(progress: Progress, cancel: Cancel) -> Volume:
            progress(0.1, Message(N_("Reading a map")))
            return volume_of(info, archive.load_map(info), base, words)

        def ready(volume: Volume) -> None:
            if info.study_uid == self.window.desk.study_uid:
                self.window.library.adopt(volume)
                self.window.grid_.stacks[volume.stack.id] = volume.stack
                act(volume)

        self.window.jobs.room(work, ready, at_hand=True)

    def remove(self, info: DerivedMap) -> None:
        """Take a map away; its history stays."""
        desk = self.window.desk
        actor = desk.actor
        if actor is None:
            self.window.people.sign_in()
            return
        desk.jobs.write(lambda: room.remove_map(desk.archive, actor, info.id))


def install(window: Window) -> None:
    """Equip a window with measures by formula."""
    AnalysesArea(window)  # the window keeps it
