import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import acquisition
from zonate.alignment import Alignment, align_to_t2w
from zonate.config import Settings
from zonate.errors import OutputError, ZonateError
from zonate.io.nifti import read_volume, write_volume
from zonate.pictures.alignment import draw_alignment
from zonate.settings.data import AlignmentSettings
from zonate.study import Sequence
from zonate.verbs.align import align, is_aligned

SETTINGS = Settings(alignment=AlignmentSettings(method="header", region_mm=60))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of NIfTI volumes without DWI."""
    folder = tmp_path / "case-1"
    pair = acquisition()
    assert pair.adc is not None
    write_volume(folder / "t2w.nii.gz", pair.t2w)
    write_volume(folder / "adc.nii.gz", pair.adc)
    return folder


def test_everything_is_written_on_the_t2w_grid_and_what_is_absent_is_said(study: Path, tmp_path: Path) -> None:
    alignment = align(study, tmp_path / "out", SETTINGS).alignment
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"t2w.nii.gz", "adc.nii.gz", "alignment.json", "alignment.png"}
    t2w, adc = read_volume(out / "t2w.nii.gz"), read_volume(out / "adc.nii.gz")
    assert adc.grid.same_as(t2w.grid)
    assert alignment.adc is not None
    assert np.array_equal(adc.values, alignment.adc.values, equal_nan=True)
    told = json.loads((out / "alignment.json").read_text())
    assert (told["case_id"], told["chosen"], told["absent"]) == ("case-1", "header", ["DWI"])
    assert told["figures"]["overlap_fraction"] == pytest.approx(1.0)


def test_results_are_not_overwritten_unasked(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds results already"):
        align(study, out, SETTINGS)
    assert (out / "precious.txt").read_text() == "mine"


def test_what_is_overwritten_is_one_alignment_and_nothing_else(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    align(study, out, SETTINGS)
    for name in (".DS_Store", "Thumbs.db"):  # of somebody who looked at the picture
        (out / name).touch()
    align(study, out, SETTINGS, overwrite=True)
    (out / "earlier").mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"out holds other things than one alignment \(earlier and 1 more\)"):
        align(study, out, SETTINGS, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    volumes = tmp_path / "volumes"
    volumes.mkdir()
    (volumes / "t2w.nii.gz").write_text("a study of its own")
    with pytest.raises(OutputError, match=r"volumes holds other things than one alignment \(t2w\.nii\.gz\)"):
        align(study, volumes, SETTINGS, overwrite=True)
    assert (volumes / "t2w.nii.gz").read_text() == "a study of its own"


def test_what_is_put_beside_an_alignment_while_it_is_made_anew_is_kept(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    align(study, out, SETTINGS)

    def write_beside(*arguments: Any) -> None:
        (out / "notes.txt").write_text("mine")
        draw_alignment(*arguments)

    monkeypatch.setattr("zonate.verbs.align.draw_alignment", write_beside)
    with pytest.raises(OutputError, match=r"other things than one alignment \(notes\.txt\)"):
        align(study, out, SETTINGS, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_study_that_changes_while_it_is_aligned_is_not_taken_for_aligned(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touching(*arguments: Any) -> Alignment:
        os.utime(study / "adc.nii.gz", (1, 1))
        return align_to_t2w(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("zonate.verbs.align.align_to_t2w", touching)
        align(study, tmp_path / "out", SETTINGS)
    assert not is_aligned(study, tmp_path / "out", SETTINGS)
    align(study, tmp_path / "out", SETTINGS, overwrite=True)
    assert is_aligned(study, tmp_path / "out", SETTINGS)


def test_a_failure_leaves_no_half_written_folder(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the pencil broke")

    monkeypatch.setattr("zonate.verbs.align.draw_alignment", fail)
    with pytest.raises(RuntimeError, match="pencil"):
        align(study, tmp_path / "out", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["case-1"]


def markups(path: Path, points_lps_mm: dict[str, tuple[float, float, float]]) -> Path:
    """A list of points as 3D Slicer 5 saves it."""
    points = [
        {"label": label, "position": list(at), "positionStatus": "defined"} for label, at in points_lps_mm.items()
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    path.write_text(json.dumps({"markups": [markup]}))
    return path


def test_landmarks_are_measured_and_written(study: Path, tmp_path: Path) -> None:
    # The phantom's middle is (5, -7, 20); the landmarks lie 3 mm and 4 mm off, and the header moves nothing.
    t2w = markups(tmp_path / "t2w.mrk.json", {"utricle": (5.0, -7.0, 20.0), "cyst": (10.0, -7.0, 20.0)})
    adc = markups(tmp_path / "adc.mrk.json", {"cyst": (10.0, -7.0, 24.0), "utricle": (8.0, -7.0, 20.0)})
    result = align(study, tmp_path / "out", SETTINGS, landmarks=[t2w, adc])
    assert result.landmarks is not None
    assert result.landmarks.error_mm == pytest.approx({"utricle": 3.0, "cyst": 4.0})
    told = json.loads((tmp_path / "out" / "alignment.json").read_text())["landmarks"]
    assert (told["n"], told["mean_mm"], told["header_mean_mm"]) == (2, pytest.approx(3.5), pytest.approx(3.5))


def test_landmarks_beyond_the_last_slice_are_moved_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shift = sitk.TranslationTransform(3, (4.0, 0.0, 0.0))
    monkeypatch.setattr("zonate.alignment.candidates.register", lambda *_, **__: shift)
    pair = acquisition(shift)
    assert pair.adc is not None
    write_volume(tmp_path / "case-1" / "t2w.nii.gz", pair.t2w)
    write_volume(tmp_path / "case-1" / "adc.nii.gz", pair.adc)
    places = {"inside": (8, 32, 32), "above": (16.5, 32, 32), "below": (-1.5, 20, 20)}  # 3 mm beyond the faces
    at = {name: tuple(pair.t2w.grid.to_mm(index).tolist()) for name, index in places.items()}
    t2w = markups(tmp_path / "t2w.mrk.json", at)
    adc = markups(tmp_path / "adc.mrk.json", {name: (x + 4, y, z) for name, (x, y, z) in at.items()})
    settings = Settings(alignment=AlignmentSettings(method="rigid", region_mm=60))
    found = align(tmp_path / "case-1", tmp_path / "out", settings, landmarks=[t2w, adc])
    assert found.alignment.record.chosen == "rigid"
    assert found.landmarks is not None
    assert found.landmarks.error_mm == pytest.approx({"inside": 0.0, "above": 0.0, "below": 0.0}, abs=1e-6)
    assert found.landmarks.header_error_mm == pytest.approx({"inside": 4.0, "above": 4.0, "below": 4.0})


def test_landmarks_that_cannot_be_read_are_told_before_the_work(study: Path, tmp_path: Path) -> None:
    broken = tmp_path / "points.mrk.json"
    broken.write_text("{")
    with pytest.raises(ZonateError, match=r"points\.mrk\.json"):
        align(study, tmp_path / "out", SETTINGS, landmarks=[broken])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("case", "series"), [("ProstateX-0000", 6), ("ProstateX-0001", 7)])
def test_a_real_study_is_registered_without_folding(shared_data: Path, tmp_path: Path, case: str, series: int) -> None:
    result = align(shared_data / "prostatex-dicom" / case, tmp_path / "out", overrides={Sequence.DWI: series})
    record = result.alignment.record
    assert record.chosen in ("bspline", "rigid")
    assert record.registered_on == "DWI b 50"
    assert record.similarity[record.chosen] > record.similarity["header"]
    assert record.figures["minimum_jacobian"] > 0.5
    assert record.figures["estimated_error_mm"] < 1.0
    assert record.seconds < 60
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", "dwi_to_t2w.tfm", "alignment.json", "alignment.png"} == names
