"""Every image is in the right place: a known phantom through files, archive, viewport, picture.

144 studies: 24 axis orders and flips, three gantry tilts, single-frame and enhanced, three
spacings, some turned. Complaints 7 (tilted head CT deformed), 8 (non-axial volumes deformed or
cut), 9 (slice counts and tilt of non-orthogonal stacks), 11 (wrong slice order), 16 (flips).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.dicom_in.making import Shelf
from tests.geometry import phantom
from tests.geometry.phantom import (
    BACKGROUND,
    BETWEEN_MM,
    CENTRE,
    PLANES,
    SPHERES,
    Scan,
    enhanced_scans,
    scans,
)
from workstation.archive.store import Archive
from workstation.dicom.volumes import VolumeReader
from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack, Volume
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.render.slice import SliceRenderer
from workstation.viewing.provenance import provenance
from workstation.viewing.viewport import Viewport

PIXELS = 220
# Plane to the patient direction that must run to the right, and the one that must run down.
SEEN = {
    PlaneKind.AXIAL: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    PlaneKind.CORONAL: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    PlaneKind.SAGITTAL: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}


class Shelves:
    """Where the phantom's studies lie: in an archive, or as files whose headers were read alike.

    Every enhanced study and every third single-frame one (each axis order once, all tilts) come in
    through intake and assemble; the rest skips only the copying of thousands of small files.
    """

    def __init__(self, folder: Path) -> None:
        self.archive = Archive(folder / "home")
        self._folder = folder
        self._imported: set[str] = set()
        for number, scan in enumerate(scans()):
            order = number // 6
            if scan.enhanced or (number % 6) // 2 == order % 3:
                phantom.write(scan, folder / "in" / f"{number:03}")
                self._imported.add(scan.study_uid)
        report = intake(self.archive, [folder / "in"])
        assert report.refused == () and set(report.study_uids) == self._imported
        assert len(self._imported) == 72 + 24

    def stack(self, scan: Scan) -> tuple[Stack, Callable[[str], Path]]:
        """The study's only stack and where its files are."""
        if scan.study_uid in self._imported:
            (stack,) = assemble(self.archive, scan.study_uid)
            return stack, self.archive.blob_path
        shelf = Shelf(self._folder)
        for path in phantom.write(scan, self._folder / "more" / scan.study_uid):
            shelf.take(path)
        return shelf.stack(), shelf.locate


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelves]:
    """All studies of the phantom, most of them imported in one go as from a disc."""
    made = Shelves(tmp_path_factory.mktemp("体模"))
    yield made
    made.archive.close()


@dataclass
class Found:
    """What was measured over all studies; the worst of it goes into the assertion."""

    off_mm: list[tuple[float, str]] = field(default_factory=list)
    length: list[tuple[float, str]] = field(default_factory=list)
    wedge: list[tuple[float, str]] = field(default_factory=list)
    match: list[tuple[float, str]] = field(default_factory=list)


def test_every_geometry(shelves: Shelves) -> None:
    """Spheres within 0.5 mm in every plane, lengths within 1 %, no letter mirrored or turned."""
    found = Found()
    for scan in scans():
        _one(scan, *shelves.stack(scan), found)
    _judged(found)


def test_every_geometry_as_enhanced_ct_and_pet(tmp_path: Path) -> None:
    """The same from enhanced CT with its offset, and enhanced PET with a slope for each frame."""
    found = Found()
    for number, scan in enumerate(enhanced_scans()):
        shelf = Shelf(tmp_path)
        for path in phantom.write(scan, tmp_path / f"{number:02}"):
            shelf.take(path)
        stack = shelf.stack()
        assert stack.modality == scan.modality
        _one(scan, stack, shelf.locate, found)
        for path in (tmp_path / f"{number:02}").iterdir():
            path.unlink()
    assert len(found.match) == 24 * 3
    _judged(found)


