"""From what was read off a foreign folder to a package: manifest, card, network, example."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from workstation.ai.client import run_package
from workstation.ai.imports.onnx_export import INPUT, OPSET, OUTPUT, to_onnx
from workstation.ai.imports.taken import (
    Answers,
    LabelAnswer,
    Region,
    Taken,
    accept_of,
    id_of,
    key_of,
)
from workstation.ai.limits import Limits
from workstation.ai.manifest import Coded, Label, Manifest, TrainingData, Words
from workstation.ai.sums import write_sums
from workstation.ai.vocabulary import Io
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix

_RESEARCH = Words(
    en="Not a medical device as packaged here; research use only.",
    zh="此模型包并非医疗器械，仅供研究使用。",
)
_UNSTATED = Words(
    en="Not stated: the imported files do not say what the model is for. A person must fill it in.",
    zh="未填写：导入的文件没有说明模型用途，须由专人填写。",
)
_NO_LIMITS = Words(
    en="Not stated by the imported files. Assume every use outside the training data to be unsafe.",
    zh="导入的文件未作说明。凡超出训练数据范围的使用，均应视为不安全。",
)
_NO_DATA = Words(
    en="Not stated by the imported files.",
    zh="导入的文件未说明训练数据。",
)
_COLOURS = (
    (255, 200, 0), (0, 170, 255), (255, 90, 90), (90, 220, 120), (200, 120, 255), (255, 150, 40),
    (60, 220, 220), (230, 110, 180), (160, 200, 60), (120, 140, 255),
)  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """A package that was written. open: what a person still has to answer (fields of
    ``answers.json``); a draft while there are any. difference: ONNX to torch, relative."""

    folder: Path
    manifest: Manifest
    open: tuple[str, ...]
    difference: float
    notes: tuple[tuple[str, str], ...]


def _label(region: Region, key: str, number: int, taken: Taken, answers: Answers) -> Label:
    said = answers.labels.get(region.name) or answers.labels.get(key)
    known = taken.suggestions.get(region.name)
    if known is not None:  # a person's answers go before what the tool's names mean
        said = known.model_copy(update=said.model_dump(exclude_none=True) if said else {})
        said = LabelAnswer.model_validate(said.model_dump())
    shown = region.name.replace("_", " ")
    name = (said and said.name) or Words(en=shown, zh=shown)
    area = (said and said.area) or answers.area or "other"
    return Label(
        index=region.index,
        key=key,
        name=name,
        code=(said and said.code)
        or Coded(value=key.upper()[:16], scheme="99ONESCAN", meaning=shown[:64]),
        category=said.category if said else None,
        site=(said and said.site) or name,
        colour=(said and said.colour) or _COLOURS[number % len(_COLOURS)],
        area=area,
        template_key=(said and said.template_key) or "other",
        proposes=_proposal(said.proposes if said else None),
        min_volume_ml=(said.min_volume_ml if said else None) or 0.0,
    )


def _proposal(given: str | None) -> Any:
    # A foreign mask is shown and measured, but proposes nothing until a person says that it may.
    return given or "none"


def open_questions(taken: Taken, answers: Answers) -> tuple[str, ...]:
    """Answers without which the package stays a draft."""
    missing = [] if answers.intended_use else ["intended_use"]
    for channel in taken.channels:
        given = answers.channels.get(channel.name, {})
        if not channel.modality and "modality" not in given:
            missing.append(f"channels.{channel.name}.modality")
    return tuple(missing)


def manifest_of(taken: Taken, answers: Answers, cost_s: float = 60.0) -> Manifest:
    """The manifest. Raises ``BadInput`` where answers and folder do not fit together."""
    flat = taken.layout == "NCHW"
    keys: set[str] = set()
    names: set[str] = set()
    wanted = [
        region
        for region in taken.regions
        if not (region.name in answers.labels and answers.labels[region.name].leave_out)
    ]
    shown = taken.name.replace("_", " ")
    try:
        return Manifest(
            format="onescan-model/1",
            id=answers.id or id_of(taken.name),
            version=answers.version or taken.version,
            name=answers.name or Words(en=shown, zh=shown),
            kind="segmentation",
            area=answers.area or "other",
            stat=answers.stat,
            draft=bool(open_questions(taken, answers)),
            cost_s=cost_s,
            licence=answers.licence or taken.licence or "unknown",
            authors=answers.authors or taken.authors or (f"imported from {taken.tool}",),
            built=datetime.date.today().isoformat(),
            regulatory=answers.regulatory or _RESEARCH,
            intended_use=answers.intended_use or _UNSTATED,
            contraindications=answers.contraindications or _NO_LIMITS,
            training_data=TrainingData(
                synthetic_only=answers.synthetic_only,
                statement=answers.training_statement
                or (Words(en=taken.description, zh=taken.description) if taken.description else
                    _NO_DATA),
                sources=answers.sources,
            ),
            evidence=answers.evidence,
            accept=tuple(
                accept_of(channel, key_of(channel.name, names), answers, flat)
                for channel in taken.channels
            ),
            pre=taken.pre,
            io=Io(input=INPUT, output=OUTPUT, layout="NCHW" if flat else "NCDHW", opset=OPSET),
            infer=taken.infer,
            post=taken.post,
            labels=tuple(
                _label(region, key_of(region.name, keys), number, taken, answers)
                for number, region in enumerate(wanted)
            ),
            performance=answers.performance,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            N_("Model {model}: {file} cannot be used ({why})."),
            model=answers.id or id_of(taken.name), file="manifest.json",
            why=f"{where}: {first['msg']}" if where else first["msg"],
        ) from error  # fmt: skip


def _card(manifest: Manifest, taken: Taken) -> str:
    def part(head: str, lines: Sequence[str]) -> str:
        return f"### {head}\n\n" + "\n".join(lines) + "\n\n"

    rows = [
        f"- {r.dataset}: {r.metric} {r.value:g} (n = {r.n}, {r.evidence})"
        for r in manifest.performance
    ]
    zh_notes, en_notes = [f"- {z}" for _, z in taken.notes], [f"- {e}" for e, _ in taken.notes]
    labels = [f"- {label.name.zh} / {label.name.en}" for label in manifest.labels]
    data = manifest.training_data.statement
    zh = [
        f"由 {taken.tool} 导入，版本 {manifest.version}。\n\n",
        part("预期用途", [manifest.intended_use.zh]),
        part("禁忌与局限", [manifest.contraindications.zh, *zh_notes]),
        part("训练数据", [data.zh]),
        part(f"性能（证据级别：{manifest.evidence}）", rows or ["本站点尚无任何测量结果。"]),
        part("标签", labels),
        part("注册状态", [manifest.regulatory.zh]),
    ]
    en = [
        f"Imported from {taken.tool}, version {manifest.version}.\n\n",
        part("Intended use", [manifest.intended_use.en]),
        part("Contraindications and limits", [manifest.contraindications.en, *en_notes]),
        part("Training data", [data.en]),
        part(
            f"Performance (evidence: {manifest.evidence})", rows or ["Nothing was measured here."]
        ),
        part("Labels", labels),
        part("Regulatory", [manifest.regulatory.en]),
    ]
    title = f"# {manifest.name.zh} / {manifest.name.en}\n\n"
    return title + "## 中文\n\n" + "".join(zh) + "## English\n\n" + "".join(en)


def _example_input(manifest: Manifest) -> tuple[list[np.ndarray[Any, Any]], Grid]:
    """A generated image, one patch and a bit large: no patient's image comes with weights."""
    flat = len(manifest.infer.patch) == 2
    patch = (6, *manifest.infer.patch) if flat else manifest.infer.patch
    spacing = [value or 1.0 for value in manifest.pre.spacing_mm]
    shape = tuple(min(80, n + 5) for n in patch)
    rng = np.random.default_rng(11)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    away = np.sqrt(z**2 + (y * 1.1) ** 2 + (x * 0.9) ** 2)
    arrays = []
    for number in range(len(manifest.accept)):
        ct = manifest.accept[number].modality == ("CT",)
        air, soft, bright = (-1000.0, 40.0, 200.0) if ct else (0.0, 300.0, 700.0)
        image = np.full(shape, air)
        image[away < 0.9] = soft
        image[np.abs(away - 0.45) < 0.12] = bright
        image[away < 0.9] += rng.normal(0.0, 12.0, int((away < 0.9).sum()))
        arrays.append(np.round(image).astype(np.float32))  # whole numbers take a fifth of the space
    grid = Grid((shape[0], shape[1], shape[2]), as_matrix(np.diag([*spacing, 1.0])))
    return arrays, grid


