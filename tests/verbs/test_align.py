import json
from pathlib import Path

import numpy as np
import pytest

from tests.alignment.phantom import acquisition
from zonate.config import AlignmentSettings, Settings
from zonate.errors import OutputError
from zonate.io.nifti import read_volume, write_volume
from zonate.study import Sequence
from zonate.verbs.align import align

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
    alignment = align(study, tmp_path / "out", SETTINGS)
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
    align(study, out, SETTINGS, overwrite=True)
    assert not (out / "precious.txt").exists()


def test_a_failure_leaves_no_half_written_folder(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the pencil broke")

    monkeypatch.setattr("zonate.verbs.align.draw_alignment", fail)
    with pytest.raises(RuntimeError, match="pencil"):
        align(study, tmp_path / "out", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["case-1"]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "series"), [("ProstateX-0000", 6), ("ProstateX-0001", 7)])
def test_a_real_study_is_registered_without_folding(shared_data: Path, tmp_path: Path, case: str, series: int) -> None:
    alignment = align(shared_data / "prostatex-dicom" / case, tmp_path / "out", overrides={Sequence.DWI: series})
    record = alignment.record
    assert record.chosen in ("bspline", "rigid")
    assert record.registered_on == "DWI b 50"
    assert record.similarity[record.chosen] > record.similarity["header"]
    assert record.figures["minimum_jacobian"] > 0.5
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", "dwi_to_t2w.tfm", "alignment.json", "alignment.png"} == names
