from pathlib import Path

import pytest

from benchmarks.accuracy.shapes import FOUR_ZONES, PZ_AND_CENTRAL_GLAND, add_shapes, make_images
from zonate.errors import DatasetError


def test_images_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    made = [tmp_path / name / "manifest.csv" for name in (PZ_AND_CENTRAL_GLAND, FOUR_ZONES)]
    for manifest in made:
        manifest.parent.mkdir()
        manifest.touch()
    assert make_images(tmp_path / "no data", tmp_path) == made
    assert make_images(tmp_path / "no data", tmp_path, only=FOUR_ZONES) == made[1:]


def test_there_must_be_a_run_without_them_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="zonate-fold1 is not done"):
        add_shapes(tmp_path / "data", tmp_path, fold=1, n=2)
