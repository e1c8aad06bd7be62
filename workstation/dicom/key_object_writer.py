"""Key images as Key Object Selection documents (PS3.16 TID 2010)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from datetime import datetime

from highdicom import ko, sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DA, TM

from workstation.dicom.evidence import CHARACTER_SET, person_name, stamp, uid_of
from workstation.dicom.mark_groups import Sources
from workstation.dicom.segmentation import MANUFACTURER
from workstation.domain.artefact import new_uid, now
from workstation.domain.errors import N_, BadInput
from workstation.domain.mark import KEY_TITLES, KeyImage


def write_key_objects(
    key_images: Sequence[KeyImage],
    sources: Sources,
    *,
    series_number: int = 9203,
    made_at: datetime | None = None,
    identity: str = "",
) -> list[bytes]:
    """Key images as Part 10 files, all of one series: one file a reader and reason.

    A selection has one author and one description, so images put aside for another reason or by
    another reader go into a selection of their own. Images whose files are not among ``sources``
    are left out; ``BadInput`` where none is left. identity: the same one gives the same bytes.
    """
    groups: dict[tuple[str, str, str], list[KeyImage]] = {}
    for image in key_images:
        if image.sop_instance_uid in sources.headers:
            key = (image.by, image.words.strip(), image.title)
            groups.setdefault(key, []).append(image)
    if not groups:
        raise BadInput(N_("There is no key image to write."))
    series_uid = uid_of("key object series", identity) if identity else new_uid()
    return [
        _selection(by, words, images, sources, series_uid, number, series_number, made_at, identity)
        for number, ((by, words, _), images) in enumerate(groups.items(), start=1)
    ]


def _selection(
    by: str,
    words: str,
    images: Sequence[KeyImage],
    sources: Sources,
    series_uid: str,
    number: int,
    series_number: int,
    made_at: datetime | None,
    identity: str,
) -> bytes:
    frames: dict[str, list[int]] = {}
    for image in images:
        numbers = frames.setdefault(image.sop_instance_uid, [])
        if image.frame not in numbers:
            numbers.append(image.frame)
    headers = [sources.headers[uid] for uid in frames]
    uid = uid_of("key objects", identity, str(number)) if identity else new_uid()
    moment = (made_at or max(image.at for image in images) or now()).astimezone()
    with warnings.catch_warnings():
        # highdicom doubts names of one component; person_name says why they are right.
        warnings.filterwarnings("ignore", message="The string .* person name")
        observer = None
        if by:
            person = sr.PersonObserverIdentifyingAttributes(name=person_name(by))
            observer = sr.ObserverContext(codes.DCM.Person, person)
        content = ko.KeyObjectSelection(
            document_title=_title(images[0]),
            referenced_objects=headers,
            observer_person_context=observer,
            description=words.replace("\r\n", "\n").replace("\n", "\r\n") or None,
        )
        _name_frames(content[0], frames, sources)
        written = ko.KeyObjectSelectionDocument(
            evidence=headers,
            content=content,
            series_instance_uid=series_uid,
            series_number=series_number,
            sop_instance_uid=uid,
            instance_number=number,
            manufacturer=MANUFACTURER,
            specific_character_set=CHARACTER_SET,
            series_description="Key images",
        )
    written.ContentDate, written.ContentTime = DA(moment.date()), TM(moment.time())
    stamp(written, moment)
    buffer = io.BytesIO()
    written.save_as(buffer)
    return buffer.getvalue()


def _title(image: KeyImage) -> sr.CodedConcept:
    """Why it was put aside (CID 7010)."""
    code = image.title if image.title in KEY_TITLES else "113000"
    return sr.CodedConcept(code, "DCM", KEY_TITLES[code])


def _name_frames(root: Dataset, frames: dict[str, list[int]], sources: Sources) -> None:
    """Which frames of multi-frame files are meant; the library names whole files."""
    for item in root.ContentSequence:
        if item.ValueType != "IMAGE":
            continue
        reference = item.ReferencedSOPSequence[0]
        uid = str(reference.ReferencedSOPInstanceUID)
        if "NumberOfFrames" in sources.headers[uid]:
            numbers = [n + 1 for n in sorted(frames[uid])]
            reference.ReferencedFrameNumber = numbers if len(numbers) > 1 else numbers[0]
