"""From the headers of a series to its stacks: pure, no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from workstation.dicom.acquisition import acquisition_of
from workstation.dicom.layout import arrange, far_gaps
from workstation.dicom.phases import Clock, phase_names, phase_values
from workstation.dicom.placement import Noted, Placed, place
from workstation.dicom.roles import purpose_of
from workstation.dicom.samples import (
    Samples,
    curves_of,
    is_lossy,
    lookup_facts,
    rescale_of,
    unit_of,
    windows_of,
)
from workstation.dicom.slices import Slice, is_image, slices_of
from workstation.dicom.spacings import spacing_note
from workstation.dicom.splits import Group, apart, split_series
from workstation.dicom.suv import uptake_of
from workstation.dicom.ultrasound import regions_of
from workstation.domain.artefact import MadeBy, digest_of
from workstation.domain.calibration import Region
from workstation.domain.errors import N_, Message
from workstation.domain.study import Instance, Series
from workstation.domain.volume import Flag, Frame, Stack

MADE_BY = MadeBy("assemble", "2")

Factors = dict[int, float]
"""What the rescaled values of a slice are multiplied by, by the slice's identity (id)."""


def build_stacks(study_uid: str, series: Series, instances: Sequence[Instance]) -> list[Stack]:
    """Stacks of one series, from ``Instance.attributes`` alone.

    Images are grouped by size, orientation, frame of reference and, where places repeat, by what
    tells them apart; what differs in time becomes phases. Ids follow from the content: the same
    files always give the same ids, and other files give others.
    """
    groups = [part for g in split_series(slices_of(instances)) for part in _split_far(g)]
    stacks = [_stack(study_uid, series, group) for group in groups]
    return [replace(s, id=_identity(s)) for s in stacks]


def _identity(stack: Stack) -> str:
    """Of everything but what may be read again and makes no other volume: words in another
    character set, and facts that an earlier version did not keep."""
    facts = {f.name: getattr(stack, f.name) for f in fields(stack) if f.name != "acquisition"}
    return digest_of(facts | {"description": ""})[:32]


def why_no_stack(instances: Sequence[Instance]) -> Message | None:
    """Why a series gives no stack at all; None where it has images."""
    if any(is_image(item) for item in instances):
        return None
    kinds = {str(item.attributes.get("Modality", "")) for item in instances}
    for modality, said in (
        ("SEG", N_("A segmentation: it belongs to another series and makes no volume.")),
        ("SR", N_("A structured report: it has no images.")),
        ("PR", N_("A presentation state: it has no images of its own.")),
        ("KO", N_("A key object selection: it has no images of its own.")),
        ("RTSTRUCT", N_("Radiotherapy contours: they belong to another series.")),
        ("RTPLAN", N_("A radiotherapy plan: it has no images.")),
        ("DOC", N_("A document: it has no images.")),
        ("ECG", N_("A waveform: it has no images.")),
    ):
        if modality in kinds:
            return Message(said)
    return Message(N_("Its files hold no image data."))


def _split_far(group: Group) -> list[Group]:
    """Blocks of slices with a wide gap between them are stacks of their own."""
    if group.slices[0].position is None:
        return [group]
    breaks = far_gaps(arrange(group.slices))
    if not breaks:
        return [group]
    phases = arrange(group.slices)
    normal = group.slices[0].normal
    limits = [(phases.positions[i] + phases.positions[i + 1]) / 2 for i in breaks]
    blocks: dict[int, list[Slice]] = {}
    for item in group.slices:
        if item.position is not None:
            block = int(np.searchsorted(limits, float(item.position @ normal)))
            blocks.setdefault(block, []).append(item)
    said = apart(N_("a wide gap"))
    parts = [Group(tuple(b), (*group.differs, said), group.label) for b in blocks.values()]
    return [part for block in parts for part in _split_far(block)]


