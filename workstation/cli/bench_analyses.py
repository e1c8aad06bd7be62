"""How long measures take on generated images of clinical size, and another tool on the same."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.analyses import analysis
from workstation.domain.analysis import AnalysisInputs, Images
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import generated_volume

Entry = dict[str, Any]
DSC_SHAPE, FRAMES, STEP_S, TE_MS = (20, 128, 128), 50, 1.5, 30.0
CT_SHAPE = (400, 512, 512)
MTT_S = np.array([3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0])

_OSIPY = """
import sys, time
import numpy as np
from osipy.dsc import compute_perfusion_maps
given = np.load(sys.argv[1])
start = time.perf_counter()
maps = compute_perfusion_maps(given["change"], given["artery"], given["times"], given["brain"])
took = time.perf_counter() - start
values = {k: np.asarray(getattr(maps, k).values) for k in ("cbf", "cbv", "mtt")}
np.savez(sys.argv[2], seconds=took, **values)
"""


def _entry(name: str, value: float, unit: str, reference: float | None = None) -> Entry:
    ratio = value / reference if reference else None
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def dsc_series() -> tuple[AnalysisInputs, dict[str, NDArray[Any]]]:
    """A head of stripes of known flow, 128 x 128 x 20 x 50, and what it was made of."""
    times = np.arange(FRAMES) * STEP_S
    since = np.maximum(times - 12.0, 0.0)
    blood = 100.0 * (since / 4.5) ** 3 * np.exp(3.0 - since / 1.5)
    fine = np.arange(0.0, times[-1], 0.05)
    fine_since = np.maximum(fine - 12.0, 0.0)
    fine_blood = 100.0 * (fine_since / 4.5) ** 3 * np.exp(3.0 - fine_since / 1.5)
    curves = []
    for mtt in MTT_S:  # CBV 4 mL/100 g
        held = np.convolve(fine_blood, np.exp(-fine / mtt))[: fine.size] * 0.05
        curves.append(np.interp(times, fine, held * 4.0 / mtt / 70.5))
    y, x = np.mgrid[: DSC_SHAPE[1], : DSC_SHAPE[2]]
    disc = (y - 64) ** 2 + (x - 64) ** 2 < 52**2
    brain = np.broadcast_to(disc, DSC_SHAPE).copy()
    kind = np.broadcast_to(np.clip((x - 12) // 13, 0, 7), DSC_SHAPE)
    change = np.asarray(curves)[kind]
    artery = np.zeros(DSC_SHAPE, dtype=bool)
    artery[8:12, 60:64, 62:65] = True
    change[artery] = blood
    noise = np.random.default_rng(4)
    grid = Grid(DSC_SHAPE, as_matrix(np.diag([1.8, 1.8, 5.0, 1.0])))
    volumes = []
    for frame in range(FRAMES):
        image = np.where(brain, 1000.0 * np.exp(-change[..., frame] * TE_MS / 1000.0), 0.0)
        image = (image + noise.normal(0.0, 5.0, image.shape)).astype(np.float32)
        volumes.append(
            generated_volume(image, grid, modality="MR", unit="1", role="PWI", region="brain")
        )
    given = AnalysisInputs(
        images={"dynamic": Images(tuple(volumes), tuple(float(t) for t in times), "time")},
        grid=grid,
        values={"te_ms": TE_MS},
    )
    truth = {"brain": brain & ~artery, "cbf": 240.0 / MTT_S[kind], "mtt": MTT_S[kind]}
    truth |= {"times": times, "artery": blood}
    return given, truth


def _alike(values: NDArray[Any], truth: NDArray[Any], where: NDArray[np.bool_]) -> float:
    """Correlation over voxels that both know."""
    known = where & np.isfinite(values)
    return float(np.corrcoef(values[known], truth[known])[0, 1])


def _dsc(osipy: Path | None) -> list[Entry]:
    given, truth = dsc_series()
    _, analyse = analysis("brain/dsc_perfusion")
    start = time.perf_counter()
    result = analyse(given)
    took = time.perf_counter() - start
    maps = {one.key: one.values for one in result.maps}
    other = _by_osipy(osipy, given, truth) if osipy is not None else {}
    beside = "beside osipy" if other else "osipy is not here: nothing beside it"
    found = [_entry(f"DSC maps 128x128x20x50, {beside}", took, "s", other.get("seconds"))]
    for key in ("cbf", "mtt"):
        theirs = _alike(other[key], truth[key], truth["brain"]) if other else None
        ours = _alike(maps[key], truth[key], truth["brain"])
        found.append(_entry(f"{key.upper()} map against the truth, r", ours, "1", theirs))
    return found


def _by_osipy(
    python: Path, given: AnalysisInputs, truth: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    """Maps and seconds of osipy in an environment of its own. It is given the contrast curves, the
    artery and the brain; ours finds them itself."""
    signal = given.images["dynamic"].array()
    level = np.maximum(signal[:6].mean(axis=0), 1.0)
    change = -np.log(np.maximum(signal, 1.0) / level) / (TE_MS / 1000.0)
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.npz", Path(folder) / "answer.npz"
        np.savez(asked, change=np.moveaxis(change, 0, -1), artery=truth["artery"],
                 times=truth["times"], brain=truth["brain"])  # fmt: skip
        try:
            subprocess.run([str(python), "-c", _OSIPY, str(asked), str(answer)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BadInput(N_("{path} cannot run osipy."), path=str(python)) from error
        with np.load(answer) as said:
            return {key: said[key] if key != "seconds" else float(said[key]) for key in said.files}


def _centreline() -> Entry:
    """Between two clicks 90 mm apart on a CT of 512 x 512 x 400 at 0.5 mm."""
    grid = Grid(CT_SHAPE, as_matrix(np.diag([0.5, 0.5, 0.5, 1.0])))
    array = np.random.default_rng(2).normal(40.0, 15.0, CT_SHAPE).astype(np.int16)
    z, y, x = np.ogrid[: CT_SHAPE[0], : CT_SHAPE[1], : CT_SHAPE[2]]
    bend = 256 + 30 * np.sin(z / 40.0)
    array[((y - 256) ** 2 + (x - bend) ** 2 < 36)] = 350
    volume = generated_volume(array, grid, modality="CT", unit="[hnsf'U]", role="", region="")
    ends = [[(256 + 30 * np.sin(k / 40.0)) * 0.5, 128.0, k * 0.5] for k in (100, 280)]
    given = AnalysisInputs(
        images={"image": Images((volume,))}, lines={"points": np.asarray(ends)}, grid=grid
    )
    _, analyse = analysis("vessel/centreline")
    start = time.perf_counter()
    analyse(given)
    return _entry("centreline between clicks, 512x512x400", time.perf_counter() - start, "s")


def _heart() -> Entry:
    """Volumes after one outline changed: 25 phases of 12 slices, 256 x 256."""
    shape = (12, 256, 256)
    grid = Grid(shape, as_matrix(np.diag([1.4, 1.4, 10.0, 1.0])))
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    masks = {}
    for phase in range(25):
        size = 20.0 * (1.0 - 0.3 * np.sin(np.pi * phase / 25))
        radius = size * np.sqrt(np.clip(1.0 - ((z - 1) / 9.0) ** 2, 0.0, 1.0)) * (z > 0)
        away = np.sqrt((y - 128.0) ** 2 + (x - 128.0) ** 2)
        masks[f"lv_endo:{phase}"] = away < radius
        masks[f"lv_myo:{phase}"] = (away >= radius) & (away < radius + 7.0) & (radius > 0)
    _, analyse = analysis("heart/ventricles")
    given = AnalysisInputs(masks=masks, grid=grid)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        analyse(given)
        taken.append(time.perf_counter() - start)
    return _entry("heart volumes after an edit, 25 phases", sorted(taken)[2], "s")


def bench_analyses(osipy: Path | None = None) -> list[Entry]:
    """DSC, a centreline, heart volumes. osipy: the Python of an environment that has it; without
    one nothing stands beside the DSC maps."""
    return [*_dsc(osipy), _centreline(), _heart()]
