import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.measures.phantom import (
    ALL_48,
    BOX_GRID,
    about_left,
    about_superior,
    axial_grid,
    box,
    gland,
    mirrored,
    reordered,
    turned,
)
from zonate.geometry import Grid, Volume, from_canonical, to_canonical
from zonate.measures.axes import gland_axes
from zonate.measures.gland import positions_mm
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.sector_map import sector_map, why_no_sectors
from zonate.sectors import SECTORS
from zonate.zones import ALL_ZONE_CODES, LabelCode, Zone

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
OTHER_SIDE = np.array([0, *(s.number + (1 if s.side == "right" else -1) for s in SECTORS)], dtype=np.uint8)
"""From a sector's number to that of the same on the other side."""
ZONE_OF = np.array([0, *(s.zone for s in SECTORS)], dtype=np.uint8)


def sectors_of(labels: Volume, codes: tuple[LabelCode, ...] = ALL_ZONE_CODES) -> Volume:
    sectors = sector_map(labels, codes)
    assert sectors is not None
    return sectors


def lying_askew(left_lobe: bool = True) -> Volume:
    """A gland with one side larger than the other, turned, on a grid that is turned otherwise."""
    grid = turned(axial_grid((3.0, 1.0, 1.0)), about_left(17) @ about_superior(4))
    return gland(grid, turn=about_superior(9) @ about_left(-8), left_lobe=left_lobe)


def assert_partitions(labels: Volume, sectors: Volume, zones: tuple[Zone, ...]) -> None:
    expected = np.where(np.isin(labels.values, zones), labels.values, 0)
    np.testing.assert_array_equal(ZONE_OF[sectors.values], expected)


def test_a_box_of_peripheral_zone_by_hand() -> None:
    """9 × 8 × 8 voxels of 3 mm³: three slices a level, four rows in front, and two columns of a side are medial."""
    sectors = sectors_of(box(LabelCode.PZ))
    volumes = sector_volumes_ml(sectors)
    assert sectors.values.dtype == np.uint8
    for level in ("base", "mid", "apex"):
        for side in "RL":
            assert volumes[f"PZa-{level}-{side}"] == pytest.approx(3 * 4 * 4 * 0.003)
            assert volumes[f"PZpl-{level}-{side}"] == pytest.approx(3 * 4 * 2 * 0.003)
            assert volumes[f"PZpm-{level}-{side}"] == pytest.approx(3 * 4 * 2 * 0.003)
    named = {sector.abbreviation: sector.number for sector in SECTORS}
    assert sectors.values[0, 0].tolist() == [named["PZa-apex-R"]] * 4 + [named["PZa-apex-L"]] * 4  # columns to the left
    back = ["PZpl-base-R", "PZpm-base-R", "PZpm-base-L", "PZpl-base-L"]
    assert sectors.values[8, 7].tolist() == [named[name] for name in back for _ in range(2)]


def test_a_box_of_transition_zone_and_one_of_stroma_by_hand() -> None:
    transition = sector_volumes_ml(sectors_of(box(LabelCode.TZ)))
    assert {name for name, ml in transition.items() if ml} == {s.abbreviation for s in SECTORS if s.zone is Zone.TZ}
    assert transition["TZa-mid-L"] == transition["TZp-apex-R"] == pytest.approx(3 * 4 * 4 * 0.003)
    stroma = sector_volumes_ml(sectors_of(box(LabelCode.AFS)))
    assert {name for name, ml in stroma.items() if ml} == {s.abbreviation for s in SECTORS if s.zone is Zone.AFS}
    assert stroma["AFS-base-R"] == pytest.approx(3 * 8 * 4 * 0.003)


