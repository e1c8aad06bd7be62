"""The series strip: every stack of the study, grouped by region, with its recognised role."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup, QImage
from PySide6.QtWidgets import QLabel, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workstation.dicom.volumes import read_frame
from workstation.domain.document import StudyObject
from workstation.domain.role import CORRECTED, REGIONS, roles_for
from workstation.domain.volume import Stack
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.desk import Contents, Desk
from workstation.ui.named import named
from workstation.ui.object_entry import ObjectEntry
from workstation.ui.thumb import WIDTH, Thumb, thumbnail
from workstation.viewing.workspaces import Workspace, workspaces_of

HEADERS = "as the headers say"


def entries_of(stacks: Sequence[Stack]) -> list[list[Stack]]:
    """Stacks as the strip shows them: single images of one series are one entry."""
    entries: list[list[Stack]] = []
    single: dict[tuple[str, str, str], list[Stack]] = {}
    for stack in stacks:
        if stack.grid.shape[0] > 1 or stack.phases > 1:
            entries.append([stack])
            continue
        key = (stack.series_uid, stack.role, stack.region)
        if key not in single:
            single[key] = []
            entries.append(single[key])
        single[key].append(stack)
    return entries


def _missing(workspace: Workspace) -> QLabel:
    """What the visit did not bring."""
    between = "、" if language().startswith("zh") else ", "
    roles = between.join(tr(role) for role in workspace.missing)
    label = named(QLabel(tr("Not in this visit: {parts}", parts=roles)), "stripMissing")
    label.setWordWrap(True)
    return label


class SeriesStrip(QScrollArea):
    """All stacks of the open study in the order of the regions."""

    chosen = Signal(str)
    pane_chosen = Signal(str, int)  # stack id, pane from the menu
    object_chosen = Signal(str)
    workspace_chosen = Signal(str)  # region
    role_chosen = Signal(str, str)  # stack id, role, ``HEADERS`` to take a correction back

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("strip")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.thumbs: dict[str, Thumb] = {}  # by stack; several stacks may share one
        self.objects: tuple[StudyObject, ...] = ()
        self.entries: dict[str, ObjectEntry] = {}  # by object
        self.panes = 4
        self._pictures: dict[str, QImage] = {}
        self._shown = ""
        self._drawn: tuple[object, ...] = ()
        self._menu: QMenu | None = None
        self._fit()
        desk.study_opened.connect(lambda _: self.refresh())
        desk.contents_changed.connect(self.refresh)
        desk.study_closed.connect(self.clear)

    def _fit(self) -> None:
        self.setFixedWidth(theme.scaled(WIDTH) + 30)

    def clear(self) -> None:
        """Empty the strip."""
        self.thumbs, self.entries, self.objects = {}, {}, ()
        self._pictures = {}
        self._drawn = ()
        self.setWidget(QWidget())

    def refresh(self) -> None:
        """Show the stacks of now; nothing is redrawn when they are the same."""
        contents = self.desk.contents
        if contents is None:
            return
        drawn = (tuple((s.id, s.role, s.region) for s in contents.stacks), contents.role_choices)
        if drawn != self._drawn:
            self._drawn = drawn
            self.rebuild()
        self._mark_ai(contents)

    def rebuild(self) -> None:
        """Draw the strip anew (also in a new language)."""
        contents = self.desk.contents
        self._fit()
        if contents is None:
            return
        body = named(QWidget(), "stripBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 6, 4, 6)
        column.setSpacing(5)
        self.thumbs = {}
        workspaces = {one.region: one for one in workspaces_of(contents.stacks)}
        for region in REGIONS:
            stacks = [s for s in contents.stacks if (s.region or "other") == region]
            entries = entries_of(stacks)
            workspace = workspaces.get(region)
            if not entries and workspace is None:
                continue
            column.addWidget(self._head(region, len(entries), workspace))
            if workspace is not None and workspace.missing:
                column.addWidget(_missing(workspace))
            for entry in entries:
                column.addWidget(self._entry(entry, contents))
        self.entries = {}
        if self.objects:
            words = f"{tr('Objects')}  {len(self.objects)}"
            column.addWidget(named(QLabel(words), "stripHead"))
        for one in self.objects:
            shown = ObjectEntry(one)
            shown.opened.connect(self.object_chosen)
            self.entries[one.sop_instance_uid] = shown
            column.addWidget(shown)
        column.addStretch(1)
        self.setWidget(body)
        self.mark_shown(self._shown)
        self._mark_ai(contents)

    def _head(self, region: str, count: int, workspace: Workspace | None) -> QWidget:
        """The region's name; of a visit over several organs the way to its workspace."""
        words = f"{tr(region)}  {count}"
        if workspace is None or not count:
            return named(QLabel(words), "stripHead")
        button = named(QPushButton(words), "stripButton")
        button.setToolTip(tr("Show the workspace: {region}", region=tr(region)))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Alt+1 to Alt+3 lead there
        button.clicked.connect(lambda: self.workspace_chosen.emit(region))
        return button

    def show_objects(self, objects: Sequence[StudyObject]) -> None:
        """What the study holds beside its images stands below them."""
        if tuple(objects) != self.objects:
            self.objects = tuple(objects)
            self.rebuild()

    def mark_object(self, sop_instance_uid: str) -> None:
        """Mark the object that is open."""
        for uid, entry in self.entries.items():
            entry.mark(uid == sop_instance_uid)

    def _entry(self, stacks: Sequence[Stack], contents: Contents) -> Thumb:
        thumb = Thumb(stacks)
        thumb.note = role_note(thumb.stack, contents)
        thumb.speak()
        thumb.chosen.connect(self.chosen)
        thumb.picture_wanted.connect(lambda _, t=thumb: self._draw(t))
        thumb.menu_wanted.connect(self.show_menu)
        for stack in stacks:
            self.thumbs[stack.id] = thumb
        self._draw(thumb)
        return thumb

    def _draw(self, thumb: Thumb) -> None:
        stack = thumb.stack
        if stack.id in self._pictures:
            thumb.show_picture(self._pictures[stack.id])
            return
        middle = stack.grid.shape[0] // 2
        locate = self.desk.archive.blob_path

        def arrived(image: QImage | None) -> None:
            if image is not None:
                self._pictures[stack.id] = image
            current = self.thumbs.get(stack.id)
            if current is not None and current.stack_id == stack.id:
                current.show_picture(image)

        self.desk.jobs.read(
            lambda: thumbnail(read_frame(stack, 0, middle, locate), stack.photometric),
            arrived,
            lambda _: arrived(None),
        )

    def _mark_ai(self, contents: Contents) -> None:
        """Say on which series something was judged by a model or an analysis."""
        judged = {o.stack_id for o in contents.outcomes} | {f.stack_id for f in contents.findings}
        for thumb in {id(t): t for t in self.thumbs.values()}.values():
            has_ai = any(stack.id in judged for stack in thumb.stacks)
            if has_ai != thumb.has_ai:
                thumb.has_ai = has_ai
                thumb.speak()
                thumb.update()

    def mark_shown(self, stack_id: str) -> None:
        """Mark the stack of the active view."""
        self._shown = stack_id
        shown = self.thumbs.get(stack_id)
        for thumb in self.thumbs.values():
            thumb.mark(thumb is shown)
        if shown is not None:
            shown.choose(stack_id)

    # --- the menu of a series

    def menu_of(self, stack_id: str) -> QMenu:
        """Where to show a series, which of several images, and what it is for."""
        menu = QMenu(self)
        contents = self.desk.contents
        stack = contents.stack(stack_id) if contents is not None else None
        thumb = self.thumbs.get(stack_id)
        if contents is None or stack is None or thumb is None:
            return menu
        where = menu.addMenu(tr("Show in view"))
        for number in range(self.panes):
            act = where.addAction(str(number + 1))
            act.triggered.connect(lambda _=False, n=number: self.pane_chosen.emit(stack_id, n))
        if len(thumb.stacks) > 1:
            images = menu.addMenu(tr("Images"))
            for number, one in enumerate(thumb.stacks, 1):
                act = images.addAction(f"{number}  {one.description}")
                act.triggered.connect(lambda _=False, i=one.id: self.chosen.emit(i))
        roles = menu.addMenu(tr("What it is for"))
        group = QActionGroup(roles)
        for role in roles_for(stack.modality):
            if role.flat or stack.is_volume:
                act = roles.addAction(tr(role.name))
                act.setCheckable(True)
                act.setChecked(role.name == stack.role)
                group.addAction(act)
                act.triggered.connect(
                    lambda _=False, r=role.name: self.role_chosen.emit(stack_id, r)
                )
        act = roles.addAction(tr("Nothing in particular"))
        act.setCheckable(True)
        act.setChecked(not stack.role)
        group.addAction(act)
        act.triggered.connect(lambda: self.role_chosen.emit(stack_id, ""))
        if stack.role_reason == CORRECTED:
            roles.addSeparator()
            act = roles.addAction(tr("As the headers say"))
            act.triggered.connect(lambda: self.role_chosen.emit(stack_id, HEADERS))
        menu.addSeparator()
        said = menu.addAction(role_note(stack, contents))
        said.setEnabled(False)
        return menu

    def show_menu(self, stack_id: str, place: QPoint) -> None:
        """Open the menu of a series at a place on the screen."""
        self._menu = self.menu_of(stack_id)
        self._menu.aboutToHide.connect(self._menu.deleteLater)
        self._menu.popup(place)


def role_note(stack: Stack, contents: Contents) -> str:
    """Why a series has its role, and who said so where that was a reader."""
    choice = next((c for c in contents.role_choices if c.id == stack.id), None)
    if stack.role_reason == CORRECTED and choice is not None:
        when = choice.at.astimezone().strftime("%Y-%m-%d %H:%M")
        return tr("Corrected by {name}, {when}", name=choice.by, when=when)
    return tr(stack.role_reason) if stack.role_reason else ""
