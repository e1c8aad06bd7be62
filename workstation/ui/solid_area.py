"""3D in the reading room: commands of group "solid", and what it takes from the slice views."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from workstation.text import tr
from workstation.ui.pane import ViewPane
from workstation.ui.volume_view import VolumeView
from workstation.viewing.commands import COMMANDS
from workstation.viewing.solid_camera import point
from workstation.viewing.solid_look import slab_clips

if TYPE_CHECKING:
    from workstation.ui.window import Window

_THIN_SLAB_MM = 20.0  # what is kept where the slice view shows a thin slice
_IN_PLANE = 0.7


def install(window: Window) -> None:
    """Connect every 3D view, now and later."""

    def connect(pane: ViewPane) -> None:
        pane.solid_made.connect(partial(_connect_view, window, pane))

    window.grid_.on_pane(connect)
    for command in COMMANDS:
        if command.scope == "solid":
            window.commands.register(command.name, partial(_run, window, command.name))
    window.commands.changed.connect(partial(_take_keys, window))
    window.add_retranslate(partial(_retranslate, window))


def _connect_view(window: Window, pane: ViewPane, view: VolumeView) -> None:
    view.keys = window.commands.keys_in("solid")
    view.slab_wanted.connect(partial(crop_to_slab, window, pane))
    view.seen_wanted.connect(partial(crop_to_seen, window, pane))
    pane.link.changed.connect(partial(_follow_crosshair, pane))


def _follow_crosshair(pane: ViewPane) -> None:
    if pane.solid is not None:
        pane.solid.crosshair_shown = pane.link.visible
        pane.solid.follow_crosshair()


def _take_keys(window: Window) -> None:
    for pane in window.grid_.panes:
        if pane.solid is not None:
            pane.solid.keys = window.commands.keys_in("solid")


def _retranslate(window: Window) -> None:
    for pane in window.grid_.panes:
        if pane.solid is not None:
            pane.solid.strip.refresh()
            pane.solid.update()


def solid_in_use(window: Window) -> VolumeView | None:
    """The 3D view of the active pane, else the first that is shown."""
    panes = [window.grid_.active_pane, *window.grid_.panes]
    found = (pane.solid for pane in panes if pane.solid is not None and pane.isVisible())
    return next(found, None)


def _run(window: Window, name: str) -> None:
    view = solid_in_use(window)
    if view is None:
        window.notice.news(tr("No 3D view is shown. F7 shows the active series in 3D."))
        return
    view.do(name)
    view.setFocus()


def _slice_panes(window: Window, pane: ViewPane) -> list[ViewPane]:
    """Panes with slices that share the patient space of a 3D pane, the last active first."""
    peers = {id(view) for view in pane.link.peers(pane.viewport)}
    shown = [
        p
        for p in window.grid_.panes
        if id(p.viewport) in peers and p.solid is None and p.isVisible()
    ]
    return sorted(shown, key=lambda p: p.viewport.slab.thickness_mm <= 0)


def crop_to_slab(window: Window, pane: ViewPane) -> None:
    """Keep of the volume what the slab of a slice view holds, or 20 mm about a thin slice."""
    view, panes = pane.solid, _slice_panes(window, pane)
    if view is None or view.look is None:
        return
    if not panes:
        window.notice.news(tr("No slice view shows the same patient space."))
        return
    port = panes[0].viewport
    normal = np.asarray(port.axes.normal)
    middle = port.focus_mm + normal * (port.plane_mm - float(port.focus_mm @ normal))
    thick = port.slab.thickness_mm or _THIN_SLAB_MM
    view.model.change_cut(replace(view.look, slab=slab_clips(middle, normal, thick)))


def crop_to_seen(window: Window, pane: ViewPane) -> None:
    """Keep of the volume what lies within the pictures of the slice views."""
    view, panes = pane.solid, _slice_panes(window, pane)
    if view is None or view.look is None or view.model.bounds is None:
        return
    low, high = (np.asarray(end, dtype=np.float64) for end in view.model.bounds)
    for each in panes:
        raster = each.slices.raster()
        corners = np.stack([raster.to_lps(x - 0.5, y - 0.5) for x in (0, raster.width)
                            for y in (0, raster.height)])  # fmt: skip
        for axis in range(3):
            if abs(float(np.asarray(raster.axes.normal)[axis])) < _IN_PLANE:
                low[axis] = max(low[axis], corners[:, axis].min())
                high[axis] = min(high[axis], corners[:, axis].max())
    if (high - low > 2.0).all():
        view.model.change_cut(replace(view.look, box=(point(low), point(high))))