@pytest.mark.parametrize("labels", [gland(axial_grid((3.0, 1.0, 1.0))), lying_askew()])
def test_each_sector_lies_where_its_name_says(labels: Volume) -> None:
    sectors = sectors_of(labels)
    axes = gland_axes(labels.values > 0, labels.grid)
    middle = {
        s.abbreviation: axes.along_mm(positions_mm(sectors.values == s.number, labels.grid)).mean(axis=0)
        for s in SECTORS
    }  # superior, posterior, left
    for zone in ("PZa", "PZpl", "PZpm", "TZa", "TZp"):
        for side, sign in (("L", 1), ("R", -1)):
            base, mid, apex = (middle[f"{zone}-{level}-{side}"] for level in ("base", "mid", "apex"))
            assert base[0] > mid[0] > apex[0]
            assert min(sign * base[2], sign * mid[2], sign * apex[2]) > 0
    for level in ("base", "mid", "apex"):
        for side in "LR":
            front, lateral, medial = (middle[f"{part}-{level}-{side}"] for part in ("PZa", "PZpl", "PZpm"))
            assert front[1] < min(lateral[1], medial[1])
            assert abs(medial[2]) < abs(lateral[2])
            assert middle[f"TZa-{level}-{side}"][1] < middle[f"TZp-{level}-{side}"][1]


def test_the_patients_left_is_left_in_lps() -> None:
    labels = gland(axial_grid((3.0, 1.0, 1.0)))
    sectors = sectors_of(labels)
    for sector in SECTORS:
        places = positions_mm(sectors.values == sector.number, labels.grid)
        assert len(places), sector.abbreviation
        assert (places[:, 0] > 0).all() == (sector.side == "left")


def test_the_distal_urethra_belongs_to_no_sector() -> None:
    labels = gland(axial_grid((3.0, 1.0, 1.0)))
    assert (labels.values == LabelCode.DPU).sum() > 100
    assert not sectors_of(labels).values[labels.values == LabelCode.DPU].any()


def test_coarse_labels_give_the_sectors_of_what_they_tell_apart() -> None:
    labels = gland(axial_grid((3.0, 1.0, 1.0)))
    coarse = labels.with_values(np.where(labels.values > 1, LabelCode.CENTRAL_GLAND, labels.values).astype(np.uint8))
    full, of_pz = sectors_of(labels), sectors_of(coarse, COARSE)
    np.testing.assert_array_equal(of_pz.values, np.where(labels.values == LabelCode.PZ, full.values, 0))


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        (LabelCode.WHOLE_GLAND, (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)),
        (LabelCode.BACKGROUND, ALL_ZONE_CODES),
        (LabelCode.PZ, (LabelCode.BACKGROUND, LabelCode.PZ)),  # where the gland ends was never drawn
    ],
)
def test_there_may_be_no_sectors(code: LabelCode, codes: tuple[LabelCode, ...]) -> None:
    assert sector_map(box(code), codes) is None


def test_a_single_voxel_and_a_single_slice_are_divided() -> None:
    values = np.zeros(BOX_GRID.shape, dtype=np.uint8)
    values[4, 3, 3] = LabelCode.PZ
    (number,) = np.unique(sectors_of(Volume(values, BOX_GRID)).values)[1:]
    assert SECTORS[number - 1].abbreviation == "PZpl-mid-L"  # on every border: up, back, outwards, left
    values[4] = LabelCode.PZ
    assert {SECTORS[n - 1].level for n in np.unique(sectors_of(Volume(values, BOX_GRID)).values) if n} == {"mid"}


def test_a_stray_piece_has_sectors_and_moves_none() -> None:
    labels = gland(axial_grid((3.0, 1.0, 1.0)))
    values = labels.values.copy()
    values[0, 0, :3] = LabelCode.PZ
    alone, beside = sectors_of(labels).values, sectors_of(labels.with_values(values)).values
    names = [SECTORS[number - 1].abbreviation for number in beside[0, 0, :3]]
    assert names == ["PZa-apex-R"] * 3
    np.testing.assert_array_equal(beside[1:], alone[1:])


