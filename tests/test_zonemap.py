import numpy as np

from zonate.geometry import Grid, Volume
from zonate.zonemap import ZoneMap, marked, said_of_not_validated, structure_volumes_ml
from zonate.zones import ALL_ZONE_CODES, LabelCode

GRID = Grid((1, 2, 5), np.diag([10.0, 10.0, 10.0, 1.0]))  # voxels of 1 ml
LABELS = Volume(np.array([[[0, 1, 1, 1, 2], [2, 3, 4, 4, 0]]], dtype=np.uint8), GRID)


def rounded(volumes_ml: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if volume is None else round(volume, 9) for name, volume in volumes_ml.items()}


def test_volumes_are_counted_voxels() -> None:
    assert rounded(structure_volumes_ml(LABELS, ALL_ZONE_CODES)) == (
        {
            "PZ": 3.0,
            "TZ": 2.0,
            "DPU": 1.0,
            "AFS": 2.0,
            "CENTRAL_GLAND": 5.0,
            "GLAND": 8.0,
        }
    )


def test_a_structure_that_the_codes_cannot_express_has_no_volume() -> None:
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    labels = LABELS.with_values(np.where(LABELS.values > 1, 5, LABELS.values).astype(np.uint8))
    zones = ZoneMap(labels, codes, np.zeros((3, 1, 2, 5), dtype=np.float32))
    assert rounded(zones.volumes_ml()) == (
        {
            "PZ": 3.0,
            "TZ": None,
            "DPU": None,
            "AFS": None,
            "CENTRAL_GLAND": 5.0,
            "GLAND": 8.0,
        }
    )


def test_an_empty_structure_has_volume_zero() -> None:
    empty = LABELS.with_values(np.zeros((1, 2, 5), dtype=np.uint8))
    assert structure_volumes_ml(empty, ALL_ZONE_CODES)["GLAND"] == 0.0


def test_a_map_is_empty_where_every_voxel_is_background() -> None:
    codes = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
    probabilities = np.zeros((2, *LABELS.grid.shape), dtype=np.float32)
    nothing = LABELS.with_values(np.zeros_like(LABELS.values))
    assert ZoneMap(nothing, codes, probabilities).empty
    assert not ZoneMap(LABELS, codes, probabilities).empty


def test_what_is_not_validated_is_marked_and_told() -> None:
    assert marked("urethra", "DPU", ("DPU", "AFS")) == "urethra, not validated"
    assert marked("urethra", "DPU", ("AFS",)) == "urethra"
    assert said_of_not_validated(("DPU", "CENTRAL_GLAND", "GLAND")) == (
        "Not validated: distal prostatic urethra, central gland, whole gland; too few patients showed how well "
        "they are found"
    )
    assert said_of_not_validated(("AFS",)) == (
        "Not validated: anterior fibromuscular stroma; too few patients showed how well it is found"
    )
    assert said_of_not_validated(()) == ""
