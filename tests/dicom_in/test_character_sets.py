"""Names as hospitals write them: declared, undeclared and falsely declared."""

from __future__ import annotations

import pytest

from workstation.dicom.character_sets import decode_text, shown_name

GB = "王^小东"


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        (b"Wang^XiaoDong=" + GB.encode("gb18030") + b"=", ["GB18030"], f"Wang^XiaoDong={GB}="),
        (GB.encode("gbk"), ["GBK"], GB),
        (GB.encode("utf-8"), ["ISO_IR 192"], GB),
        ("龘𠮷".encode("gb18030"), ["GB18030"], "龘𠮷"),
        # PS3.5 K.3: ISO 2022 IR 58, escape before each group of Chinese characters
        (
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            ["", "ISO 2022 IR 58"],
            "Zhang^XiaoDong=张^小东=",
        ),
        # PS3.5 H.3.1 and I.2: Japanese in G0, Korean in G1
        (
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=",
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=",
        ),
        (
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=",
            ["", "ISO 2022 IR 149"],
            "Hong^Gildong=洪^吉洞=",
        ),
        ("Müller^Jörg".encode("latin-1"), ["ISO_IR 100"], "Müller^Jörg"),
        ("Pääkkönen^Åse".encode("latin-1"), ["ISO_IR 100"], "Pääkkönen^Åse"),
        ("Люкceмбypг".encode("iso8859-5"), ["ISO_IR 144"], "Люкceмбypг"),
    ],
)
def test_declared(raw: bytes, declared: list[str], text: str) -> None:
    assert decode_text(raw, declared) == text


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        ("张三".encode("gbk"), [], "张三"),
        ("张三".encode("gbk"), ["ISO_IR 100"], "张三"),
        ("张^三丰".encode("gbk"), ["ISO_IR 192"], "张^三丰"),
        ("张三".encode(), [], "张三"),
        ("张三".encode(), ["ISO_IR 100"], "张三"),
        ("张三".encode(), ["GB18030"], "张三"),
        ("张三".encode("gbk"), ["", "ISO 2022 IR 58"], "张三"),  # no escape was written
        ("陈喆".encode("gbk"), ["ISO_IR 100"], "陈喆"),  # beyond GB 2312
        ("朱镕基".encode("gbk"), ["ISO_IR 100"], "朱镕基"),  # a second byte that is ASCII
        ("小".encode("gbk"), [], "小"),  # its bytes are a valid UTF-8 letter too
        ("Müller^Jörg".encode(), ["ISO_IR 100"], "Müller^Jörg"),
        ("Müller^Jörg".encode(), [], "Müller^Jörg"),
    ],
)
def test_missing_or_false_declaration(raw: bytes, declared: list[str], text: str) -> None:
    assert decode_text(raw, declared) == text


def test_no_bytes_raise() -> None:
    for declared in ([], ["ISO_IR 192"], ["GB18030"], ["ISO 2022 IR 87"], ["no such set"]):
        for byte in range(256):
            assert isinstance(decode_text(bytes([0x41, byte, byte, 0x1B, byte]), declared), str)


@pytest.mark.parametrize(
    ("dicom", "shown"),
    [
        ("Zhang^San=张^三=", "张三"),
        ("Zhang^San", "Zhang San"),
        ("张^三", "张三"),
        ("=张三", "张三"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎"),
        ("", ""),
        ("^^^", ""),
    ],
)
def test_shown_name(dicom: str, shown: str) -> None:
    assert shown_name(dicom) == shown
