"""The zones of one patient on the original T2W grid."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zonate.geometry import Volume
from zonate.measurements import Measurements, Uncertainty
from zonate.zones import STRUCTURES, LabelCode, structure_codes


@dataclass(frozen=True)
class ZoneMap:
    """What a model says of one case.

    Attributes:
        labels: Label codes on the original T2W grid, uint8.
        codes: The codes that the model can tell apart, disjoint, ascending.
        probabilities: (len(codes), S, H, W) float32 on the same grid, in the order of `codes`; before any clean-up.
        case_id: As in `Case`; empty where the network alone was asked.
        measurements: Diameters, ADC, PSA density; None where the network alone was asked.
        sectors: Numbers of `zonate.sectors.SECTORS` on the same grid, uint8, 0 outside; None where there are none.
        uncertainty: What the samples say; None where none were drawn.
        sample_entropy: Per voxel (S, H, W) float32, entropy in nats over `codes` of the mean of the samples.
        doubt: Why a person must look before it is used at all; empty where nothing says so.
        warnings: What a person should know before they believe it, what may make it worthless first.
    """

    labels: Volume
    codes: tuple[LabelCode, ...]
    probabilities: npt.NDArray[np.float32]
    case_id: str = ""
    measurements: Measurements | None = None
    sectors: Volume | None = None
    uncertainty: Uncertainty | None = None
    sample_entropy: npt.NDArray[np.float32] | None = None
    doubt: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was found: every voxel is background."""
        return not (self.labels.values != LabelCode.BACKGROUND).any()

    def volumes_ml(self) -> dict[str, float | None]:
        """Volume of each structure in ml; None for one that the model cannot tell apart."""
        return structure_volumes_ml(self.labels, self.codes)


def structure_volumes_ml(labels: Volume, codes: tuple[LabelCode, ...]) -> dict[str, float | None]:
    """Volume of each structure in a label volume, by counting voxels.

    Args:
        labels: Label codes (S, H, W) uint8.
        codes: The codes that the annotator or model could have drawn, disjoint.

    Returns:
        From the name in STRUCTURES to ml; 0 for a structure that is empty, None for one that these
        codes cannot express.
    """
    volumes: dict[str, float | None] = {}
    for structure in STRUCTURES:
        members = structure_codes(structure, codes)
        if members is None:
            volumes[structure] = None
        else:
            volumes[structure] = int(np.isin(labels.values, members).sum()) * labels.grid.voxel_volume_ml
    return volumes
