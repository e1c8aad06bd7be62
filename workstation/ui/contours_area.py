"""Outlines of the heart beat under the brush: of the phase that is looked at, and of the structure
that was chosen; and those between drawn ones made on a command."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from workstation.domain.beat import Structure, made_outline_of, outline_of, structures_of
from workstation.domain.errors import N_, BadInput
from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import Bools
from workstation.reading import review
from workstation.text import language, tr
from workstation.ui.decisions import Aim
from workstation.viewing.contours import between_phases, between_slices

if TYPE_CHECKING:
    from workstation.archive.store import Archive
    from workstation.domain.people import Actor
    from workstation.ui.window import Window


def install(window: Window) -> None:
    """Let outlines be edited on every phase."""
    ContoursArea(window)


class ContoursArea(QObject):
    """Aims the brush of ``Decisions`` at what the reader looks at."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window, self.desk, self.grid = window, window.desk, window.grid_
        self.decisions = window.decisions
        self._structures: tuple[Structure, ...] = ()
        self._leave: list[Callable[[], None]] = []
        window.commands.register("contour_structure", self.next_structure)
        window.commands.register("contours_between", self.fill_between)
        self.decisions.painting_begun.connect(lambda _: self._begun())
        self.decisions.painting_ended.connect(self._ended)

    def _beating(self) -> tuple[Finding, Stack] | None:
        """The finding under the brush where it is of a time series, with its stack."""
        finding, contents = self.desk.focused, self.desk.contents
        if finding is None or contents is None or finding.id != self.decisions.painted_id:
            return None
        stack = contents.stack(finding.stack_id)
        return (finding, stack) if stack is not None and stack.phases > 1 else None

    def _begun(self) -> None:
        beating = self._beating()
        if beating is None or self.decisions.aim is not None:
            return
        finding, _ = beating
        archive = self.desk.archive
        self._watch()

        def arrived(found: tuple[Structure, ...]) -> None:
            if self.decisions.painted_id == finding.id and self.decisions.aim is None:
                self._structures = found
                self.decisions.paint_at(Aim(found[0], self._looked_at(finding)))

        self.desk.jobs.read(
            lambda: structures_of(finding, archive.all(MaskInfo, finding.study_uid)), arrived
        )

    def _ended(self) -> None:
        for leave in self._leave:
            leave()
        self._leave = []

    def _watch(self) -> None:
        self._ended()
        self._leave = [pane.viewport.changed.connect(self._looked) for pane in self.grid.panes]

    def _looked_at(self, finding: Finding) -> int:
        """The phase of its series that the active view shows, else the finding's own."""
        for pane in (self.grid.active_pane, *self.grid.panes):
            if pane.content.stack_id == finding.stack_id:
                return pane.phase
        return finding.phase

    def _looked(self) -> None:
        beating, aim = self._beating(), self.decisions.aim
        if beating is None or aim is None or self.grid.active_pane.slices.playing:
            return
        phase = self._looked_at(beating[0])
        painting = self.grid.painting
        if phase != aim.phase and not (painting is not None and painting.painting):
            self.decisions.paint_at(Aim(aim.structure, phase))

    # --- commands

    def next_structure(self) -> None:
        """Put the outline of the next structure under the brush."""
        beating, aim = self._beating(), self.decisions.aim
        if beating is None or aim is None:
            self.window.notice.error(tr("Edit the outlines of a heart first (E)."))
            return
        at = self._structures.index(aim.structure)
        structure = self._structures[(at + 1) % len(self._structures)]
        self.decisions.paint_at(Aim(structure, aim.phase))
        label = structure.label.in_language(language())
        self.window.notice.news(tr("Under the brush: {name}", name=label))

    def fill_between(self) -> None:
        """Interpolate between slices drawn on this phase and between phases, as one step."""
        beating, aim, actor = self._beating(), self.decisions.aim, self.desk.actor
        if beating is None or aim is None or actor is None:
            self.window.notice.error(tr("Edit the outlines of a heart first (E)."))
            return
        finding, stack = beating
        archive, decisions = self.desk.archive, self.decisions
        decisions.strokes.add(finding.study_uid, finding.id)
        decisions.did.emit()

        def done(_: Finding) -> None:
            if decisions.aim is not None:
                decisions.paint_at(decisions.aim)
            decisions.walk_forward_soon()

        def failed(sentence: str) -> None:
            decisions.strokes.drop(finding.study_uid, finding.id)
            decisions.undid.emit()
            self.window.notice.error(sentence)

        self.desk.jobs.write(
            lambda: interpolate(archive, actor, finding.id, stack, aim), done, failed
        )


def interpolate(archive: Archive, actor: Actor, finding_id: str, stack: Stack, aim: Aim) -> Finding:
    """Outlines between drawn ones, stored as one step: slices of the aim's phase, then phases.

    ``BadInput`` where there is nothing between.
    """
    finding = archive.get(Finding, finding_id)
    masks, code = archive.all(MaskInfo, finding.study_uid), aim.structure.code.value

    def load(id: str) -> Bools:
        return archive.load_mask(id) if id else np.zeros(stack.grid.shape, dtype=np.bool_)

    now, made = (
        {p: load(find(finding, masks, code, p)) for p in range(stack.phases)}
        for find in (outline_of, made_outline_of)
    )
    changed: dict[int, Bools] = {}
    with contextlib.suppress(BadInput):  # phases may have something between them
        changed[aim.phase] = between_slices(now[aim.phase], made[aim.phase], stack.grid)
    now.update(changed)
    changed.update(between_phases(now, made, stack.grid))
    drawn = [
        review.Drawn(mask, aim.structure, phase)
        for phase, mask in sorted(changed.items())
        if mask.any()
    ]
    if not drawn:
        raise BadInput(N_("Draw on two slices or phases that have others between them."))
    return review.edit_outlines(archive, actor, finding_id, drawn)
