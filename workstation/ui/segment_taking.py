"""Segments of an object taken into the list to be edited; one act, taken back as one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from workstation.domain.document import SegmentSet
from workstation.reading import segments
from workstation.reading.segments_taken import Taken, take
from workstation.text import say, tr
from workstation.ui.objects_area import ObjectsArea
from workstation.ui.segment_desk import SegmentDesk

if TYPE_CHECKING:
    from workstation.ui.window import Window

AREA = "taken segments"


class SegmentTaking(QObject):
    """From the tab of objects to the list of segments, and back by undo."""

    def __init__(self, window: Window, desk: SegmentDesk, parent: QObject) -> None:
        super().__init__(parent)
        self.window, self.desk = window, desk
        self._taken: list[tuple[str, ...]] = []  # ids, act by act
        self._untaken: list[tuple[str, ...]] = []
        self._wanted = ""  # to be activated when it is listed
        self.objects = window.findChild(ObjectsArea)
        if self.objects is not None:
            self.objects.segments_wanted.connect(self.take)
        desk.list.changed.connect(self._listed)
        window.undo.register(AREA, self._undo, self._redo)
        window.desk.study_closed.connect(self._forget)
        window.commands.register("segment_take", self.take_chosen)

    def take_chosen(self) -> None:
        """Take every segment of the object that is chosen in the tab of objects."""
        objects = self.objects
        uid = objects.panel.current if objects is not None else ""
        if objects is None or not isinstance(objects.opened.get(uid), SegmentSet):
            if objects is not None:
                self.window.tabs.setCurrentWidget(objects.panel)
            self.window.notice.error(tr("Choose a segmentation in the tab of objects first."))
            return
        self.take(uid, ())

    def take(self, uid: str, numbers: Collection[int]) -> None:
        """Take segments of an object, all where ``numbers`` is empty."""
        window, actor = self.window, self.window.desk.actor
        if actor is None:
            window.people.sign_in()
            return
        archive, study_uid = window.desk.archive, window.desk.study_uid
        near = window.grid_.active_pane.content.stack_id
        wanted = set(numbers) or None

        def done(taken: Taken) -> None:
            if window.desk.study_uid != study_uid:
                return
            self._taken.append(tuple(s.id for s in taken.segments))
            self._untaken.clear()
            window.undo.did(AREA)
            if self.objects is not None and wanted is None:
                self.objects.shown.switch(uid, False)  # or each would be drawn twice
            self._wanted = taken.segments[0].id
            self.desk.list.reload()
            origin = taken.segments[0].origin
            said = tr(
                "Taken to be edited from {origin}: {count}. The original stays as it is.",
                count=len(taken.segments),
                origin=origin.words if origin is not None else "",
            )
            window.notice.news(" ".join([said, *(say(note) for note in taken.notes)]))

        window.jobs.room(
            lambda _, cancel: take(archive, actor, uid, numbers=wanted, near=near, cancel=cancel),
            done,
            window.notice.error,
            at_hand=True,
        )

    def _listed(self) -> None:
        if self._wanted in self.desk.list.sheets:
            wanted, self._wanted = self._wanted, ""
            self.desk.activate(wanted)

    def _undo(self) -> None:
        if not self._taken:
            return
        sheets = self.desk.list.sheets
        there = [segment_id for segment_id in self._taken.pop() if segment_id in sheets]
        for segment_id in there:
            self.desk.list.remove(segment_id)
        self._untaken.append(tuple(i for i in there if i not in sheets))

    def _redo(self) -> None:
        desk = self.window.desk
        actor, archive, study_uid = desk.actor, desk.archive, desk.study_uid
        group = self._untaken.pop() if self._untaken else ()
        self._taken.append(group)
        if actor is None or not group:
            return

        def back(_: object) -> None:
            self._wanted = group[0]
            self.desk.list.reload()

        self.window.jobs.write(
            lambda: segments.restore(archive, actor, study_uid, group),
            back,
            self.window.notice.error,
        )

    def _forget(self) -> None:
        self._taken.clear()
        self._untaken.clear()
        self._wanted = ""