def _one(scan: Scan, stack: Stack, locate: Callable[[str], Path], found: Found) -> None:
    assert stack.is_volume, scan.name
    assert (Flag.TILTED in stack.flags) == (scan.tilt_deg != 0), scan.name
    assert stack.grid.tilt_deg == pytest.approx(abs(scan.tilt_deg), abs=0.01)
    assert stack.grid.shape == scan.grid.shape
    reader = VolumeReader(stack, 0, locate)
    assert len(list(reader.fill(0))) == stack.grid.shape[0] and not reader.broken
    volume = Volume(reader.array, stack.grid, stack)
    renderer = SliceRenderer(reader.array, stack.grid)
    view = Viewport()
    view.show(volume)
    for kind in SEEN:
        _standard_plane(view, renderer, kind, scan, found)
    _acquired_plane(view, renderer, scan, found)
    _wedge(volume, scan, found)


def _judged(found: Found) -> None:
    worst_off, worst_length = max(found.off_mm), max(found.length)
    worst_wedge, worst_match = max(found.wedge), min(found.match)
    print(f"{len(found.off_mm)} spheres: worst {worst_off[0]:.2f} mm ({worst_off[1]}); "
          f"{len(found.length)} lengths: worst {worst_length[0]:.2%} ({worst_length[1]}); "
          f"wedge volume: worst {worst_wedge[0]:.2%}; "
          f"{len(found.match)} letters: least match {worst_match[0]:.2f}")  # fmt: skip
    assert worst_off[0] < 0.5, worst_off
    assert worst_length[0] < 0.01, worst_length
    assert worst_wedge[0] < 0.03, worst_wedge  # three lengths of one per cent
    assert worst_match[0] > 0.9, worst_match


def _shown(view: Viewport, renderer: SliceRenderer) -> tuple[NDArray[Any], Any]:
    raster = view.raster(PIXELS, PIXELS)
    picture = renderer.cut(raster).astype(np.float64)
    picture[picture < 0] = BACKGROUND  # beyond the volume
    return picture, raster


def _standard_plane(
    view: Viewport, renderer: SliceRenderer, kind: PlaneKind, scan: Scan, found: Found
) -> None:
    right, down = (np.array(v) for v in SEEN[kind])
    view.set_plane(kind)
    assert view.axes.right == tuple(right) and view.axes.down == tuple(down)
    normal = PLANES[kind.value][2]

    # Spheres: the plane through the first one shows two of its sisters too.
    view.move_focus(CENTRE + SPHERES["S"])
    picture, raster = _shown(view, renderer)
    middle = (PIXELS - 1) / 2
    places: dict[str, Floats] = {}
    for column, row in _blobs(picture, raster.mm_per_pixel):
        across, below = (
            (column - middle) * raster.mm_per_pixel,
            (row - middle) * raster.mm_per_pixel,
        )
        lps = np.asarray(raster.centre_mm) + across * right + below * down
        name, place = min(SPHERES.items(), key=lambda s: float(np.linalg.norm(lps - CENTRE - s[1])))
        off = lps - CENTRE - place
        found.off_mm.append((float(np.linalg.norm(np.delete(off, normal))), f"{scan.name} {kind}"))
        places[name] = lps
    wanted = {"S", *(n for i, n in enumerate("xyz") if i != normal)}
    assert set(places) == wanted, (scan.name, kind, set(places))
    for name in wanted - {"S"}:
        length = float(np.linalg.norm(places[name] - places["S"]))
        found.length.append((abs(length / BETWEEN_MM - 1), f"{scan.name} {kind} {name}"))

    # The letter, against what a reader must see: the best of its eight flips and turns is itself.
    place = CENTRE.copy()
    place[normal] += phantom.LETTER_AT
    view.move_focus(place)
    picture, raster = _shown(view, renderer)
    number = np.arange(PIXELS) - middle
    over = np.asarray(raster.centre_mm) - place
    across = number * raster.mm_per_pixel + float(over @ right)
    below = number * raster.mm_per_pixel + float(over @ down)
    x, y = np.meshgrid(across, below)
    near = np.hypot(x, y) < 22.0
    seen = picture[near]
    versions = {
        (turns, flip): _flipped(x[near], y[near], turns, flip)
        for turns, flip in itertools.product(range(4), (False, True))
    }
    match = {key: float(np.corrcoef(seen, v)[0, 1]) for key, v in versions.items()}
    best = max(match, key=lambda key: match[key])
    assert best == (0, False), f"{scan.name} {kind}: the letter is turned {best}"
    found.match.append((match[best], f"{scan.name} {kind}"))


