"""Each figure as a coded measurement with its unit, method and range (TID 1419)."""

import highdicom.sr as sr
from pydicom.sr.coding import Code

from zonate.io.dicom_codes import PROSTATE, coded_zone
from zonate.io.dicom_output import new_uid
from zonate.measurements import AdcStatistics, Interval, Measurements, PsaDensity
from zonate.zones import LabelCode

MILLILITRE = Code("mL", "UCUM", "mL")
MILLIMETRE = Code("mm", "UCUM", "mm")
RATIO = Code("{ratio}", "UCUM", "ratio")
ADC_UNIT = Code("um2/s", "UCUM", "um2/s")
"""The same as 1e-6 mm²/s."""
PSA_UNIT = Code("ng/mL", "UCUM", "ng/mL")
PSA_DENSITY_UNIT = Code("ng/mL2", "UCUM", "ng/mL2")

VOLUME = Code("118565006", "SCT", "Volume")
VOLUME_OF_ELLIPSOID = Code("121221", "DCM", "Volume of ellipsoid")
SUM_OF_VOXELS = Code("126030", "DCM", "Sum of segmented voxel method for volume")
LENGTH_WIDTH_HEIGHT = Code("126029", "DCM", "LWH method for volume of ellipsoid")
"""Methods: CID 7474."""
LENGTH = Code("410668003", "SCT", "Length")
WIDTH = Code("103355008", "SCT", "Width")
HEIGHT = Code("121207", "DCM", "Height")
VOLUME_RATIO = Code("113288", "DCM", "Volume Ratio")
ADC = Code("113041", "DCM", "Apparent Diffusion Coefficient")
MEAN = Code("373098007", "SCT", "Mean")
PERCENTILE_10 = Code("371890005", "SCT", "10th Percentile Value of population")
"""CID 226."""
PSA = Code("2857-1", "LN", "Prostate Specific Antigen")
PSA_DENSITY = Code("15325-4", "LN", "Prostate Specific Antigen Density")
"""CID 6352."""

_ABOVE = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
_BELOW = Code("371885007", "SCT", "-, range of lower measurement uncertainty")

_DECIMALS = 4


def volume_measurement(volume_ml: float, interval_ml: Interval | None) -> sr.Measurement:
    """A volume by planimetry."""
    return _measurement(VOLUME, volume_ml, MILLILITRE, method=SUM_OF_VOXELS, interval=interval_ml)


def gland_measurements(of: Measurements) -> list[sr.Measurement]:
    """What is known of the whole gland beside its volume: three diameters, the ellipsoid's volume, the PZ:TZ ratio.

    Length, width and height are those of the ellipsoid formula: craniocaudal, transverse and anteroposterior, as the
    measurements' tracking identifiers say.
    """
    found = []
    if of.ellipsoid is not None:
        for name, diameter_mm, code in (
            ("Craniocaudal diameter", of.ellipsoid.craniocaudal_mm, LENGTH),
            ("Transverse diameter", of.ellipsoid.transverse_mm, WIDTH),
            ("Anteroposterior diameter", of.ellipsoid.anterior_posterior_mm, HEIGHT),
        ):
            found.append(_measurement(code, diameter_mm, MILLIMETRE, tracked_as=name))
        found.append(_measurement(VOLUME_OF_ELLIPSOID, of.ellipsoid.volume_ml, MILLILITRE, method=LENGTH_WIDTH_HEIGHT))
    if of.pz_tz_ratio is not None:
        sites = [sr.FindingSite(coded_zone(code).code) for code in (LabelCode.PZ, LabelCode.TZ)]
        found.append(_measurement(VOLUME_RATIO, of.pz_tz_ratio, RATIO, tracked_as="PZ to TZ volume ratio", sites=sites))
    return found


def adc_measurements(of: AdcStatistics) -> list[sr.Measurement]:
    """Mean and 10th percentile of the ADC in 1e-6 mm²/s."""
    return [
        _measurement(ADC, of.mean_1e_6_mm2_s, ADC_UNIT, derivation=MEAN),
        _measurement(ADC, of.percentile_10_1e_6_mm2_s, ADC_UNIT, derivation=PERCENTILE_10),
    ]


def psa_measurements(of: PsaDensity) -> list[sr.Measurement]:
    """PSA as it was given, and its density."""
    site = [sr.FindingSite(PROSTATE)]
    return [
        _measurement(PSA, of.psa_ng_ml, PSA_UNIT, tracked_as="PSA as given by the user"),
        _measurement(PSA_DENSITY, of.density_ng_ml2, PSA_DENSITY_UNIT, interval=of.interval_ng_ml2, sites=site),
    ]


def _measurement(
    name: Code,
    value: float,
    unit: Code,
    *,
    method: Code | None = None,
    derivation: Code | None = None,
    interval: Interval | None = None,
    tracked_as: str | None = None,
    sites: list[sr.FindingSite] | None = None,
) -> sr.Measurement:
    return sr.Measurement(
        name=name,
        value=round(value, _DECIMALS),
        unit=unit,
        method=method,
        derivation=derivation,
        properties=None if interval is None else _range(value, interval, unit),
        tracking_identifier=None if tracked_as is None else sr.TrackingIdentifier(new_uid(), tracked_as),
        finding_sites=sites,
    )


def _range(value: float, interval: Interval, unit: Code) -> sr.MeasurementProperties:
    """How far the interval reaches above and below the value (TID 310), in the value's own unit.

    highdicom's own arguments would write these without a unit.
    """
    properties = sr.MeasurementProperties()
    for name, reach in ((_ABOVE, interval[1] - value), (_BELOW, value - interval[0])):
        properties.append(
            sr.NumContentItem(
                name,
                max(round(reach, _DECIMALS), 0.0),
                unit,
                relationship_type=sr.RelationshipTypeValues.HAS_PROPERTIES,
            )
        )
    return properties
