"""Colours, fonts and the stylesheet: calm, dark, dense. State never by colour alone."""

from __future__ import annotations

import functools
import logging
import re

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from workstation.domain.finding import FindingState
from workstation.domain.plane import PlaneKind
from workstation.text import RESOURCES

BACKGROUND = "#0f1114"
PANEL = "#14171b"
PANEL_2 = "#171a1f"
LINE = "#262b32"
TEXT = "#d5d9de"
DIM = "#8b939d"
FOCUS = "#4aa3ff"
PROPOSED = "#e0903f"
ACCEPTED = "#63d6a0"
DANGER = "#ff6b6b"
LETTER = "#ffc857"  # orientation letters over images
IMAGE = "#000000"

PLANE_COLOURS = {
    PlaneKind.AXIAL: "#ff5a5a",
    PlaneKind.SAGITTAL: "#ffd84a",
    PlaneKind.CORONAL: "#5ad67a",
}
STATE_COLOURS = {
    FindingState.PROPOSED: PROPOSED,
    FindingState.ACCEPTED: ACCEPTED,
    FindingState.EDITED: ACCEPTED,
    FindingState.ADDED: ACCEPTED,
    FindingState.REJECTED: DIM,
}
STATE_ICONS = {
    FindingState.PROPOSED: "○",
    FindingState.ACCEPTED: "✓",
    FindingState.EDITED: "✎",
    FindingState.ADDED: "+",
    FindingState.REJECTED: "×",
}
FAMILY = "Noto Sans CJK SC"
POINT_SIZE = 10

log = logging.getLogger(__name__)


@functools.cache
def load_fonts() -> str:
    """Load the bundled fonts once; the family to ask for. Needs a QGuiApplication."""
    families: list[str] = []
    for path in sorted((RESOURCES / "fonts").glob("*.otf")):
        # From bytes: some platforms cannot open a font below a path that is not ASCII.
        number = QFontDatabase.addApplicationFontFromData(path.read_bytes())
        if number < 0:
            log.warning("font %s cannot be used", path.name)
            continue
        families += QFontDatabase.applicationFontFamilies(number)
    return FAMILY if FAMILY in families or not families else families[0]


_text_percent = 100


def set_text_percent(percent: int) -> None:
    """Size of all text from now on, in percent of the usual; ``apply`` makes it so on screen."""
    global _text_percent
    _text_percent = percent


def text_percent() -> int:
    """Size of all text, in percent of the usual."""
    return _text_percent


def scaled(length: float) -> int:
    """A length in pixels that grows with the text."""
    return round(length * _text_percent / 100)


def scaled_points(css: str) -> str:
    """A style sheet with every point size grown with the text."""
    return re.sub(r"(\d+(?:\.\d+)?)pt", lambda m: f"{float(m[1]) * _text_percent / 100:.2f}pt", css)


def font(point_size: float = POINT_SIZE, *, bold: bool = False) -> QFont:
    """The product's font, in the size of text that the reader chose."""
    chosen = QFont(load_fonts())
    chosen.setPointSizeF(point_size * _text_percent / 100)
    chosen.setBold(bold)
    return chosen


def palette() -> QPalette:
    """The palette for what the stylesheet does not reach."""
    made = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, PANEL),
        (roles.Base, BACKGROUND),
        (roles.AlternateBase, PANEL_2),
        (roles.Button, PANEL_2),
        (roles.Text, TEXT),
        (roles.WindowText, TEXT),
        (roles.ButtonText, TEXT),
        (roles.ToolTipBase, PANEL_2),
        (roles.ToolTipText, TEXT),
        (roles.PlaceholderText, DIM),
        (roles.Highlight, FOCUS),
        (roles.HighlightedText, "#ffffff"),
        (roles.Link, FOCUS),
    ):
        made.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor("#5a626c"))
    return made


def _sign(name: str) -> str:
    """Where the small sign of a control lies, as style sheets write a place."""
    return (RESOURCES / "icons" / f"{name}.png").as_posix()


