"""PDF/A-3 pages of a report, typeset by Typst from data; fonts only from ``resources/fonts``."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import typst

from workstation.documents.page import page_data
from workstation.documents.templates import TEMPLATES
from workstation.domain import mark
from workstation.domain.errors import N_, BadInput
from workstation.domain.first_read import FirstRead
from workstation.domain.measurement import Measurement
from workstation.domain.report import ReportDraft, SignedReport
from workstation.domain.study import Study
from workstation.domain.volume import Stack
from workstation.text import RESOURCES

FONTS = RESOURCES / "fonts"
_MISSING = re.compile(r"the text `(\".*?\")` could not be displayed", re.DOTALL)


@dataclass(frozen=True)
class KeyImage:
    """A picture for the report: PNG bytes and what it shows."""

    png: bytes
    caption: str


class Pictures(Protocol):
    """Where the pictures of key images are kept: the archive."""

    def read_blob(self, sha256: str) -> bytes:
        """The bytes of one file."""


def pictures(store: Pictures, images: Sequence[mark.KeyImage]) -> tuple[KeyImage, ...]:
    """The pictures that readers put aside, with number, place and the reader's words."""
    drawn = [image for image in images if image.picture_sha256]
    return tuple(
        KeyImage(
            store.read_blob(image.picture_sha256),
            "　".join(part for part in (f"{n}. {image.caption}", image.words.strip()) if part),
        )
        for n, image in enumerate(drawn, start=1)
    )


@functools.cache
def typst_fonts() -> Any:
    """The fonts of ``resources/fonts``, read once."""
    # Neither the system's fonts nor Typst's own: the same page on every machine, never tofu.
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]
    )


def report_pdf(
    report: SignedReport,
    report_json: bytes,
    *,
    site_name: str,
    role: str,
    follows: SignedReport | None = None,
    key_images: Sequence[KeyImage] = (),
    stacks: Sequence[Stack] = (),
) -> bytes:
    """The pages of ``report`` as PDF/A-3b, not yet signed, with ``report_json`` attached.

    role: the signer's, in words of the report's language. follows: the report that an addendum or
    correction adds to or replaces. stacks: say of which series and image its marks are. Raises
    ``BadInput`` where the page cannot be set.
    """
    data = page_data(
        report.study,
        report.draft,
        report.findings,
        report.measurements,
        site_name=site_name,
        report=report,
        role=role,
        follows=follows,
        marks=report.marks,
        stacks=stacks,
        first_read=report.first_read,
    )
    return _typeset(data, report.draft.template, report.signed_at, key_images, report_json)


def draft_pdf(
    study: Study,
    draft: ReportDraft,
    findings: Sequence[Any],
    measurements: Sequence[Measurement],
    *,
    site_name: str,
    key_images: Sequence[KeyImage] = (),
    made_at: datetime | None = None,
    marks: Sequence[mark.Mark] = (),
    stacks: Sequence[Stack] = (),
    first_read: FirstRead | None = None,
) -> bytes:
    """A draft as PDF/A-3b, marked on every page as neither reviewed nor signed."""
    data = page_data(
        study, draft, findings, measurements, site_name=site_name, marks=marks, stacks=stacks,
        first_read=first_read,
    )  # fmt: skip
    return _typeset(data, draft.template, made_at or datetime.now(UTC), key_images, None)


def _page_source(template: str) -> bytes:
    own = TEMPLATES / template / "page.typ"
    return (own if own.is_file() else TEMPLATES / "page.typ").read_bytes()


def _typeset(
    data: dict[str, Any],
    template: str,
    moment: datetime,
    key_images: Sequence[KeyImage],
    report_json: bytes | None,
) -> bytes:
    source = _page_source(template)
    images = [{"png": list(image.png), "caption": image.caption} for image in key_images]
    inputs = {"report": report_json.decode("utf-8")} if report_json is not None else {}
    return typeset(source, {**printable(data), "images": images}, moment, **inputs)


def typeset(source: bytes, data: Mapping[str, Any], moment: datetime, **inputs: str) -> bytes:
    """A page of Typst as PDF/A-3b. data: what it shows, ``printable``; ``BadInput`` where it
    cannot be set. inputs: further texts that the page asks for."""
    whole: Any = dict(data)
    for _ in range(4):
        inputs["data"] = json.dumps(whole, ensure_ascii=False)
        try:
            return bytes(
                typst.compile(
                    source,
                    font_paths=typst_fonts(),
                    ignore_system_fonts=True,
                    sys_inputs=inputs,
                    pdf_standards="a-3b",
                    timestamp=int(moment.timestamp()),
                )
            )
        except typst.TypstError as error:
            missing = _missing_characters(str(error.diagnostic))
            if not missing:
                raise BadInput(
                    N_("The report page cannot be set: {why}"), why=_first_line(error)
                ) from error
            # A character no installed font has: its code point says what stood there, because a
            # name must be neither dropped nor silently changed.
            whole = _spelled_out(whole, missing)
    raise BadInput(N_("The report page cannot be set: {why}"), why="fonts")


def _first_line(error: Exception) -> str:
    # Typst quotes offending text in its diagnostics; only what is safe for a log is kept.
    return str(error).splitlines()[0].split("`")[0][:120]


def _missing_characters(diagnostic: str) -> set[str]:
    found: set[str] = set()
    for quoted in _MISSING.findall(diagnostic):
        # Typst quotes as Rust does: \u{1f600} for what it does not print.
        text = re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), quoted[1:-1])
        found |= {c for c in text if not c.isascii()}
    return found


def _spelled_out(value: Any, missing: set[str]) -> Any:
    if isinstance(value, str):
        return "".join(f"〓(U+{ord(c):04X})" if c in missing else c for c in value)
    if isinstance(value, dict):
        return {k: _spelled_out(v, missing) for k, v in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], int):
            return value
        return [_spelled_out(v, missing) for v in value]
    return value


def printable(value: Any) -> Any:
    """Control characters out: they have no glyph and PDF/A forbids what has none."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, dict):
        return {k: printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [printable(v) for v in value]
    return value
