"""Segmentations of every encoding and geometry, written by others, read by us."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from tests.objects.material import Made, made
from tests.objects.study import EQUIPMENT, segment
from tests.quantify.made import grid_of
from workstation.dicom.segment_reader import read_segment_set, read_segments
from workstation.domain.artefact import new_uid
from workstation.domain.errors import BadInput, Cancelled
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.image_plane import plane_of
from workstation.domain.mask_block import label_blocks
from workstation.domain.work import Cancel

Bools = NDArray[np.bool_]
GRIDS: dict[str, dict[str, Any]] = {
    "straight": {},
    "oblique": {"turn_deg": 23.0},
    "tilted": {"tilt_deg": 18.5},
    "negated": {"spacing_mm": (0.9, 0.8, -3.0)},
    "sagittal": {"turn_deg": 90.0},
    "odd": {"shape": (5, 7, 9)},
}


def masks_for(shape: tuple[int, int, int], count: int) -> list[Bools]:
    found = []
    for seed in range(count):
        mask = np.random.default_rng(seed).random(shape) < 0.25
        mask[[0, shape[0] // 2]] = False  # planes that no frame states
        found.append(mask)
    return found


def written(
    folder: Path, given: Made, pixels: NDArray[Any], kind: str, count: int, **more: Any
) -> Path:
    sources = [pydicom.dcmread(path) for path in given.files]
    seg = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[segment(n, f"结构{n}", codes.SCT.Liver) for n in range(1, count + 1)],
        series_instance_uid=new_uid(),
        sop_instance_uid=new_uid(),
        specific_character_set="ISO_IR 192",
        **(EQUIPMENT | more),
    )
    path = folder / "seg.dcm"
    seg.save_as(path)
    return path


def as_masks(path: Path, grid: Grid, given: Made | None = None) -> dict[int, Bools]:
    find = (lambda uid, n: plane_of(given.stack, uid, n)) if given is not None else None
    found = read_segments(path, find_plane=find)
    blocks = {number: found.block(number) for number in found.pieces}
    return {n: block.on_grid(grid) for n, block in blocks.items() if block is not None}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_masks_are_bit_exact(tmp_path: Path, name: str, kind: str) -> None:
    """Complaint 16: flipped and misplaced segmentations. Overlaps, gaps, any orientation."""
    grid = grid_of(**GRIDS[name])
    given = made(tmp_path / "in", grid)
    drawn = masks_for(given.stack.grid.shape, 3)
    # Index order of the stack may differ from that of the files: masks are by file here.
    if kind == "LABELMAP":
        pixels = np.zeros(grid.shape, dtype=np.uint8)
        for number, mask in enumerate(drawn, start=1):
            pixels[mask] = number
        drawn = [pixels == number for number in (1, 2, 3)]
    else:
        pixels = np.stack(drawn, axis=-1).astype(np.float32 if kind == "FRACTIONAL" else np.uint8)
    more = {"fractional_type": "OCCUPANCY"} if kind == "FRACTIONAL" else {}
    path = written(tmp_path, given, pixels, kind, 3, omit_empty_frames=True, **more)
    about = read_segment_set(path)
    assert about.encoding == kind and [s.label for s in about.segments] == [
        "结构1", "结构2", "结构3"]  # fmt: skip
    for stack in (None, given):
        found = as_masks(path, grid, stack)
        for number, mask in enumerate(drawn, start=1):
            assert np.array_equal(found[number], mask), (number, stack is None)
    volumes = read_segments(path).volumes_ml
    for number, mask in enumerate(drawn, start=1):
        assert volumes[number] == pytest.approx(mask.sum() * grid.voxel_ml, rel=1e-4)


def test_the_same_voxels_on_a_flipped_and_turned_grid(tmp_path: Path) -> None:
    """Complaint 16: the viewer's grid may run against the file's along any axis."""
    grid = grid_of(turn_deg=23.0)
    given = made(tmp_path / "in", grid)
    (mask,) = masks_for(grid.shape, 1)
    path = written(tmp_path, given, mask[..., None].astype(np.uint8), "BINARY", 1)
    block = read_segments(path).block(1)
    assert block is not None
    # x and y exchanged, z and y backwards: a permutation and flips, hence exact.
    matrix = grid.matrix
    turned = np.eye(4)
    turned[:3, 0], turned[:3, 1], turned[:3, 2] = matrix[:3, 1], -matrix[:3, 0], -matrix[:3, 2]
    turned[:3, 3] = grid.to_lps((grid.shape[2] - 1.0, 0.0, grid.shape[0] - 1.0))
    shape = (grid.shape[0], grid.shape[2], grid.shape[1])
    wanted = mask[::-1, :, ::-1].transpose(0, 2, 1)
    assert np.array_equal(block.on_grid(Grid(shape, as_matrix(turned))), wanted)
    # On a grid of half the voxel each voxel appears eight times.
    fine = matrix.copy()
    fine[:3, :3] /= 2
    fine[:3, 3] = grid.to_lps((-0.25, -0.25, -0.25))
    twice = tuple(2 * n for n in grid.shape)
    doubled = mask.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    found = block.on_grid(Grid((twice[0], twice[1], twice[2]), as_matrix(fine)))
    assert np.array_equal(found, doubled)


def test_fractions_count_as_they_are_meant(tmp_path: Path) -> None:
    """A probability is a mask from a half on; occupancies add up to a volume."""
    grid = grid_of()
    given = made(tmp_path / "in", grid)
    fractions = np.random.default_rng(3).random(grid.shape).astype(np.float32)
    fractions[0] = 0
    for meaning in ("PROBABILITY", "OCCUPANCY"):
        path = written(
            tmp_path, given, fractions[..., None], "FRACTIONAL", 1, fractional_type=meaning
        )
        stored = np.around(fractions * 255)
        half = stored * 2 >= 255
        assert np.array_equal(as_masks(path, grid)[1], half)
        amount = half.sum() if meaning == "PROBABILITY" else stored.sum() / 255
        volume = read_segments(path).volumes_ml[1]
        assert volume == pytest.approx(float(amount) * grid.voxel_ml, rel=1e-5)


def test_a_compressed_label_map_and_missing_planes(tmp_path: Path) -> None:
    grid = grid_of(shape=(9, 20, 24))
    given = made(tmp_path / "in", grid)
    pixels = np.zeros(grid.shape, dtype=np.uint8)
    pixels[3, 4:9, 5:12], pixels[5, 2:4, 3:9] = 1, 2
    path = written(
        tmp_path, given, pixels, "LABELMAP", 2, omit_empty_frames=True,
        transfer_syntax_uid=RLELossless,
    )  # fmt: skip
    found = as_masks(path, grid, given)
    assert np.array_equal(found[1], pixels == 1) and np.array_equal(found[2], pixels == 2)
    # Two planes two slices apart: only the images say how thick each of them is.
    alone = read_segments(path, find_plane=lambda uid, n: plane_of(given.stack, uid, n))
    assert alone.volumes_ml[1] == pytest.approx(35 * grid.voxel_ml)


def big_segmentation(path: Path, segments: int, slices: int, size: int) -> NDArray[np.int64]:
    """Sparse binary frames, shuffled, without source images; voxels of each segment."""
    rng = np.random.default_rng(5)
    frames, counts = [], np.zeros(segments + 1, dtype=np.int64)
    for number in range(1, segments + 1):
        first = int(rng.integers(0, slices // 2))
        y, x = (int(v) for v in rng.integers(0, size - 40, 2))
        for z in range(first, first + slices // 2):
            frames.append((number, z, y, x))
            counts[number] += 30 * 36
    rng.shuffle(frames)
    ds, shared = Dataset(), Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", new_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = new_uid(), new_uid(), "SEG"
    ds.SegmentationType, ds.Rows, ds.Columns = "BINARY", size, size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.SamplesPerPixel = 1, 1, 0, 1
    ds.PixelRepresentation, ds.NumberOfFrames = 0, len(frames)
    ds.PhotometricInterpretation = "MONOCHROME2"
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.8], 1.5
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    ds.SharedFunctionalGroupsSequence = [shared]
    items, data = [], np.zeros((len(frames), size, size // 8), dtype=np.uint8)
    for at, (number, z, y, x) in enumerate(frames):
        item, content, position, which, derivation = (Dataset() for _ in range(5))
        content.DimensionIndexValues = [number, z + 1]
        position.ImagePositionPatient = [-200.0, -200.0, round(z * 1.5, 3)]
        which.ReferencedSegmentNumber = number
        source = Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = "1.2.840.1", f"2.25.{z + 1}"
        derivation.SourceImageSequence = [source]
        item.FrameContentSequence, item.PlanePositionSequence = [content], [position]
        item.SegmentIdentificationSequence = [which]
        item.DerivationImageSequence = [derivation]
        items.append(item)
        bits = np.zeros((30, size), dtype=np.uint8)
        bits[:, x : x + 36] = 1
        data[at, y : y + 30] = np.packbits(bits, axis=1, bitorder="little")
    ds.PerFrameFunctionalGroupsSequence = items
    ds.SegmentSequence = [segment(n, f"结构{n}", codes.SCT.Liver) for n in range(1, segments + 1)]
    ds.PixelData = data.tobytes()
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
    return counts


def test_thousands_of_sparse_shuffled_frames_are_read(tmp_path: Path) -> None:
    """Complaint 17: 60 s for a whole-body segmentation, none above 400 frames; prints seconds."""
    path = tmp_path / "big.dcm"
    counts = big_segmentation(path, segments=60, slices=80, size=512)
    start = time.perf_counter()
    about = read_segment_set(path)
    found = read_segments(path)
    layers = label_blocks(found.pieces, found.grid)
    took = time.perf_counter() - start
    print(f"2400 frames of 512x512, 60 segments: {took:.2f} s")
    assert sum(s.planes for s in about.segments) == 2400
    for number in range(1, 61):
        assert found.volumes_ml[number] == pytest.approx(counts[number] * 0.8 * 0.8 * 1.5 / 1000)
        assert sum(int(p.array.sum()) for p in found.pieces[number]) == counts[number]
    drawn: dict[int, int] = {}
    for layer in layers:
        for place, number in enumerate(layer.numbers, start=1):
            drawn[number] = int((layer.array == place).sum())
    assert drawn == {n: int(counts[n]) for n in range(1, 61)}
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_segments(path, cancel=cancel)


def test_what_others_made_is_read(tmp_path: Path, shared_data: Path | None) -> None:
    """Files of dcmqi and highdicom where they are there; the same voxels as highdicom finds."""
    if shared_data is None:
        return
    corner = shared_data / "dicom_corner_cases"
    names = ["dcmqi_data/segmentations/liver.dcm", "dcmqi_data/segmentations/partial_overlaps.dcm",
             "dcmqi_data/sr-example/seg.dcm", "highdicom_test_files/seg_image_ct_binary.dcm",
             "highdicom_test_files/seg_image_ct_binary_overlap.dcm",
             "highdicom_test_files/seg_image_ct_true_fractional.dcm"]  # fmt: skip
    for name in names:
        found = read_segments(corner / name)
        theirs = hd.seg.segread(corner / name)
        frames = theirs.pixel_array.reshape(-1, theirs.Rows, theirs.Columns)
        shared = theirs.SharedFunctionalGroupsSequence[0]
        sums: dict[int, int] = {}
        for frame, groups in zip(frames, theirs.PerFrameFunctionalGroupsSequence, strict=True):
            own = groups if "SegmentIdentificationSequence" in groups else shared
            number = int(own.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            set_ = (
                frame > 0 if theirs.SegmentationType == "BINARY" else frame.astype(int) * 2 >= 255
            )
            sums[number] = sums.get(number, 0) + int(set_.sum())
        ours = {n: sum(int(p.array.sum()) for p in parts) for n, parts in found.pieces.items()}
        assert ours == {n: total for n, total in sums.items() if total}


def test_broken_files_are_refused_in_words(tmp_path: Path) -> None:
    given = made(tmp_path / "in", grid_of())
    mask = masks_for(given.stack.grid.shape, 1)[0]
    path = written(tmp_path, given, mask[..., None].astype(np.uint8), "BINARY", 1)
    data = path.read_bytes()
    for cut in (len(data) // 2, len(data) - 40, 300):
        short = tmp_path / "short.dcm"
        short.write_bytes(data[:cut])
        with pytest.raises(BadInput):
            read_segments(short)
    with pytest.raises(BadInput, match="not a readable"):
        read_segments(given.files[0])
