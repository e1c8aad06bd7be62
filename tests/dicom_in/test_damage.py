"""Random damage to everything nested in headers: opened or refused, never an exception."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import AXIAL, Shelf, image, save
from tests.dicom_in.test_enhanced_more import enhanced_mr, mapping
from tests.dicom_in.test_lengths import region, scan
from tests.dicom_in.test_phases import mosaic
from tests.dicom_in.test_suv import pet
from tests.dicom_in.test_values import table
from workstation.archive.encoding import as_json, decode
from workstation.dicom.volumes import read_volume
from workstation.domain.errors import ReaderError
from workstation.domain.volume import Stack


def _made() -> list[Dataset]:
    lut = image(0, (0, 0, 0), RescaleSlope=None, RescaleIntercept=None)
    lut.ModalityLUTSequence = Sequence([table(5, np.arange(20))])
    lut.VOILUTSequence = Sequence([table(0, np.arange(50))])
    lut.WindowCenter, lut.WindowWidth = [1, 2], [3, 4]
    enhanced = enhanced_mr(4, 5)
    enhanced.RealWorldValueMappingSequence = mapping(1e-6, "mm2/s")
    tissue, spectrum = (
        region((0, 0, 149, 199), (3, 3), (0.02, 0.02)),
        region((150, 0, 299, 199), (4, 7), (0.005, 0.8)),
    )
    return [scan(0, tissue, spectrum), lut, mosaic(0, 7, AXIAL, False)[0], enhanced, pet(0)]


def test_nothing_but_a_reason(tmp_path: Path) -> None:
    sources = [save(item, tmp_path / f"{at}.dcm").read_bytes() for at, item in enumerate(_made())]
    dice = random.Random(20250102)
    opened = refused = 0
    damaged = tmp_path / "damaged.dcm"
    for at in range(400):
        data = bytearray(sources[at % len(sources)])
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            place = dice.randrange(140, min(len(data), 5000))
            data[place] = dice.choice((0, 255, dice.randrange(256), data[place] ^ 1, ord("9")))
        damaged.write_bytes(data)
        shelf = Shelf(tmp_path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                shelf.take(damaged)
                stacks = shelf.stacks()
            for stack in stacks:
                assert decode(Stack, stack.id, as_json(stack)) == stack
                stack.scale_at(0, 0, 1, 1)
                if np.prod(stack.grid.shape) < 1e6:
                    read_volume(stack, shelf.locate)
            opened += 1
        except ReaderError as error:
            assert str(error.message)
            refused += 1
    assert opened > 100 and refused > 20
