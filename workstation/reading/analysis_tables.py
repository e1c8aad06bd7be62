"""Curves and points that an analysis takes, from tables as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workstation.domain.analysis import AXIS_UNITS, Curve
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats

_IN_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds", "毫秒"), 1e-3),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "分", "分钟"), 60.0),
}
_ENCODINGS = ("utf-8-sig", "gb18030")  # what programs in Chinese save a table as
_MOST_ROWS = 1_000_000


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(N_("There is no file {path}."), path=str(path)) from error
    except OSError as error:
        raise BadInput(N_("{path} is no table that can be read."), path=str(path)) from error
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput(N_("{path} is no table that can be read."), path=str(path))


def _rows(path: Path) -> list[list[str]]:
    text = _text(path)
    first = text.split("\n", 1)[0]
    between = max(";\t,", key=first.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=between) if any(row)]
    if len(rows) > _MOST_ROWS:
        raise BadInput(N_("{path} has too many rows."), path=str(path))
    return rows


def _without_empty_end(row: list[str]) -> list[str]:
    while row and not row[-1].strip():
        row = row[:-1]
    return row


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _table(path: Path, columns: int) -> tuple[list[str], Floats]:
    """Words of the head (empty without one) and numbers (rows, columns)."""
    rows = _rows(path)
    head: list[str] = []
    rows = [_without_empty_end(row) for row in rows]
    if rows and not all(_is_number(cell) for cell in rows[0][:columns]):
        head = [cell.strip().lower() for cell in rows.pop(0)]
    # A comma that is a decimal point makes two cells of one number.
    wide = len(head) or columns
    if any(len(row) > wide for row in rows):
        raise BadInput(
            N_(
                "{path} has rows of more cells than columns: name every column in its first line, "
                "write decimals with a point."
            ),
            path=str(path),
        )
    if not rows or any(
        len(row) < columns or not all(_is_number(c) for c in row[:columns]) for row in rows
    ):
        raise BadInput(
            N_("{path} must have {columns} columns of numbers, below at most one line of names."),
            path=str(path), columns=columns,
        )  # fmt: skip
    return head, np.array([[float(c) for c in row[:columns]] for row in rows])


def read_curve(path: Path, axis: str, unit: str) -> Curve:
    """The first two columns of a CSV file: axis and value.

    axis: a key of ``AXIS_UNITS``; of a time whose column is named so that its unit is seen
    (``time_ms``, ``t (min)``, ``时间（毫秒）``) seconds are made, without a name it is seconds.
    unit: of the values.
    """
    head, table = _table(path, 2)
    if len(table) < 2 or np.any(np.diff(table[:, 0]) <= 0):
        raise BadInput(N_("The first column of {path} must rise from row to row."), path=str(path))
    x = table[:, 0]
    if axis in ("time", "cardiac phase") and head:
        x = x * _IN_SECONDS.get(_ending(head[0]), 1.0)
    return Curve(x, table[:, 1], AXIS_UNITS.get(axis, "1"), unit or "1")


def _ending(name: str) -> str:
    """The unit at the end of a column's name: ``time_ms``, ``t (min)``, ``time [s]``."""
    for mark in "()[]_/（）【】":
        name = name.replace(mark, " ")
    words = name.split()
    return words[-1] if words else ""


def read_line(path: Path) -> Floats:
    """Points (n, 3) in LPS mm: the first three columns of a CSV file, in order."""
    _, table = _table(path, 3)
    return table


def numbers_of(text: str) -> tuple[float, ...]:
    """Numbers with commas or spaces between them: b-values, echo times."""
    cells: Sequence[str] = text.replace(",", " ").split()
    if not cells or not all(_is_number(cell) for cell in cells):
        raise BadInput(N_("{text} is no list of numbers."), text=text[:80])
    return tuple(float(cell) for cell in cells)
