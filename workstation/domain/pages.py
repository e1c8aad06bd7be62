"""Images of one series that make no volume: pages behind one another."""

from __future__ import annotations

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Stack


def page_grid(grid: Grid) -> Grid:
    """The grid of images that are no volume: pages 1 mm apart behind one another.

    Only the first page's place in the patient is meant; nothing may be measured across pages.
    """
    matrix = grid.matrix
    matrix[:3, 2] = grid.slice_normal
    return Grid(grid.shape, as_matrix(matrix))


def drawing_grid(stack: Stack) -> Grid:
    """The grid in whose space a reader draws on ``stack``: its own, or that of its pages.

    Images that make no volume but lie where their headers say (localisers, one slice over time)
    keep their places.
    """
    return stack.grid if stack.is_volume or stack.placed else page_grid(stack.grid)
