from pathlib import Path

import numpy as np
import pytest

from tests import dicom_factory as factory
from tests.dataset.importers import trees
from tests.io.segs import MODEL
from tests.io.sources import source_of
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers import LabelLayer, Source
from zonate.errors import GeometryError, LabelError
from zonate.geometry import Grid, Volume
from zonate.io.seg_writer import write_zones_seg
from zonate.study import Sequence
from zonate.zones import ALL_ZONE_CODES, LabelCode

GRID = Grid(trees.SHAPE, np.array([[0, 0, 1.5, -36], [0, 1.5, 0, -36], [4.0, 0, 0, 0], [0, 0, 0, 1]]))
BG, PZ, CG, WG, NA = (LabelCode(code) for code in (0, 1, 5, 6, 255))


def source(root: Path, *layers: tuple[str, np.ndarray, LabelCode], rest: LabelCode | None = None) -> Source:
    files = tuple(LabelLayer(trees.write_volume(root / n, v), {0: BG, 1: code}) for n, v, code in layers)
    return Source("a", "P", {Sequence.T2W: root}, files, "made here", "CC0", root, "here", rest=rest)


def test_masks_of_gland_and_pz_become_one_volume(tmp_path: Path) -> None:
    pz = (trees.zones() == 1).astype(np.uint8)
    of = source(tmp_path, ("gland.nii.gz", trees.gland(), WG), ("pz.nii.gz", pz, PZ))
    volume, notes = read_annotation(of, GRID)
    expected = np.where(pz, PZ, np.where(trees.gland(), WG, BG))
    np.testing.assert_array_equal(volume.values, expected)
    assert (notes, of.codes) == ((), (BG, PZ, WG))


def test_what_the_gland_alone_holds_may_be_called_finer(tmp_path: Path) -> None:
    pz = (trees.zones() == 1).astype(np.uint8)
    of = source(tmp_path, ("gland.nii.gz", trees.gland(), WG), ("pz.nii.gz", pz, PZ), rest=CG)
    volume, _ = read_annotation(of, GRID)
    assert set(np.unique(volume.values)) == {BG, PZ, CG}
    assert of.codes == (BG, PZ, CG)


def test_what_lies_in_the_glands_mask_and_in_no_zones_is_not_learnt_from(tmp_path: Path) -> None:
    pz = (trees.zones() == 1).astype(np.uint8)
    rest = (trees.zones() > 1).astype(np.uint8)
    rest[3, 14, :] = 0  # a row of 24 voxels of 2880
    layers = (("gland.nii.gz", trees.gland(), WG), ("pz.nii.gz", pz, PZ), ("cg.nii.gz", rest, CG))
    volume, notes = read_annotation(source(tmp_path, *layers), GRID)
    assert source(tmp_path, *layers).codes == (BG, PZ, CG)
    assert (volume.values[3, 14, 12:36] == NA).all()
    assert int((volume.values == NA).sum()) == 24
    assert notes == ("24 voxels are in the gland's mask and in no zone's: they count as not annotated",)


def test_masks_that_exclude_each_other_are_counted_and_not_learnt_from(tmp_path: Path) -> None:
    pz = (trees.zones() == 1).astype(np.uint8)
    rest = (trees.zones() > 1).astype(np.uint8)
    rest[2, 33, 12:17] = 1  # five voxels of PZ
    volume, notes = read_annotation(source(tmp_path, ("pz.nii.gz", pz, PZ), ("cg.nii.gz", rest, CG)), GRID)
    assert (volume.values[2, 33, 12:17] == NA).all()
    assert notes == ("5 voxels are drawn as zones that exclude each other: they count as not annotated",)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_slices_that_nobody_drew_are_not_annotated_however_the_t2w_is_stored(
    order: tuple[int, int, int], tmp_path: Path
) -> None:
    affine = GRID.affine.copy()
    affine[:3, :3] = affine[:3, list(order)]
    first, second, third = (trees.SHAPE[axis] for axis in order)
    of = source(tmp_path, ("gland.nii.gz", trees.gland()[:6], WG))
    volume, notes = read_annotation(of, Grid((first, second, third), affine))
    codes = volume.values.transpose([order.index(axis) for axis in range(3)])  # (S, H, W)
    assert (codes[6:] == NA).all()
    np.testing.assert_array_equal(codes[:6], np.where(trees.gland()[:6], WG, BG))
    assert notes == ("the label file gland.nii.gz has 6 of the T2W's 10 slices: the others count as not annotated",)


