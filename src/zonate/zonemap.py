"""The zones of one patient on the original T2W grid."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zonate.geometry import Volume
from zonate.measurements import Measurements, Uncertainty
from zonate.zones import CODE_OF_STRUCTURE, STRUCTURES, LabelCode, code_name, structure_codes

NOT_VALIDATED = "not validated"
"""What stands wherever a structure is shown of which nobody knows how well it is found."""


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
        not_validated: Names in STRUCTURES of what is drawn although too few patients showed how well; wherever one is
            shown, or a sector of it, NOT_VALIDATED stands beside it.
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
    not_validated: tuple[str, ...] = ()

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


def marked(text: str, structure: str, not_validated: Iterable[str]) -> str:
    """What a structure is called, with NOT_VALIDATED after it where its name in STRUCTURES is among those."""
    return f"{text}, {NOT_VALIDATED}" if structure in not_validated else text


def why_not_validated(number: int) -> str:
    """What is the matter with so many structures that are not validated."""
    return f"too few patients showed how well {'it is' if number == 1 else 'they are'} found"


def said_of_not_validated(names: Collection[str]) -> str:
    """A sentence without its full stop on structures that are not validated; empty where there are none."""
    called = ", ".join(code_name(CODE_OF_STRUCTURE[name]) for name in names)
    return f"Not validated: {called}; {why_not_validated(len(names))}" if called else ""
