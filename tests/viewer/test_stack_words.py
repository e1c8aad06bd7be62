"""Side, view, phase and orientation letters that must never be missing from an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.dicom_in.making import CORONAL, Shelf, image
from workstation import text
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Stack
from workstation.ui.stack_words import edge_letters, phase_text, side_text
from workstation.viewing.provenance import provenance
from workstation.viewing.viewport import Viewport


@pytest.fixture(autouse=True)
def _in_english() -> None:
    text.set_language("en")


def shown(shelf: Shelf) -> tuple[Viewport, Stack]:
    stack = shelf.stack()
    viewport = Viewport()
    viewport.show(read_volume(stack, shelf.locate))
    return viewport, stack


def edges(viewport: Viewport) -> tuple[str, str]:
    """Letters at the right and at the bottom of the picture."""
    right, down = np.asarray(viewport.axes.right), np.asarray(viewport.axes.down)
    return edge_letters(viewport, right), edge_letters(viewport, down)


def test_a_radiograph_bears_its_own_letters_and_side(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    item = image(0, None, None, PatientOrientation=["P", "FL"], ImageLaterality="L")
    item.ViewPosition, item.BodyPartExamined, item.Modality = "LL", "CHEST", "DX"
    shelf.add(item)
    viewport, stack = shown(shelf)
    assert side_text(stack) == "L　CHEST　LL"
    assert edges(viewport) == ("P", "FL")
    assert edge_letters(viewport, -np.asarray(viewport.axes.right)) == "A"
    assert edge_letters(viewport, -np.asarray(viewport.axes.down)) == "HR"
    assert provenance(viewport) == []  # nobody expects a place of a radiograph


def test_nothing_is_written_where_nothing_is_known(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    item = image(0, None, None)
    item.Modality = "DX"
    shelf.add(item)
    viewport, stack = shown(shelf)
    assert edges(viewport) == ("", "")
    assert side_text(stack) == ""


def test_a_single_placed_slice_is_linked_and_oriented(tmp_path: Path) -> None:
    """One slice over time lies in the patient: it shares the crosshair with its study."""
    shelf = Shelf(tmp_path)
    for at in range(10):
        item = image(at, (0, 0, 0), CORONAL, modality="MR", TriggerTime=30.0 * at)
        shelf.add(item)
    viewport, stack = shown(shelf)
    assert viewport.frame == stack.frame_of_reference_uid == "1.2.3.9"
    assert edges(viewport) == ("L", "F")
    assert provenance(viewport) == []
    assert phase_text(stack, 2) == "Cardiac phase 3/10 · 60 ms"


@pytest.mark.parametrize(("phase", "text"), [(0, "Time 0.0 s (1/12)"), (11, "Time 66.0 s (12/12)")])
def test_times_are_written(tmp_path: Path, phase: int, text: str) -> None:
    shelf = Shelf(tmp_path)
    for at in range(24):
        item = image(at, (0, 0, 3.0 * (at // 12)), modality="MR", TriggerTime=6000.0 * (at % 12))
        shelf.add(item)
    assert phase_text(shelf.stack(), phase) == text
