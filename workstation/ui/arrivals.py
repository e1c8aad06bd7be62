"""What came in is read by the machine in the background: emergencies first, one study at a time.

The queue is the archive's own (``reading.arrivals``): what is not done when the window closes is
done at the next start, and what another program takes in is seen here. Before any study is read in
full, what looks for emergencies runs on all that wait; a long read makes way for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from workstation.domain.errors import Cancelled, ReaderError
from workstation.domain.study import Study
from workstation.domain.work import Cancel, Progress
from workstation.reading import arrivals
from workstation.reading.judges import looks_for_emergencies
from workstation.reading.line import read_study, triage
from workstation.settings import Settings
from workstation.text import language
from workstation.ui.jobs import Jobs

MAKES_WAY = 3
"""How often one study's read makes way for an emergency look at others before it is let finish."""


class Arrivals(QObject):
    """The queue and what is read now."""

    changed = Signal()  # the queue, or what is being read
    begun = Signal(str, str)  # study uid, judge id
    stored = Signal(str)  # study uid: something of it was stored
    ended = Signal(str, str)  # study uid, why it failed or empty

    def __init__(self, settings: Settings, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.jobs = jobs
        self.archive = jobs.archive
        self.waiting: list[Study] = []
        self.reading = ""  # study uid
        self.judge = ""
        self.fraction = 0.0
        self.active = False
        self._taken: set[str] = set()  # read at the desk
        self._failed: set[str] = set()  # not tried again before the next start
        self._triaged: set[str] = set()
        self._made_way: Counter[str] = Counter()
        self._triage = False  # whether the running job is an emergency look
        self._emergencies = False  # whether anything installed looks for emergencies
        self._job = ""
        self._making_way = False
        self._looking = False
        self._look_again = False
        jobs.changed.connect(self._changed)
        jobs.progressed.connect(self._progressed)
        self.begun.connect(self._judge_begun)

    def start(self) -> None:
        """Begin with what was not done when the program last ended."""
        self.active = self.settings.ai_on_arrival
        self.look()

    @Slot(object)
    def _changed(self, change: Any) -> None:
        if change.kind in ("arrival", "study"):
            self.look()

    # --- the queue

    @Slot()
    def look(self) -> None:
        """Read the queue anew and go on with its most urgent study."""
        if not self.active:
            return
        if self._looking:
            self._look_again = True
            return
        self._looking = True

        def work() -> tuple[list[Study], bool]:
            waiting = self.archive.waiting()
            return waiting, bool(waiting) and looks_for_emergencies(self.settings)

        def arrived(found: tuple[list[Study], bool]) -> None:
            self._looking = False
            self.waiting, self._emergencies = found
            self.changed.emit()
            self._next()
            self._again()

        def failed(sentence: str) -> None:
            self._looking = False
            self.jobs.failed.emit(sentence)

        self.jobs.read(work, arrived, failed)

    def _again(self) -> None:
        if self._look_again:
            self._look_again = False
            self.look()

    def take(self, study_uid: str) -> bool:
        """The desk reads the study itself; False where it is being read in full here already."""
        if self.reading == study_uid and not self._triage:
            return False
        self._taken.add(study_uid)
        return True

    def give_back(self, study_uid: str) -> None:
        """The desk reads the study no more; it waits again if it was not done."""
        self._taken.discard(study_uid)
        self.look()

    def place_of(self, study_uid: str) -> int:
        """Where the study stands in the queue, from 1; 0 where it does not wait."""
        uids = [one.study_uid for one in self.waiting]
        return uids.index(study_uid) + 1 if study_uid in uids else 0

    def _next(self) -> None:
        left = [
            one.study_uid
            for one in self.waiting
            if one.study_uid not in self._taken and one.study_uid not in self._failed
        ]
        unseen = [uid for uid in left if uid not in self._triaged] if self._emergencies else []
        if self._job:
            self._make_way(unseen)
        elif unseen:
            self._triage = True
            self._run(unseen[0])
        elif left:
            self._triage = False
            self._run(left[0])

    def _make_way(self, unseen: list[str]) -> None:
        """A full read stops for studies that may be emergencies; what it found is kept."""
        others = [uid for uid in unseen if uid != self.reading]
        busy = self._triage or self._making_way
        if others and not busy and self._made_way[self.reading] < MAKES_WAY:
            self._made_way[self.reading] += 1
            self._making_way = True
            self.jobs.cancel(self._job)

    # --- one study

    def _run(self, study_uid: str) -> None:
        self.reading, self.judge, self.fraction = study_uid, "", 0.0
        room: Callable[..., object] = partial(read_study, language=language())
        if self._triage:
            room = triage

        def stored(_: str) -> None:
            self.jobs.poll_soon()
            self.stored.emit(study_uid)

        def work(progress: Progress, cancel: Cancel) -> None:
            try:
                room(
                    self.archive,
                    self.settings,
                    study_uid,
                    progress=progress,
                    cancel=cancel,
                    after_room=stored,
                    begun=lambda judge: self.begun.emit(study_uid, judge),
                )
            except Cancelled:
                if not self._making_way and not self.jobs.closing:
                    arrivals.stop(self.archive, study_uid)  # a reader stopped it
                    raise
            except ReaderError as error:
                arrivals.stop(self.archive, study_uid, why=error.message)
                raise

        def done(_: object) -> None:
            self._end(study_uid, "")

        def failed(sentence: str) -> None:
            self._failed.add(study_uid)
            self._end(study_uid, sentence)

        self._job = self.jobs.room(work, done, failed)
        self.changed.emit()

    def _end(self, study_uid: str, why: str) -> None:
        if self._triage:
            self._triaged.add(study_uid)
        was_triage, self._triage = self._triage, False
        self._job, self.reading, self.judge = "", "", ""
        self._making_way = False
        if not was_triage:
            self.ended.emit(study_uid, why)
        if why:
            self.jobs.failed.emit(why)
        self.changed.emit()
        self.look()

    def stop(self, study_uid: str) -> None:
        """Take a study off the queue; it is read when somebody opens it."""
        if self.reading == study_uid:
            self.jobs.cancel(self._job)
        self._failed.add(study_uid)
        self.jobs.write(lambda: arrivals.stop(self.archive, study_uid), lambda _: self.look())

    @Slot(str, str)
    def _judge_begun(self, study_uid: str, judge: str) -> None:
        if study_uid == self.reading:
            self.judge = judge
            self.changed.emit()

    @Slot(str, float, str)
    def _progressed(self, job: str, fraction: float, doing: str) -> None:
        if job == self._job and abs(fraction - self.fraction) >= 0.01:
            self.fraction = fraction
            self.changed.emit()
