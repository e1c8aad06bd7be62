"""The test pattern on the whole screen, what to look for, and the record of a calibration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QScreen,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.errors import N_, BadInput
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.named import named
from workstation.viewing.calibration import (
    Calibration,
    load_calibrations,
    save_calibration,
    standing,
    warns,
)
from workstation.viewing.test_pattern import LETTER_CONTRASTS, Pattern, make_pattern

STEPS = (
    N_("Room light as when reading. Sit where you read."),
    N_("The border touches all four edges; the squares are square; nothing is cut off."),
    N_("All 18 grey steps can be told apart, and the small corners inside each of them."),
    N_("The 5 % square is seen in black, the 95 % square in white."),
    N_("The ramps run smoothly, without bands or jumps."),
    N_("The finest lines in the corners and on top are seen as lines, not as a grey area."),
    N_("Read the letters on dark, middle and bright: equally far on each."),
)


def screen_name(screen: QScreen) -> str:
    """What tells a screen from others: maker, model, serial number and size in pixels."""
    size, ratio = screen.size(), screen.devicePixelRatio()
    pixels = f"{round(size.width() * ratio)}x{round(size.height() * ratio)}"
    known = (screen.manufacturer(), screen.model(), screen.serialNumber())
    words = [word.strip() for word in known if word.strip()] or [screen.name()]
    return " ".join([*words, pixels])


class TestPattern(QWidget):
    """Fills a screen; Space hides the instructions, Esc closes it."""

    __test__ = False  # not a test for pytest to collect
    recorded = Signal()

    def __init__(
        self,
        home: Path,
        screen: QScreen,
        parent: QWidget | None = None,
        *,
        today: Callable[[], date] = date.today,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.home, self.screen_name, self.today = home, screen_name(screen), today
        self._pattern: Pattern | None = None
        self._image = QImage()
        self.setWindowTitle(tr("Test pattern"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setGeometry(screen.geometry())
        self.panel = self._instructions()
        self.setFocus()

    # --- the pattern

    @property
    def pattern(self) -> Pattern:
        """The pattern of this size, in device pixels: nothing is scaled on the way."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        made = self._pattern
        if made is None or made.picture.shape != (height, width):
            made = self._pattern = make_pattern(max(width, 320), max(height, 240))
            high, wide = made.picture.shape
            image = QImage(
                made.picture.tobytes(), wide, high, wide, QImage.Format.Format_Grayscale8
            ).copy()
            self._write_letters(image, made)
            image.setDevicePixelRatio(ratio)
            self._image = image
        return made

    def _write_letters(self, image: QImage, made: Pattern) -> None:
        """Letters one digital step after the other fainter, on dark, middle and bright."""
        colour = image.convertToFormat(QImage.Format.Format_RGB32)
        painter = QPainter(colour)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, False)
        words = "QUALITY CONTROL"
        for ground in made.grounds:
            font = QFont(theme.load_fonts())
            font.setStyleStrategy(QFont.StyleStrategy.NoAntialias)
            font.setPixelSize(max(8, ground.height // 3))
            while QFontMetricsF(font).horizontalAdvance(words) > ground.width * 0.96:
                if font.pixelSize() <= 6:
                    break
                font.setPixelSize(font.pixelSize() - 1)
            painter.setFont(font)
            metrics = QFontMetricsF(font)
            x = ground.left + (ground.width - metrics.horizontalAdvance(words)) / 2
            base = ground.top + (ground.height + metrics.ascent() - metrics.descent()) / 2
            for number, letter in enumerate(words):
                step = LETTER_CONTRASTS[min(number // 2, len(LETTER_CONTRASTS) - 1)]
                grey = min(255, ground.grey + step)
                painter.setPen(QColor(grey, grey, grey))
                painter.drawText(QPointF(x, base), letter)
                x += metrics.horizontalAdvance(letter)
        painter.end()
        image.swap(colour)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The pattern, pixel for pixel."""
        _ = self.pattern
        painter = QPainter(self)
        painter.drawImage(QPointF(0, 0), self._image)
        painter.end()

    # --- instructions and record

    def _instructions(self) -> QFrame:
        panel = named(QFrame(self), "patternPanel")
        panel.setAutoFillBackground(True)
        column = QVBoxLayout(panel)
        column.addWidget(named(QLabel(tr("Judge this screen")), "panelHead"))
        for number, step in enumerate(STEPS, 1):
            line = QLabel(f"{number}. {tr(step)}")
            line.setWordWrap(True)
            column.addWidget(line)
        self.said = QLabel()
        self.said.setWordWrap(True)
        column.addSpacing(6)
        column.addWidget(named(QLabel(tr("Record of a calibration")), "panelHead"))
        column.addWidget(QLabel(tr("Screen: {name}", name=self.screen_name)))
        column.addWidget(self.said)
        form = QFormLayout()
        self.tester = QLineEdit()
        self.minimum, self.maximum = QDoubleSpinBox(), QDoubleSpinBox()
        for box, value in ((self.minimum, 0.0), (self.maximum, 0.0)):
            box.setRange(0.0, 9999.0)
            box.setDecimals(2)
            box.setValue(value)
            box.setSuffix(" cd/m²")
        self.gsdf = QCheckBox(tr("Set to DICOM GSDF and measured so"))
        form.addRow(tr("Measured by"), self.tester)
        form.addRow(tr("Darkest"), self.minimum)
        form.addRow(tr("Brightest"), self.maximum)
        column.addLayout(form)
        column.addWidget(self.gsdf)
        self.wrong = named(QLabel(), "wrong")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        column.addWidget(self.wrong)
        row = QHBoxLayout()
        self.save = QPushButton(tr("Save record of today"))
        self.save.clicked.connect(self.record)
        self.hide_panel = QPushButton(tr("Hide  [Space]"))
        self.hide_panel.clicked.connect(self.toggle_panel)
        self.close_button = QPushButton(tr("Close") + "  [Esc]")
        self.close_button.clicked.connect(self.close)
        column.addWidget(self.save)
        for button in (self.hide_panel, self.close_button):
            row.addWidget(button)
        column.addLayout(row)
        for field in (self.tester, self.minimum, self.maximum):
            field.installEventFilter(self)
        self._stand()
        return panel

    def _stand(self) -> None:
        record = load_calibrations(self.home).get(self.screen_name)
        sign = "⚠" if warns(record, self.today()) else "✓"
        self.said.setText(f"{sign} {say(standing(record, self.today()))}")

    def resizeEvent(self, event: object) -> None:
        """The panel lies at the right, beside the grey steps where there is room for it."""
        ratio = self.devicePixelRatioF()
        steps_end = max(p.left + p.width for p in self.pattern.steps) / ratio
        beside = int(self.width() - steps_end) - 2 * max(8, self.width() // 100)
        self.panel.setFixedWidth(min(max(beside, theme.scaled(290)), theme.scaled(400)))
        self.panel.adjustSize()
        high = min(self.panel.sizeHint().height(), self.height())
        x = self.width() - self.panel.width() - max(8, self.width() // 100)
        self.panel.setGeometry(x, (self.height() - high) // 2, self.panel.width(), high)

    def record(self) -> None:
        """Keep what was measured today."""
        made = Calibration(
            self.screen_name,
            self.today().isoformat(),
            self.tester.text().strip(),
            self.minimum.value(),
            self.maximum.value(),
            self.gsdf.isChecked(),
        )
        try:
            save_calibration(self.home, made)
        except (BadInput, OSError) as error:
            why = say(error.message) if isinstance(error, BadInput) else type(error).__name__
            self.wrong.setText("⚠ " + why)
            self.wrong.show()
        else:
            self.wrong.hide()
            self._stand()
            self.recorded.emit()
        self.resizeEvent(None)

    def toggle_panel(self) -> None:
        """Show or hide what lies over the pattern."""
        self.panel.setVisible(not self.panel.isVisible())
        self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc closes the page also from a field."""
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Escape:
                self.close()
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space: panel; Esc: away."""
        if event.key() == Qt.Key.Key_Space:
            self.toggle_panel()
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
