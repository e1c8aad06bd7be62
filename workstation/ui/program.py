"""Runs the window, or takes its picture."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from workstation.ai.child import warm
from workstation.archive.store import Archive
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.reading.models import run_canaries
from workstation.settings import Settings
from workstation.text import set_language, tr
from workstation.ui import theme
from workstation.ui.desk import DESK
from workstation.ui.memory import keep_what_is_there
from workstation.ui.panel_style import PANELS
from workstation.ui.window import Window

log = logging.getLogger(__name__)


def application() -> QApplication:
    """The one QApplication, dressed."""
    running = QApplication.instance()
    app = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("OneScan")
    app.setOrganizationName("OneScan")
    theme.apply(app, PANELS)
    return app


def run_window(settings: Settings, archive: Archive, *, with_demo: bool, spoken: str = "") -> int:
    """Open the workstation and stay until it is closed; the exit code."""
    if sys.stderr is not None:
        faulthandler.enable()
    app = application()
    window = Window(settings, archive)
    signal.signal(signal.SIGINT, lambda *_: app.quit())
    signal.signal(signal.SIGTERM, lambda *_: app.quit())
    alive = QTimer()  # lets Python see signals while Qt waits
    alive.start(500)
    alive.timeout.connect(lambda: None)
    window.showMaximized()
    window.desk.restore(archive.desk(DESK))
    if spoken:  # asked for on the command line: it wins over what was spoken last
        set_language(spoken)
    window.actions_.speak()
    if with_demo and archive.worklist_count() == 0:
        window.actions_.make_demo()
    # Beside everything else: a model that answers differently here is off before it is needed.
    window.jobs.room(lambda progress, cancel: run_canaries(settings, progress, cancel))
    keep_what_is_there()
    with warm():  # studies come one after the other, models too
        code = app.exec()
        window.shut()
    return code


def wait_until(app: QApplication, ready: Callable[[], bool], seconds: float) -> bool:
    """Let the program run until ``ready`` or the time is up; whether it became ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        if ready():
            return True
        time.sleep(0.01)
    return False


def take_screenshot(
    settings: Settings, archive: Archive, study: str, layout: str, to: Path, size: str
) -> int:
    """Picture of the reading room with ``study`` in ``layout``; exit code 0."""
    try:
        width, height = (int(part) for part in size.split("x"))
    except ValueError:
        raise BadInput(N_("{size} is not a size such as 1920x1080."), size=size) from None
    study_uid = archive.last_study_uid() if study == "last" else archive.study(study).study_uid
    app = application()
    window = Window(settings, archive, remembers=False)
    window.resize(width, height)
    window.show()
    window.desk.open_study(study_uid)
    if not wait_until(app, lambda: window.settled, 300):
        window.shut()
        raise NotFound(N_("The study did not come on screen within five minutes."))
    window.grid_.set_layout(layout)
    contents = window.desk.contents
    if contents is not None and contents.findings:
        window.desk.focus_finding(contents.findings[0].id)
    wait_until(app, lambda: window.settled, 60)
    wait_until(app, lambda: False, 1.0)  # 3D refines its picture when nothing moves
    to.parent.mkdir(parents=True, exist_ok=True)
    if not window.grab().save(str(to), "PNG"):
        raise BadInput(N_("The picture cannot be written to {path}."), path=str(to))
    window.shut()
    print(tr("Picture: {path}", path=str(to)))  # noqa: T201 - this is the command's answer
    return 0
