"""Enhanced multi-frame objects: functional groups reduced to what stacks need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import AXIAL, Shelf, image, pixels_of
from workstation.dicom.volumes import read_frame, read_volume
from workstation.domain.volume import Flag


def _item(**values: object) -> Sequence:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


def _enhanced(places: int, phases: int) -> Dataset:
    """Frames in scrambled order, each with its own position, delay and rescale."""
    count = places * phases
    order = [(i * 7) % count for i in range(count)]
    samples = np.stack([pixels_of(i) for i in order])
    item = image(0, None, None, modality="MR", pixels=samples[0], PixelSpacing=None)
    item.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    item.PixelData = samples.tobytes()
    item.NumberOfFrames = count
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(AXIAL))
    shared.PixelMeasuresSequence = _item(PixelSpacing=[0.5, 0.75], SliceThickness=4)
    item.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for i in order:
        groups = Dataset()
        groups.PlanePositionSequence = _item(ImagePositionPatient=[1.0, 2.0, 4.0 * (i // phases)])
        groups.CardiacSynchronizationSequence = _item(
            NominalCardiacTriggerDelayTime=40.0 * (i % phases)
        )
        groups.PixelValueTransformationSequence = _item(
            RescaleSlope=0.5, RescaleIntercept=float(i), RescaleType="US"
        )
        frames.append(groups)
    item.PerFrameFunctionalGroupsSequence = Sequence(frames)
    del item.RescaleSlope, item.RescaleIntercept
    return item


def test_frames_are_placed_by_their_groups(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.add(_enhanced(3, 5))
    stack = shelf.stack()
    assert stack.flags == (Flag.MULTI_PHASE,)
    assert (stack.phases, stack.grid.shape, stack.dtype) == (5, (3, 5, 7), "float32")
    assert np.allclose(stack.grid.to_lps((0, 0, 2)), (1, 2, 8))
    assert stack.frames[4 * 3].time_s == 0.16
    for phase in range(5):
        volume = read_volume(stack, shelf.locate, phase).array
        for place in range(3):
            number = place * 5 + phase
            expected = pixels_of(number) * 0.5 + number
            assert np.allclose(volume[place], expected)
            assert np.array_equal(read_frame(stack, phase, place, shelf.locate), volume[place])


def test_multi_frame_without_positions_is_pages(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    samples = np.stack([pixels_of(i) for i in range(4)])
    item = image(0, None, None, pixels=samples[0], NumberOfFrames=4, FrameTime=50)
    item.Modality, item.PixelData = "US", samples.tobytes()
    shelf.add(item)
    stack = shelf.stack()
    assert Flag.NOT_A_VOLUME in stack.flags
    assert stack.grid.shape[0] == 4
    assert [f.time_s for f in stack.frames] == [0.0, 0.05, 0.1, 0.15]
    assert np.array_equal(read_volume(stack, shelf.locate).array, samples)