@pytest.mark.parametrize(("order", "signs"), ALL_48)
def test_order_and_direction_of_the_grids_axes_do_not_matter(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    labels = lying_askew()
    expected = reordered(sectors_of(labels), order, signs)
    found = sectors_of(reordered(labels, order, signs))
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.grid.affine, expected.grid.affine)


def test_the_canonical_grid_gives_the_same_sectors() -> None:
    labels = reordered(lying_askew(), (2, 0, 1), (-1, 1, -1))
    canonical = sectors_of(to_canonical(labels)).values
    np.testing.assert_array_equal(from_canonical(canonical, labels.grid), sectors_of(labels).values)


def test_a_mirror_image_has_mirrored_sectors() -> None:
    labels = lying_askew()
    np.testing.assert_array_equal(sectors_of(mirrored(labels)).values, OTHER_SIDE[sectors_of(labels).values])


blobs = arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 0, 1, 1, 2, 2, 3, 4]))
grids = st.builds(
    lambda up, back, left, roll, tilt: turned(
        Grid((4, 5, 6), axial_grid((up, back, left)).affine), about_superior(roll) @ about_left(tilt)
    ),
    *[st.floats(0.5, 4.0)] * 3,
    *[st.floats(-40, 40)] * 2,
)


@given(values=blobs, grid=grids)
def test_sectors_partition_their_zones_and_their_volumes_add_up(values: np.ndarray, grid: Grid) -> None:
    labels = Volume(values, grid)
    sectors = sector_map(labels, ALL_ZONE_CODES)
    if sectors is None:
        assert not values.any()
        return
    assert sectors.grid is grid
    assert_partitions(labels, sectors, (Zone.PZ, Zone.TZ, Zone.AFS))
    volumes = sector_volumes_ml(sectors)
    for zone in (Zone.PZ, Zone.TZ, Zone.AFS):
        total = sum(volumes[sector.abbreviation] for sector in SECTORS if sector.zone is zone)
        assert total == pytest.approx(float((values == zone).sum()) * grid.voxel_volume_ml)


@given(values=blobs, grid=grids)
def test_mirrored_input_gives_mirrored_sectors(values: np.ndarray, grid: Grid) -> None:
    """But for voxels in the midline itself, which have to go somewhere."""
    labels = Volume(values, grid)
    sectors, other = sector_map(labels, ALL_ZONE_CODES), sector_map(mirrored(labels), ALL_ZONE_CODES)
    if sectors is None or other is None:
        assert sectors is other
        return
    axes = gland_axes(values > 0, grid)
    beside = np.zeros(values.shape, dtype=np.bool_)
    beside[values > 0] = np.abs(axes.along_mm(positions_mm(values > 0, grid))[:, 2]) > 1e-5
    np.testing.assert_array_equal(other.values[beside], OTHER_SIDE[sectors.values[beside]])


@pytest.mark.parametrize(
    ("drawn", "codes", "why"),
    [
        (LabelCode.BACKGROUND, ALL_ZONE_CODES, "no prostate was found"),
        (
            LabelCode.WHOLE_GLAND,
            (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND),
            "the model tells none of PZ, TZ, AFS apart",
        ),
        (
            LabelCode.PZ,
            (LabelCode.BACKGROUND, LabelCode.PZ),
            "the model does not tell the whole gland, by whose axes sectors are divided",
        ),
    ],
)
def test_why_there_are_no_sectors(drawn: LabelCode, codes: tuple[LabelCode, ...], why: str) -> None:
    assert sector_map(box(drawn), codes) is None
    assert why_no_sectors(box(drawn), codes) == why


def test_a_gland_of_nothing_but_urethra_lies_in_no_sector() -> None:
    assert not sectors_of(box(LabelCode.DPU)).values.any()
    assert why_no_sectors(box(LabelCode.DPU), ALL_ZONE_CODES) == "no voxel lies in a sector"
