"""Objects on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.command_line import CommandLine


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