def _stack(study_uid: str, series: Series, group: Group) -> Stack:
    placed = place(group.slices, series.modality)
    noted: Noted = [(Flag.SPLIT, said) for said in group.differs[:1]] + placed.noted
    there = [s for s in placed.slices if s is not None]
    first, middle = there[0], there[len(there) // 2]
    if any(s.is_localiser for s in there):
        noted.append((Flag.LOCALISER, Message(N_("A localiser: made to plan other images."))))
        noted.append(
            (Flag.NOT_A_VOLUME, Message(N_("A localiser is not used for volumes or models.")))
        )
    if not first.calibrated:
        noted.append(
            (
                Flag.NO_SPACING,
                Message(N_("The pixel spacing is unknown: lengths are in pixels, not mm.")),
            )
        )
    if any(is_lossy(s) for s in there):
        noted.append((Flag.LOSSY, Message(N_("Lossy compression: fine detail may be altered."))))
    unit, uncertain = unit_of(middle)
    factors: Factors = {}
    per_bq_ml = None
    if series.modality == "PT" and not first.colour:
        uptake = uptake_of(there)
        unit, uncertain, per_bq_ml = uptake.unit, uptake.why_not, uptake.per_bq_ml
        factors = {id(s): factor for s, factor in zip(there, uptake.factors, strict=True)}
    if uncertain is not None:
        noted.append((Flag.UNIT_UNCERTAIN, uncertain))
    flags = tuple(dict.fromkeys(flag for flag, _ in noted))
    is_volume = Flag.NOT_A_VOLUME not in flags
    pixels = Samples(there, list(factors.values()))
    regions = _Regions()
    frames = _frames(placed, pixels, factors, Clock(placed), regions)
    firsts, times = _phase_firsts(placed, frames)
    axis, labels = phase_names(firsts, placed.time_key, times)
    windows = windows_of(middle, factors.get(id(middle), 1.0))
    purpose = purpose_of(
        middle, phases=placed.phases, places=placed.grid.shape[0], is_volume=is_volume
    )
    description = f"{series.description} {group.label}".strip()
    return Stack(
        id="",
        study_uid=study_uid,
        series_uid=series.series_uid,
        series_number=series.number or 0,
        description=description,
        modality=series.modality,
        frame_of_reference_uid=first.text("FrameOfReferenceUID"),
        grid=placed.grid,
        frames=frames,
        phases=placed.phases,
        dtype=pixels.dtype,
        stored_dtype=pixels.stored,
        unit=unit,
        window=windows[0][:2] if windows else None,
        photometric="RGB" if first.colour else first.text("PhotometricInterpretation").strip(),
        samples=3 if first.colour else 1,
        flags=flags,
        notes=(*(note for _, note in noted), *_identity_note(first)),
        role=purpose.role,
        role_reason=purpose.reason,
        region=purpose.region,
        slice_thickness_mm=middle.number("SliceThickness"),
        calibrated=first.calibrated,
        made_from=(digest_of([(s.instance.sha256, s.frame) for s in there]),),
        made_by=MADE_BY,
        windows=windows,
        phase_labels=labels,
        phase_axis=axis,
        laterality=_laterality(first),
        body_part=first.text("BodyPartExamined").strip(),
        view_position=first.text("ViewPosition").strip(),
        spacing_note=spacing_note(first.instance.attributes, first.spacing, first.calibrated),
        regions=tuple(regions.sets),
        suv_factor=per_bq_ml,
        curves=() if first.colour else curves_of(middle),
        placed=placed.in_patient,
        patient_orientation=("", "") if placed.in_patient else _letters(first),
        display_fps=_display_fps(first),
        acquisition=replace(
            acquisition_of(middle), phase_values=phase_values(firsts, placed.time_key)
        ),
    )


def _display_fps(item: Slice) -> float:
    """What the file says about playing: recommended rate, cine rate, time between frames."""
    for key in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = item.number(key)
        if rate is not None and rate > 0:
            return float(rate)
    between_ms = item.number("FrameTime")
    return round(1000.0 / between_ms, 2) if between_ms is not None and between_ms > 0 else 0.0


def _identity_note(first: Slice) -> tuple[Message, ...]:
    if first.text("identity") != "made":
        return ()
    return (
        Message(N_("Its files do not name their study: they were grouped by what they share.")),
    )


def _frames(
    placed: Placed, pixels: Samples, factors: Factors, clock: Clock, regions: _Regions
) -> tuple[Frame, ...]:
    places = placed.grid.shape[0]
    frames = []
    for i, item in enumerate(placed.slices):
        position = round(placed.positions[i % places], 6)
        if item is None:
            frames.append(Frame("", "", 0, -1, position))
            continue
        slope, intercept = rescale_of(item)
        factor = factors.get(id(item), 1.0)
        frames.append(
            Frame(
                sha256=item.instance.sha256,
                sop_instance_uid=item.instance.sop_instance_uid,
                number=item.frame,
                pixel_offset=pixels.offset(item),
                position_mm=position,
                slope=slope * factor,
                intercept=intercept * factor,
                time_s=clock.seconds(item),
                regions=regions.number(item),
                tile=item.tile,
                lut=lookup_facts(item) is not None,
            )
        )
    return tuple(frames)


class _Regions:
    """The sets of ultrasound regions of a stack, each kept once."""

    def __init__(self) -> None:
        self.sets: list[tuple[Region, ...]] = []
        self._of: dict[str, int] = {}

    def number(self, item: Slice) -> int:
        """Which set is an image's; -1 where it has none."""
        uid = item.instance.sop_instance_uid
        if uid not in self._of:
            found = regions_of(item.fact("UltrasoundRegions"))
            if found and found not in self.sets:
                self.sets.append(found)
            self._of[uid] = self.sets.index(found) if found else -1
        return self._of[uid]


def _phase_firsts(
    placed: Placed, frames: Sequence[Frame]
) -> tuple[list[Slice | None], list[float | None]]:
    """The first image there is of each phase, and its time in seconds."""
    places = placed.grid.shape[0]
    firsts: list[Slice | None] = []
    times: list[float | None] = []
    for start in range(0, placed.phases * places, places):
        at = next((i for i in range(start, start + places) if placed.slices[i] is not None), start)
        firsts.append(placed.slices[at])
        times.append(frames[at].time_s)
    return firsts, times


def _laterality(item: Slice) -> str:
    """L, R or B of paired body parts, as the headers state it; empty where they do not."""
    stated = item.text("ImageLaterality") or item.text("Laterality")
    return stated.strip().upper()[:1] if stated.strip().upper()[:1] in {"L", "R", "B"} else ""


def _letters(item: Slice) -> tuple[str, str]:
    """Patient Orientation (PS3.3 C.7.6.1.1.1): what lies to the right and what lies below."""
    stated = [str(v).strip().upper() for v in item.fact("PatientOrientation") or ()]
    if len(stated) != 2 or not all(v and set(v) <= set("LRAPHF") for v in stated):
        return "", ""
    return stated[0], stated[1]
