"""Images on paper: what, how many on a page, true to size or not, with or without the name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMarginsF, QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPainter, QPixmap
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.documents.png import png_bytes
from workstation.documents.print_page import PAPERS, PrintImage, Sheet, print_pages, print_pdf
from workstation.domain.artefact import now
from workstation.text import language, tr
from workstation.ui.asking import ask, while_there
from workstation.ui.jobs import Jobs
from workstation.ui.named import named
from workstation.ui.pane import ViewPane
from workstation.ui.share_picture import Picture, picture_of, without_colour

_CELLS = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4))
_PREVIEW_PX = 560
_PRINTER_PPI = 300.0
_MOST_MM = 0.16  # a pixel on paper: 160 dots an inch
_FEWEST_PX = 900


@dataclass(frozen=True)
class Choice:
    """What may be printed: panes are drawn for the paper, stored pictures as they are."""

    panes: tuple[ViewPane, ...]
    stored: tuple[tuple[bytes, str], ...]  # PNG, caption


class PrintDialog(QDialog):
    """Choices at the left, the page at the right. ``header``: lines with the patient's name."""

    def __init__(
        self,
        jobs: Jobs,
        choices: dict[str, Choice],
        header: tuple[str, ...],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Print images"))
        self.jobs, self.choices, self.header = jobs, choices, header
        self.told: Callable[[int], None] = lambda count: None
        self.images: list[PrintImage] = []
        self._asked = 0
        form = QFormLayout()
        self.what = named(QComboBox(), "print_what")
        for name, choice in choices.items():
            if choice.panes or choice.stored:
                self.what.addItem(tr(name), name)
        self.paper = named(QComboBox(), "print_paper")
        for paper in PAPERS:
            self.paper.addItem(paper, (paper, False))
            self.paper.addItem(tr("{paper} landscape", paper=paper), (paper, True))
        self.cells = named(QComboBox(), "print_cells")
        for columns, rows in _CELLS:
            self.cells.addItem(f"{columns} × {rows}", (columns, rows))
        self.true_size = named(QCheckBox(tr("True to size (1:1)")), "print_true_size")
        self.anonymous = named(QCheckBox(tr("Without patient data")), "print_anonymous")
        for label, field in (
            (tr("Images"), self.what),
            (tr("Paper"), self.paper),
            (tr("On a page"), self.cells),
        ):
            form.addRow(label, field)
        form.addRow(self.true_size)
        form.addRow(self.anonymous)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("tone", "proposed")
        self.save = named(QPushButton(tr("Save as PDF ...")), "print_save")
        self.send = named(QPushButton(tr("Print ...")), "print_send")
        close = QPushButton(tr("Close"))
        self.save.clicked.connect(self._ask_path)
        self.send.clicked.connect(self._ask_printer)
        close.clicked.connect(self.reject)
        left = QVBoxLayout()
        left.addLayout(form)
        left.addWidget(self.note)
        left.addStretch(1)
        for button in (self.save, self.send, close):
            left.addWidget(button)
        self.preview = named(QLabel(), "print_preview")
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setMinimumSize(_PREVIEW_PX, _PREVIEW_PX)
        row = QHBoxLayout(self)
        row.addLayout(left)
        row.addWidget(self.preview, 1)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(60)
        self._later.timeout.connect(self.draw)
        for box in (self.what, self.paper, self.cells):
            box.currentIndexChanged.connect(lambda _: self._later.start())
        for check in (self.true_size, self.anonymous):
            check.toggled.connect(lambda _: self._later.start())
        self._suit(len(next(iter(choices.values())).panes))
        self._later.start()

    def _suit(self, images: int) -> None:
        fits = next((n for n, (c, r) in enumerate(_CELLS) if c * r >= images), len(_CELLS) - 1)
        self.cells.setCurrentIndex(fits)

    @property
    def sheet(self) -> Sheet:
        """Paper and cells as chosen."""
        paper, landscape = self.paper.currentData()
        columns, rows = self.cells.currentData()
        return Sheet(paper, landscape, columns, rows)

    @property
    def chosen(self) -> Choice:
        """The images as chosen."""
        return self.choices.get(self.what.currentData(), Choice((), ()))

    @property
    def _lines(self) -> tuple[str, ...]:
        return () if self.anonymous.isChecked() else self.header

    def draw(self) -> None:
        """Draw the images for the paper and set the preview in the background."""
        sheet, choice, true = self.sheet, self.chosen, self.true_size.isChecked()
        self.images = [PrintImage(png, 0.0, 0.0, caption) for png, caption in choice.stored]
        lost = bool(choice.stored) and true
        for pane in choice.panes:
            picture = picture_of(
                pane,
                long_side=_FEWEST_PX,
                crop_mm=sheet.cell_mm if true and pane.solid is None else None,
                most_mm_per_pixel=_MOST_MM if true else 0.0,
            )
            if picture is not None:
                image = _on_paper(without_colour(picture), true)
                lost = lost or (true and image.width_mm == 0)
                self.images.append(image)
        self.note.setText(
            tr("Images marked so have no known size and are not true to size.") if lost else ""
        )
        ready = bool(self.images)
        self.save.setEnabled(ready)
        self.send.setEnabled(ready)
        if not ready:
            self.preview.setText(tr("There is no image to print."))
            return
        self._asked += 1
        asked, images, lines, said = self._asked, list(self.images), self._lines, language()
        ppi = _PREVIEW_PX / max(sheet.size_mm) * 25.4 * self.devicePixelRatioF()

        def arrived(pages: list[bytes]) -> None:
            if asked == self._asked:
                pixmap = QPixmap.fromImage(QImage.fromData(pages[0]))
                pixmap.setDevicePixelRatio(self.devicePixelRatioF())
                self.preview.setPixmap(pixmap)

        pages = while_there(self, arrived)
        self.jobs.read(lambda: print_pages(sheet, images, lines, language=said, ppi=ppi), pages)

    # --- to a file

    def _ask_path(self) -> None:
        dialog = QFileDialog(self, tr("Save as PDF ..."))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile("OneScan.pdf")
        dialog.fileSelected.connect(lambda path: self.save_to(Path(path)))
        ask(dialog)

    def save_to(self, path: Path) -> None:
        """Write the pages as PDF."""
        sheet, images, lines, said = self.sheet, list(self.images), self._lines, language()

        def work() -> int:
            data = print_pdf(sheet, images, lines, language=said, made_at=now())
            part = path.with_name(path.name + ".part")
            part.write_bytes(data)
            part.replace(path)  # the file is there when it is whole
            return len(images)

        self.jobs.read(work, self.told)

    # --- to a printer

    def _ask_printer(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        set_up(printer, self.sheet)
        dialog = QPrintDialog(printer, self)
        dialog.accepted.connect(lambda: self.print_on(printer))
        dialog.setModal(True)
        dialog.show()

    def print_on(self, printer: QPrinter) -> None:
        """Set the pages as pixels in the background and send them, to the millimetre."""
        sheet, images, lines, said = self.sheet, list(self.images), self._lines, language()

        def arrived(pages: list[bytes]) -> None:
            set_up(printer, sheet)
            painter = QPainter()
            if not painter.begin(printer):
                self.note.setText(tr("The printer did not answer."))
                return
            for number, page in enumerate(pages):
                if number:
                    printer.newPage()
                whole = printer.pageLayout().fullRectPixels(printer.resolution())
                painter.drawImage(QRectF(whole), QImage.fromData(page))
            painter.end()
            self.told(len(images))

        self.jobs.read(
            lambda: print_pages(sheet, images, lines, language=said, ppi=_PRINTER_PPI), arrived
        )


def set_up(printer: QPrinter, sheet: Sheet) -> None:
    """The whole sheet, without the printer's own margins, which would shift and scale."""
    size = {"A4": QPageSize.PageSizeId.A4, "A3": QPageSize.PageSizeId.A3}[sheet.paper]
    turned = QPageLayout.Orientation.Landscape
    upright = QPageLayout.Orientation.Portrait
    layout = QPageLayout(
        QPageSize(size), turned if sheet.landscape else upright, QMarginsF(0, 0, 0, 0)
    )
    layout.setMode(QPageLayout.Mode.FullPageMode)
    printer.setPageLayout(layout)
    printer.setFullPage(True)


def _on_paper(picture: Picture, true: bool) -> PrintImage:
    rows, columns = picture.pixels.shape[:2]
    png = png_bytes(picture.pixels)
    mm = picture.mm_per_pixel if true else 0.0
    caption = picture.caption
    if true and not mm:
        caption = f"{caption}　({tr('Not true to size')})"
    return PrintImage(png, columns * mm, rows * mm, caption)