def _flipped(x: Floats, y: Floats, turns: int, flip: bool) -> Floats:
    for _ in range(turns):
        x, y = -y, x
    return phantom.letter(-x if flip else x, y)


def _blobs(picture: Floats, mm: float) -> list[tuple[float, float]]:
    """(column, row) of every bright disc: the middle of its brightness, not of its threshold."""
    labels, _ = ndimage.label(picture > 850)
    places, reach = [], round(8.5 / mm)
    for rows, columns in ndimage.find_objects(labels):
        if (rows.stop - rows.start) * mm < 3:
            continue
        row, column = (rows.start + rows.stop - 1) // 2, (columns.start + columns.stop - 1) // 2
        y, x = max(row - reach, 0), max(column - reach, 0)
        part = picture[y : row + reach + 1, x : column + reach + 1] - BACKGROUND
        down, across = ndimage.center_of_mass(np.clip(part, 0, None))
        places.append((x + float(across), y + float(down)))
    return places


def _acquired_plane(view: Viewport, renderer: SliceRenderer, scan: Scan, found: Found) -> None:
    """The slices as acquired: one by one, not mirrored, the sphere in its place."""
    grid = scan.grid
    view.set_plane(PlaneKind.ACQUIRED)
    assert view.steps.count == grid.shape[0], scan.name
    normal = view.axes.normal
    assert abs(abs(float(normal @ grid.slice_normal)) - 1) < 1e-6
    anatomical = [k for k, (r, d) in SEEN.items() if abs(float(np.cross(r, d) @ normal)) > 0.85]
    for kind in anatomical:  # the way up that a radiologist expects, whatever was stored
        right, down = SEEN[kind]
        assert float(np.dot(view.axes.right, right)) > 0.8, scan.name
        assert float(np.dot(view.axes.down, down)) > 0.8, scan.name
    view.move_focus(CENTRE + SPHERES["S"])
    picture, raster = _shown(view, renderer)
    places = [raster.to_lps(*place) for place in _blobs(picture, raster.mm_per_pixel)]
    off = [p - CENTRE - SPHERES["S"] for p in places]
    nearest = min(off, key=lambda o: float(np.linalg.norm(o)))
    along = float(nearest @ normal)
    assert abs(along) <= view.steps.step_mm / 2 + 1e-6  # the slice nearest to it
    aside = float(np.linalg.norm(nearest - along * normal))
    found.off_mm.append((aside, f"{scan.name} acquired"))
    said = " ".join(message.template for message in provenance(view))
    assert ("Tilted" in said) == bool(scan.tilt_deg)
    view.go_to_slice(0)
    first = view.plane_mm * 1.0
    view.scroll(1)
    assert abs(abs(view.plane_mm - first) - scan.spacing_mm[2]) < 1e-3


def _wedge(volume: Volume, scan: Scan, found: Found) -> None:
    """Its volume from voxels: spacing, slice distance and tilt all enter."""
    z, y, x = np.indices(volume.grid.shape).astype(np.float64)
    p = volume.grid.to_lps(np.stack([x, y, z], axis=-1)) - CENTRE - np.array([4.0, 2.0, 8.0])
    near = (np.abs(p) < np.array([14.0, 10.0, 12.0])).all(axis=-1)
    share = (volume.array[near] - BACKGROUND) / (phantom.WEDGE - BACKGROUND)
    mm3 = float(share.sum()) * volume.grid.voxel_ml * 1000
    found.wedge.append((abs(mm3 / phantom.WEDGE_MM3 - 1), scan.name))
