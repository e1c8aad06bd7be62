"""What a picture is made of, said over it: as acquired, resampled, interpolated, incomplete."""

from __future__ import annotations

from workstation.domain.errors import N_, Message
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag
from workstation.viewing.viewport import Viewport

# Flags that change what may be concluded from the picture; the others are in the series list.
_WARN = (
    Flag.MISSING_SLICES,
    Flag.DUPLICATE_SLICES,
    Flag.NO_POSITION,
    Flag.LOSSY,
    Flag.UNIT_UNCERTAIN,
    Flag.BROKEN_IMAGE,
    Flag.CALCULATED,
    Flag.NOT_A_VOLUME,
)
_HAVE_PLACES = {"CT", "MR", "PT", "NM"}


def provenance(viewport: Viewport) -> list[Message]:
    """One sentence for each thing to know about the shown picture, the gravest first.

    An image as it was acquired says that its neighbours lie unevenly or lean; any other plane of
    the same series says that it was resampled, and at which step.
    """
    if viewport.volume is None:
        return []
    stack, said = viewport.volume.stack, []
    as_made = viewport.kind is PlaneKind.ACQUIRED and viewport.slab.thickness_mm == 0
    if Flag.UNEVEN_SPACING in stack.flags:
        if viewport.acquired_image is not None:
            least, most = viewport.gaps_mm
            said.append(
                Message(
                    N_("As acquired; slices lie {least} to {most} mm apart."),
                    {"least": f"{least:.3g}", "most": f"{most:.3g}"},
                )
            )
        else:
            step = f"{viewport.volume.grid.slice_distance_mm:.3g}"
            said.append(
                Message(N_("Resampled: uneven slices, interpolated to {step} mm."), {"step": step})
            )
    if Flag.TILTED in stack.flags:
        angle = {"angle": round(stack.grid.tilt_deg, 1)}
        said.append(
            Message(N_("Tilted gantry {angle}°: slices as acquired."), angle)
            if as_made
            else Message(N_("Tilted gantry {angle}°: this plane is resampled, not sheared."), angle)
        )
    warn = set(_WARN)
    if stack.placed or stack.modality not in _HAVE_PLACES:
        warn.discard(Flag.NOT_A_VOLUME)  # nobody expects a radiograph or a single slice to be one
    said += [note for flag, note in zip(stack.flags, stack.notes, strict=False) if flag in warn]
    return said
