"""Every artefact comes back from its text exactly as it went in."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.archive.samples import make_finding, make_stack
from workstation.archive.encoding import KINDS, as_json, decode, row_digest
from workstation.domain.errors import BadInput, Tampered
from workstation.domain.finding import Finding
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.people import Actor, Role
from workstation.domain.volume import Stack

_text = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs", "Cc"]), max_size=12
)
_number = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def _grids(draw: st.DrawFn) -> Grid:
    sizes = [draw(st.integers(1, 600)) for _ in range(3)]
    steps = [draw(st.floats(0.05, 20)) * draw(st.sampled_from((-1, 1))) for _ in range(3)]
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = [draw(st.floats(-2000, 2000)) for _ in range(3)]
    return Grid((sizes[0], sizes[1], sizes[2]), as_matrix(affine))


def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type annotation as the domain uses them."""
    if kind is Grid:
        return _grids()
    if kind is Actor:
        return st.builds(Actor, _text, st.none() | st.sampled_from(Role))
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: _text,
        int: st.integers(-(2**53), 2**53),
        float: _number,
        bool: st.booleans(),
        type(None): st.none(),
    }
    if kind in simple:
        return simple[kind]
    if kind is datetime:
        return st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
            lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000, tzinfo=UTC)
        )
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{f.name: _strategy(hints[f.name]) for f in dataclasses.fields(kind)}
        )
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(_strategy(args[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_strategy, args))
    if origin in {types.UnionType, typing.Union}:
        return st.one_of(*map(_strategy, args))
    if origin in {Mapping, dict}:
        return st.dictionaries(_strategy(args[0]), _strategy(args[1]), max_size=3)
    raise AssertionError(f"the domain has a new kind of field: {kind}")


@pytest.mark.parametrize("kind", list(KINDS), ids=list(KINDS.values()))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_kind_comes_back_equal(kind: type, data: st.DataObject) -> None:
    artefact = data.draw(_strategy(kind))
    written = as_json(artefact)
    back: Any = decode(kind, "id", written)
    assert back == artefact
    assert as_json(back) == written
    assert type(back) is kind


def test_types_of_numbers_in_a_message_stay() -> None:
    stack = make_stack()
    params = decode(Stack, stack.id, as_json(stack)).notes[0].params
    assert {k: type(v) for k, v in params.items()} == {"n": int, "at_mm": float, "where": str}


def test_a_stack_of_400_frames_comes_back() -> None:
    stack = make_stack(frames=400)
    assert decode(Stack, stack.id, as_json(stack)) == stack


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(BadInput):
        as_json(make_finding(value=value))


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(BadInput):
        as_json(make_finding(note="\udcff"))


@pytest.mark.parametrize("written", ["", "{}", "[]", '{"id": 3}'])
def test_other_text_is_no_artefact(written: str) -> None:
    with pytest.raises(Tampered):
        decode(Finding, "f1", written)


def test_the_digest_covers_every_column_but_current() -> None:
    row = {"seq": 1, "json": "{}", "withdrawn": 0, "current": 1, "digest": "x"}
    digest = row_digest("artefact", row)
    assert row_digest("artefact", row | {"current": 0, "digest": "y"}) == digest
    for column, other in (("seq", 2), ("json", "[]"), ("withdrawn", 1)):
        assert row_digest("artefact", row | {column: other}) != digest
