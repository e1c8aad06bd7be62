"""Where work leaves the GUI thread: one writer, a small pool of readers, a few long rooms.

Callbacks always run in the GUI thread: results travel through one queued signal.
"""

from __future__ import annotations

import itertools
import logging
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from workstation.archive.store import Archive
from workstation.domain.errors import Message, ReaderError
from workstation.domain.work import Cancel, Progress
from workstation.text import say, tr

Done = Callable[[Any], None]
log = logging.getLogger(__name__)


class Jobs(QObject):
    """Runs rooms off the GUI thread and tells what changed."""

    changed = Signal(object)  # archive Change
    failed = Signal(str)  # a sentence for the reader
    progressed = Signal(str, float, str)  # job, fraction, what it is doing
    ended = Signal(str)  # job
    _deliver = Signal(object)

    def __init__(self, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.archive = archive
        self._writer = ThreadPoolExecutor(1, "writer")
        self._readers = ThreadPoolExecutor(2, "reader")
        self._rooms = ThreadPoolExecutor(2, "room")
        self._hand = ThreadPoolExecutor(1, "hand")  # what a reader waits for with the mouse in hand
        self._numbers = itertools.count(1)
        self._cancels: dict[str, Cancel] = {}
        self._seen = archive.last_change()
        self._polling = False
        self._closed = False
        self.closing = False  # the program ends: what is stopped now was not stopped by a reader
        self._deliver.connect(self._run, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(1500)  # other programs on the same home are seen this soon
        self._timer.timeout.connect(self.poll)
        self._timer.start()

    @Slot(object)
    def _run(self, call: Callable[[], None]) -> None:
        if not self._closed:
            call()

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any
    ) -> Future[Any]:
        """Hand work to a pool; what a late timer asks for after the end is not begun."""
        if not self._closed:
            return pool.submit(work, *args)
        dropped: Future[Any] = Future()
        dropped.cancel()
        return dropped

    def _finish(self, future: Future[Any], done: Done | None, failed: Done | None) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            if done is not None:
                self._deliver.emit(lambda: done(future.result()))
            return
        if isinstance(error, ReaderError):
            sentence = say(error.message)
        else:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            log.error("%s at %s", type(error).__name__, place)
            sentence = tr(
                "Something unexpected failed ({kind} at {place}). Your work up to here is kept.",
                kind=type(error).__name__,
                place=place,
            )
        if failed is not None:
            self._deliver.emit(lambda: failed(sentence))
        else:
            self._deliver.emit(lambda: self.failed.emit(sentence))

    def write(
        self, work: Callable[[], Any], done: Done | None = None, failed: Done | None = None
    ) -> None:
        """Run a short write, in order after all earlier ones; then tell what changed."""
        future = self._submit(self._writer, work)
        future.add_done_callback(lambda f: self._finish(f, done, failed))
        future.add_done_callback(lambda f: self._deliver.emit(self.poll))

    def read(self, work: Callable[[], Any], done: Done, failed: Done | None = None) -> Future[Any]:
        """Run a read beside others; ``done`` gets its result in the GUI thread."""
        future = self._submit(self._readers, work)
        future.add_done_callback(lambda f: self._finish(f, done, failed))
        return future

    def room(
        self,
        work: Callable[[Progress, Cancel], Any],
        done: Done | None = None,
        failed: Done | None = None,
        *,
        at_hand: bool = False,
    ) -> str:
        """Run a long room with progress and cancel; gives the job's name.

        at_hand: a reader waits for it, so it never queues behind models and registrations.
        """
        name = f"job-{next(self._numbers)}"
        cancel = Cancel()
        self._cancels[name] = cancel

        def progress(fraction: float, doing: Message) -> None:
            self.progressed.emit(name, fraction, say(doing))

        future = self._submit(self._hand if at_hand else self._rooms, work, progress, cancel)

        def end(f: Future[Any]) -> None:
            self._finish(f, done, failed)
            self._deliver.emit(lambda: self._end(name))
            self._deliver.emit(self.poll)

        future.add_done_callback(end)
        return name

    def _end(self, name: str) -> None:
        self._cancels.pop(name, None)
        self.ended.emit(name)

    def cancel(self, name: str) -> None:
        """Ask a long job to stop."""
        if name in self._cancels:
            self._cancels[name].cancel()

    @property
    def busy(self) -> bool:
        """Whether a long room is running."""
        return bool(self._cancels)

    @Slot()
    def poll(self) -> None:
        """Look for changes by anyone, this window included, and tell each of them."""
        if self._polling or self._closed:
            return
        self._polling = True
        future = self._readers.submit(self.archive.changes_since, self._seen)
        future.add_done_callback(lambda f: self._deliver.emit(lambda: self._tell(f)))

    def _tell(self, future: Future[Any]) -> None:
        self._polling = False
        if future.cancelled() or future.exception() is not None:
            return
        changes = future.result()
        if changes:
            self._seen = changes[-1].seq
        for change in changes:
            self.changed.emit(change)

    def poll_soon(self) -> None:
        """Ask for a look at changes from any thread."""
        self._deliver.emit(self.poll)

    def flush(self) -> None:
        """Wait until every write asked for so far is on disk."""
        self._writer.submit(lambda: None).result()

    def close(self) -> None:
        """Stop long jobs, finish writes, let the threads end."""
        self.closing = True
        for cancel in list(self._cancels.values()):
            cancel.cancel()
        self._timer.stop()
        self.flush()
        self._closed = True
        self._rooms.shutdown(wait=True, cancel_futures=True)
        self._hand.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)
