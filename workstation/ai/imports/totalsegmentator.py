"""TotalSegmentator's weight folders (nnU-Net v2 training output under names of its own).

A weight folder is ``DatasetNNN_.../nnUNetTrainer...__...__3d_fullres/``; several make one task.
TotalSegmentator turns each image to RAS before nnU-Net sees it, and so does the package. Its own
resampling before nnU-Net (scipy's ``zoom``) is not repeated: nnU-Net's, to the same spacing, is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from workstation.ai.imports.anatomy import suggestion
from workstation.ai.imports.nnunet import PLANS, read_training
from workstation.ai.imports.refusals import read_json, wrong_value
from workstation.ai.imports.taken import Answers, Channel, Region, Taken
from workstation.domain.errors import N_, BadInput

_DATASET = re.compile(r"^Dataset(\d+)_(.+)$")
_NOTE = (
    "Turned to RAS as TotalSegmentator does; resampled by nnU-Net's rule to the network's spacing "
    "and its labels decided on the original grid, where TotalSegmentator resamples by scipy's zoom "
    "and brings labels back by nearest neighbour: edges may differ by a voxel.",
    "按 TotalSegmentator 的做法先转为 RAS 方向；重采样采用 nnU-Net 的规则，标签在原始网格上判定；"
    "TotalSegmentator 则用 scipy 的 zoom 重采样，并以最近邻方式还原标签，故边缘可能相差一个体素。",
)


def weight_folders(folder: Path) -> list[Path]:
    """The data set folders in ``folder``, or ``folder`` itself where it is one.

    Raises ``BadInput`` where there is none.
    """
    if not folder.is_dir():
        raise BadInput(N_("There is no folder {path}."), path=str(folder))
    if _DATASET.match(folder.name):
        return [folder]
    if (folder / PLANS).is_file() and _DATASET.match(folder.parent.name):
        return [folder]
    found = [p for p in sorted(folder.iterdir()) if p.is_dir() and _DATASET.match(p.name)]
    if not found:
        raise BadInput(
            N_("{folder} holds no weight folder of TotalSegmentator (DatasetNNN_name)."),
            folder=folder.name,
        )
    return found


def read_class_map(path: Path | None) -> dict[int, str]:
    """Label value to name of a class map file: ``{"1": "spleen", ...}``; empty without a file."""
    if path is None:
        return {}
    found: dict[int, str] = {}
    for value, name in read_json(path).items():
        if not value.isdigit() or not isinstance(name, str) or not name:
            raise wrong_value(path.name, value, name, '"label value": "name"')
        found[int(value)] = name
    return found


def read_weights(folder: Path, answers: Answers, class_map: Mapping[int, str]) -> Taken:
    """One weight folder. class_map: names in place of those in its dataset.json.

    Raises ``BadInput``, also where the class map does not name every label.
    """
    dataset = folder if _DATASET.match(folder.name) else folder.parent
    match = _DATASET.match(dataset.name)
    assert match is not None
    turned = answers.model_copy(update={"orientation": answers.orientation or "RAH"})
    taken = read_training(folder, turned)
    if class_map and set(class_map) != {region.index for region in taken.regions}:
        raise wrong_value(
            "class map", "labels", sorted(class_map), str([r.index for r in taken.regions])
        )
    regions = tuple(Region(r.index, class_map.get(r.index, r.name)) for r in taken.regions)
    modality = taken.channels[0].modality
    if not modality and len(taken.channels) == 1:
        modality = ("MR",) if "mr" in re.split(r"[_\d]", match[2].lower()) else ("CT",)
    channels = (
        Channel(taken.channels[0].name, modality),
        *(Channel(c.name, c.modality) for c in taken.channels[1:]),
    )
    return dataclasses.replace(
        taken,
        tool="TotalSegmentator",
        name=f"TotalSegmentator {match[1]} {match[2].removeprefix('TotalSegmentator_')}",
        channels=channels,
        regions=regions,
        notes=(_NOTE, *taken.notes),
        suggestions={r.name: known for r in regions if (known := suggestion(r.name))},
    )
