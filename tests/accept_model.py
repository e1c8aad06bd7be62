"""Accept a rebuilt model: ``python -m tests.accept_model ID...``; ``schema`` for the manifest's.


A package that comes with the program is vouched for by one line in ``resources/
shipped_models.json``. This writes that line, after looking at everything, the example included,
so that a changed model is always one visible line of a change and never comes in silently.
``schema`` writes ``resources/model_package.schema.json`` anew from the manifest's types.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from workstation.ai.check import checked
from workstation.ai.manifest import Manifest
from workstation.ai.sums import SUMS, sha256_of, write_sums
from workstation.ai.trust import SHIPPED, shipped_models
from workstation.text import RESOURCES

MODELS = Path(__file__).resolve().parents[1] / "models"
SCHEMA = RESOURCES / "model_package.schema.json"


def schema_text() -> str:
    """The JSON schema of ``manifest.json`` as the file holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Manifest.model_json_schema(), ensure_ascii=False, indent=1) + "\n"


def accept(id: str) -> bool:
    """Write the package's sums and its line in the list of shipped models, if it is sound."""
    folder = MODELS / id
    write_sums(folder)
    with tempfile.TemporaryDirectory() as home, checked(folder, Path(home), None) as report:
        for step in report.steps:
            print("ok " if step.ok else "NO ", step.name, "-", step.said)
    if not report.ok:
        return False
    known = shipped_models()
    before, present = known.get(id, "nothing"), sha256_of(folder / SUMS)
    print(f"{id}: {before[:16]} -> {present[:16]}")
    kept = dict(sorted({**known, id: present}.items()))
    SHIPPED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8", newline="\n")
    return True


def main(names: list[str]) -> int:
    """Accept each; exit code 1 where one was not."""
    if not names:
        print(__doc__)
        return 2
    good = True
    for name in names:
        if name == "schema":
            SCHEMA.write_text(schema_text(), encoding="utf-8", newline="\n")
        else:
            good &= accept(name)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
