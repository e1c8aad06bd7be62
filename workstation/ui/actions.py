"""Keys and buttons to what they do; the one place where panels are connected to each other."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from workstation import text
from workstation.domain.finding import Action, FindingState
from workstation.domain.people import MACHINE
from workstation.domain.report import SignedReport
from workstation.reading.draft import take_over, write_free_text
from workstation.reading.intake import IntakeReport, Refused
from workstation.reading.line import make_and_import_demo, walk_forward
from workstation.text import tr
from workstation.ui.adding import AddFindingDialog
from workstation.ui.asking import ask
from workstation.ui.importing import RefusedDialog
from workstation.ui.keys_dialog import KeysDialog
from workstation.ui.memory import give_back
from workstation.viewing.window_level import seen_in

if TYPE_CHECKING:
    from workstation.ui.window import Window


STROKES = "findings"  # of undo: what was painted on findings


class Actions(QObject):
    """What each key does in this window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.desk = window.desk
        self._keep: QObject | None = None
        self.dialog: AddFindingDialog | None = None
        self._restored = ""
        self._drafted_for = ""
        for name, act in {
            "accept": lambda: window.decisions.act_on_focused(Action.ACCEPT),
            "edit": lambda: window.decisions.act_on_focused(Action.EDIT),
            "reject": lambda: window.decisions.act_on_focused(Action.REJECT),
            "next_finding": lambda: self._step_finding(1),
            "previous_finding": lambda: self._step_finding(-1),
            "add_finding": self.add_finding,
            "finish": window.decisions.finish_editing,
            "undo": self.undo,
            "redo": self.redo,
            "sign": self.sign,
            "next_series": lambda: self._step_series(1),
            "previous_series": lambda: self._step_series(-1),
            "layout_grid": lambda: window.grid_.set_layout("grid"),
            "layout_single": lambda: window.grid_.set_layout("single"),
            "layout_mpr": lambda: window.grid_.set_layout("mpr"),
            "worklist": self.toggle_worklist,
            "search": self.search,
            "import": window.importing.ask,
            "import_files": window.importing.ask_files,
            "language": self.switch_language,
            "keys": self.show_keys,
        }.items():
            window.commands.register(name, act)
        self._room_keys(False)
        self._save_views = QTimer(self)
        self._save_views.setInterval(700)
        self._save_views.timeout.connect(self._remember_views)
        self._save_views.start()
        self._connect()

    def _connect(self) -> None:
        window, desk, decisions, grid = (
            self.window, self.desk, self.window.decisions, self.window.grid_,
        )  # fmt: skip
        window.banner.worklist_wanted.connect(self.toggle_worklist)
        window.banner.user_wanted.connect(self._user)
        window.banner.language_wanted.connect(self.switch_language)
        window.worklist.open_wanted.connect(self.open_study)
        window.worklist.import_wanted.connect(window.importing.ask)
        window.strip.chosen.connect(grid.show_stack)
        window.findings.acted.connect(decisions.act)
        window.report.finding_clicked.connect(desk.focus_finding)
        window.report.written.connect(self._write_text)
        window.report.taken_over.connect(self._take_over)
        window.report.sign_wanted.connect(self.sign)
        decisions.overlays_changed.connect(grid.set_overlays)
        decisions.painting_begun.connect(self._paint)
        decisions.mask_replaced.connect(grid.set_painted_mask)
        decisions.painting_ended.connect(self._painted)
        decisions.user_needed.connect(window.people.sign_in)
        window.undo.register(STROKES, decisions.take_back, decisions.do_again)
        decisions.did.connect(lambda: window.undo.did(STROKES))
        decisions.undid.connect(lambda: window.undo.failed(STROKES))
        decisions.went.connect(lambda by: window.undo.went(STROKES, by))
        decisions.wrong.connect(window.notice.error)
        grid.stroke_finished.connect(decisions.stroke)
        grid.undo_asked.connect(decisions.undo)
        grid.redo_asked.connect(decisions.redo)
        grid.message.connect(window.notice.error)
        grid.menu_asked.connect(window.toolbar.show_context_menu)
        grid.tool_changed.connect(window.toolbar.refresh)
        grid.pane_filled.connect(lambda *_: self._mark_shown())
        grid.active_changed.connect(lambda _: self._mark_shown())
        window.people.signed.connect(self._signed)
        window.importing.came_in.connect(self._came_in)
        window.importing.refused.connect(self._refused)
        window.jobs.failed.connect(window.notice.error)
        window.jobs.changed.connect(self._changed)
        desk.study_opened.connect(self._opened)
        desk.study_closed.connect(self._closed)
        desk.contents_changed.connect(self._refreshed)
        desk.jump_wanted.connect(self._jump)
        desk.jump_wanted.connect(lambda _: window.notice.hide())
        desk.user_changed.connect(self._draft_again)

    # --- studies

    def open_study(self, study_uid: str) -> None:
        """Open a study from the worklist."""
        if study_uid == self.desk.study_uid and self.desk.contents is not None:
            self._show_room(True)
            return
        self.window.report.save_texts()
        self.desk.open_study(study_uid)

    def _opened(self, study_uid: str) -> None:
        contents = self.desk.contents
        assert contents is not None
        self._restored = ""
        self.window.undo.opened(study_uid)
        self.window.undo.restored(STROKES, *self.window.decisions.strokes.counts(study_uid))
        self._hang()
        self._show_room(True)
        self.window.retranslate()

    def _hang(self) -> None:
        contents = self.desk.contents
        if contents is None or not contents.stacks:
            return
        key = "|".join(s.id + s.role for s in contents.stacks)
        if key == self._restored:
            return
        self._restored = key
        self.window.grid_.set_study(contents.stacks, contents.prior_stacks)
        if self.desk.state.views:
            self.window.grid_.restore(self.desk.state.views)
        self.window.decisions.refresh()

    def _closed(self) -> None:
        self._restored = ""
        # What was said of this patient, and the tool at hand, do not go over to the next one.
        self.window.notice.hide()
        self.window.grid_.set_tool("")
        self.window.undo.forget()
        # A moment later: the 3D thread lets go of its copy first.
        QTimer.singleShot(400, self._tidy)
        self.window.grid_.clear()
        self.window.retranslate()

    def _tidy(self) -> None:
        gc.collect()
        self.window.jobs.read(give_back, lambda _: None)

    def _refreshed(self) -> None:
        self._hang()
        self.window.retranslate()
        self._draft_again()

    def _draft_again(self) -> None:
        """A draft that others' decisions overtook is made again, once for each state of things."""
        contents = self.desk.contents
        if contents is None or self.desk.user is None or self.window.decisions.painted_id:
            return
        decided = all(f.state is not FindingState.PROPOSED for f in contents.findings)
        unreviewed = contents.draft is not None and decided and not contents.draft.reviewed
        states = "".join(f.id + f.state.value + f.mask_id for f in contents.findings)
        if (contents.stale or unreviewed) and states != self._drafted_for:
            self._drafted_for = states
            self.window.decisions.walk_forward_soon()

    def _show_room(self, room: bool) -> None:
        self.window.pages.setCurrentIndex(1 if room else 0)
        self._room_keys(room)
        (self.window.grid_.active_pane if room else self.window.worklist.search).setFocus()

    def _room_keys(self, on: bool) -> None:
        # One-letter keys act only in the reading room; the brush takes E for the eraser.
        painting = bool(self.window.decisions.painted_id)
        commands = self.window.commands
        commands.enter_room(on)
        commands.enable("edit", not painting)
        commands.enable("finish", painting)

    def toggle_worklist(self) -> None:
        """To the worklist, or back to the open study."""
        self._show_room(self.window.pages.currentIndex() == 0 and self.desk.contents is not None)

    def search(self) -> None:
        """To the search box of the worklist."""
        self._show_room(False)
        self.window.worklist.search.selectAll()

    def make_demo(self) -> None:
        """Make the demo studies in the background and open the first."""
        archive = self.desk.archive

        def done(report: IntakeReport) -> None:
            self.window.worklist.reload()
            studies = [archive.study(uid) for uid in report.study_uids]
            studies.sort(key=lambda study: "MR" not in study.modalities)
            if studies and self.desk.contents is None:
                self.open_study(studies[0].study_uid)

        self.window.jobs.room(
            lambda progress, cancel: make_and_import_demo(
                archive, actor=MACHINE, progress=progress, cancel=cancel
            ),
            done,
        )

    def _came_in(self, sentence: str) -> None:
        self.window.worklist.reload()
        self.window.notice.news(sentence)

    def _refused(self, refused: Sequence[Refused]) -> None:
        dialog = RefusedDialog(refused, self.window)
        self._keep = dialog
        ask(dialog)

    def _changed(self, change: Any) -> None:
        if change.kind == "study":
            self.window.worklist.reload()

    # --- findings

    def _jump(self, finding_id: str) -> None:
        contents = self.desk.contents
        finding = contents.finding(finding_id) if contents else None
        placed = finding is not None and bool(finding.stack_id)
        if placed and finding is not None and finding.id != self.window.decisions.painted_id:
            self.window.grid_.jump_to(finding.location_mm, finding.stack_id, finding.phase)
            port = self.window.grid_.active_pane.viewport
            if (window := seen_in(port.window, finding.area)) != port.window:
                port.set_window(window)

    def _step_finding(self, step: int) -> None:
        contents = self.desk.contents
        if contents is None or not contents.findings:
            return
        ids = [f.id for f in contents.findings]
        here = ids.index(self.desk.state.finding_id) if self.desk.state.finding_id in ids else -1
        self.desk.focus_finding(ids[(here + step) % len(ids)] if here >= 0 else ids[0])

    def _step_series(self, step: int) -> None:
        order = list(self.window.strip.thumbs)
        if not order:
            return
        shown = self.window.grid_.active_pane.content.stack_id
        here = order.index(shown) if shown in order else 0
        self.window.grid_.show_stack(order[min(max(here + step, 0), len(order) - 1)])

    def add_finding(self) -> None:
        """A finding of the reader's own at the crosshair of the active view."""
        contents, pane = self.desk.contents, self.window.grid_.active_pane
        stack = contents.stack(pane.content.stack_id) if contents else None
        if stack is None:
            return
        dialog = AddFindingDialog(self.window)
        self.dialog = dialog

        def add() -> None:
            label, code, phrase = dialog.chosen()
            site = dialog.site.text().strip()
            x, y, z = (float(v) for v in pane.viewport.focus_mm)
            dialog.accept()
            self.window.decisions.add(
                stack, label, code, text.both(site), (x, y, z), phrase, phase=pane.phase
            )

        dialog.work = add
        ask(dialog)

    def _paint(self, overlay: Any) -> None:
        self.window.grid_.begin_painting(overlay, overlay.grid)
        self._room_keys(True)
        self.window.grid_.active_pane.setFocus()

    def _painted(self) -> None:
        self.window.grid_.end_painting()
        self._room_keys(self.window.pages.currentIndex() == 1)

    def undo(self) -> None:
        """Take back the last stroke of the mask being edited, else the last thing done."""
        if self.window.decisions.painted_id or not self.window.undo.undo():
            self.window.decisions.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.window.decisions.painted_id or not self.window.undo.redo():
            self.window.decisions.redo()

    # --- report

    def _write_text(self, section: str, words: str) -> None:
        actor, study_uid = self.desk.actor, self.desk.study_uid
        if actor is None or not study_uid:
            return
        archive, lang = self.desk.archive, text.language()

        def work() -> None:
            write_free_text(archive, actor, study_uid, section, words)
            walk_forward(archive, study_uid, language=lang, actor=actor)

        self.window.jobs.write(work)

    def _take_over(self, rule: str, said: bool) -> None:
        actor, study_uid = self.desk.actor, self.desk.study_uid
        if actor is None or not study_uid:
            return
        archive, lang = self.desk.archive, text.language()

        def work() -> None:
            take_over(archive, actor, study_uid, rule, said=said)
            walk_forward(archive, study_uid, language=lang, actor=actor)

        self.window.jobs.write(work)

    def sign(self) -> None:
        """Sign, with the reader's last words saved first."""
        self.window.decisions.finish_editing()
        self.window.report.save_texts()
        self.window.people.sign_report()

    def _signed(self, report: SignedReport) -> None:
        said = tr("Report {number} was signed by {name}.",
                  number=report.number, name=report.signer_name)  # fmt: skip
        self.window.notice.news(said)
        self.window.worklist.reload()

    # --- the window

    def _user(self) -> None:
        if self.desk.user is None:
            self.window.people.sign_in()
        else:
            self.window.people.sign_out()

    def _mark_shown(self) -> None:
        self.window.strip.mark_shown(self.window.grid_.active_pane.content.stack_id)

    def _remember_views(self) -> None:
        if self.desk.contents is None or not self._restored:
            return
        views = self.window.grid_.state()
        if views != self.desk.state.views:
            self.desk.state.views = views
            self.desk.save()

    def switch_language(self) -> None:
        """Chinese to English and back; the draft follows unless it is signed."""
        text.set_language("en" if text.language() == "zh_CN" else "zh_CN")
        self.window.report.save_texts()
        self.desk.save()
        self.speak()
        self.window.decisions.walk_forward_soon()

    def speak(self) -> None:
        """Show every text in the language of now."""
        window = self.window
        window.notice.hide()
        window.banner.refresh()
        window.worklist.retranslate()
        window.worklist.reload()
        window.strip.rebuild()
        window.findings.rebuild()
        window.measurements.refresh()
        window.patient.refresh()
        window.status.retranslate()
        window.retranslate()
        window.decisions.refresh()
        window.report.refresh()
        for pane in window.grid_.panes:
            pane.update()

    def show_keys(self) -> None:
        """All keys and mouse gestures."""
        dialog = KeysDialog(self.window)
        self._keep = dialog
        ask(dialog)
