"""The classical rule that the network must beat: thresholds, places and sizes, no learning.

Works at 3 mm, LPH (z to the head, y to the back, x to the left), HU. Each organ is the piece of
tissue of the right brightness that lies where such an organ lies relative to lungs and spine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
STEP_ML = 0.027
BALL = ndimage.generate_binary_structure(3, 1)


def _pieces(mask: Mask, least_ml: float) -> list[Mask]:
    """Largest first."""
    numbered, count = ndimage.label(mask)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    order = [n for n in np.argsort(-sizes[1:]) + 1 if sizes[n] * STEP_ML >= least_ml]
    return [numbered == n for n in order[:12]]


def _middle(mask: Mask) -> NDArray[np.float64]:
    return np.argwhere(mask).mean(axis=0)


def _filled(mask: Mask) -> Mask:
    return np.stack([ndimage.binary_fill_holes(plane) for plane in mask])


def segment(image: NDArray[np.float32]) -> dict[str, Mask]:
    """Masks of the twelve labels; what is not found is empty."""
    empty = np.zeros(image.shape, dtype=bool)
    out = dict.fromkeys(
        (
            "lung_left",
            "lung_right",
            "airways",
            "vertebrae",
            "heart",
            "aorta",
            "liver",
            "spleen",
            "kidney_left",
            "kidney_right",
        ),
        empty,
    )
    thick = ndimage.binary_opening(image > -300, BALL, iterations=2)
    found = _pieces(thick, 50)
    body = _filled(found[0]) if found else empty
    out["body"] = body
    bone = body & (ndimage.gaussian_filter(image, 0.4) > 170)
    bone = _filled(np.logical_or.reduce([empty, *_pieces(bone, 1.0)]))
    out["bone"] = bone
    if not body.any():
        return out
    smooth = ndimage.gaussian_filter(image, 1.0)
    air = body & (image < -450)
    air = np.logical_or.reduce([empty, *_pieces(air, 60)])
    pipe = air & (smooth < -880)
    centre = _middle(body)
    lungs = [
        p
        for p in _pieces(ndimage.binary_opening(air, BALL), 40)
        if _spread(p, body) and -930 < float(image[p].mean()) < -600  # gas of the bowel is darker
    ]
    for piece in lungs:
        left = np.arange(image.shape[2])[None, None, :] > centre[2]
        for side, half in (("lung_left", left), ("lung_right", ~left)):
            part = piece & half
            if part.sum() > 0.25 * piece.sum():
                out[side] = out[side] | ndimage.binary_closing(part, BALL, iterations=2)
    chest = out["lung_left"] | out["lung_right"]
    for part in _pieces(pipe & ~ndimage.binary_erosion(chest, BALL, iterations=3), 3):
        if abs(_middle(part)[2] - centre[2]) < 12 and part.sum() * STEP_ML < 150:
            out["airways"] = part
            break
    out["lung_left"] = out["lung_left"] & ~out["airways"]
    out["lung_right"] = out["lung_right"] & ~out["airways"]
    spine = _spine(bone, body)
    out["vertebrae"] = spine
    if not spine.any():
        return out
    back = _middle(spine)
    soft = body & ~bone & ~chest & (smooth > 5) & (smooth < 350)
    lowest = int(np.flatnonzero(chest.any(axis=(1, 2)))[0]) if chest.any() else None
    core = ndimage.binary_opening(soft & _near_mode(smooth, soft, 35), BALL, iterations=4)
    for piece in _pieces(core, 60):
        place = _middle(piece)
        grown = ndimage.binary_dilation(piece, BALL, iterations=3) & soft
        if place[2] < back[2] - 8 and not out["liver"].any() and piece.sum() * STEP_ML > 250:
            out["liver"] = grown
        elif (place[2] > back[2] + 14 and place[1] > back[1] - 12 and not out["spleen"].any()
              and piece.sum() * STEP_ML < 500):  # fmt: skip
            out["spleen"] = grown
    rest = soft & ~out["liver"] & ~out["spleen"]
    for piece in _pieces(ndimage.binary_opening(rest, BALL, iterations=3), 40):
        place, ml = _middle(piece), piece.sum() * STEP_ML
        away = place[2] - back[2]
        if 12 < abs(away) < 36 and abs(place[1] - back[1]) < 16 and ml < 400:
            side = "kidney_left" if away > 0 else "kidney_right"
            if not out[side].any():
                out[side] = ndimage.binary_dilation(piece, BALL, iterations=2) & rest
    out["aorta"] = _aorta(smooth, soft, spine)
    if chest.any() and lowest is not None and out["lung_left"].any() and out["lung_right"].any():
        out["heart"] = _heart(soft, out, spine)
    return out


def _spread(piece: Mask, body: Mask) -> bool:
    """Lungs fill much of a slice; gas in the bowel does not."""
    area = piece.sum(axis=(1, 2)) / np.maximum(body.sum(axis=(1, 2)), 1)
    return float(area.max()) > 0.04


def _near_mode(smooth: NDArray[np.float32], soft: Mask, width: float) -> Mask:
    count, edges = np.histogram(smooth[soft], 60, (5, 305))
    mode = edges[int(count[3:].argmax()) + 3] + 2.5
    return np.abs(smooth - mode) < width


def _spine(bone: Mask, body: Mask) -> Mask:
    """Bone near the midline in the rear half of each slice."""
    out = np.zeros_like(bone)
    for z in np.flatnonzero(bone.any(axis=(1, 2))):
        ys, xs = np.nonzero(body[z])
        middle, front, behind = xs.mean(), ys.min(), ys.max()
        box = np.zeros_like(bone[z])
        first, last = int(front + 0.42 * (behind - front)), int(behind)
        box[first:last, max(0, int(middle - 12)) : int(middle + 13)] = True
        out[z] = bone[z] & box
    out = ndimage.binary_closing(out, BALL, iterations=2)
    return np.logical_or.reduce([np.zeros_like(bone), *_pieces(out, 5)])


def _aorta(smooth: NDArray[np.float32], soft: Mask, spine: Mask) -> Mask:
    """A round thing before the spine and a little to the left, slice by slice."""
    out = np.zeros_like(soft)
    y, x = np.indices(soft.shape[1:])
    before = None
    for z in np.flatnonzero(spine.any(axis=(1, 2)))[::-1]:
        ys, xs = np.nonzero(spine[z])
        front = np.percentile(ys, 5)
        guess = before if before is not None else np.array([front - 4, np.median(xs) + 3])
        near = (y - guess[0]) ** 2 + (x - guess[1]) ** 2
        seed = soft[z] & (near < 9)
        if seed.sum() < 6:
            continue
        level = float(np.median(smooth[z][seed]))
        disc = soft[z] & (np.abs(smooth[z] - level) < 30) & (near < 40)
        disc = ndimage.binary_opening(disc, iterations=1)
        if disc.sum() < 8:
            continue
        out[z] = disc
        place = np.argwhere(disc).mean(axis=0)
        before = 0.5 * guess + 0.5 * place
    return out


def _heart(soft: Mask, out: dict[str, Mask], spine: Mask) -> Mask:
    """Soft tissue between the lungs in front of the spine, opened widely."""
    chest = out["lung_left"] | out["lung_right"]
    between = np.zeros_like(soft)
    for z in np.flatnonzero(out["lung_left"].any(axis=(1, 2)) & out["lung_right"].any(axis=(1, 2))):
        xs = np.flatnonzero(chest[z].any(axis=0))
        ys = np.flatnonzero(chest[z].any(axis=1))
        between[z, ys[0] : ys[-1], xs[0] : xs[-1]] = True
        back = np.flatnonzero(spine[z].any(axis=1))
        if back.size:
            between[z, back[0] - 2 :] = False
    core = ndimage.binary_opening(soft & between & ~out["liver"], BALL, iterations=5)
    found = _pieces(core, 100)
    if not found:
        return core
    return ndimage.binary_dilation(found[0], BALL, iterations=3) & soft & between & ~out["liver"]
