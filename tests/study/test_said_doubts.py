"""``read`` on the command line says of each finding why it is not to be relied upon."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.command_line import CommandLine
from tests.study.material import write_flair
from tests.study.test_rows import finding
from workstation.archive.store import Archive
from workstation.domain.errors import Message
from workstation.domain.finding import Finding
from workstation.domain.people import MACHINE, Permission
from workstation.domain.volume import Stack
from workstation.reading.intake import intake
from workstation.reading.line import read_study
from workstation.settings import load_settings

DOUBT = Message("The image is unlike those the model was made with ({times} times).", {"times": 3})
CAUTION = Message("The field strength is {tesla} T.", {"tesla": 0.2})


def test_read_says_doubts_and_cautions(home: Path, tmp_path: Path) -> None:
    uid = write_flair(tmp_path / "片子", 1, "Test^One=测试", bright=False)
    archive = Archive(home)
    intake(archive, [tmp_path / "片子"])
    read_study(archive, load_settings(home), uid)
    (stack,) = archive.all(Stack, uid)
    plain = replace(finding("some model"), study_uid=uid, stack_id=stack.id,
                    series_uid=stack.series_uid, made_from=(stack.id,))  # fmt: skip
    doubted = replace(plain, id="doubted", doubts=(DOUBT,), cautions=(CAUTION,))
    with archive.write(MACHINE, Permission.ANALYSE, Message("Analysed"), uid) as writer:
        writer.put(plain)
        writer.put(doubted)
    assert len(archive.all(Finding, uid)) == 2
    archive.close()
    cli = CommandLine(home)
    said = {one["id"]: one for one in json.loads(cli("--json", "read", uid).out)["findings"]}
    assert said["doubted"]["doubts"] == [
        "The image is unlike those the model was made with (3 times)."
    ]
    assert said["doubted"]["cautions"] == ["The field strength is 0.2 T."]
    assert (said["f"]["doubts"], said["f"]["cautions"]) == ([], [])
    lines = cli("--lang", "en", "read", uid).out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip().startswith("doubted"))
    assert "uncertain: The image is unlike" in lines[at + 1]
    assert "with a caution: The field strength" in lines[at + 2]
    assert sum("uncertain:" in line for line in lines) == 1
