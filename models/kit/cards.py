"""Papers of a package: JSON as a reader wants it, and card.md with measured numbers alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_NAME = re.compile(r"\{([^{}\s|]+)\}")


def values_of(metrics: Any) -> dict[str, str]:
    """Numbers and texts of a JSON-like tree by flat names: keys and positions joined by "_";
    a dash for what there is no number of."""
    out: dict[str, str] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(f"{prefix}_{key}" if prefix else str(key), child)
        elif isinstance(node, list):
            for number, child in enumerate(node):
                walk(f"{prefix}_{number}", child)
        elif isinstance(node, bool):
            out[prefix] = "true" if node else "false"
        elif node is None:
            out[prefix] = "—"
        elif isinstance(node, int):
            out[prefix] = str(node)
        elif isinstance(node, float):
            out[prefix] = f"{node:g}"
        else:
            out[prefix] = str(node)

    walk("", metrics)
    return out


def filled(template: str, metrics: Any) -> str:
    """``template`` with each {name} replaced by the number of that name.

    Raises ``KeyError`` with every name that no number has: a card never shows a gap.
    """
    values = values_of(metrics)
    absent = sorted({name for name in _NAME.findall(template) if name not in values})
    if absent:
        raise KeyError(f"metrics have no {', '.join(absent)}")
    return _NAME.sub(lambda found: values[found[1]], template)


def json_text(content: Any) -> str:
    """Indented JSON in which rows of numbers stand on one line each."""
    out: list[str] = []
    row: list[str] = []
    for line in json.dumps(content, ensure_ascii=False, indent=2).splitlines():
        bare = line.strip().rstrip(",")
        if _NUMBER.fullmatch(bare):
            row.append(line.strip())
        elif row:
            out[-1] += " ".join(row) + line.strip()
            row = []
        else:
            out.append(line)
    return "\n".join(out) + "\n"


def write_json(path: Path, content: Any) -> None:
    """``content`` as UTF-8 with line feeds on every system."""
    path.write_text(json_text(content), encoding="utf-8", newline="\n")


def write_text(path: Path, text: str) -> None:
    """Text as UTF-8 with line feeds on every system: packages are hashed."""
    path.write_text(text, encoding="utf-8", newline="\n")
