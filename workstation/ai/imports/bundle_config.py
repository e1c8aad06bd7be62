"""A MONAI bundle's configuration as plain values: references are followed, nothing is evaluated.

MONAI's own ``ConfigParser`` imports whatever ``_target_`` names and evaluates every text that
begins with ``$``. Here a target is a word looked up in a table, and an expression is refused
where its value would matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workstation.ai.imports.refusals import (
    expression,
    no_counterpart,
    read_json,
    read_yaml,
    wrong_value,
)
from workstation.domain.errors import N_, BadInput

TARGET, DISABLED = "_target_", "_disabled_"
# Expressions whose whole text is known, as words; they are never evaluated.
_WORDS = {
    "$torch.float32": "float32", "$np.float32": "float32", "$numpy.float32": "float32",
    "$torch.float": "float32", "$torch.float64": "float64", "$np.float64": "float64",
    "$None": None, "$True": True, "$False": False,
}  # fmt: skip
_DEEPEST = 16


def read_inference(bundle: Path) -> tuple[str, dict[str, Any]]:
    """Name and content of ``configs/inference.json`` (or .yaml, .yml)."""
    folder = bundle / "configs"
    for name, read in (
        ("inference.json", read_json), ("inference.yaml", read_yaml), ("inference.yml", read_yaml),
    ):  # fmt: skip
        if (folder / name).is_file():
            return name, read(folder / name)
    raise BadInput(N_("There is no file {path}."), path=str(folder / "inference.json"))


class Config:
    """One configuration file. ``value`` gives plain values, ``component`` a target's arguments."""

    def __init__(self, name: str, content: Mapping[str, Any]) -> None:
        self.name = name
        self._content = content

    def has(self, key: str) -> bool:
        """Whether the file has a top-level entry of this name."""
        return key in self._content

    def raw(self, key: str) -> Any:
        """A top-level entry as written, None where there is none."""
        return self._content.get(key)

    def value(self, given: Any, where: str, depth: int = 0) -> Any:
        """``given`` with its references followed. Raises ``BadInput`` at an expression."""
        if depth > _DEEPEST:
            raise wrong_value(self.name, where, "a circle of references", "a plain value")
        if isinstance(given, str):
            if given in _WORDS:
                return _WORDS[given]
            if given.startswith("@"):
                return self.value(self._at(given[1:], where), where, depth + 1)
            if given.startswith(("$", "%")):
                raise expression(f"{self.name}: {where}", given)
            return given
        if isinstance(given, list):
            return [self.value(one, where, depth + 1) for one in given]
        return given

    def _at(self, path: str, where: str) -> Any:
        found: Any = self._content
        for part in re.split(r"::|#", path):
            if isinstance(found, Mapping) and part in found:
                found = found[part]
            elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                raise expression(f"{self.name}: {where}", f"@{path}")
        return found

    def component(self, given: Any, where: str) -> tuple[str, dict[str, Any]]:
        """Name of a target without MONAI's module path, and its arguments as written."""
        found = self.value(given, where)
        if not isinstance(found, Mapping) or TARGET not in found:
            raise wrong_value(self.name, where, found, f"a {TARGET}")
        target = self.value(found[TARGET], where)
        words = str(target).split(".")
        if len(words) > 1 and words[0] != "monai":
            raise no_counterpart(f"{self.name}: {where}", str(target))
        for word in ("_requires_", "_mode_"):
            if word in found:
                raise no_counterpart(f"{self.name}: {where}", f"{words[-1]}: {word}")
        rest = {str(k): v for k, v in found.items() if k not in (TARGET, DISABLED, "_desc_")}
        return words[-1], rest

    def steps(self, given: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Names and arguments of the transforms of a ``Compose``, those switched off left out."""
        name, arguments = self.component(given, where)
        if name != "Compose":
            raise no_counterpart(f"{self.name}: {where}", name)
        for word in sorted(set(arguments) - {"transforms"}):
            if self.value(arguments[word], where) not in (None, False, True):
                raise no_counterpart(f"{self.name}: {where}", f"Compose: {word}")
        listed = self.value(arguments.get("transforms"), where)
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise wrong_value(self.name, where, listed, "a list of transforms")
        for one in listed:
            off = self.value(one.get(DISABLED, False), where) if isinstance(one, Mapping) else False
            if off not in (True, False, "true", "false"):
                raise wrong_value(self.name, f"{where}: {DISABLED}", off, "true, false")
            if off not in (True, "true"):
                yield self.component(one, where)


class Arguments:
    """The arguments of one step, read word by word; what nobody asked for is refused."""

    def __init__(self, config: Config, where: str, name: str, given: Mapping[str, Any]) -> None:
        self.name = name
        self.where = f"{config.name}: {where}"
        self._config = config
        self._given = dict(given)
        self.keys = self._keys()

    def _keys(self) -> tuple[str, ...]:
        found = self._config.value(self._given.pop("keys", ()), self.name)
        return (found,) if isinstance(found, str) else tuple(str(k) for k in found)

    def take(self, word: str, default: Any = None, key: str = "") -> Any:
        """The value of ``word``; of a list with one entry a key, the one for ``key``."""
        if word not in self._given:
            return default
        found = self._config.value(self._given.pop(word), f"{self.name}: {word}")
        if key and isinstance(found, list) and len(found) == len(self.keys):
            return found[self.keys.index(key)]
        return found

    def reference(self, word: str) -> str:
        """A reference as it is written, not followed."""
        return str(self._given.pop(word, ""))

    def ignore(self, *words: str) -> None:
        """Words that change nothing in the voxels (devices, file names, metadata keys)."""
        for word in words:
            self._given.pop(word, None)

    def only(self, word: str, allowed: Sequence[Any], key: str = "") -> Any:
        """``take`` of a word that may have only these values; the first is the default."""
        found = self.take(word, allowed[0], key)
        if not any(found == one and type(found) is type(one) for one in allowed):
            raise wrong_value(
                self.where, f"{self.name}: {word}", found, ", ".join(map(str, allowed))
            )
        return found

    def number(self, word: str, default: float | None = None) -> float | None:
        """A finite number, or None."""
        found = self.take(word, default)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > 1e12:
            raise wrong_value(self.where, f"{self.name}: {word}", found, "a number")
        return float(found)

    def numbers(self, word: str, count: int) -> list[float]:
        """``count`` numbers; a single one stands for all, the last one for missing ones."""
        found = self.take(word)
        listed = found if isinstance(found, list) else [found]
        if not listed or any(isinstance(n, bool) or not isinstance(n, int | float) for n in listed):
            raise wrong_value(self.where, f"{self.name}: {word}", found, "numbers")
        return [float(n) for n in (listed + [listed[-1]] * count)[:count]]

    def done(self) -> None:
        """Raise ``BadInput`` for the first word that was not read."""
        if self._given:
            raise no_counterpart(self.where, f"{self.name}: {sorted(self._given)[0]}")
