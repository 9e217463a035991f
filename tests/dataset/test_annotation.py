from pathlib import Path

import numpy as np
import pytest

from tests.dataset.importers import trees
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers import LabelLayer, Source
from zonate.errors import GeometryError, LabelError
from zonate.geometry import Grid
from zonate.study import Sequence
from zonate.zones import LabelCode

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


def test_of_several_segs_the_one_that_lies_elsewhere_is_named(tmp_path: Path) -> None:
    layers = []
    for name, origin_mm in (("gland", (-36.0, -36.0, 0.0)), ("pz", (-30.0, -36.0, 0.0))):
        t2w = trees.write_series(tmp_path / name, "P", origin_mm=origin_mm)
        seg = trees.write_seg(tmp_path / f"{name}.dcm", t2w, {name: (None, trees.gland())})
        layers.append(LabelLayer(seg, {0: BG, 1: WG if name == "gland" else PZ}))
    of = Source("a", "P", {Sequence.T2W: tmp_path}, tuple(layers), "made here", "CC0", tmp_path, "here")
    with pytest.raises(GeometryError, match=r"^case a, pz\.dcm: the labels do not lie on the T2W grid"):
        read_annotation(of, GRID)


def test_without_labels_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"case a .*: there are no labels"):
        read_annotation(source(tmp_path), GRID)
