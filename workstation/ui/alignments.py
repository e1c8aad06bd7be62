"""The alignments of the open study: found in the background, set by hand, kept, taken back."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from workstation.domain.alignment import Alignment, How
from workstation.domain.errors import Cancelled
from workstation.domain.geometry import Floats
from workstation.domain.people import MACHINE
from workstation.domain.volume import Stack
from workstation.reading import align
from workstation.text import say

if TYPE_CHECKING:
    from workstation.ui.window import Window

Frames = frozenset[str]
_STORE_MS = 800  # an offset is stored when the wheel has come to rest


class Alignments(QObject):
    """Which frames of reference follow which, and why; the crosshair link is told of it."""

    changed = Signal()  # another alignment counts, or a registration began or ended
    progressed = Signal()

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window, self.desk = window, window.desk
        self.known: dict[Frames, Alignment] = {}
        self.stale: set[Frames] = set()
        self.refused: dict[Frames, str] = {}
        self.percent = 0
        self.reading = True  # what is stored for the open study is not known yet
        self._own: dict[Frames, Alignment] = {}  # set by hand and not stored
        self._job, self._job_frames = "", Frames()
        self._store = QTimer(self)
        self._store.setSingleShot(True)
        self._store.setInterval(_STORE_MS)
        self._store.timeout.connect(self._store_own)
        window.desk.study_opened.connect(lambda _: self._opened())
        window.desk.study_closed.connect(self.forget)
        window.jobs.changed.connect(self._stored)
        window.jobs.progressed.connect(self._progressed)

    def forget(self) -> None:
        """Another study lies open, or none."""
        self.stop()
        self._store.stop()
        self.known, self.stale, self.refused, self._own = {}, set(), {}, {}
        self.reading = True
        self._tell()

    def _opened(self) -> None:
        self.forget()
        self.read()

    def read(self) -> None:
        """Read what is stored for the open study."""
        study_uid, archive = self.desk.study_uid, self.desk.archive

        def work() -> list[tuple[Alignment, bool]]:
            return [(a, align.is_stale(archive, a)) for a in align.current(archive, study_uid)]

        def arrived(found: list[tuple[Alignment, bool]]) -> None:
            if self.desk.study_uid == study_uid:
                self._take(found)

        self.window.jobs.read(work, arrived)

    def _take(self, found: list[tuple[Alignment, bool]]) -> None:
        self.known, self.stale, self.reading = {}, set(), False
        for each, stale in found:
            frames = Frames((each.fixed_frame, each.moving_frame))
            if stale:
                self.stale.add(frames)
            else:
                self.known[frames] = each
        for frames, each in self._own.items():
            known = self.known.get(frames)
            if known is None or each.at > known.at:
                self.known[frames] = each
        self._tell()

    def _tell(self) -> None:
        known = self.known.values()
        self.window.grid_.link.set_alignments(
            {(a.fixed_frame, a.moving_frame): a.to_moving for a in known},
            {Frames((a.fixed_frame, a.moving_frame)) for a in known if a.unconfirmed},
        )
        self.changed.emit()

    def _stored(self, change: Any) -> None:
        if change.kind == "alignment" and change.study_uid == self.desk.study_uid:
            self.read()

    def unconfirmed_of(self, frame: str, on_screen: Collection[str]) -> Alignment | None:
        """An alignment nobody has confirmed through which views of ``frame`` follow others that
        are on screen, None where there is none."""
        for frames, each in self.known.items():
            if each.unconfirmed and frame in frames and frames <= set(on_screen):
                return each
        return None

    # --- registration

    def running(self, frames: Frames) -> bool:
        """Whether these two are being registered."""
        return bool(self._job) and frames == self._job_frames

    @property
    def busy(self) -> bool:
        """Whether any registration is under way."""
        return bool(self._job)

    def stop(self) -> None:
        """Stop the registration that is under way."""
        if self._job:
            self.window.jobs.cancel(self._job)
            self._job = ""
            self.changed.emit()

    def begin(self, fixed: Stack, moving: Stack) -> None:
        """Register ``moving`` to ``fixed`` in the background."""
        self.stop()
        frames = Frames((align.frame_of(fixed), align.frame_of(moving)))
        archive, actor = self.desk.archive, self.desk.actor or MACHINE
        self.refused.pop(frames, None)

        def done(_: Alignment) -> None:
            self._job = ""
            self._own.pop(frames, None)
            self.read()

        def failed(sentence: str) -> None:
            self._job = ""
            if sentence != say(Cancelled().message):
                self.refused[frames] = sentence
                self.window.notice.error(sentence)
            self.changed.emit()

        self._job_frames, self.percent = frames, 0
        self._job = self.window.jobs.room(
            lambda progress, cancel: align.align(
                archive, fixed, moving, actor=actor, progress=progress, cancel=cancel
            ),
            done,
            failed,
        )
        self.changed.emit()

    def _progressed(self, job: str, fraction: float, doing: str) -> None:
        percent = round(fraction * 100)
        if job == self._job and percent != self.percent:
            self.percent = percent
            self.progressed.emit()

    # --- by hand

    def set_by_hand(self, fixed: Stack, moving: Stack, here: Floats, there: Floats) -> None:
        """Let a place of the fixed series (LPS mm) be that place of the moving one.

        What was registered keeps its rotation and is only shifted.
        """
        frames = Frames((align.frame_of(fixed), align.frame_of(moving)))
        old = self.known.get(frames)
        matrix = np.eye(4)
        if old is not None:
            straight = old.fixed_frame == align.frame_of(fixed)
            matrix = (old.to_fixed if straight else old.to_moving).copy()
        matrix[:3, 3] += here - (matrix[:3, :3] @ there + matrix[:3, 3])
        by = self.desk.actor.name if self.desk.actor is not None else ""
        made = align.by_hand(fixed, moving, matrix, by)
        self._own[frames] = self.known[frames] = made
        self.refused.pop(frames, None)
        self._store.start()
        self._tell()

    def _store_own(self) -> None:
        actor, archive = self.desk.actor, self.desk.archive
        if actor is None:
            return  # a view may be linked by anyone, but nobody's hand is put on record
        for frames, made in list(self._own.items()):
            del self._own[frames]
            self.window.jobs.write(functools.partial(align.store, archive, actor, made))

    # --- judged by a reader

    def accept(self, frames: Frames) -> None:
        """A reader looked at it and keeps it."""
        found, actor, archive = self.known.get(frames), self.desk.actor, self.desk.archive
        if found is None or found.how is not How.AUTOMATIC or found.accepted:
            return
        if actor is None:
            self.window.people.sign_in()
            return
        self.window.jobs.write(lambda: align.accept(archive, actor, found.id))

    def undo(self, frames: Frames) -> None:
        """Take back what links two frames now; what linked them before links them again."""
        found, archive = self.known.get(frames), self.desk.archive
        if found is None:
            return
        self._store.stop()
        if self._own.pop(frames, None) is not None:
            self.read()
            return
        actor = self.desk.actor or MACHINE
        self.window.jobs.write(lambda: align.undo(archive, actor, found.id))
