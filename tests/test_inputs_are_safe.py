"""What a user types by mistake must not cost data or mix patients: found by a reader who had not seen the work."""

import shutil
from pathlib import Path

import pytest

from zonate.config import Settings
from zonate.errors import CorruptSeriesError, OutputError, StudyError
from zonate.io.files import atomic_folder, check_output_folder
from zonate.load import load_case, open_study
from zonate.simulation.study import draw_study
from zonate.study import Sequence
from zonate.verbs.prepare import prepare


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "one"
    draw_study(0, 0, "siemens").write(folder)
    return folder


def series_folder(study: Path, number: int) -> Path:
    """The folder that holds a series, found by the reader's own list of files."""
    with open_study(study) as opened:
        uid = next(series.uid for series in opened.series if series.series_number == number)
        return opened.files[uid][0].parent


@pytest.mark.parametrize("output", [".", "study", "study/dicom"])
def test_an_output_that_holds_its_input_is_refused_even_with_overwrite(tmp_path: Path, output: str) -> None:
    (tmp_path / "study" / "dicom").mkdir(parents=True)
    (tmp_path / "study" / "dicom" / "1").touch()
    with pytest.raises(OutputError, match="holds what is read"):
        check_output_folder(tmp_path / output, overwrite=True, inputs=[tmp_path / "study" / "dicom"])
    assert (tmp_path / "study" / "dicom" / "1").exists()


def test_an_interrupt_at_the_last_moment_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    whole_replace = Path.replace

    def interrupted(self: Path, to: Path) -> Path:
        if (self / "new").exists():
            raise KeyboardInterrupt
        return whole_replace(self, to)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
    monkeypatch.undo()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_hidden_things_of_the_user_survive_prepare(tmp_path: Path) -> None:
    manifest = tmp_path / "cases.csv"
    manifest.write_text(
        "case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use\n"
        "a,p,a/t2w.nii.gz,,,a/zones.nii.gz,0=BACKGROUND;1=PZ,d,CC0,any\n"
    )
    cases = tmp_path / "out" / "cases"
    (cases / ".git").mkdir(parents=True)
    (cases / ".DS_Store").touch()
    (cases / ".zonate-0123abcd.a").mkdir()
    assert set(prepare(tmp_path / "out", manifests=[manifest], settings=Settings()).failed) == {"a"}
    assert {path.name for path in cases.iterdir()} == {".git", ".DS_Store"}


def test_roles_of_two_patients_are_refused(study: Path, tmp_path: Path) -> None:
    draw_study(0, 7, "siemens").write(tmp_path / "two")
    with pytest.raises(StudyError, match="given as T2W, DWI are not of one patient"):
        load_case({Sequence.T2W: study, Sequence.DWI: tmp_path / "two"})


def test_an_override_that_the_headers_contradict_is_said(study: Path) -> None:
    with open_study(study) as opened:
        chosen = opened.roles[Sequence.T2W].series_number
        sagittal = next(s.series_number for s in opened.series if s.role is None and "sagittal" in s.reason)
    assert sagittal is not None
    assert chosen is not None
    with open_study(study, overrides={Sequence.T2W: sagittal}) as opened:
        assert any(f"series {sagittal} is given as T2W, but" in warning for warning in opened.warnings)
    with (
        pytest.raises(StudyError, match="both as T2W and as DWI"),
        open_study(study, overrides={Sequence.T2W: chosen, Sequence.DWI: chosen}),
    ):
        pass


def test_a_slice_whose_header_is_cut_off_refuses_the_study(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    with open_study(copy) as opened:
        number = opened.roles[Sequence.T2W].series_number
    assert number is not None
    last = sorted(series_folder(copy, number).iterdir())[-1]
    last.write_bytes(last.read_bytes()[:600])
    with pytest.raises(CorruptSeriesError, match=f"series {number}"), open_study(copy):
        pass


def test_a_study_behind_a_link_keeps_the_links_name(study: Path, tmp_path: Path) -> None:
    (tmp_path / "anonymous-01").symlink_to(study, target_is_directory=True)
    with open_study(tmp_path / "anonymous-01") as opened:
        assert opened.case_id == "anonymous-01"


def test_a_file_that_is_no_archive_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "000001.dcm").write_bytes(b"\0" * 200)
    with pytest.raises(StudyError, match="is a file but no zip"), open_study(tmp_path / "000001.dcm"):
        pass
