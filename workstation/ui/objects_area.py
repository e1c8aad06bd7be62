"""Objects in the reading room: the tab, what is drawn of them, and jumps to what they mean."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal

from workstation.documents.tree_page import IMAGE, PLACE, tree_page
from workstation.domain.document import (
    EncapsulatedDocument,
    ImageRef,
    KeySelection,
    PresentationState,
    ReportTree,
    SegmentSet,
    StudyObject,
)
from workstation.domain.errors import N_
from workstation.domain.image_plane import ImagePlane, in_patient, planes_of
from workstation.domain.mark import Mark
from workstation.domain.volume import Stack
from workstation.reading import objects
from workstation.text import say, tr
from workstation.ui.object_entry import join
from workstation.ui.objects_layer import ObjectsLayer
from workstation.ui.objects_panel import ObjectsPanel
from workstation.ui.reader import Reader
from workstation.viewing.shown_objects import ShownObjects, ShownSegments

if TYPE_CHECKING:
    from workstation.ui.pane import ViewPane
    from workstation.ui.window import Window

_STYLE = "<style>.dim {color: #8b939d;} p {margin: 3px 0;} a {color: #5cc8ff;}</style>"


def install(window: Window) -> None:
    """Give the window its objects."""
    area = ObjectsArea(window)
    window.add_tab(area.panel, N_("Objects"))
    join(window.strip, area.panel, window.tabs)
    window.add_retranslate(area.retranslate)
    window.commands.register("objects", area.toggle)


class ObjectsArea(QObject):
    """Opens objects in the background and shows them as what they are; nothing becomes ours."""

    segments_wanted = Signal(str, object)  # object, numbers of its segments to edit; () for all

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.setObjectName("objectsArea")
        self.window = window
        self.shown = ShownObjects()
        self.panel = ObjectsPanel(self.shown)
        self.layers: list[ObjectsLayer] = []
        self.reader: Reader | None = None
        self.opened: dict[str, objects.Opened] = {}
        self._listed = ""
        self._loading: set[str] = set()
        window.grid_.on_pane(self._equip)
        self.shown.changed.connect(self.panel.refresh_checks)
        panel = self.panel
        panel.open_wanted.connect(self.open)
        panel.read_wanted.connect(self.read)
        panel.take_wanted.connect(self.take)
        panel.segment_wanted.connect(lambda uid, n: self.segments_wanted.emit(uid, (n,)))
        panel.jump_wanted.connect(self._jump)
        panel.link_clicked.connect(self._follow)
        desk = window.desk
        desk.study_opened.connect(lambda _: self._study())
        desk.contents_changed.connect(self._list)
        desk.study_closed.connect(self._forget)
        window.installEventFilter(self)

    def _equip(self, pane: ViewPane) -> None:
        layer = ObjectsLayer(pane.slices, self.shown)
        self.layers.append(layer)
        pane.slices.add_layer(layer)

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self.panel.retranslate()
        if self.reader is not None:
            self.reader.retranslate()
        if self.panel.current:
            self._present(self.panel.current)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let go of an open document when the window closes."""
        if event.type() is QEvent.Type.Close:
            self.close_reader()
        return False

    @property
    def busy(self) -> bool:
        """Whether an object is being read."""
        return bool(self._loading)

    # --- the study

    def _forget(self) -> None:
        self.close_reader()
        self.opened, self._listed = {}, ""
        self.shown.clear()
        self.panel.show_objects(())

    def _study(self) -> None:
        self._forget()
        self._list()

    def _list(self) -> None:
        """List what is there when the study is opened and when files came in."""
        desk = self.window.desk
        if desk.contents is None:
            return
        study, hidden, archive = desk.contents.study, desk.contents.hidden, desk.archive
        key = f"{study.study_uid} {study.instances} {hidden}"
        if key == self._listed:
            return
        self._listed = key
        self.panel.hold_back(hidden)

        def arrived(found: list[StudyObject]) -> None:
            if self._listed == key:
                self.panel.show_objects(found)

        desk.jobs.read(lambda: objects.objects_of(archive, study.study_uid, hidden=hidden), arrived)

    # --- opening

    def open(self, uid: str) -> None:
        """Read an object and show what it holds; what can be drawn is drawn."""
        if uid in self.opened:
            self._present(uid)
            return
        if uid in self._loading:
            return
        self._loading.add(uid)
        listed, archive, jobs = self._listed, self.window.desk.archive, self.window.jobs

        def failed(sentence: str) -> None:
            self._loading.discard(uid)
            if self._listed == listed:
                self._say(uid, sentence)

        def arrived(opened: objects.Opened) -> None:
            if self._listed != listed:
                self._loading.discard(uid)
                return
            self.opened[uid] = opened
            if isinstance(opened, SegmentSet):
                self._load_masks(uid, opened, listed)
                return
            self._loading.discard(uid)
            if isinstance(opened, PresentationState):
                self.shown.show_state(opened)
                self._go_to_state(opened)
            elif isinstance(opened, ReportTree):
                self.shown.show_report(opened, self._stacks())
            elif isinstance(opened, EncapsulatedDocument):
                self.read(uid)
            self._present(uid)

        jobs.read(lambda: objects.open_study_object(archive, uid), arrived, failed)

    def _load_masks(self, uid: str, about: SegmentSet, listed: str) -> None:
        archive = self.window.desk.archive
        self._say(uid, tr("Reading {count} segments ...", count=len(about.segments)))

        def arrived(masks: objects.Masks) -> None:
            self._loading.discard(uid)
            if self._listed != listed:
                return
            self.shown.show_segments(
                ShownSegments(
                    about,
                    masks.layers,
                    masks.volumes_ml,
                    masks.centres_mm,
                    masks.frame_of_reference_uid,
                    masks.stack_ids,
                )
            )
            self._present(uid)

        def failed(sentence: str) -> None:
            self._loading.discard(uid)
            if self._listed == listed:
                self._say(uid, sentence)

        self.window.jobs.room(
            lambda progress, cancel: objects.masks_of(archive, uid, cancel=cancel), arrived, failed
        )

    def _say(self, uid: str, sentence: str) -> None:
        if self.panel.current == uid:
            page = f"{_STYLE}<p>{escape(sentence)}</p>"
            self.panel.show_text(self._heading(uid), page, read=False, take=False)

    def _heading(self, uid: str) -> str:
        listed = self.panel.object(uid)
        return listed.title if listed is not None else ""

    def _present(self, uid: str) -> None:
        """Show in the panel what an opened object holds."""
        if self.panel.current != uid:
            return
        opened, heading = self.opened.get(uid), self._heading(uid)
        if isinstance(opened, SegmentSet) and uid in self.shown.segments:
            notes = [say(note) for note in opened.notes]
            words = [heading, opened.creator, *notes]
            self.panel.show_segments(" · ".join(w for w in words if w), self.shown.segments[uid])
        elif isinstance(opened, KeySelection):
            words = [opened.title, opened.words, opened.author.replace("=", "").replace("^", " ")]
            rows = [
                (stack.description or stack.modality, f"{plane.z + 1} / {stack.grid.shape[0]}")
                for stack, plane in self._key_places(opened)
            ]
            self.panel.show_images(" · ".join(w for w in words if w), rows)
        elif isinstance(opened, ReportTree):
            lines = bool(self.shown.lines.get(uid))
            self.panel.show_text(heading, tree_page(opened), read=True, take=lines)
        elif isinstance(opened, PresentationState):
            ours = any(graphic.tracking_id for d in opened.drawings for graphic in d.graphics)
            self.panel.show_text(heading, self._state_page(opened), read=False, take=ours)
        elif isinstance(opened, EncapsulatedDocument):
            about = f"{opened.media_type}, {len(opened.data) / 1024:.0f} KiB"
            page = f"{_STYLE}<p class='dim'>{escape(about)}</p>"
            self.panel.show_text(heading, page, read=True, take=False)

    def _state_page(self, state: PresentationState) -> str:
        turn = tr("turned by {degrees}°", degrees=state.rotation_deg)
        facts = [
            f"{tr('Display state: {name}', name=state.label or '-')}",
            state.description,
            tr("{count} images", count=len(state.images)),
            turn if state.rotation_deg else "",
            tr("mirrored") if state.flipped else "",
            tr("inverted") if state.inverse else "",
            *(
                tr("Window {centre} / {width}", centre=f"{w.centre:g}", width=f"{w.width:g}")
                for w in state.windows[:6]
            ),
            tr("{count} drawings", count=sum(len(d.graphics) for d in state.drawings)),
            *(c.words for d in state.drawings for c in d.captions),
            *(say(note) for note in state.notes),
        ]
        lines = (escape(fact).replace("\n", "<br>") for fact in facts if fact)
        return _STYLE + "".join(f"<p>{line}</p>" for line in lines)

    # --- reading over a pane

    def read(self, uid: str) -> None:
        """Show a document or report over the active view."""
        opened = self.opened.get(uid)
        if not isinstance(opened, (EncapsulatedDocument, ReportTree)):
            return
        self.close_reader()
        pane = self.window.grid_.active_pane
        self.reader = Reader(self.window.jobs, pane)
        self.reader.closed.connect(self._reader_closed)
        self.reader.link_clicked.connect(self._follow)
        title = self._heading(uid)
        if isinstance(opened, ReportTree):
            self.reader.show_html(title, tree_page(opened))
        elif opened.media_type == "application/pdf":
            self.reader.show_pdf(title, opened.data, self.window.notice.error)
        else:
            kind = tr("This program does not show documents of this kind: {kind}.",
                      kind=opened.media_type)  # fmt: skip
            self.reader.show_html(title, f"{_STYLE}<p>{escape(kind)}</p>")

    def close_reader(self) -> None:
        """Show the images again."""
        if self.reader is not None:
            self.reader.leave()

    def _reader_closed(self) -> None:
        self.reader = None
        self.window.grid_.active_pane.setFocus()

    # --- taking over

    def take(self, uid: str) -> None:
        """Make the marks of a report or state the reader's own, or segments editable."""
        if isinstance(self.opened.get(uid), SegmentSet):
            self.segments_wanted.emit(uid, ())
            return
        actor, archive = self.window.desk.actor, self.window.desk.archive
        if actor is None:
            self.window.people.sign_in()
            return

        def taken(marks: list[Mark]) -> None:
            self.window.notice.news(tr("{count} marks were taken.", count=len(marks)))

        self.window.jobs.write(
            lambda: objects.take_marks(archive, actor, uid), taken, self.window.notice.error
        )

    def toggle(self) -> None:
        """Everything of others on or off at once."""
        uids = [*self.shown.segments, *self.shown.states, *self.shown.lines]
        on = not any(self.shown.is_on(uid) for uid in uids)
        for uid in uids:
            self.shown.switch(uid, on)

    # --- jumps

    def _stacks(self) -> list[Stack]:
        contents = self.window.desk.contents
        return list(contents.stacks) if contents is not None else []

    def _key_places(self, selection: KeySelection) -> list[tuple[Stack, ImagePlane]]:
        return [
            (stack, plane)
            for ref in selection.images
            for stack in self._stacks()
            for plane in planes_of(stack, [ref])[: max(1, len(ref.frames))]
        ]

    def _go(self, plane: ImagePlane) -> None:
        rows, columns = plane.grid.shape[1:]
        middle = plane.grid.to_lps(((columns - 1) / 2, (rows - 1) / 2, 0.0))
        self.window.grid_.jump_to(middle, plane.stack_id, plane.phase)

    def _go_to_state(self, state: PresentationState) -> None:
        for stack in self._stacks():
            planes = planes_of(stack, state.images[:1])
            if planes:
                self._go(planes[0])
                return

    def _jump(self, uid: str, number: int) -> None:
        opened = self.opened.get(uid)
        if isinstance(opened, KeySelection):
            places = self._key_places(opened)
            if number < len(places):
                self._go(places[number][1])
        elif uid in self.shown.segments:
            shown = self.shown.segments[uid]
            centre = shown.centres_mm.get(number)
            if centre is None:
                return
            stack_id = next(iter(shown.stack_ids), "")
            active = self.window.grid_.active_pane.viewport
            if shown.belongs_to(active) and active.volume is not None:
                stack_id = active.volume.stack.id
            self.window.grid_.jump_to(centre, stack_id)

    def _follow(self, link: str) -> None:
        """A link of a report: to a place, or to an image."""
        scheme, _, rest = link.partition(":")
        if scheme == IMAGE:
            uid, _, frame = rest.partition("/")
            if self.panel.object(uid) is not None:
                self.panel.current = uid
                self.open(uid)
                return
            ref = ImageRef(uid, (int(frame or 0),))
            for stack in self._stacks():
                for plane in planes_of(stack, [ref]):
                    self._go(plane)
                    return
            self.window.notice.error(tr("This image is not in the study."))
        elif scheme == PLACE:
            self._go_to_place(rest)

    def _go_to_place(self, path: str) -> None:
        tree = self.opened.get(self.panel.current)
        if not isinstance(tree, ReportTree):
            return
        place = next((p for p in tree.places if p.path == path), None)
        if place is None:
            return
        for graphic in place.graphics:
            planes = [p for s in self._stacks() for p in planes_of(s, graphic.images)]
            drawn = in_patient(graphic, planes[0] if planes else None)
            stack_id = (
                planes[0].stack_id if planes else self._in_frame(graphic.frame_of_reference_uid)
            )
            if drawn is not None and stack_id:
                phase = planes[0].phase if planes else 0
                self.window.grid_.jump_to(drawn[0].mean(axis=0), stack_id, phase)
                return
        for ref in place.segments:
            if self.panel.object(ref.sop_instance_uid) is not None:
                self.panel.current = ref.sop_instance_uid
                self.open(ref.sop_instance_uid)
                return
        self.window.notice.error(tr("This image is not in the study."))

    def _in_frame(self, frame_uid: str) -> str:
        volumes = [s for s in self._stacks() if s.is_volume]
        return next((s.id for s in volumes if frame_uid == s.frame_of_reference_uid), "")
