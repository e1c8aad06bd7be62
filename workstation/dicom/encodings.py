"""Transfer syntaxes: what holds samples as they are, what a decoder is at hand for, what is not.

PS3.5 chapter 10 and annex A; UIDs from PS3.6 annex A.
"""

from __future__ import annotations

from pydicom.uid import UID

from workstation.domain.errors import N_, BadInput

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_LITTLE = "1.2.840.10008.1.2.1.98"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
GE_SWAPPED = "1.2.840.113619.5.2"
"""GE's own: headers implicit little endian, samples big endian."""

PACKED_SAMPLES = frozenset({ENCAPSULATED_LITTLE, DEFLATED_FRAMES})
"""Encapsulated frames that hold plain little-endian samples once unpacked."""

_NATIVE = {IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG}
_ELSEWHERE = {
    "1.2.840.10008.1.2.4.94",  # JPIP Referenced
    "1.2.840.10008.1.2.4.95",
    "1.2.840.10008.1.2.4.204",
    "1.2.840.10008.1.2.4.205",
}
_LATER_NAMES = {  # younger than the dictionary at hand
    "1.2.840.10008.1.2.4.92": "JPEG 2000 Part 2",
    "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2",
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    ENCAPSULATED_LITTLE: "Encapsulated Uncompressed Explicit VR Little Endian",
    DEFLATED_FRAMES: "Deflated Image Frame Compression",
}


def is_native(syntax: str) -> bool:
    """Whether a transfer syntax holds samples as they are (private ones are taken as such)."""
    uid = UID(syntax)
    return syntax in _NATIVE or (uid.is_private and not uid.is_transfer_syntax)


def plain_form(syntax: str) -> str:
    """The standard transfer syntax whose samples are stored alike, for native and packed ones."""
    if syntax in _NATIVE:
        return syntax
    return EXPLICIT_LITTLE if syntax in PACKED_SAMPLES else IMPLICIT_LITTLE


def is_video(syntax: str) -> bool:
    """Whether frames are not kept one by one: MPEG-2, MPEG-4, HEVC and SMPTE streams."""
    found = syntax.removeprefix("1.2.840.10008.1.2.")
    kind, _, rest = found.partition(".")
    number = rest.split(".")[0]
    return kind == "7" or (kind == "4" and number.isdigit() and 100 <= int(number) <= 108)


def is_elsewhere(syntax: str) -> bool:
    """Whether the pixels lie on a server and not in the file (JPIP)."""
    return syntax in _ELSEWHERE


def encoding_name(syntax: str) -> str:
    """The standard's name of a transfer syntax, the UID of an unknown one."""
    return _LATER_NAMES.get(syntax) or str(UID(syntax).name)


def not_shown(syntax: str) -> BadInput:
    """Why images of an encoding that nothing here decodes cannot be shown."""
    name = encoding_name(syntax)
    if is_elsewhere(syntax):
        return BadInput(
            N_("Its pixels are not in the file but on a server ({encoding})."), encoding=name
        )
    if is_video(syntax):
        return BadInput(
            N_("It is a video ({encoding}): single images can be shown, videos cannot."),
            encoding=name,
        )
    return BadInput(N_("No decoder is at hand for its encoding ({encoding})."), encoding=name)
