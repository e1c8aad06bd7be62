"""Comparison: an earlier study beside this one, linked by position, registration or hand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu

from workstation.domain.alignment import How
from workstation.domain.errors import N_
from workstation.domain.follow_up import mixed_reconstructions
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.priors import Prior, earlier
from workstation.text import say, tr
from workstation.ui.alignments import Frames
from workstation.ui.compare_layer import CompareLayer
from workstation.ui.compare_words import label_of
from workstation.ui.pane import ViewPane
from workstation.ui.priors_panel import PriorsPanel
from workstation.viewing.hanging import MAX_COLUMNS, Pane
from workstation.viewing.priors import (
    Match,
    laid_out,
    likeness,
    match,
    may_overlap,
    pairs,
    together,
)
from workstation.viewing.side_by_side import SideBySide, cut_like

if TYPE_CHECKING:
    from workstation.ui.window import Window


class CompareArea(QObject):
    """Knows the earlier studies of the open one, which is shown beside it, and what is aligned."""

    changed = Signal()

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window, self.grid, self.desk = window, window.grid_, window.desk
        self.priors: list[Prior] = []
        self.compared = ""  # study uid of the earlier study on screen
        self.alignments = window.alignments
        self.alignments.changed.connect(self._aligned)
        self.alignments.progressed.connect(self._repaint)
        self._together: list[SideBySide] = []
        self.grid.on_pane(lambda pane: pane.slices.add_layer(CompareLayer(pane, self)))
        self.desk.study_opened.connect(lambda _: self._opened())
        self.desk.study_closed.connect(self._forget)
        self.grid.pane_filled.connect(lambda *_: self._filled())
        self.grid.active_changed.connect(lambda _: self.panel.refresh())
        acts: dict[str, Callable[[], None]] = {
            "compare": self.toggle,
            "align": self.align,
            "align_here": self.link_here,
            "align_accept": self.accept,
            "align_undo": self.undo,
            "same_plane": self.same_plane,
        }
        for name, act in acts.items():
            window.commands.register(name, act)
        self.panel: PriorsPanel = PriorsPanel(self)
        window.add_tab(self.panel, N_("Priors"))
        window.add_retranslate(self.panel.refresh)

    # --- which studies

    def _opened(self) -> None:
        self._forget()
        study_uid, archive = self.desk.study_uid, self.desk.archive

        def arrived(found: list[Prior]) -> None:
            if self.desk.study_uid == study_uid:
                self.priors = found
                self._tell()

        self.window.jobs.read(lambda: earlier(archive, study_uid), arrived)

    def _forget(self) -> None:
        self.priors, self.compared = [], ""
        self._end_together()
        self._tell()

    def prior(self, study_uid: str) -> Prior | None:
        """The earlier study with this uid."""
        return next((p for p in self.priors if p.study.study_uid == study_uid), None)

    # --- on screen

    def toggle(self) -> None:
        """The latest earlier study beside the active series, or back to the study alone."""
        if self.compared:
            self.end()
        elif self.priors:
            self.compare(self.priors[0].study.study_uid)
        else:
            self.window.notice.news(tr("There is no earlier study of this patient here."))

    def compare(self, study_uid: str, stack_id: str = "") -> None:
        """Show an earlier study at the right of the one being read, as soon as it is assembled."""
        archive, open_uid = self.desk.archive, self.desk.study_uid

        def work() -> list[Stack]:
            return archive.all(Stack, study_uid) or assemble(archive, study_uid)

        def arrived(stacks: list[Stack]) -> None:
            if self.desk.study_uid == open_uid:
                self._show(study_uid, stacks, stack_id)

        self.window.jobs.read(work, arrived)

    def _show(self, study_uid: str, stacks: list[Stack], stack_id: str) -> None:
        shown = self.grid.active_pane.arranged
        now = self._own(shown.stack_id)
        wanted = [s for s in stacks if s.id == stack_id] or stacks
        own = [s for s in self.grid.stacks.values() if s.study_uid == self.desk.study_uid]
        found = match(now, wanted) if now is not None else None
        others = [m for m in pairs(own, wanted) if found is None or m.now.id != found.now.id]
        if found is None and others:
            found = others.pop(0)
        if found is None:
            self.window.notice.error(
                tr("No series of the earlier study shows the same as one of this study.")
            )
            return
        self.grid.add_priors(stacks)
        self._hang(together(found, others, MAX_COLUMNS), shown, study_uid)
        mixed = mixed_reconstructions(own, wanted)
        if mixed:
            self.window.notice.error("\n".join(say(message) for message in mixed))

    def _hang(self, found: list[Match], shown: Pane, study_uid: str) -> None:
        self._end_together()
        self.grid.show_panes(*laid_out(found, shown))
        panes, count = self.grid.panes, len(found)
        couples = [(panes[n], panes[n + count]) for n in range(count)]
        for left, right in couples:
            if left.viewport.volume is not None and left.viewport.volume.stack.modality == "CT":
                right.viewport.set_window(left.viewport.window)
        couples += [(panes[n], panes[n + 1]) for n in range(count - 1)]  # from column to column
        for left, right in couples:
            sizes = functools.partial(_size, left), functools.partial(_size, right)
            views = left.viewport, right.viewport
            self._together.append(SideBySide(self.grid.link, views, sizes))
        self.compared = study_uid
        self.grid.activate(0)
        self._aligned()

    def end(self) -> None:
        """The study alone again, as its protocol hangs it."""
        self.compared = ""
        self._end_together()
        self.grid.show_stage(self.grid.stage)
        self._tell()

    def _filled(self) -> None:
        if self.compared and not self.mixed():  # another layout was chosen
            self.compared = ""
            self._end_together()
            self._tell()

    def _end_together(self) -> None:
        for each in self._together:
            each.end()
        self._together = []

    def _own(self, stack_id: str) -> Stack | None:
        stack = self.grid.stacks.get(stack_id)
        return stack if stack is not None and stack.study_uid == self.desk.study_uid else None

    # --- what is written on images

    def label(self, pane: ViewPane) -> tuple[str, bool, str] | None:
        """The date line of a pane, whether its study is another, and what is doubtful about the
        patient; None where nothing needs to be said."""
        contents, stack = self.desk.contents, self.stack_of(pane)
        if contents is None or stack is None:
            return None
        if stack.study_uid == contents.study.study_uid:
            return (*label_of(contents.study, contents.study), "") if self.mixed() else None
        prior = self.prior(stack.study_uid)
        if prior is None:
            return tr("another study"), True, ""
        doubt = "" if prior.sure else f"{tr('patient uncertain')}: {say(prior.doubts[0])}"
        return (*label_of(prior.study, contents.study), doubt)

    def mixed(self) -> bool:
        """Whether something of another study is on screen."""
        return any(
            stack is not None and stack.study_uid != self.desk.study_uid
            for stack in map(self.stack_of, self.grid.panes)
        )

    def linked_state(self) -> str:
        """Of the active view and its partner: "none" (no partner), "same" frame of reference,
        "apart", "aligned" automatically, "accepted" or "by hand"."""
        both = self._both()
        if both is None:
            return "none"
        frames = self.frames(*both)
        found = self.alignments.known.get(frames)
        if len(frames) == 1:
            return "same"
        if found is None:
            return "apart"
        if found.how is How.BY_HAND:
            return "by hand"
        return "accepted" if found.accepted else "aligned"

    def stack_of(self, pane: ViewPane) -> Stack | None:
        """The series a pane shows as slices."""
        volume = pane.viewport.volume
        return volume.stack if volume is not None and not pane.content.solid else None

    def partner(self, pane: ViewPane) -> ViewPane | None:
        """The pane that this one is compared with: of the other study, else of another frame."""
        stack = self.stack_of(pane)
        if stack is None or not stack.is_volume:
            return None
        others = [p for p in self.grid.panes if p is not pane and p.isVisibleTo(self.grid)]
        volumes = [(p, s) for p in others if (s := self.stack_of(p)) is not None and s.is_volume]
        if self.mixed():
            theirs = [(p, s) for p, s in volumes if s.study_uid != stack.study_uid]
            best = max(theirs, key=lambda each: likeness(stack, each[1]), default=None)
            return None if best is None else best[0]
        frame = pane.viewport.frame
        apart = [p for p, s in volumes if p.viewport.frame != frame and may_overlap(stack, s)]
        return apart[0] if apart else None

    def frames_on_screen(self) -> set[str]:
        """Frames of reference of what is seen."""
        panes = [p for p in self.grid.panes if p.isVisibleTo(self.grid)]
        return {p.viewport.frame for p in panes if p.viewport.volume is not None}

    def _acting(self) -> Frames | None:
        """The frames whose alignment the reader means: of the active view and its partner, else
        the unconfirmed one that the active view follows."""
        both, active = self._both(), self.grid.active_pane.viewport.frame
        if both is not None and self.frames(*both) in self.alignments.known:
            return self.frames(*both)
        found = self.alignments.unconfirmed_of(active, self.frames_on_screen())
        return None if found is None else Frames((found.fixed_frame, found.moving_frame))

    def frames(self, a: ViewPane, b: ViewPane) -> Frames:
        """What an alignment of two panes is known by; one alone where they share it."""
        return Frames((a.viewport.frame, b.viewport.frame))

    def _tell(self) -> None:
        self.panel.refresh()
        self._repaint()
        self.changed.emit()

    def _repaint(self) -> None:
        for pane in self.grid.panes:
            pane.slices.update()

    # --- linking

    def _aligned(self) -> None:
        """Another alignment counts: views follow it at once, led by the active one."""
        active = self.grid.active_pane
        other = self.partner(active)
        if other is not None:
            self.grid.link.join(other.viewport)
        for each in self._together:
            each.align()
        self._tell()

    def _both(self) -> tuple[ViewPane, ViewPane] | None:
        """The active pane and its partner, the study being read first."""
        active = self.grid.active_pane
        other = self.partner(active)
        if other is None:
            return None
        stack = self.stack_of(active)
        if stack is not None and stack.study_uid != self.desk.study_uid:
            return other, active
        return active, other

    def align(self) -> None:
        """Register the partner's series to this one in the background, or stop doing so."""
        if self.alignments.busy:
            self.alignments.stop()
            return
        both = self._both()
        if both is None:
            self.window.notice.news(tr("There is no series beside this one to register."))
            return
        choices = self._choices(both[0])
        if len(choices) <= 1 or self.mixed():
            self._begin(both[0], both[1])
            return
        menu = QMenu(self.window)
        for pane in choices:
            stack = self.stack_of(pane)
            words = stack.description if stack is not None else ""
            menu.addAction(words).triggered.connect(
                lambda _=False, p=pane: self._begin(self.grid.active_pane, p)
            )
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos())

    def _choices(self, pane: ViewPane) -> list[ViewPane]:
        """Panes of other frames of reference that this one could be registered with."""
        frames: dict[str, ViewPane] = {}
        for other in self.grid.panes:
            stack = self.stack_of(other)
            if (
                stack is not None
                and stack.is_volume
                and other.viewport.frame != pane.viewport.frame
            ):
                frames.setdefault(other.viewport.frame, other)
        return list(frames.values())

    def _begin(self, left: ViewPane, right: ViewPane) -> None:
        fixed, moving = self.stack_of(left), self.stack_of(right)
        if fixed is None or moving is None:
            return
        if left.viewport.frame == right.viewport.frame:
            self.window.notice.news(
                tr("The two series share a frame of reference: they are linked already.")
            )
            return
        self.alignments.begin(fixed, moving)

    def link_here(self) -> None:
        """Let what both views show now be the same place."""
        both = self._both()
        if both is None or both[0].viewport.frame == both[1].viewport.frame:
            return
        fixed, moving = (self.stack_of(p) for p in both)
        if fixed is not None and moving is not None:
            places = [p.viewport.focus_mm for p in both]
            self.alignments.set_by_hand(fixed, moving, places[0], places[1])

    def scroll_alone(self, pane: ViewPane, slices: int) -> bool:
        """Scroll one view without its partner; a link that there is keeps the offset."""
        other = self.partner(pane)
        if other is None:
            return False
        link, port = self.grid.link, pane.viewport
        link.remove(port)
        port.scroll(slices)
        link.add(port)
        if self.frames(pane, other) in self.alignments.known:
            self.link_here()
        return True

    def accept(self) -> None:
        """Keep the registration of the active view."""
        frames = self._acting()
        if frames is not None:
            self.alignments.accept(frames)

    def undo(self) -> None:
        """Take back what links the active view to its partner."""
        frames = self._acting()
        if frames is not None:
            self.alignments.undo(frames)

    def same_plane(self) -> None:
        """Cut the partner in the plane of the series being read, or as it was."""
        both = self._both()
        if both is None:
            return
        left, right = (p.viewport for p in both)
        if right.turned_deg > 0:
            right.set_plane(right.home)
        elif right in self.grid.link.followers(left) and not right.is_pages:
            matrix = self.alignments.known[self.frames(*both)]
            straight = matrix.fixed_frame == left.frame
            cut_like(left, right, matrix.to_moving if straight else matrix.to_fixed)
        for each in self._together:
            each.align()


def _size(pane: ViewPane) -> tuple[int, int]:
    return pane.width(), pane.height()


def install(window: Window) -> None:
    """Equip a window with comparison."""
    CompareArea(window)  # the window keeps it
