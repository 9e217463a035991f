import numpy as np
import numpy.typing as npt
import pytest

from tests.dataset.importers import trees
from zonate.anatomy import examine
from zonate.geometry import Grid, Volume
from zonate.simulation.study import draw_study
from zonate.zones import ALL_ZONE_CODES, LabelCode

AFFINE = np.array([[0, 0, 1.5, -36], [0, 1.5, 0, -36], [4.0, 0, 0, 0], [0, 0, 0, 1]])
GRID = Grid(trees.SHAPE, AFFINE)
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
GLAND = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
IMAGE = Volume(trees.image().astype(np.float32), GRID)


def drawn(values: npt.NDArray[np.uint8]) -> Volume:
    return Volume(values, GRID)


def coarse(*, swapped: bool = False) -> Volume:
    table = np.array([0, LabelCode.PZ, LabelCode.CENTRAL_GLAND], dtype=np.uint8)
    return drawn(table[trees.pz_and_central(swapped=swapped)])


def test_a_gland_as_it_should_be_is_measured_and_nothing_is_said() -> None:
    found = examine(drawn(trees.zones()), ALL_ZONE_CODES, IMAGE)
    assert (found.refusals, found.warnings) == ((), ())
    assert found.figures["gland_ml"] == pytest.approx(6 * 20 * 24 * 4 * 1.5 * 1.5 / 1000)  # 25.92
    # AFS: rows 14 to 16, gland: rows 14 to 33: centres 15 and 23.5, of 1.5 mm
    assert found.figures["afs_before_gland_mm"] == pytest.approx(8.5 * 1.5)
    # DPU: slices 2 to 4, gland: slices 2 to 7: centres 3 and 4.5, of 4 mm
    assert found.figures["urethra_below_gland_mm"] == pytest.approx(1.5 * 4)
    # PZ: 9, 8, 7, 6, 5 and 4 of 20 rows
    assert found.figures["pz_share"] == pytest.approx(39 / 120)
    # lowest third: slices 2 and 3, PZ of 9 and 8 of 20 rows; highest: slices 6 and 7, 5 and 4
    assert found.figures["pz_share_apex"] == pytest.approx(17 / 40)
    assert found.figures["pz_share_base"] == pytest.approx(9 / 40)
    assert found.figures["gland_from_centre_mm"] == pytest.approx(0.0)


def test_swapped_numbers_are_refused_with_the_figure() -> None:
    found = examine(coarse(swapped=True), COARSE)
    behind_mm = found.figures["pz_behind_central_gland_mm"]
    assert behind_mm < -2
    assert f"lies {-behind_mm:.1f} mm in front of the central gland" in found.refusals[0]


def test_a_mask_flipped_front_to_back_is_refused() -> None:
    found = examine(drawn(trees.zones()[:, ::-1].copy()), ALL_ZONE_CODES)
    assert "in front of the central gland" in found.refusals[0]
    assert any("anterior fibromuscular stroma" in text for text in found.refusals)


def test_a_mask_flipped_head_to_feet_is_found_by_its_urethra_or_its_apex() -> None:
    flipped = trees.zones()[::-1].copy()
    assert any("urethra" in text for text in examine(drawn(flipped), ALL_ZONE_CODES).refusals)
    without = coarse().values[::-1].copy()
    assert any("flipped head to feet" in text for text in examine(drawn(without), COARSE).warnings)


@pytest.mark.parametrize(("rows", "columns", "slices"), [(7, 0, 0), (-7, 0, 0), (0, 7, 0), (0, -10, 0)])
def test_a_mask_moved_against_its_image_is_found(rows: int, columns: int, slices: int) -> None:
    moved = np.roll(trees.zones(), (slices, rows, columns), (0, 1, 2))
    found = examine(drawn(moved), ALL_ZONE_CODES, IMAGE)
    assert any("may be moved or flipped against its image" in text for text in found.warnings)


def test_a_mask_flipped_in_its_place_is_found() -> None:
    gland = np.zeros(trees.SHAPE, dtype=np.uint8)
    for s in range(3, 9):  # narrows upwards, and lies above the volume's middle
        gland[s, 9 + s : 39 - s, 7 + s : 41 - s] = LabelCode.WHOLE_GLAND
    noise = np.random.default_rng(0).normal(0, 10, trees.SHAPE)
    image = drawn((300 * (gland > 0) + noise).astype(np.float32))
    assert examine(drawn(gland), GLAND, image).warnings == ()
    flipped = np.roll(gland[::-1], 2, axis=0)  # slices 1 to 6 come back to 3 to 8
    assert any("head to feet in place" in text for text in examine(drawn(flipped), GLAND, image).warnings)


@pytest.mark.parametrize(("rolled", "name"), [(-2, "lowest"), (2, "highest")])
def test_a_gland_that_the_volume_cuts_is_warned_about(rolled: int, name: str) -> None:
    values = np.roll(trees.gland() * np.uint8(LabelCode.WHOLE_GLAND), rolled, axis=0).astype(np.uint8)
    (text,) = examine(drawn(values), GLAND).warnings
    assert text == f"the volume's {name} slice cuts the gland: 100% of its largest section is there"


