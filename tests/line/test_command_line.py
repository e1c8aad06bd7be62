"""One study walks the whole line through the command line, in real processes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def cli(demo_home: Path, tmp_path: Path) -> CommandLine:
    home = tmp_path / "家"
    shutil.copytree(demo_home, home)
    return CommandLine(home)


def brain_heart(cli: CommandLine) -> str:
    """UID of the demo MR visit."""
    studies = cli("--json", "studies").json["studies"]
    return next(str(s["study_uid"]) for s in studies if "MR" in s["modalities"])


def decide_all(cli: CommandLine, uid: str) -> list[dict[str, Any]]:
    read = cli("--json", "read", uid)
    assert read.code == 0, read.err
    findings: list[dict[str, Any]] = read.json["findings"]
    assert findings
    for number, finding in enumerate(findings):
        word = "reject" if number == 1 else "accept"
        done = cli("--json", "decide", uid, finding["id"], word, "--user", "li")
        assert done.code == 0, done.err
    return findings


def test_worklist_shows_chinese_names_and_what_was_scanned(cli: CommandLine) -> None:
    answer = cli("--json", "studies")
    studies = answer.json["studies"]
    assert len(studies) == 2
    assert all(any("一" <= c <= "鿿" for c in s["patient_name"]) for s in studies)
    assert {m for s in studies for m in s["modalities"]} == {"MR", "CT"}
    assert all(s["state"] == "analysed" for s in studies)
    assert set(studies[0]) >= {"study_uid", "patient_name", "date", "modalities", "state"}


def test_importing_the_same_files_again_changes_nothing(cli: CommandLine) -> None:
    again = cli("--json", "import", str(cli.home / "demo"))
    assert again.code == 0
    assert again.json["instances"] == 0
    assert again.json["already"] > 100
    assert again.json["refused"] == []


def test_reading_gives_volumes_findings_measurements_and_refusals(cli: CommandLine) -> None:
    answer = cli("--json", "read", brain_heart(cli)).json
    roles = {v["role"] for v in answer["volumes"]}
    assert {"FLAIR", "TOF", "cine SAX"} <= roles
    for volume in answer["volumes"]:
        assert len(volume["shape"]) == 3
        assert len(volume["affine"]) == 4
        assert all(len(row) == 4 for row in volume["affine"])
    wmh = [f for f in answer["findings"] if f["model"].startswith("brain-wmh")]
    assert wmh
    assert wmh[0]["state"] == "proposed"
    assert wmh[0]["unit"] == "mL"
    assert all(m["unit"] and m["formula"] and m["source"] for m in answer["measurements"])
    assert answer["measurements"]
    assert all(r["what"] and r["reason"] for r in answer["refusals"])
    assert answer["reviewed"] is False


def test_reading_again_makes_nothing_new(cli: CommandLine) -> None:
    uid = brain_heart(cli)
    first, second = cli("--json", "read", uid).json, cli("--json", "read", uid).json
    assert [f["id"] for f in first["findings"]] == [f["id"] for f in second["findings"]]
    assert first["measurements"] == second["measurements"]


def test_nothing_undecided_is_signed(cli: CommandLine) -> None:
    refused = cli("sign", brain_heart(cli), "--user", "li")
    assert refused.code == 1
    assert "decide" in refused.err.lower() or "undecided" in refused.err.lower()
    assert not list(cli.home.glob("**/*.pdf"))


def test_whole_line_to_signed_files_and_every_flipped_byte_is_named(
    cli: CommandLine, tmp_path: Path
) -> None:
    uid = brain_heart(cli)
    decide_all(cli, uid)
    assert cli("sign", uid, "--user", "li", password="wrong password").code == 1
    signed = cli("--json", "sign", uid, "--user", "li")
    assert signed.code == 0, signed.err
    twice = cli("sign", uid, "--user", "li")
    assert twice.code == 1

    out = tmp_path / "导出"
    exported = cli("--json", "export", uid, "--to", str(out))
    assert exported.code == 0, exported.err
    files = {f["kind"]: Path(f["path"]) for f in exported.json["files"]}
    assert {"pdf", "sr", "seg", "json"} <= set(files)
    assert cli("verify", str(out)).code == 0
    checked = cli("--json", "verify")
    assert checked.code == 0
    assert checked.json == {"ok": True, "first_bad": None}

    for kind, path in files.items():
        whole = path.read_bytes()
        broken = bytearray(whole)
        broken[len(broken) // 2] ^= 0x01
        path.write_bytes(bytes(broken))
        verdict = cli("--json", "verify", str(out))
        assert verdict.code == 1, kind
        assert verdict.json["ok"] is False
        assert path.name in verdict.json["first_bad"]["what"], kind
        path.write_bytes(whole)
    assert cli("verify", str(out)).code == 0


def test_flipped_byte_in_the_stored_report_is_named(cli: CommandLine) -> None:
    uid = brain_heart(cli)
    decide_all(cli, uid)
    signed = cli("--json", "sign", uid, "--user", "li").json
    pdf = next(d for d in signed["documents"] if d["kind"] == "pdf")
    blob = next(p for p in cli.home.glob("blobs/**/*") if p.name.startswith(pdf["sha256"]))
    data = bytearray(blob.read_bytes())
    data[100] ^= 0xFF
    blob.write_bytes(bytes(data))
    verdict = cli("--json", "verify")
    assert verdict.code == 1
    assert verdict.json["first_bad"]["what"]


def test_roles_hold_on_the_command_line(cli: CommandLine) -> None:
    uid = brain_heart(cli)
    finding = cli("--json", "read", uid).json["findings"][0]["id"]
    refused = cli("decide", uid, finding, "accept", "--user", "boss")
    assert refused.code == 1
    assert refused.err.strip()
    unknown = cli("decide", uid, finding, "accept", "--user", "nobody")
    assert unknown.code == 1
    assert "nobody" in unknown.err


@pytest.mark.parametrize(
    "words",
    [("studiez",), ("decide", "last"), ("user", "add", "x"), ("import",), ("models",)],
)
def test_wrong_usage_is_exit_code_two(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert cli(*words).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("read", "1.2.3.4"),
        ("import", "no such folder"),
        ("export", "1.2.3", "--to", "x"),
        ("decide", "last", "feed", "accept", "--user", "li"),
        ("models", "run", "no-such-model", "--input", ".", "--to", "x"),
    ],
)
def test_failures_are_a_sentence_and_exit_code_one(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    failed = cli(*words)
    assert failed.code == 1
    if words[0] != "import":
        assert len(failed.err.strip()) > 10
    assert "Traceback" not in failed.err + failed.out


def test_answers_come_in_chinese(cli: CommandLine) -> None:
    failed = cli("read", "1.2.3.4", lang="zh_CN")
    assert any("一" <= c <= "鿿" for c in failed.err)


def test_addendum_and_correction_keep_the_original(cli: CommandLine, tmp_path: Path) -> None:
    uid = brain_heart(cli)
    findings = decide_all(cli, uid)
    assert cli("sign", uid, "--user", "li").code == 0
    blocked = cli("decide", uid, findings[0]["id"], "reject", "--user", "li")
    assert blocked.code == 1
    more = cli("--json", "addendum", uid, "--text", "More.", "--reason", "late", "--user", "li")
    assert more.code == 0, more.err
    assert more.json["kind"] == "appended"
    opened = cli("--json", "correct", uid, "--reason", "wrong side", "--user", "li")
    assert opened.code == 0, opened.err
    again = cli("decide", uid, findings[0]["id"], "reject", "--user", "li")
    assert again.code == 0, again.err
    corrected = cli("--json", "sign", uid, "--user", "li")
    assert corrected.code == 0, corrected.err
    assert corrected.json["kind"] == "corrected"
    assert corrected.json["number"] == 3
    assert cli("verify").code == 0
