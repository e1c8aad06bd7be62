"""Text of DICOM files as bytes: declared, undeclared and falsely declared character sets.

PS3.3 C.12.1.1.2 (Specific Character Set), PS3.5 6.1.2.5 (ISO 2022 code extensions) and annexes
H to K (Japanese, Korean, Chinese). The bytes are decoded here and not by pydicom, because
scanners in use write GBK under no declaration or under ISO_IR 100, and pydicom 3.0.2 leaves the
escape bytes of ISO 2022 IR 58 in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_SINGLE = {
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf-8",
    "ISO_IR 58": "gb2312",
    "ISO_IR 149": "euc_kr",
    "GB18030": "gb18030",
    "GBK": "gb18030",  # GB18030 extends GBK; files marked GBK hold characters of either
    "GB2312": "gb18030",
    "BIG5": "big5",  # no DICOM term, but written in Taiwan and Hong Kong all the same
}

CHOICES = (
    "GB18030", "ISO_IR 192", "ISO 2022 IR 58", "BIG5", "ISO_IR 13", "ISO_IR 149", "ISO_IR 100",
    "ISO_IR 144", "ISO_IR 166",
)  # fmt: skip
"""Character sets that a reader may choose for files whose own is missing or false."""


class Chosen(tuple[str, ...]):
    """A character set that a reader chose: it is believed, whatever the bytes look like."""

    __slots__ = ()


# Escape sequences (PS3.3 tables C.12-3 and C.12-4): code element, bytes a character, codec, and
# what turns the plain bytes into the codec's own form.
_G0, _G1 = 0, 1
_ESCAPES: dict[bytes, tuple[int, int, str]] = {
    b"(B": (_G0, 1, "ascii"),
    b"(J": (_G0, 1, "ascii"),  # JIS X 0201 romaji: ASCII but for yen and overline
    b")I": (_G1, 1, "shift_jis"),
    b"-A": (_G1, 1, "latin-1"),
    b"-B": (_G1, 1, "iso8859-2"),
    b"-C": (_G1, 1, "iso8859-3"),
    b"-D": (_G1, 1, "iso8859-4"),
    b"-F": (_G1, 1, "iso8859-7"),
    b"-G": (_G1, 1, "iso8859-6"),
    b"-H": (_G1, 1, "iso8859-8"),
    b"-L": (_G1, 1, "iso8859-5"),
    b"-M": (_G1, 1, "iso8859-9"),
    b"-T": (_G1, 1, "tis-620"),
    b"-b": (_G1, 1, "iso8859-15"),
    b"$B": (_G0, 2, "euc_jp"),
    b"$@": (_G0, 2, "euc_jp"),
    b"$(D": (_G0, 2, "jis x 0212"),
    b"$(A": (_G0, 2, "gb2312"),
    b"$A": (_G0, 2, "gb2312"),
    b"$)C": (_G1, 2, "euc_kr"),
    b"$)A": (_G1, 2, "gb2312"),
}
_ESCAPE = re.compile(rb"\x1b(\$[()]?[A-D@]|[()-][A-Za-z])")
_REPLACED = "\ufffd"


def _codec(declared: str) -> str:
    """Python codec of one value of (0008,0005), written as the standard says or nearly so."""
    name = declared.strip().upper().replace("-", " ").replace("_", " ")
    name = re.sub(r"^ISO 2022 IR\s*", "ISO IR ", name)
    name = re.sub(r"^(ISO IR|ISOIR|IR)\s*", "ISO_IR ", name)
    if name in {"UTF 8", "UTF8", "UNICODE"}:
        return "utf-8"
    return _SINGLE.get(name, "")


def _multibyte(raw: bytes, codec: str, g0: bool) -> str:
    high = bytes(b | 0x80 for b in raw) if g0 else raw
    if codec == "jis x 0212":  # EUC-JP reaches JIS X 0212 by single shift three
        high = b"".join(b"\x8f" + high[i : i + 2] for i in range(0, len(high), 2))
        codec = "euc_jp"
    # Files marked IR 58 hold characters beyond GB 2312 often enough.
    return high.decode("gb18030" if codec == "gb2312" else codec, "replace")


def _runs(raw: bytes) -> Iterator[tuple[bool, bytes]]:
    """Stretches of ``raw`` with the high bit (True) or without."""
    for found in re.finditer(rb"[\x80-\xff]+|[\x00-\x7f]+", raw):
        yield found.group()[0] >= 0x80, found.group()


def _decode_escapes(raw: bytes, initial: str) -> str:
    """ISO 2022 text. initial: codec of the first value of (0008,0005), for G1 before escapes."""
    g0: tuple[int, str] = (1, "ascii")
    g1: tuple[int, str] = (1, initial or "latin-1")
    pieces: list[str] = []
    place = 0
    while place < len(raw):
        found = _ESCAPE.match(raw, place)
        if found:
            known = _ESCAPES.get(found.group(1))
            if known:
                if known[0] == _G0:
                    g0 = known[1:]
                else:
                    g1 = known[1:]
            place = found.end()
            continue
        if raw[place] == 0x1B:  # an escape nobody knows: drop it, keep what follows
            place += 1
            continue
        stop = raw.find(b"\x1b", place)
        stop = len(raw) if stop < 0 else stop
        for high, run in _runs(raw[place:stop]):
            if high and g1[0] == 2:
                pieces.append(_multibyte(run, g1[1], g0=False))
            elif high:
                pieces.append(run.decode(g1[1], "replace"))
            elif g0[0] == 2:
                pieces.append(_multibyte(run, g0[1], g0=True))
            else:
                pieces.append(run.decode("ascii", "replace"))
        place = stop
    return "".join(pieces)


def _try(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _is_hanzi(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _wide(text: str) -> bool:
    """Whether every character beyond ASCII is a Chinese one or its punctuation."""
    beyond = [c for c in text if ord(c) > 0x7F]
    return bool(beyond) and all(
        _is_hanzi(c) or "\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff5e" or c == "·"
        for c in beyond
    )


_MIXED = re.compile(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]")


def _looks_gb2312(raw: bytes) -> bool:
    """Whether the bytes beyond ASCII are pairs that are common Chinese characters by themselves.

    An accented letter of a European name stands beside plain letters, a Chinese character hardly
    ever does.
    """
    runs = [run for high, run in _runs(raw) if high]
    if not runs or any(len(run) % 2 for run in runs) or _MIXED.search(raw):
        return False
    text = _try(b"".join(runs), "gb2312")
    return text is not None and _wide(text)


def _not_latin(raw: bytes) -> bool:
    """Whether ``raw`` said to be Latin-1 is GB18030 after all."""
    if _looks_gb2312(raw):
        return True
    # Latin-1 has no letters in 80-9F and names hardly three accented letters in a row.
    if not re.search(rb"[\x80-\x9f]|[\xa0-\xff]{3}", raw):
        return False
    text = _try(raw, "gb18030")
    return text is not None and _wide(text)


def _utf8(raw: bytes) -> str | None:
    """``raw`` as UTF-8 where that is the likely reading of undeclared bytes, else None."""
    text = _try(raw, "utf-8")
    if text is None:
        return None
    if any(ord(c) > 0x7FF for c in text):  # three-byte characters hardly ever arise by accident
        return text
    return None if _looks_gb2312(raw) else text  # two-byte ones do


def decode_text(raw: bytes, declared: Sequence[str] = ()) -> str:
    """Text of an element's bytes.

    declared: the values of Specific Character Set, empty where the file has none. Where they
    cannot be true, the reading that gives sensible text is taken: UTF-8, then GB18030, then
    Latin-1. Padding is removed; the delimiters ``\\``, ``^`` and ``=`` are kept.
    """
    raw = raw.rstrip(b"\x00 ")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    codecs = [_codec(value) for value in declared] or [""]
    if isinstance(declared, Chosen) and b"\x1b" not in raw:
        return raw.decode("gb18030" if codecs[0] == "gb2312" else codecs[0], "replace")
    if b"\x1b" in raw:
        return _decode_escapes(raw, codecs[0])
    # IR 58 is a code extension that should be announced by an escape; some writers forget it.
    codec = codecs[0] or next((c for c in codecs if c), "")
    if codec in {"", "ascii", "latin-1"} and len(codecs) > 1:
        codec = next((c for c in codecs[1:] if c not in {"", "ascii", "latin-1"}), codec)
    if codec == "gb2312":
        codec = "gb18030"
    if codec in {"", "ascii"}:
        text = _utf8(raw)
        if text is None:
            text = _try(raw, "gb18030")
        return text if text is not None else raw.decode("latin-1")
    if codec == "latin-1":
        text = _utf8(raw)
        if text is None and _not_latin(raw):
            text = _try(raw, "gb18030")
        return text if text is not None else raw.decode("latin-1")
    if codec == "gb18030":
        text = _try(raw, "utf-8")
        if text is not None and _wide(text):
            return text
    text = _try(raw, codec)
    if text is None:
        text = _utf8(raw) or _try(raw, "gb18030")
    return text if text is not None else raw.decode(codec, "replace").replace("\x00", _REPLACED)


def shown_name(name_dicom: str) -> str:
    """A PN value as a person reads it: the ideographic group first, else the alphabetic one.

    "Zhang^San=张^三=..." gives "张三", "Doe^John" gives "Doe John" (PS3.5 6.2.1).
    """
    groups = [group.strip() for group in name_dicom.split("=")]
    chosen = groups[1] if len(groups) > 1 and groups[1] else groups[0]
    if not chosen:
        chosen = next((group for group in groups if group), "")
    parts = [part.strip() for part in chosen.split("^") if part.strip()]
    joint = "" if parts and all(_is_hanzi(part[0]) for part in parts) else " "
    return joint.join(parts)