def test_what_a_seg_does_not_draw_is_background_whether_that_is_declared_or_not(tmp_path: Path) -> None:
    t2w = trees.write_series(tmp_path / "t2w", "P")
    seg = trees.write_seg(tmp_path / "gland.dcm", t2w, {"gland": (None, trees.gland())})
    of = Source("a", "P", {Sequence.T2W: tmp_path}, (LabelLayer(seg, {1: WG}),), "D", "CC0", tmp_path, "here")
    volume, notes = read_annotation(of, GRID)
    assert (of.codes, notes) == ((BG, WG), ())
    np.testing.assert_array_equal(volume.values, np.where(trees.gland(), WG, BG))


def test_of_several_segs_the_one_that_lies_elsewhere_is_named(tmp_path: Path) -> None:
    layers = []
    for name, origin_mm in (("gland", (-36.0, -36.0, 0.0)), ("pz", (-30.0, -36.0, 0.0))):
        t2w = trees.write_series(tmp_path / name, "P", origin_mm=origin_mm)
        seg = trees.write_seg(tmp_path / f"{name}.dcm", t2w, {name: (None, trees.gland())})
        layers.append(LabelLayer(seg, {0: BG, 1: WG if name == "gland" else PZ}))
    of = Source("a", "P", {Sequence.T2W: tmp_path}, tuple(layers), "made here", "CC0", tmp_path, "here")
    with pytest.raises(GeometryError, match=r"^case a, pz\.dcm: the labels do not lie on the T2W grid"):
        read_annotation(of, GRID)


@pytest.mark.parametrize(
    ("gaps_mm", "drawn"),
    [
        ([3.13] * 4 + [2.87] * 4, slice(4, 9)),
        ([3.0] * 10 + [3.25] * 9, slice(0, 20)),  # up to 1.18 mm off even steps
        ([3.0] * 10 + [3.25] * 9, slice(6, 14)),
        ([3.0] * 10 + [3.25] * 9, slice(10, 19)),
    ],
)
def test_a_seg_of_ours_is_taken_where_the_slices_of_the_t2w_are_uneven(
    tmp_path: Path, gaps_mm: list[float], drawn: slice
) -> None:
    """The reader lets gaps differ by a tenth; a SEG has the headers' positions, and no frame where nothing is drawn."""
    heights_mm = np.cumsum([0.0, *gaps_mm])
    plan = factory.t2w(slices=len(heights_mm))
    for s, height_mm in enumerate(heights_mm):
        dataset = factory.classic(plan, s, None, instance=s + 1)
        dataset.ImagePositionPatient[2] = float(height_mm)
        factory.save(dataset, tmp_path / "study" / f"i{s}")
    t2w = source_of(tmp_path / "study")
    labels = np.zeros(t2w.grid.shape, dtype=np.uint8)
    labels[drawn, 2:5, 2:4] = (np.arange(len(heights_mm)) % 4 + 1)[drawn, None, None]
    write_zones_seg(tmp_path / "zones.dcm", Volume(labels, t2w.grid), ALL_ZONE_CODES, t2w, algorithm=MODEL)
    layer = LabelLayer(tmp_path / "zones.dcm", {0: BG, **{int(code): code for code in ALL_ZONE_CODES if code}})
    of = Source("a", "P", {Sequence.T2W: tmp_path}, (layer,), "made here", "CC0", tmp_path, "here")
    volume, notes = read_annotation(of, t2w.grid)
    np.testing.assert_array_equal(volume.values, labels)
    assert notes == ()


def test_without_labels_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"case a .*: there are no labels"):
        read_annotation(source(tmp_path), GRID)
