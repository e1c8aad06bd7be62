"""The tabs beside the images; areas add theirs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QMenu,
    QScrollArea,
    QTabWidget,
    QToolButton,
    QWidget,
)

from workstation.text import tr
from workstation.ui.desk import Desk
from workstation.ui.named import named


class SideTabs(QTabWidget):
    """Tabs whose titles follow the language; the first two count what they hold."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._titles: list[str] = []
        self._holders: dict[QWidget, QWidget] = {}
        self.setUsesScrollButtons(True)
        # More tabs than there is room for: all of them are in a menu that is always in sight.
        self._all = named(QToolButton(), "group")
        self._all.setText("☰")
        self._all.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._all.setMenu(QMenu(self._all))
        self._all.menu().aboutToShow.connect(self._list)
        self.setCornerWidget(self._all)

    def add(self, panel: QWidget, title: str) -> None:
        """Add a panel; ``title`` is English, a catalogue key."""
        self._titles.append(title)
        self.addTab(self._holder(panel), tr(title))

    def _holder(self, panel: QWidget) -> QWidget:
        """A panel that cannot scroll by itself scrolls in here: nothing is ever cut off, and no
        panel makes the window higher than the screen."""
        if isinstance(panel, QAbstractScrollArea):
            return panel
        area = named(QScrollArea(), "sideScroll")
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(panel)
        self._holders[panel] = area
        return area

    def setCurrentWidget(self, panel: QWidget) -> None:
        """Show the tab of a panel that was added."""
        super().setCurrentWidget(self._holders.get(panel, panel))

    def _list(self) -> None:
        menu = self._all.menu()
        menu.clear()
        for number in range(self.count()):
            entry = menu.addAction(self.tabText(number))
            entry.setCheckable(True)
            entry.setChecked(number == self.currentIndex())
            entry.triggered.connect(lambda _=False, n=number: self.setCurrentIndex(n))

    def retranslate(self) -> None:
        """Titles in the language of now, with the counts of now."""
        contents = self._desk.contents
        counts = (len(contents.findings), len(contents.measurements)) if contents else (0, 0)
        for number, title in enumerate(self._titles):
            count = f" ({counts[number]})" if number < len(counts) else ""
            self.setTabText(number, tr(title) + count)
        self._all.setToolTip(tr("All tabs"))
        self._all.setAccessibleName(tr("All tabs"))
