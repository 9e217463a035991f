"""How well one structure of a prediction agrees with the reference, in 3D and in millimetres and millilitres."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from zonate.metrics.surfaces import surface_distances

Mask = npt.NDArray[np.bool_]

Status = Literal["compared", "missed", "spurious", "absent"]
"""`missed`: the reference has the structure and the prediction is empty; `spurious`: the other way round;
`absent`: both are empty; `compared`: neither."""

HAUSDORFF_PERCENT = 95.0


@dataclass(frozen=True)
class StructureMetrics:
    """The measures of one structure of one case; NaN where a measure is undefined.

    What an empty mask gives:

    | status   | Dice, NSD | surface distances | volume error |
    |----------|-----------|-------------------|--------------|
    | missed   | 0         | NaN               | measured     |
    | spurious | 0         | NaN               | measured     |
    | absent   | NaN       | NaN               | 0            |

    A miss is thus paid for in the Dice and the NSD. A distance to nothing does not exist; no number is made up for
    it, and whoever averages says beside the mean how many were missed or spurious. Where both are empty there is no
    overlap to measure: a 1 there would lift the mean of a structure that few patients have.

    Attributes:
        status: Whether both were there.
        dice: 2 |A ∩ B| / (|A| + |B|), from 0 to 1.
        hd95_mm: The larger of the two directed 95th percentiles of surface distance, in mm.
        surface_dice: Share of both surfaces within the tolerance of the other (NSD), from 0 to 1.
        mean_surface_distance_mm: Averaged over the area of both surfaces, in mm.
        volume_error_ml: Prediction minus reference, in ml; negative where the prediction is too small.
        reference_volume_ml: In ml.
        prediction_volume_ml: In ml.
    """

    status: Status
    dice: float
    hd95_mm: float
    surface_dice: float
    mean_surface_distance_mm: float
    volume_error_ml: float
    reference_volume_ml: float
    prediction_volume_ml: float


def structure_metrics(
    reference: Mask,
    prediction: Mask,
    spacing_mm: tuple[float, float, float],
    tolerance_mm: float,
    annotated: Mask | None = None,
) -> StructureMetrics:
    """Compare two masks of one structure.

    Args:
        reference: (S, H, W) boolean.
        prediction: (S, H, W) boolean.
        spacing_mm: Distance between neighbouring voxels along S, H, W in mm.
        tolerance_mm: Surfaces that lie no further apart count as the same for the NSD.
        annotated: (S, H, W) boolean; what lies outside is left out of both masks. None: everything is annotated.

    Returns:
        The measures; `StructureMetrics` says what an empty mask gives. Where a structure lies so amid voxels that
        nobody annotated that no surface can be seen, the surface measures (the NSD too) are NaN.

    Raises:
        ValueError: The masks differ in shape, or are not boolean.

    Source:
        `zonate.metrics.surfaces` for the surface measures.
    """
    for name, mask in (("reference", reference), ("prediction", prediction), ("annotated", annotated)):
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != reference.shape or mask.ndim != 3):
            raise ValueError(
                f"{name} must be boolean (S, H, W) like the reference {reference.shape}, "
                f"found {mask.dtype} of shape {mask.shape}"
            )
    if annotated is not None:
        reference, prediction = reference & annotated, prediction & annotated
    n_reference, n_prediction = int(reference.sum()), int(prediction.sum())
    status = _status(n_reference, n_prediction)
    dice = surface_dice = hd95_mm = mean_mm = float("nan")
    if status == "compared":
        dice = 2 * int((reference & prediction).sum()) / (n_reference + n_prediction)
        distances = surface_distances(reference, prediction, spacing_mm, annotated)
        if distances is not None:
            surface_dice = distances.surface_dice(tolerance_mm)
            hd95_mm, mean_mm = distances.hausdorff_mm(HAUSDORFF_PERCENT), distances.mean_mm()
    elif status != "absent":
        dice = surface_dice = 0.0
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    return StructureMetrics(
        status=status,
        dice=dice,
        hd95_mm=hd95_mm,
        surface_dice=surface_dice,
        mean_surface_distance_mm=mean_mm,
        volume_error_ml=(n_prediction - n_reference) * voxel_ml,
        reference_volume_ml=n_reference * voxel_ml,
        prediction_volume_ml=n_prediction * voxel_ml,
    )


def _status(n_reference: int, n_prediction: int) -> Status:
    if n_reference and n_prediction:
        return "compared"
    if n_reference:
        return "missed"
    return "spurious" if n_prediction else "absent"
