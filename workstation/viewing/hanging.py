"""Which series goes into which pane when a study opens: protocols are data, rules are here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from workstation.domain.geometry import plane_name
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack
from workstation.viewing.viewport import Slab

THIN = Slab()
ANY = "*"
BULLSEYE = "aha17"
MAX_ROWS, MAX_COLUMNS = 3, 4
_WORTH_CUTTING = 12


@dataclass(frozen=True)
class Pane:
    """What one pane of a layout shows. stack_id empty: nothing. solid: the 3D view.

    preset: number key of the window it opens with, -1 for the series' own. fused_stack_id: a
    series laid over this one, empty for none. drawing: a diagram instead of images, "aha17".
    phase: of a time series, which it opens with (from 0; the last where there are fewer). minus:
    the phase that is taken from it, -1 for none.
    """

    stack_id: str = ""
    kind: PlaneKind = PlaneKind.ACQUIRED
    slab: Slab = THIN
    solid: bool = False
    preset: int = -1
    fused_stack_id: str = ""
    drawing: str = ""
    phase: int = 0
    minus: int = -1

    @property
    def empty(self) -> bool:
        """Whether it shows nothing."""
        return not self.stack_id and not self.drawing

    def shows_like(self, other: Pane) -> bool:
        """Whether both would look the same if they showed the same series."""
        return replace(self, stack_id="") == replace(other, stack_id="")


@dataclass(frozen=True)
class Slot:
    """A pane before stacks are known: the roles it wants, best first; "*" is any series, "*CT"
    any of that modality.

    fused_roles: roles of the series to lay over it. prior: from the earlier study. same_as:
    number of the slot whose series it shows again, -1 for none.
    """

    roles: tuple[str, ...]
    pane: Pane
    fused_roles: tuple[str, ...] = ()
    prior: bool = False
    same_as: int = -1


@dataclass(frozen=True)
class Stage:
    """One screenful of a protocol. workspace: the region whose workspace it is, or empty."""

    name: str
    rows: int
    columns: int
    slots: tuple[Slot, ...]
    workspace: str = ""


@dataclass(frozen=True)
class Protocol:
    """A named arrangement in stages, and the studies that it is for.

    needs: for each, one of these roles must be there. wants: roles that speak for it. regions:
    where given, what is needed must be of one of these. modalities: one of these must be there.
    prior: needs an earlier study. alone: only for a study of a single volume. own: a reader's.
    """

    id: str
    name: str
    stages: tuple[Stage, ...]
    needs: tuple[tuple[str, ...], ...] = ()
    wants: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    prior: bool = False
    alone: bool = False
    own: bool = False


@dataclass(frozen=True)
class HungStage:
    """A stage with the series of a study in it; as many panes as rows times columns."""

    name: str
    rows: int
    columns: int
    panes: tuple[Pane, ...]
    workspace: str = ""


@dataclass(frozen=True)
class Hanging:
    """A study hung by a protocol."""

    protocol: Protocol
    stages: tuple[HungStage, ...]
    scores: tuple[tuple[str, float], ...] = field(default=())  # of every protocol that fits


def fits(stack: Stack, roles: Sequence[str]) -> bool:
    """Whether a stack is one of ``roles``: by its own, by ``ANY``, or by "*CT" for any CT."""
    return stack.role in roles or ANY in roles or ANY + stack.modality in roles


def shown_of(stacks: Sequence[Stack]) -> list[Stack]:
    """What is worth hanging: no localisers, unless there is nothing else."""
    return [s for s in stacks if Flag.LOCALISER not in s.flags] or list(stacks)


def score(protocol: Protocol, stacks: Sequence[Stack], priors: Sequence[Stack]) -> float | None:
    """How well a protocol fits a study; None where it does not.

    Every role that it needs counts ten, every further one that it wants three, an earlier study
    that it asks for five, and the part of its first stage that can be filled up to four. What a
    reader made for roles that are there comes before what was installed.
    """
    shown = shown_of(stacks)
    volumes = [s for s in shown if s.is_volume and s.grid.shape[0] > 3]
    if protocol.modalities and not {s.modality for s in shown} & set(protocol.modalities):
        return None
    if protocol.alone and not (len(shown) == 1 and volumes):
        return None
    if protocol.prior and not priors:
        return None
    for need in protocol.needs:
        found = [s for s in shown if fits(s, need)]
        if protocol.regions:
            found = [s for s in found if s.region in protocol.regions]
        if not found:
            return None
    roles = {s.role for s in shown}
    points = 10.0 * len(protocol.needs) + 3.0 * len(roles & set(protocol.wants))
    points += 5.0 * protocol.prior + 2.0 * protocol.alone
    first = fill(protocol.stages[0], shown, shown_of(priors) if priors else ())
    points += 4.0 * sum(not p.empty for p in first) / max(1, len(first))
    if protocol.own:
        points += 1000.0 if protocol.needs else 1.0
    return points


def hang(
    stacks: Sequence[Stack],
    protocols: Sequence[Protocol],
    priors: Sequence[Stack] = (),
    *,
    chosen: str = "",
) -> Hanging:
    """A study hung by the protocol that fits best, or by the one ``chosen`` by its id.

    ``ValueError`` where no protocol fits; the installed generic one fits every study.
    """
    scores = [(p, score(p, stacks, priors)) for p in protocols]
    fitting = sorted(
        ((p, s) for p, s in scores if s is not None), key=lambda entry: (-entry[1], entry[0].id)
    )
    best = next((p for p in protocols if p.id == chosen), None) if chosen else None
    if best is None:
        if not fitting:
            raise ValueError("no hanging protocol fits")
        best = fitting[0][0]
    shown, before = shown_of(stacks), shown_of(priors) if priors else []
    stages = []
    for number, stage in enumerate(best.stages):
        panes = fill(stage, shown, before)
        wanted = len(stage.slots)
        if number and (panes[0].empty or sum(not p.empty for p in panes) * 2 < wanted):
            continue  # without what it is about, or half empty, it is no stage
        if number == 0:
            panes = _fill_rest(panes, shown, stage.rows * stage.columns)
        stages.append(_fitted(stage, panes))
    return Hanging(best, tuple(stages), tuple((p.id, s) for p, s in fitting))


def _fitted(stage: Stage, panes: Sequence[Pane]) -> HungStage:
    """The stage, made smaller where what there is would leave half of it empty."""
    rows, columns = stage.rows, stage.columns
    there = [p for p in panes if not p.empty]
    if 0 < len(there) <= rows * columns // 2:
        rows, columns = shape_for(len(there))
        panes = there
    padded = (*panes, *[Pane()] * (rows * columns - len(panes)))
    return HungStage(stage.name, rows, columns, padded, stage.workspace)


def side_by_side(stacks: Sequence[Stack]) -> HungStage | None:
    """Each series once, as many as there is room for; None without any."""
    shown = shown_of(stacks)[: MAX_ROWS * MAX_COLUMNS]
    if not shown:
        return None
    rows, columns = shape_for(len(shown))
    panes = [Pane(stack.id, phase=opening_phase(stack)) for stack in shown]
    return HungStage("", rows, columns, (*panes, *[Pane()] * (rows * columns - len(panes))))


def opening_phase(stack: Stack) -> int:
    """The phase a series opens on: of diffusion the highest b-value, for without weighting nothing
    is to be seen; else the first."""
    return stack.phases - 1 if stack.phase_axis == "b-value" else 0


def shape_for(count: int) -> tuple[int, int]:
    """Rows and columns for so many panes, wider than high as screens are."""
    for rows, columns in ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 3)):
        if rows * columns >= count:
            return rows, columns
    return MAX_ROWS, MAX_COLUMNS


def fill(stage: Stage, stacks: Sequence[Stack], priors: Sequence[Stack]) -> list[Pane]:
    """The stage's panes; a series is shown twice only in different ways."""
    panes: list[Pane] = []
    # Series that a slot names are not for a slot that takes any.
    kept = _named(stage, stacks)
    for slot in stage.slots:
        if slot.pane.drawing:
            panes.append(slot.pane)
            continue
        if slot.same_as >= 0:
            shown = panes[slot.same_as].stack_id
            usable = next((s for s in [*stacks, *priors] if s.id == shown), None)
            panes.append(_place(slot, usable, stacks) if usable is not None else Pane())
            continue
        found = None
        for stack in _fitting(slot, priors if slot.prior else stacks):
            if stack.role not in slot.roles and ANY in slot.roles and stack.id in kept:
                continue
            pane = _place(slot, stack, stacks)
            if not any(p.stack_id == stack.id and p.shows_like(pane) for p in panes):
                found = pane
                break
        panes.append(found or Pane())
    return panes


