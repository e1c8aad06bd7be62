"""Registration: a known pose is found again, real follow-ups agree, nonsense is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tests.dicom_in.making import Shelf
from workstation.demo.head import HeadShape
from workstation.demo.lesions import LesionLoad
from workstation.demo.scans import FlairScan, Frame3, flair_scan
from workstation.dicom.volumes import read_frame
from workstation.domain.alignment import Alignment, How
from workstation.domain.artefact import now
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Floats, Grid
from workstation.domain.volume import Stack
from workstation.reading.coarse import coarse
from workstation.reading.rigid import Rigid, find_rigid, resampled


def alignment_of(found: Rigid) -> Alignment:
    return Alignment(
        "a", "1", "f", "m", "s", "t", found.matrix, How.AUTOMATIC, "", now(), "MI",
        found.information, found.before, found.overlap, found.peak,
    )  # fmt: skip


def turned(degrees: tuple[float, float, float]) -> Floats:
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, other = [i for i in range(3) if i != axis]
        step = np.eye(3)
        step[one, one] = step[other, other] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        rotation = step @ rotation
    return rotation


def scan_of(frame: Frame3, seed: int, slices: int, slice_mm: float, lowest: float) -> FlairScan:
    """One head, scanned with other slices, other noise and lying otherwise."""
    return flair_scan(
        HeadShape(seed=4), LesionLoad(), seed=seed, matrix=96, slices=slices, slice_mm=slice_mm,
        per_slice=2, lowest_mm=lowest, frame=frame,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_heads() -> tuple[FlairScan, FlairScan, Floats]:
    """Two examinations of one generated head and the known pose between them."""
    first = Frame3(turned((-7.0, 1.0, 1.5)), np.array([2.0, -6.0, 11.0]))
    second = Frame3(turned((3.0, -4.0, 6.5)), np.array([-9.0, 14.0, -5.0]))
    a = scan_of(first, 1, 34, 4.0, -46.0)
    b = scan_of(second, 2, 44, 3.2, -51.0)
    # From the second examination's patient space over the head itself into the first's.
    known = np.eye(4)
    known[:3, :3] = first.axes @ second.axes.T
    known[:3, 3] = first.origin_mm - known[:3, :3] @ second.origin_mm
    return a, b, known


def brain_points(scan: FlairScan) -> Floats:
    places = np.argwhere(scan.brain)[::997, ::-1]
    return scan.grid.to_lps(places.astype(np.float64))


def apart(a: Floats, b: Floats, points: Floats) -> Floats:
    """Distance of where two 4x4 matrices put points, mm each."""
    ours = points @ a[:3, :3].T + a[:3, 3]
    theirs = points @ b[:3, :3].T + b[:3, 3]
    return np.asarray(np.linalg.norm(ours - theirs, axis=1))


def angle_between(a: Floats, b: Floats) -> float:
    trace = float(np.trace(a[:3, :3] @ b[:3, :3].T))
    return float(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def test_a_known_pose_is_found_again(two_heads: tuple[FlairScan, FlairScan, Floats]) -> None:
    """Within 1 mm everywhere in the brain and half a degree."""
    a, b, known = two_heads
    told: list[float] = []
    found = find_rigid(a.array, a.grid, b.array, b.grid, tell=told.append)
    matrix = np.asarray(found.matrix)
    off = apart(matrix, known, brain_points(b))
    print(f"residual {off.mean():.2f} mm mean, {off.max():.2f} mm worst, "
          f"{angle_between(matrix, known):.2f} degrees, MI {found.information:.2f} "
          f"(before {found.before:.2f}), peak {found.peak:.2f}")  # fmt: skip
    assert off.max() < 1.0
    assert angle_between(matrix, known) < 0.5
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-6)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
    assert found.information > 2 * found.before
    judged = alignment_of(found)
    assert judged.why_refused is None and judged.doubts == ()
    assert told == sorted(told) and told[-1] >= 0.9


def test_what_cannot_be_aligned_is_refused_with_its_reason(
    two_heads: tuple[FlairScan, FlairScan, Floats],
) -> None:
    a, _, _ = two_heads
    with pytest.raises(BadInput, match="nothing that could be aligned"):
        find_rigid(a.array, a.grid, np.zeros_like(a.array), a.grid)
    with pytest.raises(BadInput, match="too thin"):
        thin = Grid((2, *a.grid.shape[1:]), a.grid.affine)
        find_rigid(a.array, a.grid, a.array[:2], thin)


# --- real images


def stack_at(folder: Path) -> tuple[Stack, Shelf]:
    shelf = Shelf(folder)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        shelf.take(path)
    return max(shelf.stacks(), key=lambda s: s.grid.shape[0]), shelf


def itk_matrix(text: str) -> Floats:
    """A MatrixOffsetTransformBase file as a 4x4 matrix: M (p - c) + c + t."""
    numbers = {
        line.split(":")[0]: [float(v) for v in line.split(":")[1].split()]
        for line in text.splitlines()
        if "Parameters" in line
    }
    given, centre = numbers["Parameters"], np.array(numbers["FixedParameters"])
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(given[:9]).reshape(3, 3)
    matrix[:3, 3] = np.array(given[9:]) + centre - matrix[:3, :3] @ centre
    return matrix


def test_a_real_follow_up_agrees_with_its_publishers(shared_data: Path | None) -> None:
    """mr_ms_followup, fifteen months apart: against the registration published with the data,
    and by the correlation of the brain's grey levels, which registration never looked at."""
    if shared_data is None:
        return
    folder = shared_data / "mr_ms_followup"
    first, first_files = stack_at(folder / "dicom" / "study1" / "FLAIR")
    second, second_files = stack_at(folder / "dicom" / "study2" / "FLAIR")
    assert first.frame_of_reference_uid != second.frame_of_reference_uid
    fixed, fixed_grid = coarse(second, second_files.locate)
    moving, moving_grid = coarse(first, first_files.locate)
    found = find_rigid(fixed, fixed_grid, moving, moving_grid)
    to_moving = np.linalg.inv(np.asarray(found.matrix))

    one = itk_matrix((folder / "study1_FLAIR_to_common_space.txt").read_text())
    two = itk_matrix((folder / "study2_FLAIR_to_common_space.txt").read_text())
    published = one @ np.linalg.inv(two)  # second's space to the common one to the first's
    box = np.stack(np.meshgrid([-55, 0, 55], [-60, 0, 60], [-30, 10, 50]), axis=-1)
    off = apart(to_moving, published, box.reshape(-1, 3).astype(np.float64))

    def correlation(matrix: Floats) -> float:
        there = Grid(fixed_grid.shape, tuple(map(tuple, (matrix @ fixed_grid.matrix).tolist())))
        other = resampled(moving, moving_grid, there, np.nan)
        brain = (fixed > np.percentile(fixed, 60)) & np.isfinite(other)
        brain = ndimage.binary_erosion(brain, iterations=2)
        return float(np.corrcoef(fixed[brain], other[brain])[0, 1])

    before, after = correlation(np.eye(4)), correlation(to_moving)
    print(f"against the published registration {off.mean():.2f} mm mean, {off.max():.2f} mm worst; "
          f"correlation {before:.2f} -> {after:.2f}; MI {found.information:.2f}")  # fmt: skip
    assert off.max() < 1.0
    assert after > before + 0.2 and after > 0.8
    judged = alignment_of(found)
    assert judged.why_refused is None and judged.doubts == ()


def test_a_head_on_a_chest_is_refused(shared_data: Path | None) -> None:
    if shared_data is None:
        return
    chest, chest_files = stack_at(shared_data / "ct_chest" / "series")
    head, head_files = stack_at(shared_data / "mr_ms_followup" / "dicom" / "study1" / "FLAIR")
    a, a_grid = coarse(chest, chest_files.locate)
    b, b_grid = coarse(head, head_files.locate)
    assert alignment_of(find_rigid(a, a_grid, b, b_grid)).why_refused is not None


def test_blocks_of_a_long_series_stay_in_their_place(shared_data: Path | None) -> None:
    """What registration sees is the mean of whole blocks, lying where their voxels lie."""
    if shared_data is None:
        return
    stack, files = stack_at(shared_data / "ct_head" / "series")
    array, grid = coarse(stack, files.locate)
    assert grid.shape == (113, 256, 256)
    plane = read_frame(stack, 0, 40, files.locate)
    assert array[40, 100, 120] == pytest.approx(plane[200:202, 240:242].mean())
    assert np.allclose(grid.to_lps((120, 100, 40)), stack.grid.to_lps((240.5, 200.5, 40)))
