"""Marks on unevenly spaced slices: the stored pixels and the number of the image shown."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.dicom_in.making import Shelf, image
from tests.gestures import drag
from tests.marks.study import STUDY
from tests.reading.readable import make_user
from workstation.archive.store import Archive
from workstation.dicom.volumes import read_image, read_volume
from workstation.documents.mark_words import mark_sentence, place_text
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_images import painted_depths_mm, painted_image
from workstation.domain.mark_numbers import numbers_of
from workstation.domain.people import MACHINE, Role
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, acquired_frames
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.viewing.mark_drawing import ground_of, made_mark
from workstation.viewing.mark_words import label_lines
from workstation.viewing.viewport import Slab, Viewport

from tests.marks.test_window import Room  # isort: skip
from workstation.ui.program import application  # isort: skip

PLACES = (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 22.0, 29.0, 36.0, 43.0)


def value_on(number: int) -> int:
    """What every pixel of an image holds; far from the mean of its neighbours."""
    return 10 + 7 * number * number


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    application()
    folder = tmp_path_factory.mktemp("不均匀")
    for number, place in enumerate(PLACES):
        pixels = np.full((48, 40), value_on(number), dtype=np.int16)
        Shelf(folder / "files" / str(number)).add(
            image(number, (-15.0, -12.0, place), pixels=pixels, study=STUDY)
        )
    home = folder / "home"
    home.mkdir()
    archive = Archive(home)
    make_user(archive, "li", "李医生", Role.READER)
    intake(archive, [folder / "files"], actor=MACHINE)
    (stack,) = assemble(archive, STUDY, actor=MACHINE)
    assert Flag.UNEVEN_SPACING in stack.flags and stack.grid.shape[0] > len(PLACES)
    archive.close()
    made = Room(home)
    made.open()
    yield made
    made.close()


@pytest.fixture
def room(opened: Room) -> Iterator[Room]:
    opened.view.viewport.set_plane(PlaneKind.ACQUIRED)
    opened.sign_in()
    yield opened
    for mark in opened.board.marks:
        opened.board.remove(mark.id)
    opened.stored()


def _values(room: Room, mark: Mark) -> tuple[dict[str, float], set[str]]:
    """Values and formulas as shown, which are those stored."""
    (stored,) = (m for m in room.stored() if m.id == mark.id)
    shown = room.board.numbers(mark)
    assert stored.numbers == shown and shown
    return {n.name: n.value for n in shown}, {n.formula for n in shown}


def test_marks_take_the_pixels_of_the_image_shown(room: Room) -> None:
    """Screen, store, list and report: that image's constant, and its number in the corner."""
    stack = room.view.viewport.volume.stack if room.view.viewport.volume is not None else None
    assert stack is not None
    for number, place in enumerate(PLACES):
        room.view.viewport.go_to_slice(number)
        assert room.view.viewport.plane_mm == pytest.approx(place)
        constant = float(value_on(number))
        hover = room.at(20, 20)
        room.view.mouse.hover = hover.toPointF()
        assert room.view.readout().startswith(f"{constant:.4g} HU")
        ground = ground_of(room.view.viewport)
        assert ground is not None
        probe = made_mark(MarkKind.PROBE, ground, room.view.lps_at(hover.toPointF())[None])
        room.board.keep(probe)
        assert _values(room, probe) == ({"Value": constant}, {"nearest"})
        ellipse = room.draw("ellipse", (10, 10), (30, 30))
        values, formulas = _values(room, ellipse)
        assert formulas == {"area", "voxels"}
        assert (values["Mean"], values["Minimum"], values["Maximum"]) == (constant,) * 3
        assert values["Standard deviation"] == 0.0
        inside = room.board.inside(ellipse)
        assert inside is not None and set(inside.values) == {constant}
        room.window.commands.run("paint_region")
        drag(room.view, [room.at(12, 12), room.at(16, 16)])
        room.window.commands.run("paint_region")
        brush = room.board.marks[-1]
        values, formulas = _values(room, brush)
        assert brush.kind is MarkKind.BRUSH and formulas == {"mask"}
        assert (values["Minimum"], values["Maximum"]) == (constant, constant)
        for mark in (probe, ellipse, brush):
            (kept,) = (m for m in room.stored() if m.id == mark.id)
            frame = acquired_frames(stack)[number]
            assert kept.sop_instance_uid == frame.sop_instance_uid
            assert f"image {number + 1}" in place_text(kept, stack, "en")
            said = mark_sentence(kept, stack, "en")
            assert f"image {number + 1})" in said and "interpolated" not in said


