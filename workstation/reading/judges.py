"""Which models and measures are known: installed ones, broken ones, and those of the catalogue."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

from workstation.ai.shelf import installed
from workstation.analyses import find_analyses
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.judge import KnownJudge
from workstation.reading.outlined import feeds_emergencies
from workstation.settings import Settings
from workstation.text import RESOURCES

CATALOGUE = RESOURCES / "known_models.toml"


@functools.cache
def _catalogue(path: Path = CATALOGUE) -> tuple[KnownJudge, ...]:
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        KnownJudge(
            id=str(one["id"]),
            name=Wording(one["name"]["en"], one["name"]["zh"]),
            made_by=MadeBy(str(one["id"]), ""),
            area=str(one["area"]),
            installed=False,
            use=Wording(one["use"]["en"], one["use"]["zh"]),
            modalities=tuple(one["modalities"]),
            roles=tuple(one["roles"]),
        )
        for one in given["model"]
    )


def known_judges(settings: Settings) -> tuple[KnownJudge, ...]:
    """Every model and measure: what is installed first, then broken packages, then what is known
    and not installed. Reads the packages' files; not for the GUI thread."""
    shelf = installed(settings)
    found = [
        KnownJudge(
            id=one.manifest.id,
            name=one.manifest.name.wording(),
            made_by=one.made_by,
            area=one.manifest.area,
            stat=one.manifest.stat,
            evidence=one.manifest.evidence,
            use=one.manifest.intended_use.wording(),
        )
        for one in shelf.usable
    ]
    found += [
        KnownJudge(
            id=spec.id,
            name=spec.name,
            made_by=MadeBy(spec.id, spec.version),
            area=spec.area,
            measure=True,
            needs_mask=spec.needs_mask,
            stat=spec.stat,
            roles=spec.accepts,
        )
        for spec, _ in find_analyses()
    ]
    found += [
        KnownJudge(
            id=one.id,
            name=Wording(one.id, one.id),
            made_by=MadeBy(one.id, ""),
            broken=one.reason,
        )
        for one in shelf.refused
    ]
    there = {one.id for one in found}
    found += [one for one in _catalogue() if one.id not in there]
    return tuple(found)


def looks_for_emergencies(settings: Settings) -> bool:
    """Whether anything installed runs before everything else: a measure of an organ only where
    something outlines that organ."""
    usable = installed(settings).usable
    if any(one.manifest.stat or feeds_emergencies(one) for one in usable):
        return True
    return any(spec.stat and not spec.stands_on for spec, _ in find_analyses())
