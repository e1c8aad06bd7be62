"""A grid of panes whose slices are made up; see ``tests/viewer/conftest.py``."""

from tests.viewer.conftest import grid

__all__ = ["grid"]
