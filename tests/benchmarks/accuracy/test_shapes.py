from pathlib import Path

from benchmarks.accuracy.shapes import FOUR_ZONES, PZ_AND_CENTRAL_GLAND, make_images


def test_images_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    made = [tmp_path / name / "manifest.csv" for name in (PZ_AND_CENTRAL_GLAND, FOUR_ZONES)]
    for manifest in made:
        manifest.parent.mkdir()
        manifest.touch()
    assert make_images(tmp_path / "no data", tmp_path) == made
    assert make_images(tmp_path / "no data", tmp_path, only=FOUR_ZONES) == made[1:]
