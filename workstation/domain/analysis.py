"""The plug-in contract of ``analyses/<area>/<name>.py``: one file, pure functions, a known answer.

A plug-in module has a constant ``SPEC: AnalysisSpec`` and a function
``analyse(inputs: AnalysisInputs) -> AnalysisResult``; it is found by inspection of the package.
It raises ``BadInput`` with a plain reason where it cannot judge, which becomes a refusal. Its spec
says which images, masks, curves and lines it takes and which parameters it has: its panel, its
arguments on the command line and what ``read`` runs unasked are all built from that.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput, Message, named
from workstation.domain.geometry import Floats, Grid
from workstation.domain.volume import Volume

NOWHERE = Wording("", "")


AXIS_UNITS = {
    "time": "s",
    "cardiac phase": "s",
    "b-value": "s/mm2",
    "echo time": "ms",
    "inversion time": "ms",
    "flip angle": "deg",
    "repetition time": "ms",
}
"""What volumes of a series may differ in, and the UCUM unit that its positions are in."""

Value = float | str | bool


class Kind(enum.Enum):
    """What an input of an analysis is."""

    IMAGE = "image"  # one volume
    SERIES = "series"  # volumes of one grid that differ in time, b-value, echo time ...
    MASK = "mask"  # which voxels, or of each phase which
    CURVE = "curve"  # values over time or another axis
    LINE = "line"  # points in the patient, in order


@dataclass(frozen=True)
class InputSpec:
    """One input. key: its name in ``AnalysisInputs`` and on the command line.

    unit: UCUM of the values, where they must be of one ("[hnsf'U]"); axis: what the volumes of a
    series or the points of a curve differ in, of ``AXIS_UNITS``. roles: of stacks that are offered
    for it ("FLAIR"). by_phase: a mask for each of several phases, under the keys ``key:0``,
    ``key:7`` ...
    """

    key: str
    kind: Kind
    name: Wording
    unit: str = ""
    axis: str = ""
    roles: tuple[str, ...] = ()
    optional: bool = False
    by_phase: bool = False
    code: str = ""


@dataclass(frozen=True)
class Choice:
    """One word that a parameter may be."""

    key: str
    name: Wording


@dataclass(frozen=True)
class Parameter:
    """A number, a choice or a yes-or-no that a person may set. key: name on the command line.

    default: also tells the type; None is a number that has to be given, or that the analysis
    takes from the headers where it is not. unit: UCUM. low, high: the least and the greatest
    number allowed.
    """

    key: str
    name: Wording
    default: Value | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Choice, ...] = ()

    def checked(self, value: Value | None) -> Value | None:
        """``value`` in the type of this parameter; ``BadInput`` says what is allowed."""
        if value is None:
            return self.default
        if isinstance(self.default, bool):
            return self._flag(value)
        if self.choices:
            keys = [choice.key for choice in self.choices]
            if value not in keys:
                raise BadInput(
                    N_("{key} can be {allowed}, not {given}."),
                    key=self.key, allowed=", ".join(keys), given=str(value),
                )  # fmt: skip
            return value
        if isinstance(self.default, str):
            return str(value)
        return self._number(value)

    def _flag(self, value: Value) -> bool:
        known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
        found = known.get(str(value).strip().lower())
        if found is None:
            raise BadInput(
                N_("{key} can be {allowed}, not {given}."),
                key=self.key, allowed="yes, no", given=str(value),
            )  # fmt: skip
        return found

    def _number(self, value: Value) -> float:
        try:
            number = float(value)
        except ValueError as error:
            raise BadInput(
                N_("{key} is a number, not {given}."), key=self.key, given=str(value)
            ) from error
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        if not (np.isfinite(number) and low <= number <= high):
            raise BadInput(
                N_("{key} must lie from {low} to {high}, not {given}."),
                key=self.key, low=f"{low:g}", high=f"{high:g}", given=f"{number:g}",
            )  # fmt: skip
        return number


@dataclass(frozen=True)
class Images:
    """Volumes of one grid that differ in ``axis`` (a key of ``AXIS_UNITS``, "" for one volume).

    positions: of each volume on that axis, in its unit; empty where nothing tells.
    """

    volumes: tuple[Volume, ...]
    positions: tuple[float, ...] = ()
    axis: str = ""

    @property
    def grid(self) -> Grid:
        """Of every volume."""
        return self.volumes[0].grid

    def array(self) -> NDArray[np.float32]:
        """All voxels (t, z, y, x), a copy."""
        return np.stack([np.asarray(v.array, dtype=np.float32) for v in self.volumes])


@dataclass(frozen=True)
class Curve:
    """Values over an axis: x and y of one length, in UCUM units."""

    x: Floats
    y: Floats
    x_unit: str = "s"
    y_unit: str = "1"


@dataclass(frozen=True)
class Quantity:
    """One number. unit: UCUM. site: the part it is of (a segment, a side)."""

    name: Wording
    code: Code
    value: float
    unit: str
    site: Wording = NOWHERE


@dataclass(frozen=True)
class Candidate:
    """Something an analysis proposes as a finding. mask: (z, y, x) bool on the input's grid.

    phase: of a time series, the one that the mask is drawn on.
    """

    label: Wording
    code: Code
    site: Wording
    location_mm: tuple[float, float, float]
    mask: NDArray[np.bool_] | None
    quantity: Quantity
    others: tuple[Quantity, ...] = ()
    template_key: str = ""
    urgent: bool = False
    phase: int = 0


@dataclass(frozen=True)
class ResultMap:
    """A picture of numbers: values (z, y, x) float32, NaN where not judged, in ``unit`` (UCUM).

    window: the values shown as the darkest and the brightest.
    """

    key: str
    name: Wording
    values: NDArray[np.float32]
    grid: Grid
    unit: str
    window: tuple[float, float]


@dataclass(frozen=True)
class ResultMask:
    """Voxels (z, y, x) that an analysis drew, offered for editing. phase: of a series."""

    key: str
    name: Wording
    mask: NDArray[np.bool_]
    grid: Grid
    phase: int = 0


@dataclass(frozen=True)
class ResultCurve:
    """A curve that an analysis used or made, to be shown."""

    key: str
    name: Wording
    curve: Curve


@dataclass(frozen=True)
class ResultLine:
    """Points in the patient (n, 3), LPS mm, in order: a centreline, a contour, marks."""

    key: str
    name: Wording
    points_mm: Floats


@dataclass(frozen=True)
class AnalysisInputs:
    """What one run is given, by the keys of its spec. masks: bool (z, y, x) on ``grid``. lines:
    (n, 3) LPS mm. values: of parameters; read them with ``of``."""

    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    grid: Grid | None = None  # of the masks
    images: Mapping[str, Images] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    lines: Mapping[str, Floats] = field(default_factory=dict)
    values: Mapping[str, Value | None] = field(default_factory=dict)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """Of the first image or series, one for each phase, in order; none without images."""
        first = next(iter(self.images.values()), None)
        return first.volumes if first is not None else ()

    def image(self, spec: InputSpec) -> Images:
        """An image or series; ``BadInput`` where it is missing."""
        found = self.images.get(spec.key)
        if found is None or not found.volumes:
            raise _missing(spec)
        return found

    def mask(self, spec: InputSpec) -> NDArray[np.bool_]:
        """A mask; ``BadInput`` where it is missing or does not fit ``grid``."""
        found = self.masks.get(spec.key)
        if found is None:
            raise _missing(spec)
        if self.grid is None or found.shape != self.grid.shape:
            raise BadInput(N_("The mask does not fit the image grid."))
        return found

    def curve(self, spec: InputSpec) -> Curve:
        """A curve; ``BadInput`` where it is missing."""
        found = self.curves.get(spec.key)
        if found is None:
            raise _missing(spec)
        return found

    def line(self, spec: InputSpec) -> Floats:
        """Points (n, 3), LPS mm; ``BadInput`` where they are missing."""
        found = self.lines.get(spec.key)
        if found is None:
            raise _missing(spec)
        return found

    def of(self, parameter: Parameter) -> Value | None:
        """A parameter's value, checked, or its default."""
        return parameter.checked(self.values.get(parameter.key))

    def number(self, parameter: Parameter) -> float:
        """A number; ``BadInput`` where it is neither given nor has a default."""
        value = self.of(parameter)
        if value is None:
            raise BadInput(N_("{key} has to be given."), key=parameter.key)
        return float(value)

    def number_or_none(self, parameter: Parameter) -> float | None:
        """A number, None where it is neither given nor has a default."""
        value = self.of(parameter)
        return None if value is None else float(value)

    def word(self, parameter: Parameter) -> str:
        """A choice."""
        return str(self.of(parameter))

    def flag(self, parameter: Parameter) -> bool:
        """A yes or no."""
        return bool(self.of(parameter))

    def phases_of(self, key: str) -> dict[int, NDArray[np.bool_]]:
        """Masks of an input by phase: those under ``key:0``, ``key:7`` ..."""
        start = f"{key}:"
        return {
            int(name.removeprefix(start)): mask
            for name, mask in self.masks.items()
            if name.startswith(start)
        }


