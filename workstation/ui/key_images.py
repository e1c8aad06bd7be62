"""Key images in the reading room: `K`, a star on the image, a tab that lists them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workstation.documents.png import png_bytes
from workstation.domain.errors import NotFound, Tampered
from workstation.domain.mark import KeyImage
from workstation.domain.people import Actor
from workstation.reading import key_images as room
from workstation.text import tr
from workstation.ui.key_image_layer import KeyImageLayer
from workstation.ui.key_images_tab import KeyImagesTab
from workstation.ui.pane import ViewPane
from workstation.ui.share_picture import caption_of, picture_of, without_colour
from workstation.viewing.key_images import is_here, seen_in, show_again

if TYPE_CHECKING:
    from workstation.ui.window import Window

_LONG_SIDE = 900  # of a picture in the report: 12 cm on paper at 190 dots an inch


class KeyImages(QObject):
    """The key images of the open study."""

    changed = Signal()

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.images: list[KeyImage] = []
        self.pictures: dict[str, bytes] = {}
        window.desk.study_opened.connect(lambda _: self.reload())
        window.desk.study_closed.connect(self._clear)
        window.jobs.changed.connect(self._archive_changed)

    def _archive_changed(self, change: Any) -> None:
        if change.kind == "key image" and change.study_uid == self.window.desk.study_uid:
            self.reload()

    def _clear(self) -> None:
        self.images, self.pictures = [], {}
        self.changed.emit()

    def reload(self) -> None:
        """Read what is stored."""
        study_uid, archive = self.window.desk.study_uid, self.window.desk.archive
        if not study_uid:
            return
        known = frozenset(self.pictures)

        def read() -> tuple[list[KeyImage], dict[str, bytes]]:
            images = sorted(archive.all(KeyImage, study_uid), key=lambda i: i.at)
            pictures: dict[str, bytes] = {}
            for sha256 in {i.picture_sha256 for i in images} - known - {""}:
                # A picture that is gone is told by the archive's check; the list still stands.
                with contextlib.suppress(NotFound, Tampered):
                    pictures[sha256] = archive.read_blob(sha256)
            return images, pictures

        def arrived(found: tuple[list[KeyImage], dict[str, bytes]]) -> None:
            if self.window.desk.study_uid == study_uid:
                self.images = found[0]
                self.pictures |= found[1]
                self.changed.emit()

        self.window.jobs.read(read, arrived)

    def here(self, pane: ViewPane) -> KeyImage | None:
        """The key image that a pane shows."""
        solid = pane.solid is not None
        return next((i for i in self.images if is_here(i, pane.viewport, solid=solid)), None)

    def toggle(self) -> None:
        """Put the image of the active view aside, or take it back."""
        pane = self.window.grid_.active_pane
        kept = self.here(pane)
        if kept is not None:
            self.remove(kept)
            return
        picture = picture_of(pane, long_side=_LONG_SIDE)
        caption = caption_of(pane.viewport, series=True)
        if pane.solid is not None and picture is not None:
            caption = picture.caption
        image = seen_in(pane.viewport, caption=caption, solid=pane.solid is not None)
        if picture is None or image is None:
            self.window.notice.news(tr("This view shows no image that could be a key image."))
            return
        picture = without_colour(picture)
        png = png_bytes(picture.pixels, mm_per_pixel=picture.mm_per_pixel)
        archive = self.window.desk.archive
        self._write(lambda actor: room.put_aside(archive, actor, image, png))

    def remove(self, image: KeyImage) -> None:
        """Take a key image back."""
        archive = self.window.desk.archive
        self._write(lambda actor: room.take_back(archive, actor, image.id))

    def describe(self, image: KeyImage, words: str, title: str = "") -> None:
        """Give a key image the reader's own words, and one of the standard's titles."""
        archive = self.window.desk.archive
        if words.strip() != image.words or (title and title != image.title):
            self._write(lambda actor: room.describe(archive, actor, image.id, words, title))

    def jump(self, image: KeyImage) -> None:
        """Show a key image where it was seen."""
        grid = self.window.grid_
        if image.solid:
            pane = next((p for p in grid.panes if p.solid is not None), None)
            if pane is not None and pane.content.stack_id == image.stack_id:
                grid.activate(grid.panes.index(pane))
            return
        grid.jump_to(image.focus_mm, image.stack_id, image.phase)
        show_again(image, grid.active_pane.viewport)

    def _write(self, work: Callable[[Actor], object]) -> None:
        window = self.window
        actor = window.desk.actor
        if actor is None:
            window.people.sign_in()
            return
        window.jobs.write(partial(work, actor), self._written, window.notice.error)

    def _written(self, _: object) -> None:
        self.window.decisions.walk_forward_soon()


def install_key_images(window: Window) -> KeyImages:
    """The list, the star on every view, the command."""
    model = KeyImages(window)
    tab = KeyImagesTab(model)
    window.add_tab(tab, "Key images")
    window.grid_.on_pane(lambda pane: pane.slices.add_layer(KeyImageLayer(pane.slices, model)))
    window.commands.register("key_image", model.toggle)
    window.add_retranslate(tab.retranslate)
    return model
