"""A structured report of any template as HTML: indented, with links to places and images."""

from __future__ import annotations

from html import escape

from workstation.domain.document import ImageRef, ReportItem, ReportTree
from workstation.text import tr

PLACE, IMAGE = "place", "image"
"""Schemes of the links: ``place:PATH`` jumps to coordinates, ``image:UID/FRAME`` to an image."""

_HIDDEN = {"HAS OBS CONTEXT", "HAS ACQ CONTEXT"}
_QUIET = {"121049", "121058"}  # language; procedure
_TRACKING = "112039"
_MANY = 6
_STYLE = """
body { font-family: sans-serif; } p { margin: 2px 0; }
.title { font-size: 13pt; font-weight: bold; } .head { font-size: 11pt; font-weight: bold; }
.dim { color: #8a94a0; } .name { color: #8fb4d9; } .number { font-weight: bold; }
a { color: #5cc8ff; } div.in { margin-left: 16px; }
"""


def tree_page(tree: ReportTree, *, details: bool = False) -> str:
    """The report as a page for a text browser.

    details: observers, acquisition context and the image library too, as the file has them.
    """
    places = {place.path for place in tree.places}
    parts = [
        f"<style>{_STYLE}</style>",
        f"<p class='title'>{escape(tree.title or tr('Structured report'))}</p>",
    ]
    parts.append(f"<p class='dim'>{escape(' · '.join(_facts(tree)))}</p>")
    for child in tree.root.children:
        parts += _item(child, 0, places, details)
    return "\n".join(parts)


def _facts(tree: ReportTree) -> list[str]:
    facts = [tr("complete") if tree.complete else tr("not complete")]
    if tree.verified_by:
        facts.append(tr("verified by {name}", name=_name(tree.verified_by)))
    else:
        facts.append(tr("not verified"))
    if tree.author:
        facts.append(_name(tree.author))
    if tree.made:
        facts.append(_date(tree.made))
    if tree.template:
        facts.append(f"TID {tree.template}")
    return facts


def _name(person: str) -> str:
    """A person name as one reads it: the ideographic group where there is one."""
    groups = [group for group in person.split("=") if group]
    chosen = next((g for g in groups if not g.isascii()), groups[0] if groups else "")
    return chosen.replace("^", " ").strip()


def _date(made: str) -> str:
    digits, _, clock = made.partition(" ")
    shown = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) >= 8 else digits
    return f"{shown} {clock[:2]}:{clock[2:4]}" if len(clock) >= 4 else shown


def _item(item: ReportItem, depth: int, places: set[str], details: bool) -> list[str]:
    code = item.code.value if item.code is not None else ""
    named = code == _TRACKING  # what the reader who measured called it
    if not details and not named and (item.relationship in _HIDDEN or code in _QUIET):
        return []
    if not details and code == "111028":  # Image Library: what the images are is known
        count = sum(1 for _ in _images_below(item))
        words = tr("{count} images listed", count=count)
        return [f"<p class='dim'>{escape(item.name)}: {escape(words)}</p>"]
    if item.value_type == "CONTAINER":
        title = escape(item.name or tr("Section"))
        link = _place_link(item, places)
        below = _children(item, depth + 1, places, details)
        if not below and not link:
            return []
        plain = f"<p><b>{title}</b>{link}</p>"
        head = f"<p class='head'>{title}{link}</p>" if depth < 2 else plain
        return [head, "<div class='in'>", *below, "</div>"]
    line = _line(item, places)
    below = _children(item, depth + 1, places, details)
    if below:
        below = ["<div class='in'>", *below, "</div>"]
    return [*([line] if line else []), *below]


def _children(item: ReportItem, depth: int, places: set[str], details: bool) -> list[str]:
    found: list[str] = []
    listed = [c for c in item.children if c.value_type in {"IMAGE", "COMPOSITE", "WAVEFORM"}]
    for child in item.children:
        if child in listed and listed.index(child) == _MANY and len(listed) > _MANY + 1:
            more = tr("and {count} more images", count=len(listed) - _MANY)
            found.append(f"<p class='dim'>{escape(more)}</p>")
        if child in listed and listed.index(child) >= _MANY:
            continue
        found += _item(child, depth, places, details)
    return found


def _images_below(item: ReportItem) -> list[ReportItem]:
    found = [item] if item.value_type == "IMAGE" else []
    for child in item.children:
        found += _images_below(child)
    return found


def _line(item: ReportItem, places: set[str]) -> str:
    name = f"<span class='name'>{escape(item.name)}</span>" if item.name else ""
    if item.value_type == "NUM":
        unit = "" if item.unit in {"1", "{count}"} else f" {escape(item.unit)}"
        value = f"<span class='number'>{escape(item.words)}</span>{unit}"
    elif item.value_type in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        value = ", ".join(_image_link(ref) for ref in item.images)
    elif item.graphic is not None:
        value = escape(tr("{count} points", count=len(item.graphic.points)))
    elif item.value_type in {"DATE", "DATETIME"}:
        value = escape(_date(f"{item.words[:8]} {item.words[8:14]}".strip()))
    elif item.value_type == "PNAME":
        value = escape(_name(item.words))
    elif item.value_type == "UIDREF":
        return ""
    else:
        value = escape(item.words).replace("\n", "<br>")
    if not value and not name:
        return ""
    joined = f"{name}: {value}" if name and value else name or value
    return f"<p>{joined}{_place_link(item, places)}</p>"


def _place_link(item: ReportItem, places: set[str]) -> str:
    if item.path not in places:
        return ""
    return f" <a href='{PLACE}:{item.path}'>{escape(tr('show'))}</a>"


def _image_link(ref: ImageRef) -> str:
    frame = ref.frames[0] if ref.frames else 0
    words = tr("image") if not ref.segments else tr("segment {number}", number=ref.segments[0])
    return f"<a href='{IMAGE}:{ref.sop_instance_uid}/{frame}'>{escape(words)}</a>"
