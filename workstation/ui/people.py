"""Signing in, signing reports and addenda: dialogs around the rooms, off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from workstation.archive.people import add_user, authenticate
from workstation.documents.signatures import make_key
from workstation.domain.compared import compared
from workstation.domain.finding import REPORTED, shown_value
from workstation.domain.people import MACHINE, User
from workstation.domain.readiness import warnings_of
from workstation.domain.report import SignedReport
from workstation.domain.study import StudyState
from workstation.reading.sign import addendum, sign
from workstation.text import language, say, tr
from workstation.ui.asking import ask, while_there
from workstation.ui.desk import Desk
from workstation.ui.dialogs import (
    AddendumDialog,
    NewUserDialog,
    PersonDialog,
    SignDialog,
    SignInDialog,
)


class People(QObject):
    """Who sits at the desk, and what they put their name under."""

    signed = Signal(object)  # SignedReport

    def __init__(self, desk: Desk, window: QWidget) -> None:
        super().__init__(window)
        self.desk = desk
        self.window = window
        self.dialog: PersonDialog | None = None

    def _show(self, dialog: PersonDialog, confirm: Callable[[], None]) -> None:
        # A form stays open until its work succeeded: a wrong password is said in it.
        dialog.work = confirm
        dialog.accepted.connect(self._forget)
        dialog.rejected.connect(self._forget)
        self.dialog = dialog
        ask(dialog)

    def _forget(self) -> None:
        self.dialog = None

    def _run(
        self, dialog: PersonDialog, work: Callable[[], Any], done: Callable[[Any], None]
    ) -> None:
        dialog.wrong.hide()
        dialog.setEnabled(False)

        def finished(result: Any) -> None:
            close(QDialog.DialogCode.Accepted)
            done(result)

        close = while_there(dialog, dialog.done)
        self.desk.jobs.write(work, finished, while_there(dialog, dialog.say_wrong))

    def sign_in(self) -> None:
        """Ask who reads; the very first time, make that reader."""
        archive = self.desk.archive
        users = [u for u in archive.users() if u.enabled]
        if users:
            known = SignInDialog(users, self.window)
            self._show(
                known,
                lambda: self._run(
                    known,
                    lambda: authenticate(archive, known.user_name, known.password.text()),
                    self.desk.sign_in,
                ),
            )
            return
        new = NewUserDialog(self.window)

        def make() -> User:
            return add_user(
                archive,
                MACHINE,
                new.name.text().strip(),
                new.display_name.text().strip(),
                new.role.currentData(),
                new.password.text(),
                make_key,
            )

        self._show(new, lambda: self._run(new, make, self.desk.sign_in))

    def sign_out(self) -> None:
        """Nobody sits at the desk."""
        self.desk.sign_in(None)

    def sign_report(self) -> None:
        """Sign the open study's report, or add to a signed one."""
        contents, user = self.desk.contents, self.desk.user
        if contents is None:
            return
        if user is None:
            self.sign_in()
            return
        archive, study_uid, name = self.desk.archive, contents.study.study_uid, user.name
        site = self.desk.settings.site_name
        if contents.study.state is StudyState.SIGNED:
            more = AddendumDialog(user, self.window)
            self._show(
                more,
                lambda: self._run(
                    more,
                    lambda: addendum(
                        archive,
                        study_uid,
                        user=name,
                        password=more.password.text(),
                        text=more.words.toPlainText().strip(),
                        reason=more.why.text().strip(),
                    ),
                    self._signed,
                ),
            )
            return
        if contents.obstacles:
            return  # the panel lists them beside the disabled button
        dialog = SignDialog(user, self.summary(), self.window)
        self._show(
            dialog,
            lambda: self._run(
                dialog,
                lambda: sign(
                    archive,
                    study_uid,
                    user=name,
                    password=dialog.password.text(),
                    site_name=site,
                ),
                self._signed,
            ),
        )

    def _signed(self, report: SignedReport) -> None:
        self.desk.reload()
        self.signed.emit(report)

    def summary(self) -> str:
        """What will be signed: every finding with what was decided, and what is warned of."""
        contents = self.desk.contents
        assert contents is not None
        lines = [f"{contents.study.patient.name}　{contents.study.description}", ""]
        beside = compared(contents.findings)
        for finding in contents.findings:
            value = shown_value(finding)
            mark = "✓" if finding.state in REPORTED else "✕"
            state = tr(finding.state.value)
            if finding.id in beside:
                mark, state = "–", tr("for comparison only, not in the report")
            lines.append(f"{mark} {finding.label.in_language(language())} {value}　{state}")
        if contents.draft is not None:
            lines += ["⚠ " + say(one) for one in warnings_of(contents.draft)]
        lines.append("")
        lines.append(tr("Once signed, the report cannot be changed, only added to or corrected."))
        return "\n".join(lines)
