"""Models in the window: the page, its command, and what a signed-in person does there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton

from workstation.ai.bundle import ENDING
from workstation.ai.check import CheckReport
from workstation.ai.keys import Protection, protection_of, short, trusted_keys
from workstation.ai.shelf import Entry, Shelf, installed
from workstation.domain.errors import N_
from workstation.domain.people import PERMISSIONS, Actor, Permission
from workstation.reading import models
from workstation.reading.models import Installed, Signed
from workstation.text import language, tr
from workstation.ui.asking import ask, while_there
from workstation.ui.model_statistics import ModelStatistics
from workstation.ui.models_details import read_details
from workstation.ui.models_keys import KeysOfModels
from workstation.ui.models_page import ModelsPage
from workstation.ui.models_signing import SigningDialog

if TYPE_CHECKING:
    from workstation.ui.window import Window


class ModelsArea(QObject):
    """Connects the page with the shelf: what reads or writes files never runs in the GUI."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.settings = window.desk.settings
        self.page = ModelsPage()
        self.dialog: QObject | None = None
        self._from = 0  # the page that "back" leads to
        self._job = ""
        window.pages.addWidget(self.page)
        window.commands.register("models", self.toggle)
        self.button = QPushButton()
        self.button.clicked.connect(lambda: window.commands.run("models"))
        window.worklist.add_button(self.button)
        window.add_retranslate(self.retranslate)
        self.page.add_section(N_("Statistics"), ModelStatistics(window.jobs))
        self._connect()
        self.page.show_work("", None)
        self.retranslate()

    def _connect(self) -> None:
        page, jobs = self.page, self.window.jobs
        page.back_wanted.connect(self.toggle)
        page.chosen.connect(self._read)
        page.install_wanted.connect(self.ask_file)
        page.keys_wanted.connect(self.show_keys)
        page.sign_wanted.connect(self.ask_folder)
        self.window.desk.user_changed.connect(self._user_changed)
        page.check_wanted.connect(self.check)
        page.switch_wanted.connect(self.switch)
        page.remove_wanted.connect(self.ask_remove)
        page.stop_wanted.connect(lambda: jobs.cancel(self._job))
        jobs.progressed.connect(self._progressed)
        jobs.ended.connect(self._ended)

    def retranslate(self) -> None:
        """Words in the language of now."""
        self.button.setText(tr("Models"))
        if self.window.pages.currentWidget() is self.page:
            self.page.retranslate()

    # --- coming and going

    def toggle(self) -> None:
        """To the models, or back to where one came from."""
        pages = self.window.pages
        if pages.currentWidget() is self.page:
            pages.setCurrentIndex(self._from)
            self.window.commands.enter_room(self._from == 1)
            front = self.window.worklist.search if self._from == 0 else None
            (front or self.window.grid_.active_pane).setFocus()
            return
        self._from = pages.currentIndex()
        pages.setCurrentWidget(self.page)
        self.window.commands.enter_room(False)
        self.page.retranslate()
        self.page.list.setFocus()
        self.reload()

    def reload(self, front: str = "") -> None:
        """Look at the packages again; ``front``: id of the one to put in front."""

        def show(shelf: Shelf) -> None:
            self.page.show_entries(shelf.entries)
            if front:
                self.page.choose(front)

        self.window.jobs.read(lambda: installed(self.settings), show)

    def _read(self, entry: Entry) -> None:
        self.window.jobs.read(
            lambda: read_details(entry), lambda found: self.page.show_details(entry, *found)
        )

    def _user_changed(self) -> None:
        user = self.window.desk.user
        manages = user is None or Permission.MANAGE_MODELS in PERMISSIONS[user.role]
        self.page.allow(manages)

    # --- acts

    def _person(self) -> Actor | None:
        """Who acts; asks for a name where nobody is signed in."""
        actor = self.window.desk.actor
        if actor is None:
            self.window.people.sign_in()
        return actor

    def _begin(self, words: str, work: Callable[..., Any], done: Callable[[Any], None]) -> None:
        def failed(sentence: str) -> None:
            self.window.notice.error(sentence)
            self.reload()

        self.page.show_work(words, 0.0)
        self._job = self.window.jobs.room(work, done, failed)

    def _progressed(self, job: str, fraction: float, doing: str) -> None:
        if job == self._job:
            self.page.show_work(doing, fraction)

    def _ended(self, job: str) -> None:
        if job == self._job:
            self._job = ""
            self.page.show_work("", None)

    def check(self, entry: Entry) -> None:
        """Look at a package from end to end, its example included."""
        settings = self.settings

        def work(progress: Any, cancel: Any) -> CheckReport:
            return models.check(
                settings, entry.folder, id=entry.id, progress=progress, cancel=cancel
            )

        self._begin(tr("Checking"), work, lambda report: self.page.show_report(entry, report))

    def ask_file(self) -> None:
        """Let a person choose a package's file."""
        if self._person() is None:
            return
        dialog = QFileDialog(self.window, tr("Install a model"), "", f"OneScan (*{ENDING} *.zip)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.install(Path(path)))
        ask(dialog)

    def install(self, source: Path) -> None:
        """Install a package; what is wrong with it is said with its file."""
        actor = self._person()
        if actor is None:
            return
        archive, settings = self.window.desk.archive, self.settings

        def work(progress: Any, cancel: Any) -> Installed:
            return models.install(
                archive, settings, source, actor=actor, progress=progress, cancel=cancel
            )

        def done(result: Installed) -> None:
            said = result.package.manifest
            self.window.notice.news(
                tr("{name} {version} was installed.", version=said.version,
                   name=said.name.wording().in_language(language()))
            )  # fmt: skip
            self.reload(said.id)

        self._begin(tr("Installing"), work, done)

    def switch(self, entry: Entry) -> None:
        """Switch a model off, or on again."""
        actor = self._person()
        if actor is None:
            return
        archive, settings, on = self.window.desk.archive, self.settings, entry.switched is not None
        self.window.jobs.write(
            lambda: models.switch(archive, settings, entry.id, on, actor=actor),
            lambda _: self.reload(entry.id),
            self.window.notice.error,
        )

    def ask_remove(self, entry: Entry) -> None:
        """Ask once more before a package is removed."""
        actor = self._person()
        if actor is None:
            return
        box = QMessageBox(self.window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(tr("Remove the model {id} with its earlier versions?", id=entry.id))
        box.setInformativeText(tr("What it found stays in the studies."))
        yes = box.addButton(tr("Remove"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        yes.clicked.connect(lambda: self.remove(entry, actor))
        self.dialog = box
        ask(box)

    def remove(self, entry: Entry, actor: Actor) -> None:
        """Remove an installed package."""
        archive, settings = self.window.desk.archive, self.settings
        self.window.jobs.write(
            lambda: models.remove(archive, settings, entry.id, actor=actor),
            lambda _: self.reload(),
            self.window.notice.error,
        )

    # --- vouching

    def ask_folder(self) -> None:
        """Let a person choose the folder of a package that is to be signed."""
        if self._person() is None:
            return
        dialog = QFileDialog(self.window, tr("Sign a package"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self.ask_to_sign(Path(path)))
        ask(dialog)

    def ask_to_sign(self, folder: Path) -> None:
        """Ask for the key's passphrase and a clear yes, then sign."""
        actor = self._person()
        if actor is None:
            return
        home, jobs = self.settings.home, self.window.jobs

        def known(key: Protection) -> None:
            dialog = SigningDialog(folder, key, self.settings.site_name, self.window)

            def work() -> None:
                self.sign(folder, actor, dialog.passphrase, dialog.installs)
                dialog.accept()

            dialog.work = work
            self.dialog = dialog
            ask(dialog)

        jobs.read(lambda: protection_of(home), known)

    def sign(self, folder: Path, actor: Actor, passphrase: str, installs: bool) -> None:
        """Check a package, vouch for it with the site's key, and install it where wanted."""
        archive, settings = self.window.desk.archive, self.settings

        def work(progress: Any, cancel: Any) -> Signed:
            return models.sign(
                archive, settings, folder, actor=actor, passphrase=passphrase,
                progress=progress, cancel=cancel,
            )  # fmt: skip

        def done(signed: Signed) -> None:
            said = signed.package.manifest
            key = short(signed.key.fingerprint)
            words = tr("{id} {version} was signed with the key of {name}, {key}.", id=said.id,
                       version=said.version, name=signed.key.name, key=key)  # fmt: skip
            self.window.notice.news(words)
            if installs:
                self.install(folder)
            else:
                self.reload(said.id)

        self._begin(tr("Signing"), work, done)

    # --- keys

    def show_keys(self) -> None:
        """The keys that this site trusts."""
        dialog = KeysOfModels(self.window)
        archive, settings, jobs = self.window.desk.archive, self.settings, self.window.jobs

        wrong = while_there(dialog, dialog.say_wrong)

        def fill(_: object = None) -> None:
            shown = while_there(dialog, dialog.fill)
            jobs.read(lambda: trusted_keys(settings.home), shown, wrong)
            self.reload()

        def trust(path: str, name: str) -> None:
            actor = self._person()
            if actor is not None:
                jobs.write(
                    lambda: models.trust_key(archive, settings, Path(path), name, actor=actor),
                    fill,
                    wrong,
                )

        def distrust(fingerprint: str) -> None:
            actor = self._person()
            if actor is not None:
                jobs.write(
                    lambda: models.distrust_key(archive, settings, fingerprint, actor=actor),
                    fill,
                    wrong,
                )

        dialog.trust_wanted.connect(trust)
        dialog.distrust_wanted.connect(distrust)
        self.dialog = dialog
        fill()
        ask(dialog)


def install(window: Window) -> None:
    """Add the models to a window."""
    ModelsArea(window)


def page_of(window: Window) -> ModelsPage:
    """The page "Models" of a window, for areas that add sections to it."""
    found = window.findChild(ModelsPage)
    assert found is not None
    return found
