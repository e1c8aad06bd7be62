"""The tabs beside the images; areas add theirs."""

from __future__ import annotations

from PySide6.QtWidgets import QTabWidget, QWidget

from workstation.text import tr
from workstation.ui.desk import Desk


class SideTabs(QTabWidget):
    """Tabs whose titles follow the language; the first two count what they hold."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._titles: list[str] = []
        self.setUsesScrollButtons(True)

    def add(self, panel: QWidget, title: str) -> None:
        """Add a panel; ``title`` is English, a catalogue key."""
        self._titles.append(title)
        self.addTab(panel, tr(title))

    def retranslate(self) -> None:
        """Titles in the language of now, with the counts of now."""
        contents = self._desk.contents
        counts = (len(contents.findings), len(contents.measurements)) if contents else (0, 0)
        for number, title in enumerate(self._titles):
            count = f" ({counts[number]})" if number < len(counts) else ""
            self.setTabText(number, tr(title) + count)
