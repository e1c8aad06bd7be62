"""A model package in a reader's words: state, evidence, performance, limits, who vouches."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.ai.keys import short
from workstation.ai.manifest import Accept, Manifest, Performance
from workstation.ai.shelf import Entry
from workstation.ai.trust import Signer
from workstation.domain.errors import N_
from workstation.text import language, say, tr

STATES = {
    "usable": N_("usable"),
    "refused": N_("refused"),
    "off": N_("switched off"),
    "replaced": N_("replaced"),
}
SIGNS = {"usable": "✓", "refused": "⊘", "off": "◌", "replaced": "↷"}
EVIDENCE = {
    "none": N_("nothing measured"),
    "synthetic": N_("generated data only"),
    "public": N_("public data"),
    "clinical": N_("clinical data"),
}


def state_words(entry: Entry) -> str:
    """State of a package with its sign: never by colour alone."""
    words = f"{SIGNS[entry.state]} {tr(STATES[entry.state])}"
    drafted = entry.package is not None and entry.package.manifest.draft
    if entry.state == "usable" and drafted:
        words += "　" + tr("draft: runs only when asked")
    return words


def signer_words(signer: Signer | None) -> str:
    """Who vouches for a package, in a table."""
    if signer is None:
        return ""
    return tr("with the program") if signer.kind == "program" else signer.name


def name_of(entry: Entry) -> str:
    """A package's name, its id where its manifest cannot be read."""
    if entry.package is None:
        return entry.id
    return entry.package.manifest.name.wording().in_language(language())


@dataclass(frozen=True)
class PerformanceRow:
    """One measured number as it is shown."""

    metric: str
    value: str
    n: str
    dataset: str
    evidence: str
    note: str


def performance_rows(manifest: Manifest) -> list[PerformanceRow]:
    """What was measured, in the order of the manifest."""
    return [_row(one) for one in manifest.performance]


def _row(one: Performance) -> PerformanceRow:
    value = f"{one.value:g}" + ("" if one.unit == "1" else f" {one.unit}")
    if one.ci is not None:
        value += f" ({one.ci[0]:g}–{one.ci[1]:g})"
    notes = [part for part in (one.subgroup, one.operating_point, one.note) if part]
    return PerformanceRow(
        one.metric, value, str(one.n), one.dataset, tr(EVIDENCE[one.evidence]), "; ".join(notes)
    )


def _span(low: float, high: float, unit: str) -> str:
    return f"{low:g}–{high:g} {unit}"


def accept_words(one: Accept) -> str:
    """Which series one input may be, in one line."""
    parts = [" / ".join(one.modality)]
    if one.roles:
        parts.append(" / ".join(one.roles))
    if one.in_plane_mm is not None:
        parts.append(tr("pixels {span}", span=_span(*one.in_plane_mm, "mm")))
    if one.slice_mm is not None:
        parts.append(tr("slices {span} apart", span=_span(*one.slice_mm, "mm")))
    if one.min_slices > 1:
        parts.append(tr("at least {n} slices", n=one.min_slices))
    if one.coverage_mm:
        parts.append(tr("at least {n} mm covered", n=f"{one.coverage_mm:g}"))
    return ", ".join(parts)


def facts(entry: Entry) -> list[tuple[str, str]]:
    """(heading, text) of what a reader must know beside the card; text is plain."""
    if entry.package is None:
        return [(tr("Folder"), str(entry.folder))]
    said, package = entry.package.manifest, entry.package
    lang = language()
    found = [
        (tr("Intended use"), said.intended_use.wording().in_language(lang)),
        (tr("Not for"), said.contraindications.wording().in_language(lang)),
        (tr("Regulatory"), said.regulatory.wording().in_language(lang)),
        (tr("Accepts"), "\n".join(f"{a.channel}: {accept_words(a)}" for a in said.accept)),
        (
            tr("Finds"),
            "\n".join(
                f"{label.name.wording().in_language(lang)}　"
                f"({label.code.scheme} {label.code.value} {label.code.meaning})"
                for label in said.labels
            ),
        ),
        (tr("Training data"), said.training_data.statement.wording().in_language(lang)),
        (tr("Licence"), said.licence),
        (tr("Authors"), ", ".join(said.authors)),
        (
            tr("Limits of a run"),
            tr("{memory} MB, {seconds} s", memory=said.infer.max_ram_mb,
               seconds=said.infer.timeout_s),
        ),
        (tr("Signed by"), _signer(package.signer)),
        (tr("Package"), f"{said.id} {said.version}　{said.built}\nSHA-256 {package.sha256}"),
        (tr("Network"), f"SHA-256 {package.model_sha256}"),
        (tr("Folder"), str(entry.folder)),
    ]  # fmt: skip
    if entry.older:
        found.append((tr("Earlier versions kept"), "\n".join(entry.older)))
    return [(head, text) for head, text in found if text]


def _signer(signer: Signer | None) -> str:
    if signer is None:
        return tr("nobody")
    if signer.kind == "program":
        return tr("OneScan: it came with the program")
    own = tr("this site's own key") if signer.kind == "site" else tr("a key that this site trusts")
    return f"{signer.name}　({own})\n{short(signer.fingerprint)} …　{signer.signed[:10]}"


def why(entry: Entry) -> str:
    """Why a package does not run, "" where it does."""
    if entry.reason is None:
        return ""
    words = say(entry.reason)
    if entry.switched is not None and entry.switched.reason:
        words += f"　{entry.switched.reason}"
    return words
