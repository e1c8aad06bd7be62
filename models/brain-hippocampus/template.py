"""Make ``template.npz``: what a brain looks like in T1, to find the hippocampi by.

    python models/brain-hippocampus/template.py --data ../shared/data

The mean of three heads of open_ms_data (CC BY): patient07, brain-extracted and in MNI space, and
the whole heads of patients 04 and 20, each registered to it by the program's own registration.
3 mm, blurred, nothing outside the brain: nobody can be told from it.

    python models/brain-hippocampus/template.py --data ../shared/data --places

writes ``places.json``: where the network finds both hippocampi of these three heads, on average and
made even on both sides, in the template's LPS mm; it begins at ``FIRST``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from crops import PATCH, normalised  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.int8 import session_of  # noqa: E402
from models.kit.t1_heads import WHOLE, read  # noqa: E402
from workstation.ai.atlas import Atlas, box_grid, grid_about, read_atlas, register  # noqa: E402
from workstation.ai.vocabulary import Place  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402

STEP_MM = 3
FILE = "template.npz"
FIRST = (26.0, 24.0, -9.0)  # left, back and head of the template's origin, mm
AXES = {"left": "RAH", "right": "LAH"}
TISSUE = 60.0  # of patient07's T1: between air, fluid and brain


def coarse(image: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """Blurred and thinned to ``STEP_MM``; ``grid`` has voxels of 1 mm."""
    smooth = ndimage.gaussian_filter(image, STEP_MM / 2)[1::STEP_MM, 1::STEP_MM, 1::STEP_MM]
    scale = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    scale[:3, 3] = 1
    z, y, x = smooth.shape
    return smooth, Grid((z, y, x), as_matrix(grid.matrix @ scale))


def first(data: Path) -> Atlas:
    """patient07 alone."""
    image, grid = read(data / "mr_ms_lesions" / "patient07" / "T1.nii.gz")
    brain = ndimage.binary_opening(image > TISSUE, iterations=2)
    brain = np.stack([ndimage.binary_fill_holes(one) for one in brain])
    mean, small = coarse(np.where(brain, image, 0.0), grid)
    inside, _ = coarse(brain.astype(np.float32), grid)
    wide = ndimage.binary_dilation(inside > 0.5, iterations=2)
    return Atlas((mean / np.median(mean[inside > 0.9])).astype(np.float32), wide, small)


def onto(atlas: Atlas, image: np.ndarray, grid: Grid, to_patient: np.ndarray) -> np.ndarray:
    """An image on the atlas's grid, its brain's median 1."""
    across = np.linalg.inv(grid.matrix) @ to_patient @ atlas.grid.matrix
    blurred = ndimage.gaussian_filter(image, [STEP_MM / 2 / s for s in grid.spacing_mm[::-1]])
    moved = ndimage.affine_transform(
        blurred, across[:3, :3][::-1, ::-1], across[:3, 3][::-1], atlas.grid.shape, order=1
    )
    brain = ndimage.binary_erosion(atlas.mask, iterations=3)
    return moved / np.median(moved[brain])


def make(data: Path) -> Atlas:
    """The mean of all three."""
    atlas = first(data)
    images = [atlas.image]
    for name in WHOLE:
        image, grid = read(data / "mr_flair_unlabelled" / f"{name}_T1W.nii.gz")
        found = register(atlas, image, grid, threads=2)
        sys.stdout.write(f"{name}: agreement {found.agreement:.3f}\n")
        # Outside patient07's brain the mean is one of whole heads: skull and air as they are.
        images.append(onto(atlas, image, grid, found.to_patient))
    brain = ndimage.binary_erosion(atlas.mask, iterations=2)
    mean = np.where(brain, np.mean(images, axis=0), np.mean(images[1:], axis=0))
    mean = np.clip(np.where(atlas.mask, mean, 0.0), 0.0, 2.0)
    return Atlas(mean.astype(np.float32), atlas.mask, atlas.grid)


def save(atlas: Atlas, path: Path) -> None:
    """Cut to the mask, in thousandths of the brain's median."""
    places = np.argwhere(atlas.mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    shift = np.eye(4)
    shift[:3, 3] = low[::-1]
    np.savez_compressed(
        path,
        image=np.round(atlas.image[block] * 1000).astype(np.uint16),
        mask=atlas.mask[block],
        affine=atlas.grid.matrix @ shift,
    )


def places_of(centre: tuple[float, float, float]) -> list[Place]:
    """Both boxes, mirrored about the middle."""
    x, y, z = centre
    return [
        Place(key="left", centre_mm=(x, y, z), axes=AXES["left"]),
        Place(key="right", centre_mm=(-x, y, z), axes=AXES["right"]),
    ]


def find_places(data: Path, model: Path) -> dict:
    """Middles of what the network finds in the three heads, in template mm (x to the outside)."""
    atlas, session, found = read_atlas((HERE / FILE).read_bytes()), session_of(model), {}
    files = ["mr_ms_lesions/patient07/T1.nii.gz"]
    files += [f"mr_flair_unlabelled/{name}_T1W.nii.gz" for name in WHOLE]
    for file in files:
        image, grid = read(data / file)
        there = register(atlas, image, grid, threads=2)
        for place in places_of(FIRST):
            box = box_grid(place, there.to_patient, PATCH, np.ones(3))
            for _ in range(3):
                across = np.linalg.inv(grid.matrix) @ box.matrix
                shown = ndimage.affine_transform(
                    image, across[:3, :3][::-1, ::-1], across[:3, 3][::-1], PATCH, order=1,
                    mode="nearest",
                )  # fmt: skip
                (out,) = session.run(None, {"image": normalised(shown)[None, None]})
                spots = np.argwhere(out[0].argmax(axis=0) > 0)
                if len(spots) < 300:  # mm3: nothing that could be one
                    break
                middle = (spots.min(axis=0) + spots.max(axis=0)) / 2
                box = grid_about(box.to_lps(middle[::-1]), box.matrix[:3, :3], PATCH)
            else:
                at = np.linalg.inv(there.to_patient) @ np.append(box.centre_lps, 1.0)
                side = 1.0 if place.key == "left" else -1.0
                name = f"{file.split('/')[-1 if 'W.' in file else -2].split('_T1W')[0]} {place.key}"
                found[name] = [round(float(v), 1) for v in (side * at[0], at[1], at[2])]
    if not found:
        raise SystemExit("the network found nothing in any head")
    mean = [round(float(v), 1) for v in np.mean(list(found.values()), axis=0)]
    spread = [round(float(v), 1) for v in np.std(list(found.values()), axis=0)]
    return {"centre_mm": mean, "spread_mm": spread, "found": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--places", action="store_true")
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    args = parser.parse_args()
    if args.places:
        write_json(HERE / "places.json", find_places(args.data, args.model))
    else:
        save(make(args.data), HERE / FILE)


if __name__ == "__main__":
    main()
