import numpy as np
import pytest

from tests.measures.phantom import BOX_GRID, axial_grid, box, gland
from zonate.case import AlignmentRecord, Case
from zonate.errors import GeometryError
from zonate.geometry import Volume
from zonate.measurements import measurements_to_json
from zonate.measures.measure import measure, sector_volumes_ml
from zonate.zones import ALL_ZONE_CODES, STRUCTURES, LabelCode

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
ALIGNED = AlignmentRecord("rigid", "", None, {}, {"estimated_error_mm": 0.4, "error_limit_mm": 1.93}, 0.0)


def case_on(labels: Volume) -> Case:
    image = labels.with_values(np.full(labels.values.shape, 1500, dtype=np.float32))
    return Case("c", image, adc=image, alignment=ALIGNED)


def test_a_box_by_hand() -> None:
    """6 rows of 8 are TZ and 2 are PZ: 9 × 8 voxels of 3 mm³ a row."""
    values = box(LabelCode.TZ).values.copy()
    values[:, 6:] = LabelCode.PZ
    labels = Volume(values, BOX_GRID)
    found = measure(case_on(labels), labels, ALL_ZONE_CODES, psa_ng_ml=0.3, intervals_ml={"GLAND": (1.5, 2.0)})
    assert found.volume_ml["PZ"] == pytest.approx(0.432)
    assert found.gland_volume_ml == pytest.approx(1.728)
    assert found.pz_tz_ratio == pytest.approx(1 / 3)
    assert found.ellipsoid is not None
    assert found.ellipsoid.craniocaudal_mm == pytest.approx(27)
    assert found.adc["PZ"].mean_1e_6_mm2_s == 1500
    assert found.psa is not None
    assert found.psa.density_ng_ml2 == pytest.approx(0.3 / 1.728)
    assert found.psa.cut_offs_reached_ng_ml2 == (0.10, 0.15)
    assert found.psa.interval_ng_ml2 == pytest.approx((0.15, 0.20))
    assert found.not_given == {"adc.DPU": "nothing of it was found", "adc.AFS": "nothing of it was found"}
    assert measurements_to_json(found)["pz_tz_ratio"] == 0.3333


def test_coarse_labels_say_what_they_cannot_give() -> None:
    labels = gland(axial_grid())
    coarse = labels.with_values(np.where(labels.values > 1, LabelCode.CENTRAL_GLAND, labels.values).astype(np.uint8))
    found = measure(Case("c", coarse), coarse, COARSE)
    assert found.volume_ml["TZ"] is None
    assert found.volume_ml["CENTRAL_GLAND"] is not None
    assert found.ellipsoid is not None
    not_told_apart = "the model was trained on labels that do not tell it apart"
    assert found.not_given == {
        "volume_ml.TZ": not_told_apart,
        "volume_ml.DPU": not_told_apart,
        "volume_ml.AFS": not_told_apart,
        "pz_tz_ratio": "the model does not tell both apart",
        "adc": "there is no ADC map",
        "psa": "no PSA value was given",
    }


def test_an_empty_gland_gives_zeros_and_reasons() -> None:
    empty = box(LabelCode.BACKGROUND)
    found = measure(case_on(empty), empty, ALL_ZONE_CODES, psa_ng_ml=6.0)
    assert found.volume_ml == dict.fromkeys(STRUCTURES, 0.0)
    assert (found.ellipsoid, found.pz_tz_ratio, found.psa, dict(found.adc)) == (None, None, None, {})
    assert found.not_given["ellipsoid"] == found.not_given["psa"] == "no prostate was found"
    assert found.not_given["pz_tz_ratio"] == "no transition zone was found"


def test_without_a_peripheral_zone_there_is_no_ratio() -> None:
    labels = box(LabelCode.TZ)
    found = measure(case_on(labels), labels, ALL_ZONE_CODES)
    assert (found.pz_tz_ratio, found.not_given["pz_tz_ratio"]) == (None, "no peripheral zone was found")


def test_a_model_that_cannot_express_the_gland_has_no_psa_density() -> None:
    labels = box(LabelCode.PZ)
    found = measure(case_on(labels), labels, (LabelCode.BACKGROUND, LabelCode.PZ), psa_ng_ml=6.0)
    not_told_apart = "the model was trained on labels that do not tell it apart"
    assert found.not_given["psa"] == found.not_given["ellipsoid"] == not_told_apart


def test_a_gland_beside_its_midline_has_no_diameters() -> None:
    halves = box(LabelCode.TZ).values.copy()
    halves[:, :, 2:6] = LabelCode.BACKGROUND
    labels = Volume(halves, BOX_GRID)
    found = measure(case_on(labels), labels, ALL_ZONE_CODES)
    assert found.not_given["ellipsoid"] == "nothing of the gland lies in its midline"


def test_diameters_along_the_scanners_axes_say_so() -> None:
    labels = gland(axial_grid(side_mm=96), shear=0.9)
    found = measure(case_on(labels), labels, ALL_ZONE_CODES)
    assert found.ellipsoid is not None
    assert found.remarks[0].endswith("the scanner's superior is used")


def test_an_ellipsoid_that_differs_unusually_from_planimetry_is_remarked() -> None:
    """A box's ellipsoid holds π/6 of it, which is 47.6 % less; a gland that is an ellipsoid differs by little."""
    labels = box(LabelCode.TZ)
    assert measure(case_on(labels), labels, ALL_ZONE_CODES).remarks == (
        "the ellipsoid formula gives 48 % less than planimetry, which is unusual: look at the outline",
    )
    usual = gland(axial_grid())
    assert measure(case_on(usual), usual, ALL_ZONE_CODES).remarks == ()


def test_what_does_not_fit_is_refused() -> None:
    labels = box(LabelCode.PZ)
    with pytest.raises(ValueError, match="ng/ml"):
        measure(case_on(labels), labels, ALL_ZONE_CODES, psa_ng_ml=-1.0)
    with pytest.raises(GeometryError, match="case c: the labels, of shape"):
        measure(case_on(labels), gland(axial_grid()), ALL_ZONE_CODES)


def test_sector_volumes_by_hand() -> None:
    values = np.zeros(BOX_GRID.shape, dtype=np.uint8)
    values[0, 0, :2], values[0, 0, 2:5] = 1, 36
    volumes = sector_volumes_ml(Volume(values, BOX_GRID))
    assert len(volumes) == 36
    assert next(iter(volumes)) == "PZa-base-R"
    assert volumes["PZa-base-R"] == pytest.approx(0.006)
    assert volumes["AFS-apex-L"] == pytest.approx(0.009)
    assert sum(volumes.values()) == pytest.approx(0.015)
