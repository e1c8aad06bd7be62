"""``python -m tests.parity.ours FOLDER``: our side of a comparison, as a user would run it.

One process, started once, takes five volumes from file to labels by the real worker, which stays
between them. Reads ``FOLDER/job.json`` (package, threads, order, cases), writes ``<case>.npy`` and
``seconds.json`` beside it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.comparison import composed
from workstation.ai.child import warm
from workstation.ai.client import run_package
from workstation.ai.files import load_image
from workstation.ai.limits import Limits
from workstation.ai.package import load_package


def main() -> int:
    """0 when every volume has labels."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    package = load_package(Path(job["package"]))
    limits = Limits(memory_mb=12288, timeout_s=900.0, threads=int(job["threads"]))
    order = [(key, label) for key, label in job["order"]]
    seconds: dict[str, dict[str, Any]] = {}
    with warm():
        for case, files in job["cases"].items():
            started = time.perf_counter()
            read = [load_image(Path(path)) for path in files]
            result = run_package(package, [a for a, _ in read], [g for _, g in read], limits=limits)
            masks = {label.key: result.masks[label.key] for label in package.manifest.labels}
            labels = composed(masks, order)
            spent = time.perf_counter() - started
            np.save(folder / f"{case}.npy", labels)
            by = f"{result.provider} {result.precision}"
            seconds[case] = {"seconds": spent, "by": by, "stages": dict(result.stages)}
    (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
