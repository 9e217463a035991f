from pathlib import Path

from benchmarks.accuracy.images import read_images
from tests.benchmarks.accuracy.toy import a_set


def test_readings_of_one_image_come_together(tmp_path: Path) -> None:
    manifest = a_set(tmp_path, [("p1", "x"), ("p2", "x"), ("p1", "y")], "evaluation")
    one, two = read_images(manifest, ("evaluation",))
    assert (one.patient_id, len(one.readings)) == ("p1", 2)
    assert (two.patient_id, len(two.readings)) == ("p2", 1)
    assert not list(read_images(manifest, ("any",)))
