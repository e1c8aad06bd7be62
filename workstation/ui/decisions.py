"""Accept, edit, reject, add: the reader's acts on findings, each journaled as it happens."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from workstation.domain.artefact import Code, Wording
from workstation.domain.beat import Structure, outline_of
from workstation.domain.finding import Action, Finding, FindingState, shown_value
from workstation.domain.mask import MaskInfo
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.line import walk_forward
from workstation.render.mask_block import block_of
from workstation.text import language, tr
from workstation.ui.desk import Desk
from workstation.ui.undo_order import REFUSED
from workstation.viewing.overlay import Overlay
from workstation.viewing.strokes import Strokes

Bools = NDArray[np.bool_]
MASKS_KEPT = 24


@dataclass(frozen=True)
class Aim:
    """The outline of one structure on one phase."""

    structure: Structure
    phase: int


class Decisions(QObject):
    """Turns keys and buttons into review acts; views get overlays and the mask being painted."""

    overlays_changed = Signal(object)  # list[Overlay]
    painting_begun = Signal(object)  # Overlay with the mask to paint on
    mask_replaced = Signal(object)  # the mask under the brush, after undo or a refused stroke
    painting_ended = Signal()
    did = Signal()  # a stroke that can be taken back
    undid = Signal()  # the last one could not be stored
    went = Signal(int)  # one was taken back (-1) or done again (+1) with the brush in hand
    user_needed = Signal()
    wrong = Signal(str)

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.painted_id = ""  # finding whose mask is under the brush
        self._painted: Bools | None = None  # as stored last
        self.aim: Aim | None = None  # which outline of a beating finding is asked for
        self.painted_aim: Aim | None = None  # and which is under the brush already
        self._masks: OrderedDict[str, Bools] = OrderedDict()
        self._asked: set[str] = set()
        self.strokes = Strokes()
        self._forward_of: set[str] = set()  # studies to be measured and drafted again
        self._forward = QTimer(self)
        self._forward.setSingleShot(True)
        self._forward.setInterval(60)
        self._forward.timeout.connect(self._walk_forward)
        desk.study_opened.connect(lambda _: self._opened())
        desk.contents_changed.connect(self.refresh)
        desk.finding_focused.connect(lambda _: self._focused())
        desk.study_closed.connect(self._closed)

    # --- what views draw

    def _opened(self) -> None:
        self.refresh()
        if self.desk.state.editing:
            self._begin_editing()

    def _closed(self) -> None:
        self._masks.clear()
        self._asked.clear()
        self._end_painting()
        self.overlays_changed.emit([])

    def _focused(self) -> None:
        if self.painted_id and self.painted_id != self.desk.state.finding_id:
            self.desk.state.editing = False  # another finding was chosen: the brush is put away
            self._end_painting()
        self.refresh()

    def refresh(self) -> None:
        """Tell the views what to draw; masks not yet read arrive a moment later."""
        contents = self.desk.contents
        if contents is None:
            return
        drawn = []
        for finding in contents.findings:
            if not finding.stack_id:
                continue  # another system's, without a place here
            drawn_here = bool(finding.mask_id) and finding.id != self.painted_id
            mask = self._mask(finding.mask_id) if drawn_here else None
            drawn.append(self._overlay(finding, contents.stack(finding.stack_id), mask))
        self.overlays_changed.emit(drawn)

    def _overlay(self, finding: Finding, stack: Stack | None, mask: Bools | None) -> Overlay:
        value = "" if finding.value is None else " " + shown_value(finding)
        return Overlay(
            id=finding.id,
            stack_id=finding.stack_id,
            frame=stack.frame_of_reference_uid if stack else "",
            label=finding.label.in_language(language()) + value,
            state=finding.state,
            location_mm=finding.location_mm,
            array=mask,
            grid=stack.grid if stack else None,
            phase=finding.phase if stack and stack.phases > 1 else None,
            focused=finding.id == self.desk.state.finding_id,
        )

    def _mask(self, mask_id: str) -> Bools | None:
        if mask_id in self._masks:
            self._masks.move_to_end(mask_id)
            return self._masks[mask_id]
        if mask_id not in self._asked:
            self._asked.add(mask_id)

            def arrived(mask: Bools) -> None:
                self._asked.discard(mask_id)
                self._masks[mask_id] = mask
                while len(self._masks) > MASKS_KEPT:
                    self._masks.popitem(last=False)
                self.refresh()

            self.desk.jobs.read(lambda: self._load(mask_id), arrived)
        return None

    def _load(self, mask_id: str) -> Bools:
        """In the background: a mask that is only looked at, ready to be drawn."""
        found = self.desk.archive.load_voxels(mask_id)
        mask = found.full()
        mask.setflags(write=False)
        block_of(mask, found.grid)  # found here, it does not hold up a frame
        return mask

    # --- acts

    def _ready(self) -> bool:
        contents = self.desk.contents
        if contents is None:
            return False
        if contents.study.state is StudyState.SIGNED:
            self.wrong.emit(tr("This report is signed. Add an addendum or start a correction."))
            return False
        if self.desk.user is None:
            self.user_needed.emit()
        return self.desk.user is not None

    def act_on_focused(self, action: Action) -> None:
        """A, E or X on the finding that has focus."""
        # By its id: one that was added a moment ago need not have been read back yet.
        finding_id = self.desk.state.finding_id
        if finding_id:
            self.act(finding_id, action)
        else:
            self.wrong.emit(tr("No finding has focus. Click one in the list first."))

    def act(self, finding_id: str, action: Action) -> None:
        """Accept, edit or reject one finding."""
        if not self._ready():
            return
        if finding_id != self.desk.state.finding_id:
            self.desk.focus_finding(finding_id)
        if action is Action.EDIT:
            if self.desk.state.editing:
                self.finish_editing()
            else:
                self._begin_editing()
            return
        if self.desk.state.editing:
            self.finish_editing()
        elif action is Action.ACCEPT and self._is_accepted(finding_id):
            return  # a key pressed twice
        actor = self.desk.actor
        assert actor is not None
        archive = self.desk.archive
        act = {Action.ACCEPT: review.accept, Action.REJECT: review.reject,
               Action.REOPEN: review.reopen}[action]  # fmt: skip
        self.desk.jobs.write(lambda: act(archive, actor, finding_id), self._decided)

    def _is_accepted(self, finding_id: str) -> bool:
        contents = self.desk.contents
        finding = contents.finding(finding_id) if contents is not None else None
        return finding is not None and finding.state is FindingState.ACCEPTED

    def _decided(self, finding: Finding) -> None:
        self._forward_soon(finding.study_uid)

    def walk_forward_soon(self) -> None:
        """Measure and draft again in a moment, if somebody is signed in to do so."""
        contents = self.desk.contents
        if contents is not None and contents.study.state is not StudyState.SIGNED:
            self._forward_soon(contents.study.study_uid)

    def _forward_soon(self, study_uid: str) -> None:
        # Of the study that was worked on: another may lie open when the moment is over.
        self._forward_of.add(study_uid)
        self._forward.start()

    def _walk_forward(self) -> None:
        actor, archive, lang = self.desk.actor or MACHINE, self.desk.archive, language()
        if not actor.may(Permission.DRAFT):
            actor = MACHINE  # nobody asked an administrator to review anything
        studies, self._forward_of = sorted(self._forward_of), set()
        for study_uid in studies:
            work = functools.partial(walk_forward, archive, study_uid, language=lang, actor=actor)
            self.desk.jobs.write(work)

    def add(
        self,
        stack: Stack,
        label: Wording,
        code: Code,
        site: Wording,
        location_mm: tuple[float, float, float],
        template_key: str,
        phase: int = 0,
    ) -> None:
        """A finding of the reader's own at a place; painting may follow."""
        if not self._ready():
            return
        actor, archive, study_uid = self.desk.actor, self.desk.archive, self.desk.study_uid
        assert actor is not None

        def added(finding: Finding) -> None:
            if finding.study_uid == study_uid == self.desk.study_uid:
                self.desk.focus_finding(finding.id)
            self._forward_soon(finding.study_uid)

        self.desk.jobs.write(
            lambda: review.add(
                archive, actor, stack, label, code, site, None, location_mm,
                template_key=template_key, phase=phase,
            ),
            added,
        )  # fmt: skip

    # --- painting

    def paint_at(self, aim: Aim | None) -> None:
        """Put another outline of the finding being edited under the brush."""
        self.aim = aim
        if self.desk.state.editing:
            self._begin_editing()

    def _begin_editing(self) -> None:
        finding, contents, aim = self.desk.focused, self.desk.contents, self.aim
        if finding is None or contents is None:
            return
        stack = contents.stack(finding.stack_id)
        if stack is None or not stack.is_volume:
            self.wrong.emit(tr("This finding is not on a volume: there is nothing to paint on."))
            return
        self.desk.state.editing = True
        self.desk.save()

        def begin(mask: Bools) -> None:
            if not self.desk.state.editing or self.desk.state.finding_id != finding.id:
                return
            if aim != self.aim:
                return  # another phase or structure was asked for meanwhile
            self.painted_id, self._painted, self.painted_aim = finding.id, mask, aim
            drawn = self._overlay(finding, stack, mask)
            if aim is not None:
                label = aim.structure.label.in_language(language())
                drawn = replace(drawn, label=label, phase=aim.phase)
            self.painting_begun.emit(drawn)
            self.desk.finding_focused.emit(finding.id)

        if finding.mask_id or aim is not None:
            self.desk.jobs.read(lambda: self._under_brush(finding.id), begin)
        else:
            begin(np.zeros(stack.grid.shape, dtype=np.bool_))

    def _under_brush(self, finding_id: str) -> Bools:
        """In the background: the mask to be painted, as it is stored."""
        archive, aim = self.desk.archive, self.aim
        finding = archive.get(Finding, finding_id)
        id = finding.mask_id
        if aim is not None:
            masks = archive.all(MaskInfo, finding.study_uid)
            id = outline_of(finding, masks, aim.structure.code.value, aim.phase)
        if not id:
            return np.zeros(archive.get(Stack, finding.stack_id).grid.shape, dtype=np.bool_)
        return archive.load_mask(id)

    def stroke(self, mask: Bools) -> None:
        """Store a stroke as it ends: a crash costs at most the one under the hand."""
        finding_id, actor, before = self.painted_id, self.desk.actor, self._painted
        if not finding_id or self.painted_aim != self.aim:
            return  # drawn on the outline that was there before: the one asked for is on its way
        if actor is None:
            self.mask_replaced.emit(before)
            self.user_needed.emit()
            return
        archive, study_uid, aim = self.desk.archive, self.desk.study_uid, self.aim
        self.strokes.add(study_uid, finding_id)
        self.did.emit()

        def stored(_: Finding) -> None:
            if self.painted_id == finding_id and aim == self.aim:
                self._painted = mask
            if aim is not None:  # numbers over the beat follow each stroke
                self._forward_soon(study_uid)

        def failed(sentence: str) -> None:
            self.wrong.emit(sentence)
            self.strokes.drop(study_uid, finding_id)
            if self.desk.study_uid == study_uid:
                self.undid.emit()
            if self.painted_id == finding_id:
                self.mask_replaced.emit(self._painted)

        drawn = review.Drawn(mask) if aim is None else review.Drawn(mask, aim.structure, aim.phase)
        self.desk.jobs.write(
            lambda: review.edit_outlines(archive, actor, finding_id, [drawn]), stored, failed
        )

    def undo(self) -> None:
        """One stroke of the finding under the brush, or of the focused one, back."""
        self._step_here(-1)

    def redo(self) -> None:
        """One stroke forward again."""
        self._step_here(+1)

    def _step_here(self, by: int) -> None:
        finding_id = self.painted_id or self.desk.state.finding_id
        if not finding_id:
            self.wrong.emit(tr("Nothing to undo.") if by < 0 else tr("Nothing to redo."))
        elif self._ready():
            if self.strokes.went(self.desk.study_uid, finding_id, by):
                self.went.emit(by)
            self._step(finding_id, by)

    def take_back(self) -> object:
        """The last stroke on any finding of the study back; the finding comes into focus."""
        return self._step_last(-1)

    def do_again(self) -> object:
        """The stroke that was taken back last again."""
        return self._step_last(+1)

    def _step_last(self, by: int) -> object:
        finding_id = self.strokes.last(self.desk.study_uid, by)
        if not finding_id:
            return None
        if not self._ready():
            return REFUSED
        self.strokes.went(self.desk.study_uid, finding_id, by)
        if finding_id != self.desk.state.finding_id:
            self.desk.focus_finding(finding_id)  # a reader must see what goes
        self._step(finding_id, by)
        return None

    def _step(self, finding_id: str, by: int) -> None:
        actor, archive, study_uid = self.desk.actor, self.desk.archive, self.desk.study_uid
        assert actor is not None
        step = review.undo if by < 0 else review.redo

        def work() -> Bools:
            step(archive, actor, finding_id)
            return self._under_brush(finding_id)

        def stepped(mask: Bools) -> None:
            if self.painted_id == finding_id:
                self._painted = mask
                self.mask_replaced.emit(mask)
            if self.painted_id != finding_id or self.aim is not None:
                self._forward_soon(study_uid)

        self.desk.jobs.write(work, stepped, self.wrong.emit)

    def finish_editing(self) -> None:
        """Put the brush away; what was painted stays and the draft follows."""
        if self.desk.state.editing:
            self.desk.state.editing = False
            self.desk.save()
            self._end_painting()
            self.desk.finding_focused.emit(self.desk.state.finding_id)
            self._forward_soon(self.desk.study_uid)

    def _end_painting(self) -> None:
        self.painted_id, self._painted = "", None
        self.aim = self.painted_aim = None
        self.painting_ended.emit()
        self.refresh()
