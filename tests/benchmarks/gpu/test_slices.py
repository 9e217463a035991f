from pathlib import Path

import numpy as np

from benchmarks.gpu.plan import SMALL, Plan
from benchmarks.gpu.slices import middle_of, onto, simulated_slices
from zonate.dataset.store import Dataset
from zonate.geometry import Grid, Volume


def test_the_described_run_has_as_many_slices() -> None:
    assert (Plan().train_slices, Plan().case_slices * 35 + 4) == (669, 669)


def test_slices_of_all_channels_are_written_once(tmp_path: Path) -> None:
    folder = simulated_slices(tmp_path / "set", SMALL)
    dataset = Dataset.open(folder)
    assert [entry.slices for entry in dataset.split("train")] == [2, 1]
    assert [entry.slices for entry in dataset.split("validation")] == [2]
    slices = dataset.slices(dataset.split("train")[0].case_id)
    assert slices.channels_present == (True, True, True)
    assert slices.labels is not None
    assert {1, 2} <= set(np.unique(slices.labels).tolist())
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    assert simulated_slices(folder, SMALL) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()} == before


def test_the_middle_of_a_grid_in_coarser_pixels() -> None:
    grid = Grid((6, 8, 8), np.diag([3.0, 0.5, 0.5, 1.0])[[2, 1, 0, 3]])
    middle = middle_of(grid, 2, 4)
    assert middle.shape == (2, 2, 2)
    assert middle.spacing_mm == (3.0, 2.0, 2.0)
    np.testing.assert_allclose(middle.to_mm((0, 0, 0)), grid.to_mm((2, 1.5, 1.5)))


def test_a_volume_onto_a_finer_grid_of_the_same_slices() -> None:
    coarse = Grid((2, 2, 2), np.diag([3.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]])
    affine = np.array(coarse.affine)
    affine[:3, 1:3] /= 2
    values = np.array([[[0, 2], [4, 6]], [[8, 8], [8, 8]]], dtype=np.float32)
    found = onto(Volume(values, coarse), Grid((2, 3, 4), affine)).values
    np.testing.assert_array_equal(found[0], [[0, 1, 2, np.nan], [2, 3, 4, np.nan], [4, 5, 6, np.nan]])
    np.testing.assert_array_equal(found[1, :, :3], 8)
