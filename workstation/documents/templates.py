"""Report templates: data of ``resources/``, read and checked here."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.report import ReportPhrase
from workstation.text import RESOURCES

TEMPLATES = RESOURCES / "report_templates"
KINDS = ("free", "method", "findings", "impression", "synthesis", "not_judged")


@dataclass(frozen=True)
class TemplateSection:
    """One part of a template. kind: one of ``KINDS``. areas: whose findings it holds.

    A findings section with no areas takes every finding that no other section claims.
    """

    key: str
    kind: str
    title: Wording
    areas: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplatePhrase:
    """What is said of findings of one ``template_key``.

    one: a finding's own sentence and its impression. many: the impression where several findings
    share the key, None to list each; unranked: the same where no largest of them can be named.
    value_clause: stands where the finding has a value.
    guideline: id of the bands that give ``{grade_clause}``, "" for none.
    """

    one: ReportPhrase
    many: Wording | None
    unranked: Wording | None
    value_clause: Wording
    guideline: str


@dataclass(frozen=True)
class Template:
    """A report template. sha256: of its file, so that a draft made from another reads as stale."""

    name: str
    version: str
    title: Wording
    areas: tuple[str, ...]
    sections: tuple[TemplateSection, ...]
    phrases: dict[str, TemplatePhrase]
    sha256: str
    folder: Path

    def phrase(self, key: str) -> TemplatePhrase:
        """The phrase for ``key``; the general one where the template has no such key."""
        return self.phrases.get(key, self.phrases["other"])

    def section_for(self, area: str) -> str:
        """Key of the findings section that holds findings of ``area``."""
        findings = [s for s in self.sections if s.kind == "findings"]
        for section in findings:
            if area in section.areas:
                return section.key
        return next(s.key for s in findings if not s.areas)

    def section(self, key: str) -> TemplateSection:
        """The section ``key``; ``NotFound`` where the template has none."""
        for section in self.sections:
            if section.key == key:
                return section
        raise NotFound(
            N_("The report template {name} has no section {section}."),
            name=self.name,
            section=key,
        )


def template_names() -> tuple[str, ...]:
    """Names of the installed templates, sorted."""
    return tuple(sorted(path.parent.name for path in TEMPLATES.glob("*/template.toml")))


@functools.cache
def load_template(name: str) -> Template:
    """The template ``name``. Raises ``NotFound`` or, where its file is wrong, ``BadInput``."""
    if name not in template_names():
        raise NotFound(
            N_("There is no report template {name}. Installed: {names}."),
            name=name,
            names=", ".join(template_names()),
        )
    path = TEMPLATES / name / "template.toml"
    raw = path.read_bytes()
    try:
        return _template(tomllib.loads(raw.decode("utf-8")), raw, path.parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadInput(
            N_("The report template {name} cannot be read: {why}."), name=name, why=str(error)
        ) from error


def _wording(entry: dict[str, Any]) -> Wording:
    return Wording(en=str(entry["en"]), zh=str(entry["zh"]))


def _template(data: dict[str, Any], raw: bytes, folder: Path) -> Template:
    sections = tuple(
        TemplateSection(
            key=s["key"], kind=s["kind"], title=_wording(s), areas=tuple(s.get("areas", ()))
        )
        for s in data["sections"]
    )
    if data["name"] != folder.name:
        raise KeyError("name is not that of its folder")
    for section in sections:
        if section.kind not in KINDS:
            raise KeyError(f"unknown kind of section: {section.kind}")
    if not any(s.kind == "findings" and not s.areas for s in sections):
        raise KeyError("no section for findings of any other area")
    if "other" not in {p["key"] for p in data["phrases"]}:
        raise KeyError("no phrase other")
    return Template(
        name=data["name"],
        version=str(data["version"]),
        title=_wording(data["title"]),
        areas=tuple(data["areas"]),
        sections=sections,
        phrases={p["key"]: _phrase(p) for p in data["phrases"]},
        sha256=hashlib.sha256(raw).hexdigest(),
        folder=folder,
    )


def _phrase(entry: dict[str, Any]) -> TemplatePhrase:
    many, unranked = entry.get("impression_many"), entry.get("impression_many_unranked")
    clause = entry.get("value_clause")
    return TemplatePhrase(
        one=ReportPhrase(
            key=entry["key"],
            findings=_wording(entry["findings"]),
            impression=_wording(entry["impression"]),
        ),
        many=_wording(many) if many else None,
        unranked=_wording(unranked) if unranked else None,
        value_clause=_wording(clause) if clause else Wording("", ""),
        guideline=str(entry.get("guideline", "")),
    )


def choose_template(areas: tuple[str, ...], modalities: tuple[str, ...] = ()) -> str:
    """The template whose areas occur most often in ``areas``; brain-heart where they are even.

    Where no area is known, CT and PET go to oncology (they rarely show a heart or brain alone).
    """
    names = sorted(template_names(), key=lambda name: name != "brain-heart")
    counts = {name: sum(a in load_template(name).areas for a in areas) for name in names}
    if not any(counts.values()) and {"CT", "PT"}.intersection(modalities):
        return "oncology"
    return max(names, key=lambda name: counts[name])
