"""A reader at work in a real window, to be killed: run as a child, told what to do.

    python -m tests.ui.crash_child HOME paint|decide|sign|import [FOLDER]

Prints one line for each thing that the window holds as stored, so that the parent knows what must
still be there afterwards.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from workstation.wiring import open_services  # isort: skip - before PySide6
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.gestures import drag
from workstation.domain.finding import Finding, FindingState
from workstation.ui.program import application, wait_until
from workstation.ui.window import Window

USER, PASSWORD = "li", "long enough 1"


def tell(*words: object) -> None:
    print(*words, flush=True)


def paint(window: Window, app: object) -> None:
    """Stroke after stroke on the first finding that has a mask."""
    desk, rng = window.desk, random.Random()
    contents = desk.contents
    assert contents is not None
    finding = next(f for f in contents.findings if f.mask_id)
    told = [finding.mask_id]

    def stored() -> None:
        now = desk.contents.finding(finding.id) if desk.contents else None
        if now is not None and now.mask_id != told[-1]:
            told.append(now.mask_id)
            tell("mask", finding.id, now.mask_id)

    desk.contents_changed.connect(stored)
    desk.focus_finding(finding.id)
    QTest.qWait(300)
    QTest.keyClick(window.grid_.active_pane.slices, Qt.Key.Key_E)
    wait_until(application(), lambda: bool(window.decisions.painted_id), 10)
    desk.close()
    window.jobs.flush()
    tell("ready")
    view = window.grid_.active_pane.slices
    while True:
        at = QPoint(
            rng.randint(view.width() // 3, view.width() * 2 // 3),
            rng.randint(view.height() // 3, view.height() * 2 // 3),
        )
        turns = [QPoint(rng.randint(-12, 12), rng.randint(-12, 12)) for _ in range(5)]
        drag(view, [at + turn for turn in turns])
        QTest.qWait(20)


def decide(window: Window) -> None:
    """Accept or reject every finding by key, and tell what is stored."""
    desk = window.desk
    assert desk.contents is not None
    told: set[tuple[str, FindingState]] = set()

    def stored() -> None:
        for finding in desk.contents.findings if desk.contents else ():
            entry = (finding.id, finding.state)
            if finding.state is not FindingState.PROPOSED and entry not in told:
                told.add(entry)
                tell("decided", finding.id, finding.state.value)

    desk.contents_changed.connect(stored)
    tell("ready")
    for number, finding in enumerate(desk.contents.findings):
        desk.focus_finding(finding.id)
        QTest.qWait(40)
        key = Qt.Key.Key_X if number % 2 else Qt.Key.Key_A
        QTest.keyClick(window.grid_.active_pane.slices, key)
        QTest.qWait(80)
    wait_until(
        application(),
        lambda: (
            desk.contents is not None
            and all(f.state is not FindingState.PROPOSED for f in desk.contents.findings)
            and not desk.contents.obstacles
        ),
        60,
    )


def sign(window: Window) -> None:
    """Decide, then sign by the dialog."""
    decide(window)
    tell("signing")
    QTest.keyClick(window.grid_.active_pane.slices, Qt.Key.Key_Return,
                   Qt.KeyboardModifier.ControlModifier)  # fmt: skip
    wait_until(application(), lambda: window.people.dialog is not None, 20)
    dialog = window.people.dialog
    assert dialog is not None
    QTest.keyClicks(dialog.findChildren(type(window.worklist.search))[0], PASSWORD)
    QTest.mouseClick(dialog.ok, Qt.MouseButton.LeftButton)
    wait_until(
        application(),
        lambda: bool(window.desk.contents and window.desk.contents.reports),
        60,
    )
    tell("signed")


def main() -> None:
    home, what = Path(sys.argv[1]), sys.argv[2]
    with open_services(home, "zh_CN") as services:
        app = application()
        window = Window(services.settings, services.archive)
        window.resize(1280, 800)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.desk.sign_in(services.archive.user(USER))
        if what == "import":
            tell("ready")
            window.importing.start([Path(sys.argv[3])])
            wait_until(app, lambda: not window.jobs.busy, 120)
            tell("imported")
        else:
            study = next(
                s for s in services.archive.worklist() if services.archive.all(Finding, s.study_uid)
            )
            window.desk.open_study(study.study_uid)
            wait_until(app, lambda: window.settled, 120)
            {"paint": lambda: paint(window, app), "decide": lambda: decide(window),
             "sign": lambda: sign(window)}[what]()  # fmt: skip
        while True:  # stay until killed
            app.processEvents()
            time.sleep(0.01)


if __name__ == "__main__":
    main()