def _write_example(folder: Path, manifest: Manifest) -> float:
    """``example/`` as this machine computes it in float32; seconds that the run took."""
    from workstation.ai.package import ModelPackage, sha256_of

    arrays, grid = _example_input(manifest)
    package = ModelPackage(folder, manifest, "", sha256_of(folder / "model.onnx"))
    # Generous: an import is a person's own act, and its limits are not those of a reading room.
    result = run_package(
        package, arrays, [grid] * len(arrays), limits=Limits(memory_mb=16384, timeout_s=1800.0)
    )
    place = folder / "example"
    place.mkdir()
    names = [accept.channel for accept in manifest.accept]
    given: dict[str, Any] = dict(zip(names, arrays, strict=True))
    np.savez_compressed(place / "input.npz", affine=grid.matrix, **given)
    found: dict[str, Any] = dict(result.masks)
    np.savez_compressed(place / "expected.npz", **found)
    most = max(0.05, 0.01 * max(float(m.sum()) for m in result.masks.values()) * grid.voxel_ml)
    (place / "tolerance.json").write_text(
        json.dumps({"min_dice": 0.98, "volume_ml": round(most, 3)}), encoding="utf-8"
    )
    return result.seconds


def write_package(taken: Taken, answers: Answers, to: Path) -> Imported:
    """The package as a folder ``to/<id>``, with sums and not signed yet: that is a person's act.

    Raises ``BadInput`` where the folder exists already or something does not fit; then nothing
    is left behind.
    """
    manifest = manifest_of(taken, answers)
    folder = to / manifest.id
    if folder.exists():
        raise BadInput(N_("{path} exists already; nothing is overwritten."), path=str(folder))
    shape = manifest.infer.patch
    model, difference = to_onnx(taken.network, len(taken.channels), shape)
    folder.mkdir(parents=True)
    try:
        (folder / "model.onnx").write_bytes(model)
        seconds = _write_example(folder, manifest)
        manifest = manifest.model_copy(update={"cost_s": max(1.0, round(seconds, 1))})
        text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")
        (folder / "card.md").write_text(_card(manifest, taken), encoding="utf-8", newline="\n")
        licence = answers.licence_text or f"Licence of the weights: {manifest.licence}\n"
        (folder / "LICENSE").write_text(licence, encoding="utf-8", newline="\n")
        write_sums(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Imported(folder, manifest, open_questions(taken, answers), difference, taken.notes)
