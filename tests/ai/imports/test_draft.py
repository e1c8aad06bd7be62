"""What an import may not do by itself, and what the names of TotalSegmentator mean."""

from __future__ import annotations

import json

import pytest
from pydicom.sr import _concepts_dict

from tests.ai.packages import manifest
from tests.ai.test_gate import stack
from workstation.ai.gate import find_inputs
from workstation.ai.imports.anatomy import STRUCTURES, suggestion
from workstation.ai.manifest import Manifest


@pytest.mark.parametrize("draft", [False, True])
def test_a_draft_takes_no_series(draft: bool) -> None:
    accept = {"channel": "image", "modality": ["MR"], "roles": ["FLAIR"]}
    said = Manifest.model_validate_json(json.dumps(manifest(accept=[accept], draft=draft)))
    suitable = find_inputs(said, [stack()])
    assert bool(suitable.inputs) is not draft
    assert ("intended use has not been filled in" in str(suitable.reason)) is draft


def test_codes_are_those_of_dicom() -> None:
    # Keyword to {code: (meaning, contexts)}, as published with PS3.16.
    known = {
        (code, said[0])
        for entry in _concepts_dict.concepts["SCT"].values()
        for code, said in entry.items()
    }
    wrong = [name for name, (code, meaning, _, _) in STRUCTURES.items()
             if (code, meaning) not in known]  # fmt: skip
    assert not wrong


def test_sides_stay_in_the_name() -> None:
    found = suggestion("kidney_left")
    assert found is not None and found.name is not None and found.code is not None
    assert (found.name.en, found.name.zh, found.code.value) == ("left kidney", "左肾", "64033007")
    assert suggestion("autochthon_left") is None
