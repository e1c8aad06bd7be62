"""Deep learning reconstruction as headers of several makers state it; never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.dicom_in.making import Shelf, image
from workstation.dicom.reconstruction import load_rules
from workstation.domain.acquisition import DEEP, OTHER, UNSAID, Reconstruction

Private = tuple[int, str, int, str, Any]
GE_DL = (0x0043, "GEMS_PARM_01", 0xCA, "LO", ["0.75", "High"])


def _ge(*strength: str) -> Private:
    return (*GE_DL[:4], list(strength))


def read_back(folder: Path, private: tuple[Private, ...] = (), **header: Any) -> Reconstruction:
    """What a series of three images says after it was written, read and stacked."""
    shelf = Shelf(folder)
    for n in range(3):
        dataset = image(n, [0.0, 0.0, 4.0 * n], **header)
        for group, creator, element, vr, value in private:
            dataset.private_block(group, creator, create=True).add_new(element, vr, value)
        shelf.add(dataset)
    return shelf.stack().acquisition.reconstruction


@pytest.mark.parametrize(
    ("header", "private", "kind", "name", "field"),
    [
        ({"modality": "MR", "Manufacturer": "GE MEDICAL SYSTEMS"}, (GE_DL,),
         DEEP, "AIR Recon DL", "GEReconDLStrength"),
        ({"modality": "MR", "Manufacturer": "Siemens Healthineers",
          "ImageType": ["ORIGINAL", "PRIMARY", "M", "DRB", "NORM", "DRS", "DIS2D"]}, (),
         DEEP, "Deep Resolve", "ImageType"),
        ({"modality": "MR", "Manufacturer": "Siemens Healthineers"},
         ((0x0021, "SIEMENS MR SDI 02", 0x75, "CS", ["ORIGINAL", "PRIMARY", "M", "DRG", "NORM"]),),
         DEEP, "Deep Resolve", "SiemensImageTypeText"),
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "ConvolutionKernel": "STANDARD"},
         ((0x0053, "GEHC_CT_ADVAPP_001", 0x40, "SH", "DLIR-H"),),
         DEEP, "TrueFidelity (DLIR)", "GEIterativeReconAnnotation"),
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "ConvolutionKernel": "STANDARD"},
         ((0x0053, "GEHC_CT_ADVAPP_001", 0x42, "LO", "ASiR-V 40%"),),
         OTHER, "ASiR", "GEIterativeReconConfiguration"),
        ({"Manufacturer": "CANON_MEC", "SeriesDescription": "Body_AiCE_Mild"}, (),
         DEEP, "AiCE", "SeriesDescription"),
        ({"Manufacturer": "TOSHIBA"}, ((0x7005, "TOSHIBA_MEC_CT3", 0x0B, "SH", "AiCE Body"),),
         DEEP, "AiCE", "CanonFilter"),
        ({"Manufacturer": "Philips", "ProtocolName": "Chest Precise Image"}, (),
         DEEP, "Precise Image", "ProtocolName"),
        ({"modality": "MR", "Manufacturer": "Philips", "SeriesDescription": "T2 SmartSpeed AI"},
         (), DEEP, "named by the protocol", "SeriesDescription"),
    ],
)  # fmt: skip
def test_what_a_header_states(
    tmp_path: Path, header: dict[str, Any], private: tuple[Private, ...], kind: str, name: str,
    field: str,
) -> None:  # fmt: skip
    assert read_back(tmp_path, private, **header) == Reconstruction(kind, name, field)


@pytest.mark.parametrize(
    ("header", "private"),
    [
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "modality": "MR"}, ()),  # absent: off, or too old
        ({"Manufacturer": "SIEMENS", "modality": "MR",
          "ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]}, ()),
        ({"Manufacturer": "SIEMENS", "modality": "MR"}, (GE_DL,)),  # another maker's element
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "modality": "MR"}, (_ge("0.00", "Off"),)),
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "modality": "MR"}, (_ge("0.0"),)),
        ({"Manufacturer": "GE MEDICAL SYSTEMS", "SeriesDescription": "AIR Recon DL none"}, ()),
        ({"Manufacturer": "CANON_MEC", "SeriesDescription": "Body AiCE off"}, ()),
        ({"Manufacturer": "Philips", "SeriesDescription": "Deep Resolve w/o"}, ()),
        ({"Manufacturer": "Canon", "SeriesDescription": "voice and face"}, ()),
        ({"Manufacturer": "SIEMENS", "ConvolutionKernel": "DRB40"}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_what_is_not_stated_is_not_guessed(
    tmp_path: Path, header: dict[str, Any], private: tuple[Private, ...]
) -> None:
    assert read_back(tmp_path, private, **header) == UNSAID


def enhanced(algorithm: str, maker: str) -> Dataset:
    """Two frames of CT whose shared groups state the algorithm."""
    dataset = image(0, None, None, Manufacturer=maker)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    reconstruction = Dataset()
    reconstruction.ReconstructionAlgorithm = algorithm
    shared = Dataset()
    shared.CTReconstructionSequence = Items([reconstruction])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    return dataset


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("FILTER_BACK_PROJ", OTHER), ("ITERATIVE", "")]
)  # the standard's other term does not tell
def test_the_standard_element_of_enhanced_images(tmp_path: Path, algorithm: str, kind: str) -> None:
    shelf = Shelf(tmp_path)
    shelf.add(enhanced(algorithm, "SIEMENS"))
    assert shelf.stacks()[0].acquisition.reconstruction.kind == kind


def test_private_words_of_enhanced_images(tmp_path: Path) -> None:
    dataset = enhanced("", "Siemens Healthineers")
    within, group = Dataset(), dataset.SharedFunctionalGroupsSequence[0]
    words = ["ORIGINAL", "PRIMARY", "M", "DRB"]
    within.private_block(0x0021, "SIEMENS MR SDI 02", create=True).add_new(0x75, "CS", words)
    group.private_block(0x0021, "SIEMENS MR SDI 02", create=True).add_new(
        0xFE, "SQ", Items([within])
    )
    shelf = Shelf(tmp_path)
    shelf.add(dataset)
    assert shelf.stacks()[0].acquisition.reconstruction.name == "Deep Resolve"


def test_every_rule_has_a_source() -> None:
    rules = load_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(len(rule.source) > 30 and rule.kind in (DEEP, OTHER) for rule in rules)
