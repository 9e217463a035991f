import numpy as np

from tests.verbs.standins import GRID, SHAPE, SLICING, StandInModel, gland, t2w
from zonate.case import Case
from zonate.dataset.slices import slice_case
from zonate.geometry import Grid, Volume
from zonate.plausibility import implausibilities
from zonate.zones import LabelCode

ALL_CHANNELS = Case("c", t2w(), t2w(), t2w())


def found(labels: Volume, case: Case = ALL_CHANNELS) -> tuple[str, ...]:
    slices = slice_case(case, SLICING)
    return implausibilities(StandInModel(lambda _slices: labels).segment(slices), slices, (True, True, True))


def on_larger_voxels(labels: Volume) -> tuple[str, ...]:
    """The gland of 7.2 ml as one of 28.8 ml."""
    affine = GRID.affine.copy()
    affine[:3, :3] *= 4 ** (1 / 3)
    grid = Grid(SHAPE, affine)
    image = Volume(t2w().values, grid)
    slices = slice_case(Case("c", image, image, image), SLICING.model_copy(update={"spacing_mm": 0.5 * 4 ** (1 / 3)}))
    return implausibilities(StandInModel(lambda _slices: labels).segment(slices), slices, (True, True, True))


def test_a_gland_like_any_other_is_not_remarked_on() -> None:
    assert on_larger_voxels(gland()) == ()


def test_a_gland_of_seven_millilitres_is_too_small() -> None:
    assert found(gland()) == ("the gland measures 7.2 ml, outside the plausible 10 to 400 ml",)


def test_a_gland_in_the_last_slice_may_go_on() -> None:
    values = gland().values.copy()
    values[7] = values[6]
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the gland reaches the first or the last slice: it may go on outside the volume",
    )


def test_a_gland_at_the_edge_of_the_square_may_be_cut() -> None:
    """The square of 64 pixels in a slice of 72 × 80 begins 4 rows and 8 columns in."""
    values = gland().values.copy()
    values[1:7, 16:56, 8:20] = LabelCode.PZ
    assert any("reaches the edge of the 51 mm square" in text for text in on_larger_voxels(Volume(values, GRID)))
    values[1:7, 16:56, 8] = LabelCode.BACKGROUND
    assert on_larger_voxels(Volume(values, GRID)) == ()


def test_a_gland_in_pieces() -> None:
    values = gland().values.copy()
    values[1:7, 6:12, 20:60] = LabelCode.TZ  # 240 pixels a slice beside 1600
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the gland is in 2 pieces, and 13.0% of it lies apart from the largest",
    )


def test_nothing_found() -> None:
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), GRID)
    assert found(empty) == ("no prostate was found: every voxel is background",)


def test_an_absent_channel() -> None:
    assert found(gland(), Case("c", t2w(), t2w()))[-1].startswith("ADC is absent")