def _missing(spec: InputSpec) -> BadInput:
    return BadInput(
        N_("This measure needs an input that is missing: {name} ({key})."),
        key=spec.key,
        **named(spec.name.en, spec.name.zh),
    )


@dataclass(frozen=True)
class AnalysisResult:
    """What an analysis found: numbers about the study, candidates for findings, and pictures.

    cautions: what a reader must know about the numbers (a tube voltage the rule is not for).
    """

    quantities: tuple[Quantity, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    maps: tuple[ResultMap, ...] = ()
    masks: tuple[ResultMask, ...] = ()
    curves: tuple[ResultCurve, ...] = ()
    lines: tuple[ResultLine, ...] = ()
    cautions: tuple[Message, ...] = ()


@dataclass(frozen=True)
class KnownAnswer:
    """A case with a published or analytic answer; the tests run it.

    make: builds the inputs. expected: quantity name (English), followed by " @ " and its site
    (English) where it has one, to (value, absolute tolerance). source: of the answer."""

    make: Callable[[], AnalysisInputs]
    expected: Mapping[str, tuple[float, float]]
    source: str


@dataclass(frozen=True)
class AnalysisSpec:
    """What an analysis is. accepts: roles of stacks it runs on unasked ("TOF"), none for one that
    only a person starts; needs_mask: template_key of the finding whose mask it measures unasked
    ("" for none). source: citation of the formula. inputs: where empty, an image of one of
    ``accepts`` and the mask ``needs_mask``; see ``stands_on`` too."""

    id: str  # "<area>/<name>"
    version: str
    name: Wording
    area: str
    accepts: tuple[str, ...]
    needs_mask: str
    formula: str
    source: str
    known_answers: tuple[KnownAnswer, ...]
    cost_s: float = 5.0  # seconds it takes on two cores, as its author measured them
    stat: bool = False  # it looks for emergencies: it runs before everything that does not
    inputs: tuple[InputSpec, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def takes(self) -> tuple[InputSpec, ...]:
        """Its inputs, also those that follow from ``accepts`` and ``needs_mask``."""
        if self.inputs:
            return self.inputs
        if self.needs_mask:
            return (InputSpec(self.needs_mask, Kind.MASK, Wording("Mask", "分割"), roles=()),)
        image = InputSpec("image", Kind.IMAGE, Wording("Image", "图像"), roles=self.accepts)
        return (image,)

    @property
    def stands_on(self) -> tuple[InputSpec, ...]:
        """Outlines of organs that it must have to run unasked, beside an image of ``accepts``."""
        given = self.inputs if self.accepts and not self.needs_mask else ()
        return tuple(i for i in given if i.kind is Kind.MASK and i.code and not i.optional)
