"""Words of other makers and of packages cannot drive a terminal or show what they do not say."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.objects import vendor
from tests.objects.room import Room
from workstation.ai.manifest import Coded, Words
from workstation.dicom.segmentation import write_seg
from workstation.domain.artefact import Wording
from workstation.domain.plain_words import one_line, plain_words
from workstation.domain.volume import Stack

ESCAPE, NUL, TURN, BELL = "\x1b", "\x00", "\u202e", "\x07"
EVIL = f"a{ESCAPE}[31m{NUL}b{TURN}c{BELL}d"
TAME = "a\ufffd[31m\ufffdbc\ufffdd"
BAD = {ESCAPE, NUL, TURN, BELL, "\x9b", "\u2066"}


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_nothing_is_left_that_drives_a_terminal_or_turns_writing(text: str) -> None:
    said = plain_words(text)
    left = {c for c in said if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in "\t\n\r\f"}
    assert not left and not any("\u202a" <= c <= "\u202e" for c in said)
    assert not any("\u2066" <= c <= "\u2069" for c in said)
    assert plain_words(said) == said
    assert "\n" not in one_line(text) and "\r" not in one_line(text)


@pytest.mark.parametrize(
    "kept", ["肝 S8\n第二行", "Müller^Jürgen", "שלום\u200f", "नमस्ते\u200d", "a\tb", ""]
)
def test_what_people_write_stays(kept: str) -> None:
    assert plain_words(kept) == kept


def test_words_of_other_makers_come_in_plain(room: Room) -> None:
    seg = vendor.segmentation(room.sources, labels=("Nodule A", "Lesion B"))
    report = vendor.report(room.sources)
    first = seg.SegmentSequence[0]
    first.SegmentLabel, first.TrackingID = EVIL, EVIL
    seg.SeriesDescription = report.Manufacturer = EVIL
    seg.SpecificCharacterSet = "ISO_IR 192"
    room.receive(seg, report)
    (finding,) = [f for f in room.findings.values() if f.mask_id and "31m" in f.label.en]
    # What is no escape of a character set is dropped where text is decoded.
    assert finding.label.en == f"Nodule ({TAME.replace(chr(0xFFFD), '', 1)})"
    makers = [f.origin.maker.manufacturer for f in room.findings.values() if f.origin]
    for words in [*room.findings, *makers, finding.origin.title if finding.origin else ""]:
        assert not BAD & set(words), ascii(words)


def test_words_of_a_package_are_plain() -> None:
    assert Words(en=EVIL, zh="肺") == Words(en=TAME, zh="肺")
    assert Coded(value="1", scheme="SCT", meaning=EVIL).meaning == TAME


def test_the_label_that_is_exported_is_one_plain_line(room: Room) -> None:
    room.receive(vendor.segmentation(room.sources))
    finding = room.findings["Nodule A"]
    long = f"{EVIL}\r\nsecond\\line " + "x" * 80
    code = replace(finding.code, value="", meaning=long)
    finding = replace(finding, label=Wording(long, long), site=Wording("", ""), code=code)
    (stack,) = room.archive.all(Stack, room.files.study_uid)
    mask = room.archive.load_mask(finding.mask_id)
    assert np.array_equal(mask, vendor.TUMOUR)
    data = write_seg(
        [(finding, mask, stack.grid)],
        [room.archive.blob_path(frame.sha256) for frame in stack.frames],
        series_description="x",
        software_version="1",
        language="en",
    )
    (segment,) = pydicom.dcmread(io.BytesIO(data)).SegmentSequence
    label = str(segment.SegmentLabel)
    assert label == f"{TAME} second/line {'x' * 80}"[:64]
    meaning = str(segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning)
    assert meaning == label
