"""The star on an image that a reader put aside for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workstation.text import tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.viewing.key_images import is_here

if TYPE_CHECKING:
    from workstation.ui.key_images import KeyImages
    from workstation.ui.slice_view import SliceView


class KeyImageLayer(Layer):
    """Says in the corner that the shown image is a key image, and why."""

    def __init__(self, view: SliceView, model: KeyImages) -> None:
        super().__init__(view)
        self.model = model
        model.changed.connect(view.update)

    def texts(self) -> Sequence[tuple[str, str]]:
        """ "★ Key image" with the reader's words."""
        viewport = self.view.viewport
        found = [image for image in self.model.images if is_here(image, viewport)]
        return [
            (" ".join(part for part in ("★", tr("Key image"), image.words) if part), theme.LETTER)
            for image in found
        ]
