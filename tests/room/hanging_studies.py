"""Generated studies that hanging protocols are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from scipy import ndimage

from tests.dicom_in.making import image
from workstation.archive.store import Archive
from workstation.demo.chest_scan import chest_scan
from workstation.demo.head import HeadShape, canvas_for, paint_head
from workstation.demo.lung_tree import demo_nodules, lung_trees
from workstation.demo.scanner import magnetic_resonance
from workstation.demo.thorax import ChestShape
from workstation.demo.tissue import FLAIR, Tissue
from workstation.dicom.write import SeriesHeader, derived_uid, write_series
from workstation.domain.geometry import Grid, affine_of_stack
from workstation.domain.people import MACHINE
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake

Field = NDArray[np.float32]
TUMOUR, CORE = 40, 41  # labels beside those of ``Tissue``


@dataclass(frozen=True)
class Made:
    """One study in the archive."""

    study_uid: str
    folder: Path


def header(study: str, number: int, modality: str, description: str, **more: Any) -> SeriesHeader:
    """What every series of these studies says."""
    given: dict[str, Any] = {
        "modality": modality, "patient_name": "Chen^Jing=陈^静", "patient_id": f"HANG-{study[:4]}",
        "birth_date": "19680412", "sex": "F", "age": "057Y",
        "study_uid": derived_uid("hang", study),
        "study_date": "20260310", "study_time": "093000", "study_description": study,
        "accession": "A-HANG", "series_uid": derived_uid("hang", study, number),
        "series_number": number, "series_description": description, "series_time": "093000",
        "frame_of_reference_uid": derived_uid("hang", study, "frame"), "body_part": "",
        "window": (400.0, 800.0), "slice_thickness_mm": 4.5,
    }  # fmt: skip
    return SeriesHeader(**(given | more))


def stored(archive: Archive, folder: Path, study: str) -> Made:
    """The files of a folder, taken in and put together."""
    intake(archive, [folder], actor=MACHINE)
    uid = derived_uid("hang", study)
    assemble(archive, uid, actor=MACHINE)
    return Made(uid, folder)


# --- a glioma in the right frontal lobe

_T1: Mapping[int, float] = {
    Tissue.SKIN: 0.7, Tissue.FAT: 0.95, Tissue.MUSCLE: 0.4, Tissue.MARROW: 0.8, Tissue.CSF: 0.15,
    Tissue.GREY: 0.48, Tissue.WHITE: 0.68, Tissue.DEEP_GREY: 0.52, Tissue.PALLIDUM: 0.56,
    Tissue.VENTRICLE: 0.14, Tissue.CHOROID: 0.4, Tissue.BRAINSTEM: 0.6, Tissue.CEREBELLUM: 0.5,
    Tissue.EYE: 0.2, Tissue.NERVE: 0.5, Tissue.MUCOSA: 0.5, TUMOUR: 0.38, CORE: 0.25,
}  # fmt: skip
_ENHANCED = {**_T1, TUMOUR: 1.05, Tissue.CHOROID: 0.9, Tissue.MUCOSA: 0.9}
_T2 = {
    **dict.fromkeys(_T1, 0.35), Tissue.FAT: 0.6, Tissue.CSF: 1.0, Tissue.VENTRICLE: 1.0,
    Tissue.GREY: 0.55, Tissue.WHITE: 0.4, Tissue.EYE: 1.0, TUMOUR: 0.75, CORE: 0.95,
    Tissue.CEREBELLUM: 0.5,
}  # fmt: skip
_FLAIR = {**{int(k): v for k, v in FLAIR.items()}, TUMOUR: 0.95, CORE: 0.3}
_DWI = {
    **dict.fromkeys(_T1, 0.1), Tissue.GREY: 0.5, Tissue.WHITE: 0.45, TUMOUR: 0.9,
    Tissue.CEREBELLUM: 0.5, Tissue.BRAINSTEM: 0.45, Tissue.DEEP_GREY: 0.48, CORE: 0.15,
}  # fmt: skip
_ADC = {
    **dict.fromkeys(_T1, 0.05), Tissue.GREY: 0.4, Tissue.WHITE: 0.36, Tissue.CSF: 1.0,
    Tissue.VENTRICLE: 1.0, Tissue.CEREBELLUM: 0.4, Tissue.BRAINSTEM: 0.38, TUMOUR: 0.3, CORE: 0.7,
}  # fmt: skip


def brain_tumour(archive: Archive, folder: Path, detail: int = 1) -> Made:
    """T1, T1 with contrast, FLAIR, T2, DWI, ADC and a bolus series of one head."""
    study, (slices, matrix), pixel = "Brain MR with tumour", (26, 80 * detail), 2.9 / detail
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    y, z = x + 5.0, -44.0 + 4.5 * np.arange(slices)
    shape = HeadShape(seed=31)
    canvas = canvas_for(shape, x, y, z)
    paint_head(canvas, shape, FLAIR)
    label = canvas.label.astype(np.int16)
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    away = np.sqrt((xx + 30) ** 2 + (yy + 26) ** 2 + (zz - 15) ** 2)
    brain = np.isin(label, [Tissue.GREY, Tissue.WHITE, Tissue.CSF, Tissue.VENTRICLE])
    label[brain & (away < 17)] = TUMOUR
    label[brain & (away < 9)] = CORE
    affine = affine_of_stack(
        (float(x[0]), float(y[0]), float(z[0])), (1, 0, 0, 0, 1, 0), (pixel, pixel), (0, 0, 4.5)
    )
    grid = Grid(label.shape, affine)
    rng = np.random.default_rng(5)

    def picture(contrast: Mapping[int, float]) -> NDArray[np.int16]:
        lut = np.zeros(64, dtype=np.float32)
        for tissue, value in contrast.items():
            lut[int(tissue)] = value
        return magnetic_resonance(lut[label], rng, noise=0.02, full_scale=800.0)

    series: tuple[tuple[str, Mapping[int, float], dict[str, Any]], ...] = (
        ("t1_tse_tra", _T1, {}),
        ("t1_tse_tra post Gd", _ENHANCED, {"ContrastBolusAgent": "Gd-DOTA"}),
        ("t2_flair_tra", _FLAIR, {}),
        ("t2_tse_tra", _T2, {}),
        ("DWI", _DWI, {"DiffusionBValue": 1000.0}),
        ("ADC", _ADC, {}),
    )
    for number, (name, contrast, extra) in enumerate(series, 1):
        one = header(study, number, "MR", name, body_part="BRAIN", extra=extra)
        write_series(folder / str(number), picture(contrast), grid, one)
    t2 = picture(_T2).astype(np.float32)[::4]
    perfused = np.isin(label[::4], [Tissue.GREY, TUMOUR])
    times = np.arange(20)
    dips = 1 - 0.6 * np.exp(-((times - 8.5) ** 2) / 6.0)
    bolus = np.stack([np.where(perfused, t2 * dip, t2) for dip in dips]).astype(np.int16)
    thick = Grid(
        bolus.shape[1:],
        affine_of_stack(
            (float(x[0]), float(y[0]), float(z[0])),
            (1, 0, 0, 0, 1, 0),
            (pixel, pixel),
            (0, 0, 18.0),
        ),
    )
    last = header(
        study, 7, "MR", "ep2d_perf", body_part="BRAIN",
        trigger_ms=tuple(float(1500 * t) for t in times), slice_thickness_mm=5.0,
    )  # fmt: skip
    write_series(folder / "7", bolus, thick, last)
    return stored(archive, folder, study)


# --- a breast with a mass that takes contrast up and lets it go


def breast(archive: Archive, folder: Path, detail: int = 1) -> Made:
    """Six phases, T2 and DWI of two breasts, a mass in the left one."""
    study, pixel = "Breast DCE", 3.6 / detail
    slices, rows, columns = 30, 64 * detail, 100 * detail
    x = (np.arange(columns) - (columns - 1) / 2) * pixel
    y, z = -150.0 + pixel * np.arange(rows), 4.0 * np.arange(slices) - 58.0
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    chest = ((xx / 165) ** 2 + ((yy - 95) / 110) ** 2) < 1
    fat = np.zeros(chest.shape, dtype=bool)
    gland, mass = fat.copy(), fat.copy()
    for side in (-1, 1):
        from_middle = ((xx - side * 82) / 66) ** 2 + ((yy + 18) / 92) ** 2 + (zz / 68) ** 2
        fat |= from_middle < 1
        wave = 0.12 * np.sin(xx / 7) * np.sin(yy / 9 + zz / 11)
        inner = ((xx - side * 82) / 42) ** 2 + ((yy + 42) / 55) ** 2 + (zz / 46) ** 2
        gland |= inner + wave < 0.8
    mass = ((xx - 96) ** 2 + (yy + 44) ** 2 + (zz - 6) ** 2) < 11**2
    vessel = (np.abs(np.hypot(xx - 60 - 0.25 * (yy + 60), zz - 20)) < 2.6) & fat
    heart = ((xx - 30) ** 2 / 60**2 + (yy - 60) ** 2 / 45**2 + (zz + 10) ** 2 / 60**2) < 1
    base = np.zeros(chest.shape, dtype=np.float32)
    base[chest | fat] = 0.22
    base[chest & (yy > 10)] = 0.3
    base[gland] = 0.38
    base[heart & chest] = 0.35
    rng = np.random.default_rng(8)
    affine = affine_of_stack(
        (float(x[0]), float(y[0]), float(z[0])), (1, 0, 0, 0, 1, 0), (pixel, pixel), (0, 0, 4.0)
    )
    grid = Grid(chest.shape, affine)
    phases = []
    for taken in (0.0, 0.85, 1.0, 0.92, 0.8, 0.7):  # washes out after its peak
        one = base.copy()
        one[gland] += 0.06 * taken
        one[mass] = 0.4 + 0.6 * taken
        one[vessel | (heart & chest)] += 0.5 * min(taken * 1.1, 0.9)
        phases.append(magnetic_resonance(one, rng, noise=0.015, full_scale=900.0))
    times = tuple(float(60_000 * n) for n in range(6))
    dynamic = header(study, 1, "MR", "t1_fl3d_dyn", body_part="BREAST", trigger_ms=times)
    write_series(folder / "1", np.stack(phases), grid, dynamic)
    t2, dwi = np.where(fat, 0.3, base), np.full(base.shape, 0.03, dtype=np.float32)
    t2[gland], t2[mass] = 0.7, 0.6
    dwi[gland], dwi[mass] = 0.25, 0.8
    for number, (name, values, extra) in enumerate(
        (("t2_tirm_tra", t2, {}), ("DWI", dwi, {"DiffusionBValue": 800.0})), 2
    ):
        signal = magnetic_resonance(values.astype(np.float32), rng, noise=0.02, full_scale=800.0)
        one_header = header(study, number, "MR", name, body_part="BREAST", extra=extra)
        write_series(folder / str(number), signal, grid, one_header)
    return stored(archive, folder, study)


# --- a chest from the back and the side; a chest CT and one a year before


def radiographs(archive: Archive, folder: Path, detail: int = 1) -> Made:
    """Sums of a generated CT along its rays: chest PA and lateral, as a detector stores them."""
    study = "Chest radiographs"
    scan = chest_scan(
        ChestShape(seed=3), seed=3, matrix=96 * detail, slices=48 * detail, slice_mm=6.0 / detail
    )
    sides = (6.0 / detail, 350.0 / (96 * detail))  # mm of the sums: the detector's are square
    dense = np.clip(scan.array.astype(np.float32) + 1000, 0, 2600)
    for number, (view, axis) in enumerate((("PA", 1), ("LL", 2)), 1):
        ray = dense.sum(axis=axis)[::-1]  # head up
        ray = (ray - ray.min()) / (np.percentile(ray, 99.5) - ray.min())
        enlarged = ndimage.zoom(ray, sides, order=1)
        pixels = np.clip(enlarged * 3500 + 200, 0, 4095).astype(np.uint16)
        file = image(
            0, None, None, modality="DX", pixels=pixels,
            study=derived_uid("hang", study), series=derived_uid("hang", study, number),
            SOPClassUID=DigitalXRayImageStorageForPresentation, SeriesNumber=number,
            SeriesDescription=f"Chest {'PA' if view == 'PA' else 'LAT'}", ViewPosition=view,
            PatientOrientation=["L" if view == "PA" else "P", "F"],
            BodyPartExamined="CHEST", ImagerPixelSpacing=[1.0, 1.0], PixelSpacing=None,
            SpecificCharacterSet="ISO_IR 192", PatientName="Chen^Jing=陈^静", PatientSex="F",
            PatientID="HANG-DX", PatientBirthDate="19680412", StudyDate="20260310",
            StudyTime="100000", StudyDescription=study, SliceThickness=None,
            FrameOfReferenceUID=None, WindowCenter=2000, WindowWidth=3600,
        )  # fmt: skip
        target = folder / str(number)
        target.mkdir(parents=True, exist_ok=True)
        file.file_meta = FileMetaDataset()
        file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file.save_as(target / "1.dcm", enforce_file_format=True)
    return stored(archive, folder, study)


def chest_with_prior(archive: Archive, folder: Path, detail: int = 1) -> Made:
    """A chest CT with nodules and one of the year before, in which they were smaller."""
    shape = ChestShape(seed=3)
    trees = lung_trees(shape)
    nodules = demo_nodules(trees)
    smaller = tuple(replace(n, diameter_mm=n.diameter_mm * 0.6) for n in nodules)
    made: list[Made] = []
    for study, spots, date, seed in (
        ("Chest CT before", smaller, "20250302", 4),
        ("Chest CT now", nodules, "20260310", 3),
    ):
        scan = chest_scan(
            shape, seed=seed, matrix=112 * detail, slices=36 * detail, slice_mm=8.0 / detail,
            nodules=spots, trees=trees,
        )  # fmt: skip
        one = header(
            study, 2, "CT", f"Chest {8 // detail}mm", body_part="CHEST", window=(40.0, 400.0),
            study_date=date, patient_id="HANG-CHEST", slice_thickness_mm=8.0 / detail,
        )  # fmt: skip
        write_series(folder / study, scan.array, scan.grid, one)
        made.append(stored(archive, folder / study, study))
    return made[-1]


STUDIES: dict[str, Callable[[Archive, Path, int], Made]] = {
    "brain_tumour": brain_tumour,
    "breast_dce": breast,
    "radiograph": radiographs,
    "chest_ct_prior": chest_with_prior,
}
"""By hanging protocol; the last argument is 1 for tests, 2 for pictures worth looking at."""