def test_the_gland_alone_is_asked_only_what_it_can_answer() -> None:
    found = examine(drawn(trees.gland() * np.uint8(LabelCode.WHOLE_GLAND)), GLAND, IMAGE)
    assert (found.refusals, found.warnings) == ((), ())
    assert "pz_behind_central_gland_mm" not in found.figures


def test_pieces_size_and_place_are_warned_about() -> None:
    values = (trees.gland() * np.uint8(LabelCode.WHOLE_GLAND)).astype(np.uint8)
    values[0, 0:4, 0:4] = LabelCode.WHOLE_GLAND
    found = examine(drawn(values), GLAND)
    assert "the gland is in 2 pieces, of which the largest holds 99.4%" not in found.warnings  # 16 of 2896 voxels
    values[0, 0:8, 0:8] = LabelCode.WHOLE_GLAND
    found = examine(drawn(values), GLAND)
    assert "the gland is in 2 pieces, of which the largest holds 97.8%" in found.warnings  # 64 of 2944
    assert "the gland reaches the border of the image" in found.warnings
    small = np.zeros(trees.SHAPE, dtype=np.uint8)
    small[4:6, 20:30, 20:30] = LabelCode.WHOLE_GLAND  # 200 voxels of 9 µl
    (text,) = examine(drawn(small), GLAND).warnings
    assert text == "the gland measures 1.8 ml, outside the plausible 10 to 400 ml"
    small[4, 20:30, 20:30] = 0
    assert any("0.90 ml, which no prostate does" in text for text in examine(drawn(small), GLAND).refusals)


def test_a_gland_and_a_peripheral_zone_without_one_side_are_warned_about() -> None:
    """The gland: 20 rows and the columns 12 to 35."""
    whole = examine(coarse(), COARSE)
    assert whole.figures["gland_width_by_depth"] == pytest.approx(24 / 20)
    assert whole.figures["pz_share_left"] == pytest.approx(0.5)
    half = coarse().values.copy()
    half[:, :, :24] = 0
    assert examine(drawn(half), COARSE).warnings == (
        "the gland is only 0.60 times as wide as it is deep: half of it may not be drawn",
    )
    one_sided = coarse().values.copy()
    one_sided[:, :, 24:][one_sided[:, :, 24:] == LabelCode.PZ] = LabelCode.CENTRAL_GLAND
    found = examine(drawn(one_sided), COARSE)
    assert found.figures["pz_share_left"] == 0.0
    assert found.warnings == (
        "100% of the peripheral zone lies on the right of the gland's midline: a side of it may not be drawn",
    )


def test_sides_are_not_judged_where_the_gland_is_not_known() -> None:
    without = examine(drawn(trees.zones()), (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.TZ))
    assert {"gland_width_by_depth", "pz_share_left"}.isdisjoint(without.figures)


def test_what_is_not_annotated_has_no_volume_and_is_said_beside_the_gland() -> None:
    values = trees.zones()
    values[6:] = LabelCode.NOT_ANNOTATED  # the gland lies in the slices 2 to 7
    found = examine(drawn(values), ALL_ZONE_CODES)
    assert "gland_ml" not in found.figures
    assert (found.refusals, found.warnings) == (
        (),
        ("1 slices beside the gland are not annotated: it may go on there",),
    )
    values[6:8] = trees.zones()[6:8]
    assert examine(drawn(values), ALL_ZONE_CODES).warnings == (
        "1 slices beside the gland are not annotated: it may go on there",
    )
    values[8] = LabelCode.BACKGROUND
    assert examine(drawn(values), ALL_ZONE_CODES).warnings == ()
    few = np.full(trees.SHAPE, LabelCode.NOT_ANNOTATED, dtype=np.uint8)
    few[4, 20:22, 20:22] = LabelCode.WHOLE_GLAND  # of 36 µl: nothing is known of the volume
    assert examine(drawn(few), GLAND).refusals == ()


def test_what_is_declared_and_not_drawn_is_said() -> None:
    values = np.where(trees.zones() == LabelCode.DPU, LabelCode.TZ, trees.zones()).astype(np.uint8)
    found = examine(drawn(values), ALL_ZONE_CODES)
    assert found.warnings == ("declared but nowhere drawn: distal prostatic urethra",)
    assert examine(drawn(np.zeros_like(values)), ALL_ZONE_CODES).warnings == ("nothing of the gland is drawn",)


@pytest.mark.parametrize("k", range(3))
def test_simulated_patients_are_as_they_should_be(k: int) -> None:
    examination = draw_study(0, k, "siemens").examination
    t2w = examination.t2w(examination.t2w_grid, np.random.default_rng(k))
    found = examine(examination.labels(), ALL_ZONE_CODES, t2w)
    assert (found.refusals, found.warnings) == ((), ())


@pytest.mark.parametrize("slices", [1, 2])
def test_a_volume_too_short_to_move_along_the_patient_is_not_compared_so(slices: int) -> None:
    grid = Grid((slices, *trees.SHAPE[1:]), AFFINE)
    middle = slice(4, 4 + slices)
    labels, image = Volume(trees.zones()[middle], grid), Volume(trees.image()[middle].astype(np.float32), grid)
    found = examine(labels, ALL_ZONE_CODES, image)
    assert {name for name in found.figures if name.startswith("fit_")} == {"fit_mirrored_ratio", "fit_shifted_ratio"}
    assert not any("against its image" in text for text in found.warnings)
