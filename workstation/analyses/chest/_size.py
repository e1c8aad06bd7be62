"""How large a nodule is: one definition for those a program proposes and those a person draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.analysis import Quantity
from workstation.domain.artefact import Code, Wording

DIAMETER = Wording("Mean diameter", "平均直径")
VOLUME = Wording("Nodule volume", "结节体积")
SIZE_SOURCE = (
    "Lung-RADS v2022 (American College of Radiology, 2022: mean diameter to 0.1 mm); Bankier "
    "et al., Fleischner recommendations for measuring nodules, Radiology 2017;285:584-600, "
    "doi:10.1148/radiol.2017162894"
)


def diameter_of(value_mm: float) -> Quantity:
    """The mean diameter as a number with its name and code."""
    return Quantity(DIAMETER, Code("81827009", "SCT", "Diameter"), value_mm, "mm")


def volume_of_nodule(value_mm3: float) -> Quantity:
    """The volume as a number with its name and code."""
    return Quantity(VOLUME, Code("118565006", "SCT", "Volume"), value_mm3, "mm3")


def mean_diameter(share: NDArray[np.float64], spacing: NDArray[np.float64]) -> float:
    """Mean of length and width (mm) in the slice where both are largest.

    The area counts partly filled voxels for what they hold, which blur does not change; only the
    ratio of the axes comes from the second moments, which blur widens.
    """
    largest = int(np.argmax(share.sum(axis=(1, 2))))
    area = float(share[largest].sum() * spacing[1] * spacing[2])
    width, length = deviations(share[largest], spacing[1:])
    ratio = float(length / width)
    return 2.0 * float(np.sqrt(area / np.pi / ratio)) * (1.0 + ratio) / 2.0


def deviations(share: NDArray[np.float64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations (mm, smallest first) of the distribution ``share`` in space."""
    places = np.argwhere(share > 0) * spacing
    weights = share[share > 0]
    centred = places - np.average(places, axis=0, weights=weights)
    moments = (centred * weights[:, None]).T @ centred / weights.sum()
    # A voxel is not a point: it spreads by its width over the square root of twelve.
    moments += np.diag(spacing**2 / 12.0)
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 0.0)))


def sphere_mm3(diameter_mm: float) -> float:
    """Volume of a ball: 6 mm is 113 mm3, 8 mm is 268 mm3 (Lung-RADS v2022)."""
    return float(np.pi / 6.0 * diameter_mm**3)
