"""Pure plug-ins from arrays to numbers, found by inspection.

One file a plug-in: ``analyses/<area>/<name>.py`` with ``SPEC`` and ``analyse``. A file whose name
begins with an underscore is a part that plug-ins of its area share.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable

from workstation.domain.analysis import AnalysisInputs, AnalysisResult, AnalysisSpec
from workstation.domain.errors import N_, NotFound

Analyse = Callable[[AnalysisInputs], AnalysisResult]


@functools.cache
def find_analyses() -> tuple[tuple[AnalysisSpec, Analyse], ...]:
    """Every plug-in of this package, by id. A plug-in without its contract is a programming error.

    Frozen programs keep working: ``pkgutil`` asks the package's own loader.
    """
    found: list[tuple[AnalysisSpec, Analyse]] = []
    for area in pkgutil.iter_modules(__path__, f"{__name__}."):
        package = importlib.import_module(area.name)
        if not area.ispkg:
            raise TypeError(f"{area.name} must lie in the folder of an area")
        for info in pkgutil.iter_modules(package.__path__, f"{area.name}."):
            if info.name.rsplit(".", 1)[1].startswith("_"):
                continue
            module = importlib.import_module(info.name)
            spec, analyse = getattr(module, "SPEC", None), getattr(module, "analyse", None)
            if not isinstance(spec, AnalysisSpec) or not callable(analyse):
                raise TypeError(f"{info.name} lacks SPEC or analyse")
            found.append((spec, analyse))
    return tuple(sorted(found, key=lambda pair: pair[0].id))


def analysis(id: str) -> tuple[AnalysisSpec, Analyse]:
    """One plug-in by its id ("vessel/stenosis")."""
    for spec, analyse in find_analyses():
        if spec.id == id:
            return spec, analyse
    raise KeyError(id)


def named_analysis(name: str) -> tuple[AnalysisSpec, Analyse]:
    """One plug-in by its id or by the last part of it ("stenosis"); ``NotFound`` names the near."""
    found = [pair for pair in find_analyses() if name in (pair[0].id, pair[0].id.split("/")[1])]
    if len(found) == 1:
        return found[0]
    near = [spec.id for spec, _ in (found or find_analyses())]
    raise NotFound(N_("There is no measure {name}. There are: {known}."),
                   name=name[:80], known=", ".join(near))  # fmt: skip
