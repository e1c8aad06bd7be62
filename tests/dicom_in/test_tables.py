"""The table of imported folders says what came in and what did not."""

from __future__ import annotations

from pathlib import Path

from tests.dicom_in.making import image, save
from tests.dicom_in.test_shared_data import Imported
from tests.tables import HEADS, dicom_folders, rows, table


def test_one_row_for_each_folder_with_images(tmp_path: Path) -> None:
    data = tmp_path / "数据"
    for z in range(4):
        save(image(z, (0.0, 0.0, 2.0 * z)), data / "even" / "序列" / f"{z}.dcm")
        place = (0.0, 0.0, 2.0 * z + 0.75 * (z == 3))
        other = image(z, place, study="1.2.5", series="1.2.5.1")
        save(other, data / "uneven" / f"{z}.dcm")
    (data / "even" / "notes.txt").write_text("no image | but words", encoding="utf-8")
    (data / "words").mkdir()
    (data / "words" / "notes.txt").write_text("words", encoding="utf-8")
    assert dicom_folders(data) == ["even", "uneven"]
    imported = Imported(tmp_path / "home", data, dicom_folders(data))
    even, uneven = rows(imported)
    imported.archive.close()
    assert even[:6] == ("even", "4", "1: 1 x This is not a DICOM file.", "1", "1", "-")
    assert even[7] == "0.0e+00 mm over 1 volume"
    assert uneven[5] == "uneven spacing 1"
    assert "slices at most 0.0000 mm beside our grid, 0.5 mm from SimpleITK's" in uneven[7]
    lines = table(HEADS, [even, uneven]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {9}
