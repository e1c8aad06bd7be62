"""The reader's desk: who reads, which study lies open, which finding has focus.

Slow state is re-read from the archive when a change is told; the desk itself is saved as it
changes, so that the room comes back as it was after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from workstation.documents.synthesis import Offer, Rule, lapsed, load_rules
from workstation.domain.alert import Alert
from workstation.domain.errors import ReaderError
from workstation.domain.finding import Finding
from workstation.domain.first_read import FirstRead, Snapshot, changed_after
from workstation.domain.judge import KnownJudge
from workstation.domain.mark import RoleChoice
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import Actor, User
from workstation.domain.readiness import is_current, read_case
from workstation.domain.report import Obstacle, ReportDraft, SignedReport
from workstation.domain.study import Study
from workstation.domain.volume import Stack
from workstation.reading import draft as drafting
from workstation.reading.arrivals import stop
from workstation.reading.held_back import shown_stacks
from workstation.reading.judges import known_judges
from workstation.reading.line import read_study
from workstation.reading.priors import doubts
from workstation.reading.second_reader import will_hide
from workstation.settings import Settings
from workstation.text import LANGUAGES, language, set_language
from workstation.ui.arrivals import Arrivals
from workstation.ui.jobs import Jobs

DESK = "reading room"  # one desk a workstation: whoever reads, the room comes back


@dataclass(frozen=True)
class Contents:
    """Everything stored of the open study, read in one go off the GUI thread."""

    study: Study
    stacks: tuple[Stack, ...]
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    refusals: tuple[Refusal, ...]
    outcomes: tuple[Outcome, ...]
    draft: ReportDraft | None
    obstacles: tuple[Obstacle, ...]
    reports: tuple[SignedReport, ...]
    priors: int
    prior_stacks: tuple[Stack, ...] = ()  # of the latest that is surely of the same patient
    stale: bool = False  # the draft was made before the last decisions
    role_choices: tuple[RoleChoice, ...] = ()
    judges: tuple[KnownJudge, ...] = ()
    alerts: tuple[Alert, ...] = ()
    hidden: bool = False  # what the machine found waits for a locked first read, and is not here
    first_read: FirstRead | None = None
    after_ai: tuple[Snapshot, ...] = ()  # a person's own, made or changed since the first read
    offers: tuple[Offer, ...] = ()  # sentences on several organs that the accepted findings allow
    agreed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # rule: findings
    lapsed: tuple[Rule, ...] = ()  # taken over, and no longer said

    def finding(self, finding_id: str) -> Finding | None:
        """The finding with this id, if the study has it."""
        return next((f for f in self.findings if f.id == finding_id), None)

    def stack(self, stack_id: str) -> Stack | None:
        """The stack with this id, if the study has it."""
        return next((s for s in self.stacks if s.id == stack_id), None)


@dataclass
class DeskState:
    """What is saved of the desk; plain JSON values only."""

    study_uid: str = ""
    finding_id: str = ""
    editing: bool = False
    language: str = ""
    views: dict[str, Any] = field(default_factory=dict)


class Desk(QObject):
    """The open study and its focus; panels subscribe, actions go through here."""

    study_closed = Signal()
    study_opened = Signal(str)  # study uid: the contents are there
    contents_changed = Signal()
    finding_focused = Signal(str)
    jump_wanted = Signal(str)  # the reader chose a finding: views go to its place
    series_wanted = Signal(str)  # stack id: what stands behind a row lies there
    user_changed = Signal()
    sign_in_wanted = Signal()
    ai_state = Signal(str, str)  # state word (idle, running, done, failed), sentence
    judge_begun = Signal(str)  # id of the model or measure that runs on the open study now

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        parent: QObject | None = None,
        *,
        remembers: bool = True,
    ) -> None:
        super().__init__(parent)
        self.remembers = remembers  # a picture of a study leaves the reader's desk as it lies
        self.settings = settings
        self.archive = jobs.archive
        self.jobs = jobs
        self.user: User | None = None
        self.contents: Contents | None = None
        self.state = DeskState()
        self._closed = False
        self.arrivals = Arrivals(settings, jobs, self)
        self.running = ""  # id of the judge that runs on the open study now
        self._reading_job = ""
        self._reading_uid = ""
        self._left: set[str] = set()  # jobs that ended because their study was closed
        self._reload_again = False
        self._reloading = False
        self._save = QTimer(self)
        self._save.setSingleShot(True)
        self._save.setInterval(250)
        self._save.timeout.connect(self._save_now)
        jobs.changed.connect(self._on_change)
        self.arrivals.begun.connect(self._judge_begun)
        self.arrivals.ended.connect(self._read_elsewhere)

    # --- people

    @property
    def actor(self) -> Actor | None:
        """The signed-in reader as the one who acts."""
        return self.user.actor if self.user is not None else None

    def sign_in(self, user: User | None) -> None:
        """Let ``user`` sit at the desk; None: nobody."""
        self.user = user
        self.user_changed.emit()

    # --- the open study

    @property
    def study_uid(self) -> str:
        """The open study, or empty."""
        return self.state.study_uid

    def open_study(self, study_uid: str) -> None:
        """Put a study on the desk and, where it was never read by the machine, start that."""
        self.close_study()
        self.state = DeskState(study_uid=study_uid)
        self.save()
        self._load(lambda contents: self._opened(contents, start=True))

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what lay on the desk when the program ended."""
        known = DeskState().__dict__.keys()
        self.state = DeskState(**{k: v for k, v in saved.items() if k in known})
        if self.state.language in LANGUAGES:
            set_language(self.state.language)
        if self.state.study_uid:
            self._load(lambda contents: self._opened(contents, start=True))

    def _opened(self, contents: Contents, *, start: bool) -> None:
        self.contents = contents
        self.study_opened.emit(contents.study.study_uid)
        if self.state.finding_id:
            self.finding_focused.emit(self.state.finding_id)
        if start:
            self.read_by_machine()

    def close_study(self) -> None:
        """Take the study off the desk; a running model keeps no reader waiting."""
        if self._reading_job:
            self._left.add(self._reading_job)
            self.jobs.cancel(self._reading_job)
        self.running = ""
        self.contents = None
        self.state = DeskState()
        self.save()
        self.study_closed.emit()

    @property
    def reading(self) -> bool:
        """Whether the machine reads the open study now."""
        uid = self.study_uid
        return bool(uid) and uid in (self._reading_uid, self.arrivals.reading)

    def read_by_machine(self) -> None:
        """Walk the line on the open study in the background; stored results are reused."""
        study_uid = self.study_uid
        self.ai_state.emit("running", "")
        if not self.arrivals.take(study_uid):
            return  # it is being read since it came in: ``_read_elsewhere`` tells the end

        def ended(state: str, sentence: str) -> None:
            stopped = state == "failed" and job not in self._left and not self.jobs.closing
            if stopped:  # by the reader, or it went wrong: not again by itself
                self.jobs.write(lambda: stop(self.archive, study_uid))
            self._left.discard(job)
            current = self._reading_job == job
            if current:
                self._reading_job = self._reading_uid = ""
            if self._reading_uid != study_uid:  # it was not opened again meanwhile
                self.jobs.write(lambda: None, lambda _: self.arrivals.give_back(study_uid))
            if current:
                self._read(study_uid, state, sentence)
                if sentence and self.study_uid == study_uid:
                    self.jobs.failed.emit(sentence)

        job = self.jobs.room(
            lambda progress, cancel: read_study(
                self.archive,
                self.settings,
                study_uid,
                language=language(),
                progress=progress,
                cancel=cancel,
                after_room=lambda room: self.jobs.poll_soon(),
                begun=lambda judge: self.arrivals.begun.emit(study_uid, judge),
            ),
            lambda _: ended("done", ""),
            lambda sentence: ended("failed", sentence),
        )
        self._reading_job, self._reading_uid = job, study_uid

    @Slot(str, str)
    def _read_elsewhere(self, study_uid: str, sentence: str) -> None:
        if study_uid != self._reading_uid:
            self._read(study_uid, "failed" if sentence else "done", sentence)

    def _read(self, study_uid: str, state: str, sentence: str) -> None:
        if self.study_uid != study_uid:
            return
        self.running = ""
        self.ai_state.emit(state, sentence)
        self.reload()

    @Slot(str, str)
    def _judge_begun(self, study_uid: str, judge: str) -> None:
        if study_uid == self.study_uid:
            self.running = judge
            self.judge_begun.emit(judge)

    def _gather(self, study_uid: str) -> Contents:
        archive = self.archive
        study = archive.study(study_uid)
        drafts = archive.all(ReportDraft, study_uid)
        priors = archive.priors_of(study_uid)
        sure = [prior for prior in priors if not doubts(study, prior)]
        case = read_case(archive, study_uid)  # once, and without what must not be seen yet
        try:
            obstacles = tuple(drafting.obstacles(archive, study_uid, case))
        except ReaderError:
            obstacles = ()
        locked = case.first_read
        hidden = will_hide(archive, self.settings, study_uid)
        there = tuple(drafting.offered(archive, study_uid, case))
        rules = load_rules(drafts[0].template) if drafts and not case.hidden else ()
        return Contents(
            study,
            shown_stacks(archive, case.stacks, hidden=hidden),
            tuple(case.findings),
            tuple(case.measurements),
            tuple(case.refusals),
            tuple(case.outcomes),
            drafts[0] if drafts else None,
            obstacles,
            tuple(archive.all(SignedReport, study_uid)),
            len(priors),
            tuple(archive.all(Stack, sure[0].study_uid)) if sure else (),
            bool(drafts) and not is_current(drafts[0], case),
            tuple(archive.all(RoleChoice, study_uid)),
            known_judges(self.settings),
            tuple(archive.all(Alert, study_uid)),
            hidden,
            locked,
            changed_after(archive, locked) if locked else (),
            there,
            case.agreed,
            lapsed(rules, there, case.agreed),
        )

    def _load(self, done: Any) -> None:
        study_uid = self.study_uid

        def arrived(contents: Contents) -> None:
            self._reloading = False
            if contents.study.study_uid == self.study_uid:
                done(contents)
            if self._reload_again:
                self._reload_again = False
                self.reload()

        def failed(sentence: str) -> None:
            self._reloading = False
            self.jobs.failed.emit(sentence)

        self._reloading = True
        self.jobs.read(lambda: self._gather(study_uid), arrived, failed)

    def reload(self) -> None:
        """Read the open study again; several requests at once become one."""
        if not self.study_uid:
            return
        if self._reloading:
            self._reload_again = True
            return

        def arrived(contents: Contents) -> None:
            self.contents = contents
            self.contents_changed.emit()

        self._load(arrived)

    @Slot(object)
    def _on_change(self, change: Any) -> None:
        if change.study_uid == self.study_uid:
            self.reload()

    # --- focus and what is saved

    def focus_finding(self, finding_id: str) -> None:
        """Give a finding focus: views jump to it and A/E/X act on it."""
        self.state.finding_id = finding_id
        self.save()
        self.finding_focused.emit(finding_id)
        self.jump_wanted.emit(finding_id)

    @property
    def focused(self) -> Finding | None:
        """The finding that has focus."""
        return self.contents.finding(self.state.finding_id) if self.contents else None

    def save(self) -> None:
        """Save the desk a moment later; many changes become one write."""
        if not self._closed:
            self._save.start()

    @Slot()
    def _save_now(self) -> None:
        if not self.remembers:
            return
        self.state.language = language()
        state = dict(self.state.__dict__)
        self.jobs.write(lambda: self.archive.save_desk(DESK, state))

    def close(self) -> None:
        """Save at once: the program ends."""
        self._closed = True
        self._save.stop()
        self._save_now()
