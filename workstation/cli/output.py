"""What the command line prints: one JSON object, or lines for a person."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What a command found out. data: the JSON object; lines: the same for a person."""

    data: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    code: int = 0


def width(text: str) -> int:
    """Columns a terminal needs for ``text``: Chinese characters take two."""
    return sum(2 if ord(c) >= 0x2E80 else 1 for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned columns under ``head``."""
    body = [[str(cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in [list(head), *body]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (c + " " * (w - width(c)) for c, w in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    return [line(head), "  ".join("-" * w for w in widths), *(line(row) for row in body)]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def show(answer: Answer, as_json: bool) -> int:
    """Print ``answer`` and give its exit code."""
    if as_json:
        print(json.dumps(answer.data, ensure_ascii=False, default=_plain))
    else:
        for line in answer.lines:
            print(line)
    return answer.code


def complain(sentence: str, as_json: bool) -> int:
    """Say on standard error why a command was refused or failed; exit code 1."""
    print(sentence, file=sys.stderr)
    if as_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    return 1
