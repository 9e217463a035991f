"""One simulated study: what is drawn for it, and how it is written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zonate.simulation.dicom_writer import Identity, new_uid, write_classic
from zonate.simulation.enhanced_writer import write_enhanced
from zonate.simulation.pelvis import Features
from zonate.simulation.scan import Examination, draw_examination
from zonate.simulation.series import acquire
from zonate.simulation.vendors import VENDORS


@dataclass(frozen=True, eq=False)
class SimulatedStudy:
    """A study that has been drawn but not written.

    Attributes:
        case_id: Such as `simulated-0001`.
        patient_id: Such as `SIM-0-0001`.
        vendor: A name of `VENDORS`.
        features: What is unusual about it.
        repeated_t2w: Whether the axial T2W was taken twice.
        examination: The pelvis in the scanner.
    """

    case_id: str
    patient_id: str
    vendor: str
    features: Features
    repeated_t2w: bool
    examination: Examination
    seed: int
    k: int

    def write(self, folder: Path) -> None:
        """Write the DICOM files into a new folder, a sub-folder for each series."""
        images, headers = (np.random.default_rng([self.seed, self.k, part]) for part in (1, 2))
        vendor = VENDORS[self.vendor]
        identity = Identity(self.patient_id, new_uid(headers), new_uid(headers), headers)
        write = write_enhanced if vendor.multiframe else write_classic
        for series in acquire(self.examination, vendor.protocol, self.repeated_t2w, images):
            write(folder / "DICOM" / f"S{series.number:02d}", series, vendor, self.examination, identity)


def draw_study(seed: int, k: int, vendor: str) -> SimulatedStudy:
    """Draw the k-th study (from 0) of a seed; what is drawn does not depend on the vendor."""
    features = Features(
        full_bladder=k % 4 == 1,
        small_field_of_view=k % 5 == 2,
        huge_transition_zone=k % 6 == 3,
    )
    examination = draw_examination(np.random.default_rng([seed, k, 0]), features)
    return SimulatedStudy(
        case_id=f"simulated-{k + 1:04d}",
        patient_id=f"SIM-{seed}-{k + 1:04d}",
        vendor=vendor,
        features=features,
        repeated_t2w=k % 3 == 2,
        examination=examination,
        seed=seed,
        k=k,
    )
