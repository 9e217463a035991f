"""What the phantom is made of: the tissues, their published MR properties at 3 T, and the zone that each belongs to.

Sources, at 3 T where they say nothing else:

- de Bazelaire et al., Radiology 230:652 (2004): T1 and T2 of prostate (1597 and 74 ms), muscle (898 and 29),
  bone marrow (586 and 49), subcutaneous fat (382 and 68).
- Stanisz et al., Magn Reson Med 54:507 (2005): T1 and T2 of muscle (1412 and 50 ms) and blood (1932 and 275).
- Simpkin et al., Br J Radiol 86:20120469 (2013): T2 of PZ, TZ and tumour (149, 125 and 97 ms), and their ADC
  (1680, 1478 and 1030 in 1e-6 mm²/s), the relaxation times with an endorectal coil.
- The project's own marks of plausibility: ADC of muscle about 1200, of urine about 3000.

Where a tissue was not measured by itself (stroma, nodules, bladder wall, vesicles, gut) its value is chosen
between those of the tissues that it consists of. The TZ's own T2 lies between the two papers', with glandular
nodules above and stromal ones below. Fat and marrow have a longer apparent T2, since the echo train of a turbo
spin echo undoes their J-coupling (Henkelman et al., J Magn Reson Imaging 2:533, 1992).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from zonate.zones import Zone


class Tissue(IntEnum):
    """A material of the phantom; the value indexes every table below."""

    AIR = 0
    FAT = 1
    FASCIA = 2
    MUSCLE = 3
    MARROW = 4
    CORTICAL_BONE = 5
    FLOWING_BLOOD = 6
    SLOW_BLOOD = 7
    BLADDER_WALL = 8
    URINE = 9
    SEMINAL_VESICLE_WALL = 10
    SEMINAL_FLUID = 11
    RECTAL_WALL = 12
    STOOL = 13
    GAS = 14
    SPHINCTER = 15
    CORPUS_SPONGIOSUM = 16
    PERIPHERAL_ZONE = 17
    TRANSITION_ZONE = 18
    CENTRAL_ZONE = 19
    GLANDULAR_NODULE = 20
    STROMAL_NODULE = 21
    URETHRA = 22
    ANTERIOR_STROMA = 23
    CANCER_IN_PZ = 24
    NODULE_RIM = 25
    RECTAL_MUCOSA = 26


@dataclass(frozen=True)
class Properties:
    """MR properties of a tissue at 3 T.

    Attributes:
        proton_density: Relative to water.
        t1_ms: Longitudinal relaxation time.
        t2_ms: Transverse relaxation time (apparent, in a turbo spin echo, for fat).
        adc_um2_s: Apparent diffusion coefficient in 1e-6 mm²/s.
        t2_variation: Standard deviation of ln T2 inside the tissue.
        adc_variation: Standard deviation of ln ADC inside the tissue.
        zone: The zone that its voxels are labelled with.
    """

    proton_density: float
    t1_ms: float
    t2_ms: float
    adc_um2_s: float
    t2_variation: float = 0.08
    adc_variation: float = 0.05
    zone: Zone = Zone.BACKGROUND


PROPERTIES: dict[Tissue, Properties] = {
    Tissue.AIR: Properties(0.0, 1000, 10, 0, 0, 0),
    Tissue.FAT: Properties(0.85, 382, 118, 100, 0.10, 0.1),
    Tissue.FASCIA: Properties(0.45, 900, 32, 900, 0.10),
    Tissue.MUSCLE: Properties(0.80, 1412, 40, 1250, 0.18, 0.08),
    Tissue.MARROW: Properties(0.70, 586, 88, 350, 0.22, 0.2),
    Tissue.CORTICAL_BONE: Properties(0.15, 900, 12, 400, 0.1),
    Tissue.FLOWING_BLOOD: Properties(0.12, 1932, 60, 1800, 0.1),
    Tissue.SLOW_BLOOD: Properties(0.90, 1932, 160, 1700, 0.20),
    Tissue.BLADDER_WALL: Properties(0.80, 1500, 55, 1500, 0.12),
    Tissue.URINE: Properties(1.00, 4000, 500, 3000, 0.03, 0.02),
    Tissue.SEMINAL_VESICLE_WALL: Properties(0.80, 1500, 70, 1500, 0.15),
    Tissue.SEMINAL_FLUID: Properties(0.95, 2500, 250, 2100, 0.15),
    Tissue.RECTAL_WALL: Properties(0.80, 1400, 55, 1250, 0.15),
    Tissue.STOOL: Properties(0.60, 1100, 62, 900, 0.30, 0.2),
    Tissue.GAS: Properties(0.0, 1000, 10, 0, 0, 0),
    Tissue.SPHINCTER: Properties(0.80, 1400, 48, 1350, 0.15),
    Tissue.CORPUS_SPONGIOSUM: Properties(0.90, 1700, 160, 1600, 0.12),
    Tissue.PERIPHERAL_ZONE: Properties(0.90, 1597, 149, 1680, 0.17, 0.09, Zone.PZ),
    Tissue.TRANSITION_ZONE: Properties(0.85, 1597, 90, 1400, 0.20, 0.09, Zone.TZ),
    Tissue.CENTRAL_ZONE: Properties(0.85, 1500, 72, 1150, 0.15, 0.08, Zone.TZ),
    Tissue.GLANDULAR_NODULE: Properties(0.90, 1700, 150, 1600, 0.22, 0.09, Zone.TZ),
    Tissue.STROMAL_NODULE: Properties(0.82, 1450, 62, 1100, 0.15, 0.08, Zone.TZ),
    Tissue.URETHRA: Properties(0.88, 1600, 105, 1450, 0.12, 0.06, Zone.DPU),
    Tissue.ANTERIOR_STROMA: Properties(0.80, 1400, 48, 1100, 0.15, 0.08, Zone.AFS),
    Tissue.CANCER_IN_PZ: Properties(0.85, 1500, 97, 1030, 0.10, 0.06, Zone.PZ),
    Tissue.NODULE_RIM: Properties(0.80, 1400, 58, 1150, 0.10, 0.06, Zone.TZ),
    Tissue.RECTAL_MUCOSA: Properties(0.85, 1500, 85, 1500, 0.20),
}


def column(name: str) -> npt.NDArray[np.float32]:
    """A property of all tissues, (27,) float32, to be indexed by the tissue's value."""
    return np.array([getattr(PROPERTIES[tissue], name) for tissue in Tissue], dtype=np.float32)


def zone_of_tissue() -> npt.NDArray[np.uint8]:
    """(27,) uint8: the zone that each tissue's voxels are labelled with."""
    return np.array([PROPERTIES[tissue].zone for tissue in Tissue], dtype=np.uint8)
