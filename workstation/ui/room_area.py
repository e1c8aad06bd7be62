"""The room itself: stages and shapes, series roles, keys, text size, a second window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QScreen

from workstation.domain.errors import BadInput
from workstation.reading.roles import choose_role, follow_headers
from workstation.text import say, tr
from workstation.ui.apart import Apart
from workstation.ui.asking import ask
from workstation.ui.hanging_dialog import HangingDialog
from workstation.ui.next_series import NextSeries
from workstation.ui.pane import ViewPane
from workstation.ui.series_strip import HEADERS
from workstation.ui.test_pattern import TestPattern, screen_name
from workstation.ui.text_size import next_percent, show_text_at
from workstation.viewing.calibration import load_calibrations, standing, warns
from workstation.viewing.hanging import as_protocol
from workstation.viewing.hanging_files import (
    delete_protocol,
    installed,
    own_protocols,
    save_protocol,
)
from workstation.viewing.preferences import Preferences, load_preferences, save_preferences

if TYPE_CHECKING:
    from workstation.ui.window import Window

SHAPES = ((1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (2, 3), (3, 3), (2, 4), (3, 4))


class Room(QObject):
    """What readers set up for themselves, and commands of the room."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.home = window.desk.archive.home
        self.remembers = window.desk.remembers
        self.preferences = load_preferences(self.home) if self.remembers else Preferences()
        self.apart = Apart(window)
        self.next_series = NextSeries(window)
        self.dialog: HangingDialog | None = None
        self.pattern: TestPattern | None = None
        self._register()
        self._reload = QTimer(self)
        self._reload.setSingleShot(True)
        self._reload.setInterval(300)
        self._reload.timeout.connect(window.worklist.reload)
        self._connect()
        self._read_protocols()
        if self.preferences.keys:
            window.commands.set_keys(self.preferences.keys)
        if self.preferences.text_percent != 100:
            show_text_at(window, self.preferences.text_percent)
        if self.preferences.apart:
            # When the window has its place, or the second one would not know the first one's.
            place, part = self.preferences.apart_place, self.preferences.apart
            QTimer.singleShot(0, lambda: self.apart.move(part, place))

    def _register(self) -> None:
        grid = self.window.grid_
        acts: dict[str, Callable[[], None]] = {
            "next_stage": lambda: grid.step_stage(1),
            "previous_stage": lambda: grid.step_stage(-1),
            "hangings": self.show_hangings,
            "next_view": lambda: grid.step_active(1),
            "previous_view": lambda: grid.step_active(-1),
            "report_apart": lambda: self.toggle_apart("report"),
            "images_apart": lambda: self.toggle_apart("images"),
            "text_larger": lambda: self.set_text(next_percent(self.preferences.text_percent, 1)),
            "text_smaller": lambda: self.set_text(next_percent(self.preferences.text_percent, -1)),
            "text_usual": lambda: self.set_text(100),
            "test_pattern": self.show_test_pattern,
        }
        for region in ("brain", "vessel", "heart"):
            acts[f"workspace_{region}"] = partial(grid.show_workspace, region)
        for rows, columns in SHAPES:
            acts[f"shape_{rows}x{columns}"] = partial(grid.add_rows_and_columns, rows, columns)
        for name, act in acts.items():
            self.window.commands.register(name, act)

    def _connect(self) -> None:
        window = self.window
        window.strip.role_chosen.connect(self.choose_role)
        window.strip.workspace_chosen.connect(window.grid_.show_workspace)
        window.strip.pane_chosen.connect(lambda stack, pane: window.grid_.show_stack(stack, pane))
        window.grid_.shape_changed.connect(self._count_panes)
        window.grid_.stage_changed.connect(self._say_stage)
        window.jobs.changed.connect(self._changed)
        window.desk.ai_state.connect(self._reading)
        window.add_retranslate(self.apart.retranslate)
        window.grid_.on_pane(self._equip)
        window.commands.changed.connect(self._keys_changed)
        window.status.screen_wanted.connect(self.show_test_pattern)
        window.add_retranslate(self.look_at_screen)
        window.installEventFilter(self)
        self._count_panes()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """When the window closes, where the second one stood is kept."""
        if event.type() is QEvent.Type.Close and self.apart.shell is not None:
            self.remember_place()
        return super().eventFilter(watched, event)

    def _equip(self, pane: ViewPane) -> None:
        pane.slices.keys = self.window.commands.view_keys()

    def _count_panes(self) -> None:
        self.window.strip.panes = len(self.window.grid_.panes)

    # --- the worklist follows

    def _changed(self, change: Any) -> None:
        if change.kind in (
            "finding",
            "outcome",
            "refusal",
            "signed report",
            "alert",
            "arrival",
            "first read",
        ):
            self._reload.start()

    def _reading(self, state: str, sentence: str) -> None:
        uid = self.window.desk.study_uid if state == "running" else ""
        self.window.worklist.model.set_reading(uid)

    # --- what is remembered

    def remember(self, **changed: Any) -> None:
        """Keep a preference from now on."""
        self.preferences = replace(self.preferences, **changed)
        if self.remembers:
            kept = self.preferences
            self.window.jobs.write(lambda: save_preferences(self.home, kept))

    def set_text(self, percent: int) -> None:
        """Text of another size, everywhere and from now on."""
        show_text_at(self.window, percent)
        self.remember(text_percent=percent)
        self.window.notice.news(tr("Text size {percent} %", percent=percent))

    def _keys_changed(self) -> None:
        keys = self.window.commands.own_keys
        if keys != self.preferences.keys:
            self.remember(keys=keys)

    def toggle_apart(self, part: str) -> None:
        """Give a part of the window to a second screen, or take it back."""
        self.apart.move("" if self.apart.part == part else part, self.preferences.apart_place)
        self.remember_place()
        self.look_at_screen()

    def remember_place(self) -> None:
        """Keep which part stands apart and where."""
        place = self.apart.place or self.preferences.apart_place
        self.remember(apart=self.apart.part, apart_place=place)

    # --- the screen

    def look_at_screen(self) -> None:
        """Say what is known of the screen that the images are on."""
        screen = self._image_screen()
        record = load_calibrations(self.home).get(screen_name(screen))
        bad = warns(record, date.today())
        words = "⚠ " + tr("Screen not calibrated") if bad else "✓ " + tr("Screen calibrated")
        self.window.status.show_screen(words, say(standing(record, date.today())))

    def _image_screen(self) -> QScreen:
        shell = self.apart.shell if self.apart.part == "images" else None
        return (shell or self.window).screen()

    def show_test_pattern(self) -> None:
        """The test pattern on the screen that the images are on."""
        if self.pattern is None:
            pattern = TestPattern(self.home, self._image_screen(), self.window)
            pattern.recorded.connect(self.look_at_screen)
            pattern.destroyed.connect(self._forget_pattern)  # it goes when it is closed
            self.pattern = pattern
        self.pattern.showFullScreen()
        self.pattern.raise_()

    def _forget_pattern(self) -> None:
        self.pattern = None

    # --- hanging protocols

    def _read_protocols(self) -> None:
        own, faults = own_protocols(self.home)
        self.window.grid_.protocols = (*installed(), *own)
        for fault in faults:
            self.window.notice.error(say(fault))

    def _say_stage(self) -> None:
        grid = self.window.grid_
        if grid.hanging is None or len(grid.hanging.stages) < 2:
            return
        protocol, stage = grid.hanging.protocol, grid.hanging.stages[grid.stage]
        name = protocol.name if protocol.own else tr(protocol.name)
        words = tr(
            "{protocol}: {stage} ({n} of {count})",
            protocol=name,
            stage=tr(stage.name),
            n=grid.stage + 1,
            count=len(grid.hanging.stages),
        )
        self.window.status.say(words)

    def show_hangings(self) -> None:
        """Choose a protocol, save the present arrangement, delete a saved one."""
        dialog = HangingDialog(self.window)
        dialog.chosen.connect(self.window.grid_.hang_by)
        dialog.save_wanted.connect(self.save_hanging)
        dialog.delete_wanted.connect(self.delete_hanging)
        dialog.fill(self.window.grid_.protocols, self.window.grid_.hanging)
        self.dialog = dialog
        dialog.finished.connect(self._closed)
        ask(dialog)

    def _closed(self) -> None:
        self.dialog = None

    def save_hanging(self, name: str) -> None:
        """Save what is on screen under a name."""
        grid = self.window.grid_
        shown = grid.arrangement()
        if all(pane.empty for pane in shown.panes):
            self._wrong(tr("There is nothing on screen to be saved."))
            return
        before = {stack.id for stack in grid.priors}
        protocol = as_protocol(
            "", name, shown.rows, shown.columns, shown.panes, grid.stacks.get, before
        )
        try:
            saved = save_protocol(self.home, protocol)
        except (BadInput, OSError) as error:
            why = say(error.message) if isinstance(error, BadInput) else type(error).__name__
            self._wrong(why)
            return
        self._protocols_changed()
        if self.dialog is not None:
            self.dialog.accept()
        words = tr("{name} was saved: it hangs studies with the same series.", name=saved.name)
        self.window.notice.news(words)

    def delete_hanging(self, id: str) -> None:
        """Delete a protocol that a reader saved."""
        try:
            delete_protocol(self.home, id)
        except (BadInput, OSError) as error:
            why = say(error.message) if isinstance(error, BadInput) else type(error).__name__
            self._wrong(why)
            return
        self._protocols_changed()

    def _protocols_changed(self) -> None:
        self._read_protocols()
        if self.dialog is not None:
            self.dialog.fill(self.window.grid_.protocols, self.window.grid_.hanging)

    def _wrong(self, sentence: str) -> None:
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.say_wrong(sentence)
        else:
            self.window.notice.error(sentence)

    # --- roles

    def choose_role(self, stack_id: str, role: str) -> None:
        """A reader says what a series is for: it hangs again and is read again."""
        desk, actor = self.window.desk, self.window.desk.actor
        if actor is None:
            self.window.people.sign_in()
            return
        archive, study_uid = desk.archive, desk.study_uid

        def work() -> None:
            if role == HEADERS:
                follow_headers(archive, actor, stack_id)
            else:
                choose_role(archive, actor, stack_id, role)

        def done(_: Any) -> None:
            if desk.study_uid == study_uid:
                desk.state.views = {}  # the old arrangement was made for the old role
                desk.reload()
                desk.read_by_machine()

        self.window.jobs.write(work, done)


def install(window: Window) -> None:
    """Give the window its room."""
    Room(window)  # the window owns it
