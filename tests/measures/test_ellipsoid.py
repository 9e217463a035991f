import numpy as np
import pytest

from tests.measures.phantom import about_left, about_superior, axial_grid, box, gland, turned
from zonate.geometry import Volume
from zonate.measurements import Ellipsoid
from zonate.measures.axes import Gland
from zonate.measures.ellipsoid import ellipsoid
from zonate.zones import ALL_ZONE_CODES, LabelCode


def measured(labels: Volume, codes: tuple[LabelCode, ...]) -> Ellipsoid | None:
    found = Gland.find(labels, codes)
    return None if found is None else ellipsoid(found)


def test_a_box_by_hand() -> None:
    """27 mm long, 8 mm deep and 8 mm wide: π/6 of the box, which is 1.728 ml."""
    found = measured(box(LabelCode.TZ), ALL_ZONE_CODES)
    assert found is not None
    assert found.craniocaudal_mm == pytest.approx(27)
    assert found.anterior_posterior_mm == pytest.approx(8)
    assert found.transverse_mm == pytest.approx(8)
    assert found.volume_ml == pytest.approx(0.904779)
    assert found.difference_percent == pytest.approx(-47.6401)


@pytest.mark.parametrize(
    ("turn", "grid_turn", "within_mm"),
    [
        (np.eye(3), np.eye(3), 0.6),
        (np.eye(3), about_left(20), 1.0),
        (about_superior(12), np.eye(3), 0.8),
        (about_superior(-8), about_left(-15), 0.8),
        # Depth and length differ by a third: the line of middles is off by a few degrees, the diameters by less.
        (about_left(10), np.eye(3), 1.0),
        (about_superior(10) @ about_left(-12), about_left(10), 1.2),
    ],
)
def test_an_ellipsoid_has_its_diameters_however_it_lies(
    turn: np.ndarray, grid_turn: np.ndarray, within_mm: float
) -> None:
    """50 × 32 × 44 mm are 36.86 ml."""
    labels = gland(turned(axial_grid((1.0, 0.5, 0.5)), grid_turn), turn=turn)
    found = measured(labels, ALL_ZONE_CODES)
    assert found is not None
    assert found.transverse_mm == pytest.approx(50, abs=within_mm)
    assert found.anterior_posterior_mm == pytest.approx(32, abs=within_mm)
    assert found.craniocaudal_mm == pytest.approx(44, abs=within_mm)
    assert found.volume_ml == pytest.approx(36.86, rel=0.05)
    assert abs(found.difference_percent) < 5


def test_diameters_are_those_of_a_section_not_of_a_shadow() -> None:
    """Two slices of 4 × 4 voxels, the upper one moved 4 to the left: each section is 4 mm wide, both together 8."""
    values = np.zeros((9, 8, 8), dtype=np.uint8)
    values[3:5, 2:6, 0:4] = values[5:7, 2:6, 4:8] = LabelCode.PZ
    values[4:6, 2:6, 3:5] = LabelCode.PZ  # they hang together, and reach 5
    found = measured(box(0).with_values(values), ALL_ZONE_CODES)
    assert found is not None
    assert found.transverse_mm == pytest.approx(5)


def test_coarse_labels_have_the_same_diameters() -> None:
    labels = gland(axial_grid())
    whole = labels.with_values(np.where(labels.values > 0, LabelCode.WHOLE_GLAND, 0).astype(np.uint8))
    codes = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
    assert measured(whole, codes) == measured(labels, ALL_ZONE_CODES)


def test_a_stray_piece_counts_in_planimetry_only() -> None:
    labels = gland(axial_grid())
    values = labels.values.copy()
    values[0, :20, :20] = LabelCode.PZ
    alone, beside = (measured(Volume(v, labels.grid), ALL_ZONE_CODES) for v in (labels.values, values))
    assert alone is not None
    assert beside is not None
    assert beside.volume_ml == alone.volume_ml
    assert beside.difference_percent < alone.difference_percent


def test_no_gland_and_a_gland_beside_its_midline_have_none() -> None:
    assert measured(box(LabelCode.BACKGROUND), ALL_ZONE_CODES) is None
    assert measured(box(LabelCode.PZ), (LabelCode.BACKGROUND, LabelCode.PZ)) is None
    halves = np.zeros((9, 8, 8), dtype=np.uint8)
    halves[:, :, [0, 1, 6, 7]] = LabelCode.PZ  # of one size, and the midline between them is empty
    assert measured(box(0).with_values(halves), ALL_ZONE_CODES) is None
