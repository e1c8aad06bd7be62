"""What each model found, in the reading room, in both languages, beside NumPy on the same masks.

    python -m tests.model_pictures HOME FOLDER

HOME: a home with a user "li" and studies that were read. Takes one picture of each study and model
(the largest of its outlines), named by model, number of the study and language, into FOLDER, and
prints one line for each: volume of the mask by NumPy, and the number that the panel shows. For a
person to look at: does the outline sit on the anatomy? Pictures of real patients stay out of the
repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.screenshots import USER, settle
from workstation.archive.store import Archive
from workstation.domain.finding import Finding
from workstation.domain.geometry import Grid
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement
from workstation.ui.organs_area import WHOLE_BODY
from workstation.ui.program import application
from workstation.ui.window import Window
from workstation.wiring import open_services

MODELS = frozenset(path.parent.name for path in Path("models").glob("*/manifest.json"))


def volume_ml(archive: Archive, info: MaskInfo) -> tuple[float, np.ndarray]:
    """Volume (mL) of a mask by counting and the determinant of its grid, and its middle (LPS)."""
    mask = archive.load_mask(info.id)
    edges: np.ndarray = np.asarray(info.grid.matrix)[:3, :3]
    ml = float(np.count_nonzero(mask)) * abs(float(np.linalg.det(edges))) / 1000.0
    return ml, inside(mask, info.grid)


def inside(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """A place (LPS mm) in the slice that has most of the mask, on the mask."""
    z = int(mask.sum(axis=(1, 2)).argmax())
    rows = np.argwhere(mask[z])
    y, x = rows[int(np.linalg.norm(rows - rows.mean(axis=0), axis=1).argmin())]
    place: np.ndarray = grid.to_lps(np.array([[x, y, z]], dtype=np.float64))[0]
    return place


def largest(archive: Archive, study_uid: str) -> dict[str, MaskInfo]:
    """The largest outline of each model in a study."""
    found: dict[str, MaskInfo] = {}
    for info in archive.all(MaskInfo, study_uid):
        name = info.made_by.name
        if name not in MODELS or (info.code is not None and info.code.value == WHOLE_BODY):
            continue
        if name not in found or info.volume_ml > found[name].volume_ml:
            found[name] = info
    return found


def ejected(archive: Archive, info: MaskInfo) -> str:
    """Of a cavity outlined on many phases: ejection fraction by counting voxels."""
    counts = {
        one.phase: int(np.count_nonzero(archive.load_mask(one.id)))
        for one in archive.all(MaskInfo, info.study_uid)
        if one.made_by == info.made_by and one.label == info.label
    }
    if len(counts) < 2:
        return ""
    most, least = max(counts.values()), min(counts.values())
    return f", ejected {100.0 * (most - least) / most:.4f} % over {len(counts)} phases"


def shown(archive: Archive, info: MaskInfo) -> str:
    """The numbers that findings and measurements show of a mask."""
    findings = [f for f in archive.all(Finding, info.study_uid) if f.mask_id == info.id]
    said = [f"{f.label.en} {f.value} {f.unit}" for f in findings]
    said += [
        f"{m.name.en} {m.value} {m.unit}"
        for m in archive.all(Measurement, info.study_uid)
        if info.id in m.made_from and not m.finding_id
    ]
    return "; ".join(said)


def main() -> None:
    """Every study of the home."""
    home, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with open_services(home, "zh_CN") as services:
        application()
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        window.desk.sign_in(services.archive.user(USER))
        for number, study in enumerate(services.archive.worklist()):
            archive = services.archive
            masks = largest(archive, study.study_uid)
            if not masks:
                continue
            window.actions_.open_study(study.study_uid)
            settle(window)
            for name, info in masks.items():
                ml, place = volume_ml(archive, info)
                print(
                    f"{number} {name}: {info.label.en} NumPy {ml:.4f} mL | {shown(archive, info)}"
                )
                about = [f for f in archive.all(Finding, study.study_uid) if f.mask_id == info.id]
                if about:
                    window.desk.focus_finding(about[0].id)
                else:
                    settle(window)
                    QTest.mouseClick(window.findings.rows[name], Qt.MouseButton.LeftButton)
                    window.grid_.jump_to(place, info.stack_id, info.phase)
                for language in ("zh", "en"):
                    settle(window)
                    assert window.grab().save(str(folder / f"{name}_{number}_{language}.png"))
                    window.actions_.switch_language()
            window.desk.close_study()
        window.shut()


if __name__ == "__main__":
    main()
