"""What is known of a segmented gland in figures; `zonate.measures` works them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Interval = tuple[float, float]

INTERVAL, RANGE_OF_SAMPLES = "95 % interval", "range of samples"
"""What a person reads of `Uncertainty.interval_ml` and of `range_ml`, which is no interval."""
NO_SAMPLES = "no repeated segmentations were drawn: prediction.samples is 0, or the network has no dropout"
"""Why there is no `Uncertainty`."""


@dataclass(frozen=True)
class Ellipsoid:
    """The gland as clinics measure it: three diameters along its own axes, and the ellipsoid that they span.

    Attributes:
        anterior_posterior_mm: AP.
        transverse_mm: T.
        craniocaudal_mm: CC.
        volume_ml: AP × T × CC × π/6.
        difference_percent: Of this volume from planimetry, in percent of planimetry.
    """

    anterior_posterior_mm: float
    transverse_mm: float
    craniocaudal_mm: float
    volume_ml: float
    difference_percent: float


@dataclass(frozen=True)
class AdcStatistics:
    """ADC over the voxels of a structure in which the map has a value above 0, which is what was measured.

    Attributes:
        mean_1e_6_mm2_s: Mean.
        percentile_10_1e_6_mm2_s: 10th percentile.
        coverage: Share of the structure's voxels that were measured, 0 to 1.
    """

    mean_1e_6_mm2_s: float
    percentile_10_1e_6_mm2_s: float
    coverage: float


@dataclass(frozen=True)
class PsaDensity:
    """Prostate-specific antigen over the gland's volume by planimetry.

    Attributes:
        psa_ng_ml: As given.
        density_ng_ml2: PSA / volume.
        cut_offs_reached_ng_ml2: Those of the usual cut-offs (0.10, 0.15, 0.20) that the density reaches.
        interval_ng_ml2: From the volume's interval, where there is one.
    """

    psa_ng_ml: float
    density_ng_ml2: float
    cut_offs_reached_ng_ml2: tuple[float, ...]
    interval_ng_ml2: Interval | None = None


@dataclass(frozen=True)
class Measurements:
    """The figures of one gland.

    Attributes:
        volume_ml: By name in STRUCTURES; None for one that the model cannot tell apart.
        ellipsoid: None where there is no gland or it cannot be measured.
        pz_tz_ratio: Volume of the PZ over that of the TZ; None where either is unknown or empty.
        adc: By name in STRUCTURES; empty where there is no ADC or its alignment is not good.
        psa: None where no PSA was given, or there is no gland.
        not_given: What a reader may look for and does not find, with the reason.
        remarks: What a person should know of figures that are given.
    """

    volume_ml: Mapping[str, float | None]
    ellipsoid: Ellipsoid | None = None
    pz_tz_ratio: float | None = None
    adc: Mapping[str, AdcStatistics] = field(default_factory=dict)
    psa: PsaDensity | None = None
    not_given: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def gland_volume_ml(self) -> float | None:
        """Planimetry of the whole gland; None where the model cannot tell it apart."""
        return self.volume_ml["GLAND"]


@dataclass(frozen=True)
class Uncertainty:
    """What repeated segmentations with the network's dropout on say of a result.

    Attributes:
        samples: How many were drawn.
        interval_ml: By name in STRUCTURES, the 95 % interval of the volume: the range of the samples, widened so that
            it held the reader's volume in 95 % of the patients that the model was calibrated on. Empty where it was
            not, or the result is doubtful; without the structures of which nothing was learnt or found.
        agreement: By name in STRUCTURES, mean Dice between the result and each sample.
        expected_dice: By name in STRUCTURES, the Dice with a reader that agreement stands for, without the structures
            that no reader of the calibration drew; empty where `calibrated` is False.
        calibrated: Whether the model carries a calibration, and one that holds for how the samples were drawn.
        doubtful: Whether a person must look before the result is used.
        reason: Why, in one sentence; empty where it is not doubtful.
        range_ml: By name in STRUCTURES, 2.5th to 97.5th percentile of the samples' volumes, widened to hold the
            result's own: the network's own doubt, which is far less than how readers differ.
    """

    samples: int
    interval_ml: Mapping[str, Interval]
    agreement: Mapping[str, float]
    expected_dice: Mapping[str, float]
    calibrated: bool
    doubtful: bool
    reason: str = ""
    range_ml: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def shown_ml(self) -> Mapping[str, Interval]:
        """What is shown beside a volume: its interval, or the range of the samples of a model without calibration."""
        return self.interval_ml if self.calibrated else self.range_ml

    @property
    def shown_as(self) -> str:
        """What that is called."""
        return INTERVAL if self.calibrated else RANGE_OF_SAMPLES


def rounded(value: float | None, digits: int = 4) -> float | None:
    """A figure for JSON; None stays None."""
    return None if value is None else round(value, digits)


def measurements_to_json(of: Measurements) -> dict[str, Any]:
    """The figures as JSON values, each with its unit in its name."""
    return {
        "volume_ml": {name: rounded(volume) for name, volume in of.volume_ml.items()},
        "gland_volume_ml": rounded(of.gland_volume_ml),
        "ellipsoid": None
        if of.ellipsoid is None
        else {name: rounded(value, 2) for name, value in vars(of.ellipsoid).items()},
        "pz_tz_ratio": rounded(of.pz_tz_ratio),
        "adc": {name: {key: rounded(v, 3) for key, v in vars(stats).items()} for name, stats in of.adc.items()},
        "psa": None
        if of.psa is None
        else {
            "psa_ng_ml": of.psa.psa_ng_ml,
            "density_ng_ml2": rounded(of.psa.density_ng_ml2),
            "cut_offs_reached_ng_ml2": list(of.psa.cut_offs_reached_ng_ml2),
            "interval_ng_ml2": of.psa.interval_ng_ml2 and [round(v, 4) for v in of.psa.interval_ng_ml2],
        },
    }


def uncertainty_to_json(of: Uncertainty) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "samples": of.samples,
        "interval_ml": {name: [round(v, 4) for v in interval] for name, interval in of.interval_ml.items()},
        "range_of_samples_ml": {name: [round(v, 4) for v in interval] for name, interval in of.range_ml.items()},
        "agreement_dice": {name: rounded(value) for name, value in of.agreement.items()},
        "expected_dice": {name: rounded(value) for name, value in of.expected_dice.items()},
        "calibrated": of.calibrated,
        "doubtful": of.doubtful,
        "reason": of.reason,
    }