def _named(stage: Stage, stacks: Sequence[Stack]) -> set[str]:
    found = set()
    for slot in stage.slots:
        if ANY not in slot.roles and not slot.prior and slot.roles:
            best = next(iter(_fitting(slot, stacks)), None)
            if best is not None:
                found.add(best.id)
    return found


def _fitting(slot: Slot, stacks: Sequence[Stack]) -> list[Stack]:
    """Stacks that a slot can show, best first: by role, whole volumes, thin slices, number."""
    needs_volume = slot.pane.solid or slot.pane.kind is not PlaneKind.ACQUIRED

    def rank(stack: Stack) -> int:
        return slot.roles.index(stack.role) if stack.role in slot.roles else len(slot.roles)

    fit = [s for s in stacks if fits(s, slot.roles) and (s.is_volume or not needs_volume)]
    return sorted(
        fit,
        key=lambda s: (
            rank(s),
            not s.is_volume,
            not s.role,
            # Thin slices for computed planes, the reader's usual slices as they were acquired.
            (s.slice_thickness_mm or 99.0) if needs_volume else 0.0,
            s.series_number,
        ),
    )


def _place(slot: Slot, stack: Stack, stacks: Sequence[Stack]) -> Pane:
    needs_volume = slot.pane.solid or slot.pane.kind is not PlaneKind.ACQUIRED
    if needs_volume and not stack.is_volume:
        return Pane()
    if slot.pane.minus >= stack.phases or (slot.pane.minus >= 0 and not stack.is_volume):
        return Pane()  # nothing to take away
    phase = min(slot.pane.phase, stack.phases - 1)
    if slot.pane.minus < 0:
        phase = max(phase, opening_phase(stack))
    pane = replace(slot.pane, stack_id=stack.id, phase=phase)
    over = [
        s
        for s in stacks
        if s.role in slot.fused_roles
        and s.is_volume
        and s.frame_of_reference_uid == stack.frame_of_reference_uid
        and s.id != stack.id
    ]
    if slot.fused_roles:
        over.sort(key=lambda s: slot.fused_roles.index(s.role))
        pane = replace(pane, fused_stack_id=over[0].id if over else "")
    return pane