def test_a_volume_counts_each_image_half_way_to_its_neighbours(room: Room) -> None:
    """Painted on images at 12, 15, 22 and 29 mm: 3, 5, 7 and 7 mm thick, not as thick as planes."""
    stack = room.view.viewport.volume.stack if room.view.viewport.volume is not None else None
    assert stack is not None
    across, down = stack.grid.spacing_mm[0], stack.grid.spacing_mm[1]
    room.window.commands.run("paint_region")
    wanted = 0.0
    counts: list[int] = []
    for number, thick in ((4, 3.0), (5, 5.0), (6, 7.0), (7, 7.0)):
        room.view.viewport.go_to_slice(number)
        drag(room.view, [room.at(12, 12), room.at(12 + number, 12)])
        (brush,) = room.board.marks
        held = room.board.painted[brush.mask_id]
        assert len(held) == len(counts) + 1
        counts.append(sum(int(plane.sum()) for plane in held.values()) - sum(counts))
        wanted += counts[-1] * across * down * thick / 1000
        (main,) = [n for n in room.board.numbers(brush) if n.unit in {"mL", "mm2"}]
        if len(counts) == 1:
            assert (main.name, main.formula) == ("Area", "mask")
            assert main.value == pytest.approx(counts[0] * across * down, rel=1e-9)
        else:
            assert (main.name, main.formula) == ("Volume", "spaced")
            assert main.value == pytest.approx(wanted, rel=1e-6)
    assert len(set(counts)) == 4  # else the order of the thicknesses would not matter
    values, formulas = _values(room, brush)
    assert values["Volume"] == pytest.approx(wanted, rel=1e-6) and "spaced" in formulas
    assert "half way" in mark_sentence(room.stored()[0], stack, "en")
    # A region that holds a plane between the images is no measurement of images, and says so.
    between = next(z for z in range(stack.grid.shape[0]) if painted_image(stack, 0, z) is None)
    planes = dict(held) | {between: next(iter(held.values()))}
    numbers = numbers_of(brush, stack, painted=planes)
    assert [n.formula for n in numbers] == ["sampled"]
    # The first and the last image have one neighbour: as far outwards as inwards.
    ends = {z: painted_image(stack, 0, z) for z in range(stack.grid.shape[0])}
    first = next(z for z, at in ends.items() if at == 0)
    last = next(z for z, at in ends.items() if at == len(PLACES) - 1)
    assert painted_depths_mm(stack, 0, [first, last]) == pytest.approx({first: 3.0, last: 7.0})


def test_what_is_cut_between_the_images_says_so(room: Room) -> None:
    port = room.view.viewport
    assert port.volume is not None
    stack = port.volume.stack
    for kind, z in ((PlaneKind.AXIAL, 33.0), (PlaneKind.CORONAL, 33.0), (None, 33.0)):
        port.set_plane(kind or PlaneKind.ACQUIRED)
        port.set_slab(Slab(5.0 if kind is None else 0.0))
        port.move_focus(np.array([0.0, 0.0, z]))
        ground = ground_of(port)
        assert ground is not None
        at = port.raster(200, 200).to_lps(100, 100)
        points = np.array(
            [at - 3 * np.array(ground.axes.right), at + 3 * np.array(ground.axes.down)]
        )
        for mark_kind, corners in ((MarkKind.PROBE, points[:1]), (MarkKind.RECTANGLE, points)):
            mark = made_mark(mark_kind, ground, corners)
            room.board.keep(mark)
            _, formulas = _values(room, mark)
            assert "sampled" in formulas and not formulas & {"nearest", "voxels"}
            (kept,) = (m for m in room.stored() if m.id == mark.id)
            assert not kept.sop_instance_uid
            assert "interpolated" in mark_sentence(kept, stack, "en")
            assert "cut plane" in place_text(kept, stack, "en")
            assert any("插值" in line for line in label_lines(kept, kept.numbers))
    port.set_slab(Slab(0.0))


def test_the_real_head_is_measured_on_its_stored_images(shared_data: Path | None) -> None:
    """ct_head: tilted, 28 images of 4 and 7 mm, 113 planes interpolated between them."""
    if shared_data is None:
        return
    shelf = Shelf(shared_data)
    for path in sorted((shared_data / "ct_head" / "series").iterdir()):
        shelf.take(path)
    stack = shelf.stack()
    volume = read_volume(stack, shelf.locate)
    port = Viewport()
    port.show(volume)
    for number in range(28):
        port.go_to_slice(number)
        frame = acquired_frames(stack)[number]
        header = dcmread(shelf.locate(frame.sha256))
        pixels = header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)
        ground = ground_of(port)
        assert ground is not None
        corner = np.array(header.ImagePositionPatient, float)
        row, column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
        dy, dx = (float(v) for v in header.PixelSpacing)
        matrix = np.eye(4)
        matrix[:3] = np.column_stack([row * dx, column * dy, np.cross(row, column), corner])
        place = Grid((1, *stack.grid.shape[1:]), as_matrix(matrix)).to_lps
        probe = made_mark(MarkKind.PROBE, ground, place((230.2, 260.3, 0.0))[None])
        box = np.stack([place((199.5, 219.5, 0.0)), place((239.5, 269.5, 0.0))])
        region = made_mark(MarkKind.RECTANGLE, ground, box)
        for mark in (probe, region):
            assert mark.sop_instance_uid == header.SOPInstanceUID
            assert f"image {port.slice_number + 1}" in place_text(mark, stack, "en")

        from_file = functools.partial(read_image, stack, 0, locate=shelf.locate)
        (value,) = numbers_of(probe, stack, volume.array.__getitem__, images=from_file)
        assert (value.value, value.formula) == (pixels[260, 230], "nearest")
        assert volume.acquired_value(number, place((230.2, 260.3, 0.0))) == value.value
        numbers = numbers_of(region, stack, volume.array.__getitem__, images=from_file)
        found = {n.name: n.value for n in numbers}
        wanted = pixels[220:270, 200:240]
        assert found["Mean"] == pytest.approx(wanted.mean(), abs=1e-9)
        assert found["Voxels"] == wanted.size and found["Maximum"] == wanted.max()
        assert {n.formula for n in numbers} == {"area", "voxels"}
