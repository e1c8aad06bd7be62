"""Calibrate the image gate of the manifest: what T1 heads look like, and how far is too far.

    python models/brain-tumour/calibrate_gate.py DATA

The training slices are single and say nothing of whole heads: the gate is made of T1 of patients 04
and 20 of open_ms_data (whole heads, no contrast) and variations of them; FLAIR and T2 of patients
04, 07, 09 and 20 are what must not be taken for T1. Writes calibration.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit  # noqa: E402
from models.kit.t1_heads import calibrate, not_t1, t1_heads  # noqa: E402

# Two heads are few, and contrast medium changes what is bright: bounds are wide, and refuse little.
FIT = Fit(margin={"outline": 1.8, "layers": 2.4, "contrast": 2.2, "texture": 2.2}, refuse=1.7)
# No head with contrast medium was there to calibrate on, and one may resemble FLAIR more than T1
# without: that is a doubt, and only the header decides which sequence it is.
ENHANCED = 5.0
# The one enhanced head that may be learnt from (patient 07, without its skull) is 1.2 times nearer
# to FLAIR than to T1 without contrast, FLAIR images are 3.9 times and more: doubt begins midway.
DOUBT = 2.2


def main() -> None:
    data = Path(sys.argv[1])
    likeness, record = calibrate(
        t1_heads(data),
        not_t1(data),
        FIT,
        "open_ms_data T1 of patients 04 and 20 (whole heads, no contrast) and variations of them; "
        "see calibrate_gate.py",
        seed=405,
        refuse_other=ENHANCED,
        doubt_other=DOUBT,
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
