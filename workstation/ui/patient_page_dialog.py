"""The page for the patient before and after its release: look at it, release, print, save, show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.archive.store import Archive
from workstation.documents.page import moment_text
from workstation.documents.pages import PdfPages
from workstation.documents.print_page import Sheet
from workstation.domain.people import User
from workstation.domain.report import PatientPage
from workstation.reading.patient_page import page_file, preview, release, released, signer_of
from workstation.text import LANGUAGES, language, tr
from workstation.ui.asking import ask, while_there
from workstation.ui.jobs import Jobs
from workstation.ui.named import named
from workstation.ui.print_dialog import set_up

_PREVIEW_PX = 620
_NAMES = {"zh_CN": "中文", "en": "English"}


@dataclass(frozen=True)
class _Shown:
    """What was read off the GUI thread. signer: who alone may release the page."""

    page: PatientPage | None
    signer: User
    pdf: bytes
    picture: QImage


class PatientPageDialog(QDialog):
    """The page at the right, what may be done with it at the left."""

    screen_wanted = Signal(str)  # language: on the second screen

    def __init__(
        self,
        jobs: Jobs,
        archive: Archive,
        study_uid: str,
        user: User | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.jobs, self.archive, self.study_uid, self.user = jobs, archive, study_uid, user
        self.shown: _Shown | None = None
        self.setWindowTitle(tr("Page for the patient"))
        self.language = named(QComboBox(), "patient_language")
        for code in LANGUAGES:
            self.language.addItem(_NAMES.get(code, code), code)
        self.language.setCurrentIndex(LANGUAGES.index(language()))
        self.state = named(QLabel(), "patient_state")
        self.state.setWordWrap(True)
        self.wrong = named(QLabel(), "wrong")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        self.password = named(QLineEdit(echoMode=QLineEdit.EchoMode.Password), "patient_password")
        self.release = named(QPushButton(tr("Release to the patient")), "patient_release")
        self.release.setProperty("tone", "primary")
        self.print = named(QPushButton(tr("Print ...")), "patient_print")
        self.save = named(QPushButton(tr("Save as PDF ...")), "patient_save")
        self.apart = named(QPushButton(tr("On the second screen")), "patient_screen")
        close = QPushButton(tr("Close"))
        form = QFormLayout()
        form.addRow(tr("Language"), self.language)
        self.form = form
        left = QVBoxLayout()
        left.addLayout(form)
        left.addWidget(self.state)
        form.addRow(tr("Password"), self.password)
        left.addWidget(self.release)
        left.addWidget(self.wrong)
        left.addStretch(1)
        for button in (self.apart, self.print, self.save, close):
            left.addWidget(button)
        self.preview = named(QLabel(), "patient_preview")
        # The whole page is in view on small screens too.
        room = (self.screen().availableGeometry().height() - 80) * 210 // 297
        self.wide = max(300, min(_PREVIEW_PX, room))
        self.preview.setFixedSize(self.wide, round(self.wide * 297 / 210))
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        row.addLayout(left)
        row.addWidget(self.preview)
        self.state.setMinimumWidth(230)
        self.language.currentIndexChanged.connect(lambda _: self.load())
        self.release.clicked.connect(self.release_now)
        self.password.returnPressed.connect(self.release_now)
        self.print.clicked.connect(self._ask_printer)
        self.save.clicked.connect(self._ask_path)
        self.apart.clicked.connect(lambda: self.screen_wanted.emit(self.chosen))
        close.clicked.connect(self.reject)
        self._show()
        self.load()

    @property
    def chosen(self) -> str:
        """The language that the page is shown in."""
        return str(self.language.currentData())

    def load(self) -> None:
        """Read the page of now, off the GUI thread."""
        archive, study_uid, said = self.archive, self.study_uid, self.chosen
        wide = round(self.wide * self.devicePixelRatioF())

        def work() -> _Shown:
            signer = archive.user(signer_of(archive, study_uid))
            page = released(archive, study_uid)
            if page is None:
                pdf = preview(archive, study_uid, said)
            else:
                pdf = page_file(archive, page, said, "pdf")
            pixels = PdfPages(pdf).picture(0, wide)
            high, width = pixels.shape[:2]
            image = QImage(pixels.data, width, high, 3 * width, QImage.Format.Format_RGB888)
            return _Shown(page, signer, pdf, image.copy())

        def arrived(shown: _Shown) -> None:
            if said == self.chosen:
                self.shown = shown
                self._show()

        self.jobs.read(work, while_there(self, arrived), while_there(self, self._complain))

    def _show(self) -> None:
        shown = self.shown
        page = shown.page if shown is not None else None
        mine = shown is not None and self.user is not None and self.user.name == shown.signer.name
        waits = shown is not None and page is None
        self.form.setRowVisible(self.password, waits and mine)
        self.release.setVisible(waits and mine)
        for button in (self.apart, self.print, self.save):
            button.setEnabled(page is not None)
        if shown is None:
            self.state.setText("")
            return
        if page is not None:
            words = tr("Released by {name} on {time}, from report {number}.",
                       name=page.released_name, time=moment_text(page.released_at),
                       number=page.report_number)  # fmt: skip
            words = f"✓ {words}"
        elif mine:
            words = tr("Look at the page in both languages, then release it with your password.")
        else:
            words = tr("Only {name}, who signed the report, may release the page for the patient.",
                       name=shown.signer.display_name or shown.signer.name)  # fmt: skip
            words = f"⚠ {words}"
        self.state.setText(words)
        pixmap = QPixmap.fromImage(shown.picture)
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self.preview.setPixmap(pixmap)

    def _complain(self, sentence: str) -> None:
        self.wrong.setText("⚠ " + sentence)
        self.wrong.show()
        self.release.setEnabled(True)

    def release_now(self) -> None:
        """Release it as the signed-in reader, who gives the password once more."""
        user, archive, study_uid = self.user, self.archive, self.study_uid
        if user is None or not self.release.isEnabled():
            return
        password = self.password.text()
        self.password.clear()
        self.wrong.hide()
        self.release.setEnabled(False)

        def done(_: PatientPage) -> None:
            self.release.setEnabled(True)
            self.load()

        self.jobs.write(
            lambda: release(archive, study_uid, user=user.name, password=password),
            while_there(self, done),
            while_there(self, self._complain),
        )

    # --- on paper

    def _ask_path(self) -> None:
        dialog = QFileDialog(self, tr("Save as PDF ..."))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile(f"patient_page.{self.chosen}.pdf")
        dialog.fileSelected.connect(lambda path: self.save_to(Path(path)))
        ask(dialog)

    def save_to(self, path: Path) -> None:
        """Write the released page as PDF, whole or not at all."""
        shown = self.shown
        if shown is None or shown.page is None:
            return
        data = shown.pdf

        def work() -> None:
            part = path.with_name(path.name + ".part")
            part.write_bytes(data)
            part.replace(path)

        self.jobs.read(work, lambda _: None, while_there(self, self._complain))

    def _ask_printer(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        set_up(printer, Sheet())
        dialog = QPrintDialog(printer, self)
        dialog.accepted.connect(lambda: self.print_on(printer))
        dialog.setModal(True)
        dialog.show()

    def print_on(self, printer: QPrinter) -> None:
        """Send the released page, A4 to the millimetre."""
        shown, archive, said = self.shown, self.archive, self.chosen
        page = shown.page if shown is not None else None
        if page is None:
            return

        def arrived(png: bytes) -> None:
            set_up(printer, Sheet())
            painter = QPainter()
            if not painter.begin(printer):
                self._complain(tr("The printer did not answer."))
                return
            whole = printer.pageLayout().fullRectPixels(printer.resolution())
            painter.drawImage(QRectF(whole), QImage.fromData(png))
            painter.end()

        self.jobs.read(lambda: page_file(archive, page, said, "png"), while_there(self, arrived))