def _fill_rest(panes: list[Pane], stacks: Sequence[Stack], count: int) -> list[Pane]:
    """Fewest empty panes: series not shown yet, then other planes of what is worth cutting."""
    used = {p.stack_id for p in panes} | {p.fused_stack_id for p in panes}
    order = sorted(stacks, key=lambda s: (not s.is_volume, not s.role, s.series_number))
    rest = [Pane(s.id, phase=opening_phase(s)) for s in order if s.id not in used]
    seen = {(p.stack_id, p.kind) for p in panes}
    for stack in order:
        if stack.is_volume and min(stack.grid.shape) >= _WORTH_CUTTING:
            planes = (PlaneKind.CORONAL, PlaneKind.SAGITTAL, PlaneKind.AXIAL)
            own = own_plane(stack)
            rest += [
                Pane(stack.id, k) for k in planes if k is not own and (stack.id, k) not in seen
            ]
    filled = panes + [Pane()] * (count - len(panes))
    return [p if not p.empty or not rest else rest.pop(0) for p in filled]


def own_plane(stack: Stack) -> PlaneKind:
    """The anatomical plane that a stack's slices are nearest to."""
    return PlaneKind(plane_name(stack.grid))


def three_planes(stack_id: str) -> tuple[Pane, Pane, Pane, Pane]:
    """One volume as acquired or axial, coronal, sagittal and 3D."""
    return (
        Pane(stack_id, PlaneKind.AXIAL),
        Pane(stack_id, PlaneKind.CORONAL),
        Pane(stack_id, PlaneKind.SAGITTAL),
        Pane(stack_id, solid=True),
    )


def as_protocol(
    id: str,
    name: str,
    rows: int,
    columns: int,
    panes: Sequence[Pane],
    stack_of: Callable[[str], Stack | None],
    priors: Collection[str] = (),
) -> Protocol:
    """What is on screen as a reader's own protocol, for studies with the same roles.

    priors: ids of stacks of an earlier study.

    Series without a role become "any series", so that the arrangement fits other patients too.
    """
    slots, needs, modalities = [], [], []
    for pane in panes:
        stack = stack_of(pane.stack_id)
        over = stack_of(pane.fused_stack_id)
        roles: tuple[str, ...] = ()
        if stack is not None:
            roles = (stack.role or ANY,)
            if stack.id not in priors:
                modalities.append(stack.modality)
                needs += [(stack.role,)] if stack.role else []
        fused = (over.role,) if over is not None and over.role else ()
        before = stack is not None and stack.id in priors
        slots.append(Slot(roles, replace(pane, stack_id="", fused_stack_id=""), fused, before))
    return Protocol(
        id,
        name,
        (Stage(name, rows, columns, tuple(slots)),),
        needs=tuple(dict.fromkeys(needs)),
        modalities=tuple(dict.fromkeys(modalities)),
        prior=any(slot.prior for slot in slots),
        own=True,
    )
