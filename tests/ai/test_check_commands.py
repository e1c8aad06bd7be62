"""``models ...`` on the command line, as an administrator types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ai.bad import BAD, bundle, sound
from tests.ai.packages import MAKER
from tests.command_line import CommandLine


@pytest.fixture
def cli(home: Path) -> CommandLine:
    run = CommandLine(home)
    (home / "settings.toml").write_text("ai_threads = 1\n", encoding="utf-8")
    assert run("user", "add", "boss", "--role", "admin").code == 0
    return run


def test_from_a_strangers_file_to_a_model_in_use(cli: CommandLine, tmp_path: Path) -> None:
    path, key = bundle(sound(tmp_path)), tmp_path / "maker.pem"
    key.write_text(MAKER.public_pem, encoding="ascii")
    ran = cli("models", "check", str(path))
    assert ran.code == 1
    assert "SIGNATURE is by a key that this site does not trust: Maker of tests" in ran.out
    ran = cli("models", "trust", str(key), "--name", "影像科研组", "--user", "boss")
    assert (ran.code, MAKER.fingerprint in ran.out) == (0, True)
    ran = cli("models", "install", str(path), "--user", "boss", lang="zh_CN")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "已安装 微型模型 1.0.0。"
    ran = cli("--json", "models", "list")
    rows = {row["id"]: row for row in ran.json["models"]}
    assert (rows["tiny"]["state"], rows["tiny"]["signer"]) == ("usable", "影像科研组")
    assert rows["brain-wmh"]["place"] == "program"
    ran = cli("models", "card", "tiny", lang="zh_CN")
    assert "测试用模型。" in ran.out
    assert "A model for tests." not in ran.out
    ran = cli("models", "check", "tiny")
    assert ran.code == 0
    assert "Everything is in order." in ran.out
    assert cli("models", "remove", "tiny", "--user", "boss").code == 0
    assert cli("models", "check", "tiny").code == 1


def test_refusals_and_exit_codes(cli: CommandLine, tmp_path: Path) -> None:
    make, expected = BAD["path upwards"]
    ran = cli("models", "install", str(make(tmp_path)), "--user", "boss")
    assert (ran.code, ran.out) == (1, "")
    assert expected in ran.err
    ran = cli("models", "install", str(tmp_path / "nothing.zip"), "--user", "boss")
    assert (ran.code, "There is no file or folder" in ran.err) == (1, True)
    ran = cli("models", "off", "brain-wmh", "--user", "boss", "--reason", "test", password="wrong")
    assert ran.code == 1
    (line,) = [one for one in cli("models", "list").out.splitlines() if "brain-wmh" in one]
    assert "usable" in line
