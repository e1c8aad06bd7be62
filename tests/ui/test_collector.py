"""Garbage goes in the GUI thread, whatever other threads do meanwhile."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from workstation.ui.memory import Collector, give_back


def test_cycles_end_in_the_gui_thread(qtbot: QtBot) -> None:
    ended: list[int] = []

    class Knot:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            ended.append(threading.get_ident())

    owner = QObject()
    collector = Collector(owner)
    assert not gc.isenabled()

    def busy() -> None:
        for _ in range(50):
            Knot()
            [[n] for n in range(2000)]  # enough to set off an automatic collection
        give_back()

    worker = threading.Thread(target=busy)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: len(ended) == 50, timeout=20_000)
    assert set(ended) == {threading.get_ident()}
    collector.end()
    assert not gc.isenabled()  # what is left of the window must not end in another thread either
