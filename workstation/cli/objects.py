"""What a study holds beside images, on the command line."""

from __future__ import annotations

import argparse
from typing import Any

from workstation.cli.output import Answer, table
from workstation.cli.studies import study_uid_of
from workstation.domain.document import (
    KeySelection,
    PresentationState,
    ReportTree,
    SegmentSet,
    StudyObject,
)
from workstation.domain.errors import ReaderError
from workstation.reading.held_back import HELD_BACK
from workstation.reading.objects import Opened, objects_of, open_study_object
from workstation.reading.second_reader import will_hide
from workstation.text import say, tr
from workstation.wiring import Services


def list_objects(services: Services, arguments: argparse.Namespace) -> Answer:
    """``objects STUDY``: reports, segmentations, key images and other objects of a study."""
    study_uid = study_uid_of(services, arguments.study)
    hidden = will_hide(services.archive, services.settings, study_uid)
    found = objects_of(services.archive, study_uid, hidden=hidden)
    data, rows = [], []
    for listed in found:
        facts: dict[str, Any] = {
            "sop_instance_uid": listed.sop_instance_uid,
            "kind": listed.kind.name.lower(),
            "title": listed.title,
            "modality": listed.modality,
            "class": listed.sop_class,
            "made": listed.made,
        }
        try:
            opened = open_study_object(services.archive, listed.sop_instance_uid)
            facts |= _facts(opened)
        except ReaderError as error:
            facts["refused"] = say(error.message)
        data.append(facts)
        rows.append(_row(listed, facts))
    head = (tr("Object"), tr("Title"), tr("Made"), tr("Holds"))
    lines = table(head, rows)
    if hidden:
        lines = [tr(HELD_BACK), *lines]
    return Answer({"objects": data, "held_back": hidden}, lines)


def _facts(opened: Opened) -> dict[str, Any]:
    if isinstance(opened, SegmentSet):
        return {
            "encoding": opened.encoding,
            "segments": [{"number": s.number, "label": s.label} for s in opened.segments],
        }
    if isinstance(opened, ReportTree):
        return {"template": opened.template, "places": len(opened.places)}
    if isinstance(opened, KeySelection):
        return {"images": len(opened.images), "words": opened.words}
    if isinstance(opened, PresentationState):
        drawings = sum(len(d.graphics) + len(d.captions) for d in opened.drawings)
        return {"images": len(opened.images), "drawings": drawings}
    return {"media_type": opened.media_type, "size": len(opened.data)}


def _row(listed: StudyObject, facts: dict[str, Any]) -> tuple[str, ...]:
    holds = facts.get("refused", "")
    if "segments" in facts:
        holds = "、".join(s["label"] for s in facts["segments"][:6])
    elif "places" in facts:
        holds = tr("{count} places", count=facts["places"])
    elif "images" in facts:
        holds = tr("{count} images", count=facts["images"])
    elif "media_type" in facts:
        holds = facts["media_type"]
    return (tr(listed.kind.value), listed.title, listed.made, holds)
