"""Print and share: pages, pictures, films; key images for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMessageBox

from workstation.documents.page import date_text
from workstation.documents.png import png_bytes
from workstation.domain.errors import N_, Message
from workstation.domain.people import MACHINE
from workstation.domain.volume import Stack
from workstation.reading.share import cautions, tell
from workstation.text import say, tr
from workstation.ui.asking import ask
from workstation.ui.key_images import KeyImages, install_key_images
from workstation.ui.pane import ViewPane
from workstation.ui.print_dialog import Choice, PrintDialog
from workstation.ui.share_film import Film
from workstation.ui.share_picture import Picture, picture_of, without_colour

if TYPE_CHECKING:
    from workstation.ui.window import Window

_VIEW, _VIEWS, _KEYS = N_("The active view"), N_("All views"), N_("Key images")
_SEX = {"M": N_("male"), "F": N_("female"), "O": N_("other sex")}
_PICTURES, _FILM, _PAGE = N_("Pictures were saved"), N_("A film was saved"), N_("Images printed")


class Share(QObject):
    """What the commands of group "share" do in one window."""

    def __init__(self, window: Window, keys: KeyImages) -> None:
        super().__init__(window)
        self.window, self.keys = window, keys
        self.dialog: QObject | None = None
        self.film: Film | None = None

    # --- what is shown

    def _pane(self) -> tuple[ViewPane, ...]:
        pane = self.window.grid_.active_pane
        return (pane,) if _shows(pane) else ()

    def _panes(self) -> tuple[ViewPane, ...]:
        return tuple(p for p in self.window.grid_.panes if p.isVisible() and _shows(p))

    # --- on paper

    def ask_print(self) -> None:
        """The dialog with its preview."""
        keys = tuple(
            (self.keys.pictures[i.picture_sha256], "　".join(p for p in (i.caption, i.words) if p))
            for i in self.keys.images
            if i.picture_sha256 in self.keys.pictures
        )
        choices = {
            _VIEWS: Choice(self._panes(), ()),
            _VIEW: Choice(self._pane(), ()),
            _KEYS: Choice((), keys),
        }
        if not any(c.panes or c.stored for c in choices.values()):
            self.window.notice.news(tr("There is no image to print."))
            return
        dialog = PrintDialog(self.window.jobs, choices, self._header(), self.window)
        dialog.told = partial(self._tell, _PAGE)
        self.dialog = dialog
        ask(dialog)

    def _header(self) -> tuple[str, ...]:
        contents = self.window.desk.contents
        if contents is None:
            return ()
        study = contents.study
        patient = study.patient
        sex = tr(_SEX[patient.sex]) if patient.sex in _SEX else patient.sex
        age = patient.age.lstrip("0")
        if age.endswith("Y"):
            age = tr("{years} years", years=age[:-1])
        who = (patient.name, sex, age, f"ID {patient.patient_id}" if patient.patient_id else "")
        what = (study.description, date_text(study.date), study.accession)
        return tuple("　".join(p for p in parts if p) for parts in (who, what))

    # --- pictures

    def ask_view(self) -> None:
        """A PNG of the active view."""
        self._with_care(self._pane(), lambda: self._ask_file("png", self.save_view))

    def ask_views(self) -> None:
        """A PNG of every view, into a folder."""

        def choose() -> None:
            dialog = QFileDialog(self.window, tr("Save all views ..."))
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.fileSelected.connect(lambda path: self.save_views(Path(path)))
            self.dialog = dialog
            ask(dialog)

        self._with_care(self._panes(), choose)

    def save_view(self, path: Path) -> None:
        """Write the active view."""
        pictures = [p for pane in self._pane() if (p := picture_of(pane)) is not None]
        self._write([(path, picture) for picture in pictures])

    def save_views(self, folder: Path) -> None:
        """Write every view; names say what it is, never whose."""
        made = [(pane, picture_of(pane)) for pane in self._panes()]
        self._write(
            [
                (_free(folder / f"OneScan-{n}-{_named(pane)}.png"), picture)
                for n, (pane, picture) in enumerate(made, start=1)
                if picture is not None
            ]
        )

    def _write(self, files: Sequence[tuple[Path, Picture]]) -> None:
        def work() -> int:
            for path, picture in files:
                plain = without_colour(picture)
                path.write_bytes(png_bytes(plain.pixels, mm_per_pixel=plain.mm_per_pixel))
            return len(files)

        if files:
            self.window.jobs.read(work, partial(self._tell, _PICTURES))

    # --- films

    def ask_film(self) -> None:
        """An MP4 of the active view: its slices, its phases, or a turn in 3D."""
        if self.film is not None:
            self.window.notice.news(tr("A film is being made already."))
            return
        self._with_care(self._pane(), lambda: self._ask_file("mp4", self.save_film))

    def save_film(self, path: Path) -> None:
        """Make the film in the background."""
        panes = self._pane()
        if not panes or self.film is not None:
            return
        film = Film(panes[0], self.window.library, self.window.jobs, path, self)
        film.ended.connect(self._film_ended)
        self.film = film
        film.start()

    def _film_ended(self) -> None:
        film, self.film = self.film, None
        if film is not None:
            if film.written:
                self._tell(_FILM, film.written)
            film.deleteLater()

    # --- before and after

    def _ask_file(self, suffix: str, work: Callable[[Path], None]) -> None:
        dialog = QFileDialog(self.window, tr("Save without patient data"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        panes = self._pane()
        dialog.selectFile(f"OneScan-{_named(panes[0]) if panes else 'view'}.{suffix}")
        dialog.fileSelected.connect(lambda path: work(Path(path)))
        self.dialog = dialog
        ask(dialog)

    def _with_care(self, panes: Sequence[ViewPane], go_on: Callable[[], None]) -> None:
        """Say what may show who the patient is, then go on if the reader wants that."""
        if not panes:
            self.window.notice.news(tr("The active view shows no image."))
            return
        stacks, solid = _stacks(panes)
        archive = self.window.desk.archive

        def arrived(found: list[Message]) -> None:
            if not found:
                go_on()
                return
            box = QMessageBox(self.window)
            box.setIcon(QMessageBox.Icon.Warning)
            box.setText(tr("The pictures may show who the patient is:"))
            box.setInformativeText("\n".join(say(message) for message in found))
            save = box.addButton(tr("Save anyway"), QMessageBox.ButtonRole.AcceptRole)
            box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
            box.buttonClicked.connect(lambda button: go_on() if button is save else None)
            self.dialog = box
            ask(box)

        self.window.jobs.read(lambda: cautions(archive, stacks, solid_stacks=solid), arrived)

    def _tell(self, what: str, count: int) -> None:
        window = self.window
        window.notice.news(tr("{what}: {count}", what=tr(what), count=count))
        actor, archive, uid = (
            window.desk.actor or MACHINE,
            window.desk.archive,
            window.desk.study_uid,
        )
        window.jobs.write(lambda: tell(archive, actor, uid, count, what))


def _shows(pane: ViewPane) -> bool:
    return bool(pane.content.stack_id) and pane.viewport.volume is not None


def _stacks(panes: Sequence[ViewPane]) -> tuple[list[Stack], list[Stack]]:
    flat: list[Stack] = []
    solid: list[Stack] = []
    for pane in panes:
        if pane.viewport.volume is not None:
            stack = pane.viewport.volume.stack
            flat.append(stack)
            if pane.solid is not None:
                solid.append(stack)
    return flat, solid


def _named(pane: ViewPane) -> str:
    volume = pane.viewport.volume
    name = (volume.stack.role or volume.stack.modality) if volume is not None else "view"
    if pane.solid is not None:
        name += "-3D"
    return "".join(c if c.isascii() and (c.isalnum() or c in "-+") else "_" for c in name)


def _free(path: Path) -> Path:
    """A name that no file has yet: nothing is overwritten unasked."""
    number = 2
    wanted = path
    while path.exists():
        path = wanted.with_stem(f"{wanted.stem}-{number}")
        number += 1
    return path


def install(window: Window) -> None:
    """Key images, then the commands."""
    share = Share(window, install_key_images(window))
    window.commands.register("print", share.ask_print)
    window.commands.register("share_view", share.ask_view)
    window.commands.register("share_views", share.ask_views)
    window.commands.register("share_film", share.ask_film)
