"""Pages of a PDF document as pictures, for documents that came within DICOM files."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pypdfium2
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput

_PDFIUM = threading.Lock()
"""PDFium may be used by one thread at a time, whichever documents they have open."""
_POINTS_TO_INCH = 1 / 72


class PdfPages:
    """An opened PDF. Pages count from 0; safe to use from several threads."""

    def __init__(self, data: bytes) -> None:
        """Raises ``BadInput`` where it is damaged or locked by a password."""
        self._document: Any = None
        try:
            with _PDFIUM:
                self._document = pypdfium2.PdfDocument(data)
                self.count = len(self._document)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise BadInput(N_("This PDF is locked by a password.")) from error
            raise BadInput(N_("This PDF is damaged and cannot be shown.")) from error

    def size_mm(self, number: int) -> tuple[float, float]:
        """Width and height of a page on paper, mm."""
        with _PDFIUM:
            wide, high = self._document[number].get_size()
        return float(wide) * _POINTS_TO_INCH * 25.4, float(high) * _POINTS_TO_INCH * 25.4

    def picture(self, number: int, width: int) -> NDArray[np.uint8]:
        """A page (y, x, 3) RGB, ``width`` pixels wide, black on white as printed."""
        try:
            with _PDFIUM:
                page = self._document[number]
                scale = max(1, width) / page.get_size()[0]
                bitmap = page.render(scale=scale, rev_byteorder=True)
                picture = np.array(bitmap.to_numpy()[..., :3])
                bitmap.close()
                page.close()
        except pypdfium2.PdfiumError as error:
            raise BadInput(N_("This PDF is damaged and cannot be shown.")) from error
        return np.ascontiguousarray(picture)

    def text(self, number: int) -> str:
        """The words of a page, for those who search or cannot see."""
        with _PDFIUM:
            page = self._document[number]
            words = page.get_textpage()
            found = str(words.get_text_range())
            words.close()
            page.close()
        return found.replace("\r\n", "\n")

    def close(self) -> None:
        """Let the document go."""
        with _PDFIUM:
            if self._document is not None:
                self._document.close()
                self._document = None
