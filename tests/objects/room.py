"""A study of images alone, into which objects of other makers come."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydicom.dataset import Dataset

from tests.objects import vendor
from tests.objects.study import Files
from workstation.archive.store import Archive
from workstation.domain.artefact import new_uid
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.received import RECEIVED, Received
from workstation.reading.assemble import assemble
from workstation.reading.foreign import take_in
from workstation.reading.intake import intake
from workstation.text import say


class Room:
    """A fresh copy of the study, into which objects come."""

    def __init__(self, home: Path, files: Files, folder: Path) -> None:
        shutil.copytree(home, folder / "家")
        self.archive = Archive(folder / "家")
        self.files = files
        self.folder = folder
        self.sources = vendor.sources_of(files)

    def receive(self, *objects: Dataset) -> list[Received]:
        """Objects come in, all at once, and are read."""
        folder = self.folder / new_uid()
        folder.mkdir()
        for number, written in enumerate(objects):
            vendor.save(written, folder / f"{number}.dcm")
        report = intake(self.archive, [folder])
        assert report.refused == ()
        assemble(self.archive, self.files.study_uid)
        return take_in(self.archive, self.files.study_uid)

    @property
    def findings(self) -> dict[str, Finding]:
        """By tracking identifier, or by what they are called."""
        return {
            (f.origin.tracking_id if f.origin else "") or f.label.en: f
            for f in self.archive.all(Finding, self.files.study_uid)
        }

    def numbers(self, finding: Finding) -> dict[str, Measurement]:
        every = self.archive.all(Measurement, self.files.study_uid)
        return {m.name.en: m for m in every if m.finding_id == finding.id}

    def refusals(self) -> list[str]:
        every = self.archive.all(Refusal, self.files.study_uid)
        return [say(r.reason, lang="en") for r in every if r.what == RECEIVED]
