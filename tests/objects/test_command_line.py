"""Objects on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.command_line import CommandLine
from tests.objects import vendor
from tests.objects.room import Room


def test_objects_are_listed_with_what_they_hold(objects_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "家"
    shutil.copytree(objects_home, home)
    cli = CommandLine(home)
    found = {o["kind"]: o for o in cli("--json", "objects", "last").json["objects"]}
    assert set(found) == {
        "document", "report", "segmentation", "contours", "key_images", "presentation"}  # fmt: skip
    assert [s["label"] for s in found["segmentation"]["segments"]] == ["肝脏", "脾脏"]
    assert found["document"]["media_type"] == "application/pdf"
    assert found["presentation"]["drawings"] == 3 and found["key_images"]["images"] == 2
    said = cli("--lang", "zh_CN", "objects", "last")
    assert said.code == 0 and "分割" in said.out and "外院会诊报告" in said.out


def test_read_names_the_object_that_is_refused_and_goes_on(room: Room) -> None:
    bad, sound = vendor.report(room.sources), vendor.segmentation(room.sources)
    bad.SeriesDescription = "Broken report"
    for group in bad.ContentSequence[-1].ContentSequence:
        for item in group.get("ContentSequence", []):
            if "GraphicData" in item:
                item.GraphicData = [float("nan")] * len(item.GraphicData)
    del sound.SegmentSequence[1]
    folder = room.folder / "in"
    folder.mkdir()
    vendor.save(bad, folder / "bad.dcm")
    vendor.save(sound, folder / "sound.dcm")
    room.archive.close()
    cli = CommandLine(room.archive.home)
    assert cli("--lang", "en", "import", str(folder)).code == 0
    said = cli("--lang", "en", "read", "last")
    assert said.code == 0
    assert "Object Broken report (Ruiying" in said.out and "are no numbers" in said.out
    assert "Nodule A" in said.out and "frames are not shown" in said.out