def stylesheet() -> str:
    """The stylesheet of the whole program.

    Widgets may set the dynamic property ``tone``: dim, title, heading, danger, proposed, accepted,
    research, chip; buttons also primary, accept, reject.
    """
    return f"""
* {{ font-family: "{load_fonts()}"; }}
QWidget {{ background: {PANEL}; color: {TEXT}; font-size: {POINT_SIZE}pt; }}
QMainWindow, QDialog {{ background: {BACKGROUND}; }}
QLabel {{ background: transparent; }}
QLabel[tone="dim"] {{ color: {DIM}; }}
QLabel[tone="title"] {{ font-size: 14pt; font-weight: bold; }}
QLabel[tone="heading"] {{ font-weight: bold; color: #9fb2c8; }}
QLabel[tone="danger"] {{ color: {DANGER}; }}
QLabel[tone="proposed"] {{ color: {PROPOSED}; }}
QLabel[tone="accepted"] {{ color: {ACCEPTED}; }}
QLabel[tone="research"] {{ color: #f0cf6a; border: 1px solid #f0cf6a; border-radius: 9px;
    padding: 1px 9px; }}
QLabel[tone="chip"] {{ background: {LINE}; border-radius: 9px; padding: 1px 9px; }}
QLabel[tone="stat"] {{ background: #5c1f22; color: #ff9a96; border-radius: 9px;
    padding: 1px 9px; }}
QLabel[tone="done"] {{ background: #173a2c; color: {ACCEPTED}; border-radius: 9px;
    padding: 1px 9px; }}
QPushButton, QToolButton {{ background: {LINE}; border: 1px solid #343b44; border-radius: 4px;
    padding: 4px 11px; color: {TEXT}; }}
QPushButton:hover, QToolButton:hover {{ background: #313842; border-color: #46505c; }}
QPushButton:pressed, QToolButton:pressed, QToolButton:checked {{ background: #1f4468;
    border-color: {FOCUS}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {FOCUS}; }}
QPushButton:disabled, QToolButton:disabled {{ color: #5a626c; background: {PANEL_2};
    border-color: {LINE}; }}
QPushButton[tone="primary"] {{ background: #2563b0; border-color: #2f78d0; color: #ffffff; }}
QPushButton[tone="primary"]:disabled {{ background: #1c3557; color: #6f8096;
    border-color: #1c3557; }}
QPushButton[tone="accept"] {{ background: #1c4433; border-color: #2a6148; color: #c9f2df; }}
QPushButton[tone="reject"]:hover {{ border-color: {DANGER}; }}
QLineEdit, QTextEdit, QPlainTextEdit, QComboBox, QSpinBox, QDoubleSpinBox, QDateEdit {{
    background: {BACKGROUND}; border: 1px solid {LINE}; border-radius: 4px; padding: 4px 7px;
    selection-background-color: #1f5fa8; }}
QLineEdit:focus, QTextEdit:focus, QPlainTextEdit:focus, QComboBox:focus {{
    border-color: {FOCUS}; }}
QComboBox QAbstractItemView {{ background: {PANEL_2}; border: 1px solid {LINE}; }}
QTableView, QTreeView, QListView {{ background: {BACKGROUND}; alternate-background-color: {PANEL};
    border: 1px solid {LINE}; gridline-color: {LINE}; selection-background-color: #1d3247;
    selection-color: {TEXT}; outline: 0; }}
QTableView::item, QTreeView::item, QListView::item {{ padding: 3px 6px; }}
QHeaderView::section {{ background: {PANEL_2}; color: {DIM}; border: 0;
    border-bottom: 1px solid {LINE}; padding: 4px 6px; }}
QTabWidget::pane {{ border: 0; border-top: 1px solid {LINE}; }}
QTabBar::tab {{ background: transparent; color: {DIM}; padding: 7px 9px; border: 0;
    border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: #ffffff; border-bottom-color: {FOCUS}; }}
QSplitter::handle {{ background: {LINE}; }}
QScrollArea {{ border: 0; }}
QScrollBar:vertical {{ background: {PANEL}; width: 9px; margin: 0; }}
QScrollBar:horizontal {{ background: {PANEL}; height: 9px; margin: 0; }}
QScrollBar::handle {{ background: #3a424d; border-radius: 4px; min-height: 24px;
    min-width: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QProgressBar {{ background: {BACKGROUND}; border: 1px solid {LINE}; border-radius: 3px;
    text-align: center; max-height: 14px; }}
QProgressBar::chunk {{ background: #1f5fa8; }}
QMenu {{ background: {PANEL_2}; border: 1px solid {LINE}; }}
QMenu::item:selected {{ background: #1d3247; }}
QToolTip {{ background: {PANEL_2}; color: {TEXT}; border: 1px solid #46505c; padding: 3px; }}
QStatusBar {{ background: {PANEL}; color: {DIM}; border-top: 1px solid {LINE}; }}
QStatusBar::item {{ border: 0; }}
QCheckBox, QRadioButton {{ background: transparent; }}
QCheckBox:focus, QRadioButton:focus {{ color: {FOCUS}; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: {scaled(13)}px; height: {scaled(13)}px;
    border: 1px solid {DIM}; border-radius: 2px; background: {BACKGROUND}; }}
QRadioButton::indicator {{ border-radius: {scaled(7)}px; }}
QCheckBox::indicator:checked {{ background: #1f5fa8; border-color: {FOCUS};
    image: url("{_sign("tick")}"); }}
QRadioButton::indicator:checked {{ background: #1f5fa8; border-color: {FOCUS};
    image: url("{_sign("dot")}"); }}
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ border-color: {LINE}; }}
QComboBox::drop-down {{ border: 0; width: {scaled(20)}px; }}
QComboBox::down-arrow {{
    image: url("{_sign("down")}"); width: {scaled(12)}px; height: {scaled(12)}px; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow, QDateEdit::up-arrow {{
    image: url("{_sign("up")}"); width: {scaled(9)}px; height: {scaled(9)}px; }}
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow, QDateEdit::down-arrow {{
    image: url("{_sign("down")}"); width: {scaled(9)}px; height: {scaled(9)}px; }}
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button,
QDoubleSpinBox::down-button {{ background: {LINE}; border: 0; width: {scaled(17)}px; }}
"""


def apply(app: QApplication, more: str = "") -> None:
    """Dress the application. more: a further style sheet, e.g. of the panels."""
    sheet = scaled_points(stylesheet() + more)
    if app.styleSheet() == sheet:
        return  # dressing again would restyle every widget there is
    app.setStyle("Fusion")
    app.setPalette(palette())
    app.setFont(font())
    app.setStyleSheet(sheet)
