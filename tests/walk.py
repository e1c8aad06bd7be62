"""A random walk of real mouse and key events over the reading room.

    python -m tests.walk HOME [EVENTS] [SEED]

HOME: a home with studies imported and a user "li". Whatever a hand could do is done in any order:
every key of the command table, drags with every button and modifier, wheels, clicks on anything
that can be clicked. What must not happen: an exception, a warning in the log or from Qt, memory
that grows. Prints one JSON object; the exit code is 1 where something of that happened.
"""

from __future__ import annotations

import gc
import json
import logging
import random
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QPoint,
    QPointF,
    Qt,
    QTimer,
    qInstallMessageHandler,
)
from PySide6.QtCore import QtMsgType as Kind
from PySide6.QtGui import QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget

from workstation.ui.program import application, wait_until
from workstation.ui.test_pattern import TestPattern
from workstation.ui.window import Window
from workstation.viewing.commands import COMMANDS
from workstation.wiring import open_services

MODIFIERS = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
BUTTONS = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.MiddleButton,
    Qt.MouseButton.RightButton,
)
# Dialogs of the operating system cannot be closed by an event of ours.
OUTSIDE = ("import", "import_files", "save", "export", "print", "share_")
SETTLING_S = 120.0


class Walk:
    """One walk; ``problems`` holds what should not have happened."""

    def __init__(self, window: Window, seed: int) -> None:
        self.window = window
        self.app = application()
        self.random = random.Random(seed)
        self.problems: list[str] = []
        self.events = 0
        keys = [c.key for c in COMMANDS if c.key and not c.name.startswith(OUTSIDE)]
        self.keys = [*keys, *"0123456789", "Esc", "Return", "Del", "Tab"]
        studies = [study.study_uid for study in window.desk.archive.worklist()]
        self.studies = studies[:5]
        # Some menus wait for a choice in a loop of their own: they are left again after a moment.
        self._leaving = QTimer(window)
        self._leaving.setInterval(150)
        self._leaving.timeout.connect(self.close_popups)
        self._leaving.start()

    # --- watching

    def watch(self) -> None:
        """Collect exceptions, log records and Qt's messages from now on."""

        def raised(
            kind: type[BaseException], error: BaseException, where: TracebackType | None
        ) -> None:
            self.problems.append("".join(traceback.format_exception(kind, error, where)))

        def said(kind: Kind, context: QMessageLogContext, words: str) -> None:
            if kind is not Kind.QtDebugMsg and kind is not Kind.QtInfoMsg:
                self.problems.append(f"Qt: {words}")

        class Listener(logging.Handler):
            def emit(listener, record: logging.LogRecord) -> None:
                self.problems.append(f"log: {record.name}: {record.getMessage()}")

        sys.excepthook = raised
        qInstallMessageHandler(said)
        logging.getLogger().addHandler(Listener(logging.WARNING))

    def settle(self) -> None:
        """Wait for what is under way."""
        if not wait_until(self.app, lambda: self.window.settled, SETTLING_S):
            self.problems.append("the window did not settle")

    def memory_mb(self) -> float:
        """Resident memory with no study open and nothing under way."""
        self.close_popups()
        self.window.desk.close_study()
        wait_until(self.app, lambda: not self.window.jobs.busy, SETTLING_S)
        for _ in range(6):
            # Without an event loop of exec() nobody deletes what asked for it.
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            gc.collect()
            wait_until(self.app, lambda: False, 0.2)
        return float(psutil.Process().memory_info().rss) / 1e6

    # --- walking

    def open_study(self, uid: str) -> None:
        """Open a study as the worklist does."""
        self.close_popups()
        self.window.actions_.open_study(uid)
        self.settle()

    def close_popups(self) -> None:
        """Menus and dialogs away, as with Escape."""
        for _ in range(5):
            popup = QApplication.activePopupWidget() or QApplication.activeModalWidget()
            if popup is None:
                break
            popup.close()
            self.app.processEvents()
        for pattern in self.window.findChildren(TestPattern):
            pattern.close()  # it fills the screen until a reader closes it
        for dialog in self.window.findChildren(QDialog):
            if dialog.isVisible():
                dialog.reject()

    def go(self, events: int) -> None:
        """So many events over all studies."""
        each = max(events // (2 * len(self.studies)), 1)
        until = self.events + events
        while self.events < until:
            for uid in self.studies:
                if self.events >= until:
                    break
                self.open_study(uid)
                stop = min(self.events + each, until)
                while self.events < stop:
                    self.step()

    def step(self) -> None:
        """One thing a hand does: several events for a drag."""
        modal = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if modal is not None:
            QTest.keyClick(modal, Qt.Key.Key_Escape)
            self.events += 1
            self.app.processEvents()
            if QApplication.activeModalWidget() is modal:
                self.close_popups()
            return
        choice = self.random.random()
        if choice < 0.35:
            self.press_key()
        elif choice < 0.75:
            self.drag()
        elif choice < 0.9:
            self.wheel()
        else:
            self.click()
        self.app.processEvents()
        self.back_to_the_room()

    def back_to_the_room(self) -> None:
        """From the worklist or the page of the models, by the command that leads there."""
        if self.window.pages.currentIndex() > 1:
            self.window.commands.run("models")
        if self.window.pages.currentIndex() == 0 and self.window.desk.contents is not None:
            self.window.actions_.toggle_worklist()

    def _view(self) -> QWidget:
        panes = [p for p in self.window.grid_.panes if p.isVisible()]
        pane = self.random.choice(panes)
        return pane.solid or pane.slices

    def _place(self, widget: QWidget) -> QPoint:
        return QPoint(
            self.random.randrange(max(widget.width(), 1)),
            self.random.randrange(max(widget.height(), 1)),
        )

    def press_key(self) -> None:
        """A key of the table in one of the views."""
        view = self._view()
        view.setFocus()
        QTest.keySequence(view, QKeySequence(self.random.choice(self.keys)))
        self.events += 1

    def drag(self) -> None:
        """Press, a few moves, release; sometimes a double click, sometimes no button at all."""
        view, modifier = self._view(), self.random.choice(MODIFIERS)
        button = self.random.choice(BUTTONS)
        place = self._place(view)
        hovering = self.random.random() < 0.25
        if not hovering:
            self._mouse(view, QEvent.Type.MouseButtonPress, place, button, button, modifier)
        for _ in range(self.random.randrange(1, 8)):
            place += QPoint(self.random.randrange(-40, 41), self.random.randrange(-40, 41))
            held = Qt.MouseButton.NoButton if hovering else button
            self._mouse(view, QEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, held, modifier)
            self.app.processEvents()
        if not hovering:
            kind = QEvent.Type.MouseButtonRelease
            self._mouse(view, kind, place, button, Qt.MouseButton.NoButton, modifier)
            if self.random.random() < 0.05:
                kind = QEvent.Type.MouseButtonDblClick
                self._mouse(view, kind, place, button, button, modifier)

    def _mouse(
        self,
        view: QWidget,
        kind: QEvent.Type,
        at: QPoint,
        button: Qt.MouseButton,
        held: Qt.MouseButton,
        modifier: Qt.KeyboardModifier,
    ) -> None:
        where, shown = QPointF(at), QPointF(view.mapToGlobal(at))
        QApplication.sendEvent(view, QMouseEvent(kind, where, shown, button, held, modifier))
        self.events += 1

    def wheel(self) -> None:
        """Notches and fractions of them, with any modifier."""
        view = self._view()
        where = QPointF(self._place(view))
        turn = QPoint(0, self.random.choice((120, -120, 240, -600, 37, -15)))
        shown = QPointF(view.mapToGlobal(where.toPoint()))
        event = QWheelEvent(
            where,
            shown,
            QPoint(0, 0),
            turn,
            Qt.MouseButton.NoButton,
            self.random.choice(MODIFIERS),
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view, event)
        self.events += 1

    def click(self) -> None:
        """Anything visible that can be clicked, but for what leaves the program."""
        found = [
            button
            for button in self.window.findChildren(QAbstractButton)
            if button.isVisible() and button.isEnabled() and not button.property("leavesProgram")
        ]
        if found:
            QTest.mouseClick(self.random.choice(found), Qt.MouseButton.LeftButton)
            self.events += 1
        tabs = self.window.tabs
        if self.random.random() < 0.3:
            tabs.setCurrentIndex(self.random.randrange(tabs.count()))


def walk(home: Path, events: int, seed: int) -> dict[str, Any]:
    """The walk on a home; memory is compared between the first third and the end."""
    with open_services(home, "zh_CN") as services:
        app = application()
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.desk.sign_in(services.archive.user("li"))
        walking = Walk(window, seed)
        walking.watch()
        try:
            walking.go(events // 3)
            first = walking.memory_mb()
            walking.go(events - events // 3)
            last = walking.memory_mb()
        finally:
            sys.excepthook = sys.__excepthook__  # what stops the walk itself is told
        window.shut()
        app.processEvents()
    problems = walking.problems
    qInstallMessageHandler(None)
    return {
        "events": walking.events,
        "studies": len(walking.studies),
        "problems": len(problems),
        "first_problems": list(dict.fromkeys(problems))[:12],
        "memory_mb": [round(first, 1), round(last, 1)],
        "growth_percent": round((last / first - 1) * 100, 2),
    }


def main(words: list[str]) -> int:
    """The walk as a command; 1 where something happened that should not."""
    events = int(words[1]) if len(words) > 1 else 2000
    seed = int(words[2]) if len(words) > 2 else 1
    told = walk(Path(words[0]), events, seed)
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return 1 if told["problems"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
