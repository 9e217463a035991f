import shutil
from pathlib import Path
from typing import Any

import pytest

from zonate.errors import ConfigError, OutputError
from zonate.io import idc
from zonate.verbs.download import collections, download


class Table(list[dict[str, Any]]):
    def to_dict(self, _orient: str) -> list[dict[str, Any]]:
        return list(self)


class StandInClient:
    """Serves what the index says, each file of 5000 bytes, into sub-folders as idc-index does."""

    def __init__(self) -> None:
        self.rows = Table(
            row(f"1.{patient}.{number}", f"ProstateX-000{patient}", modality, result)
            for patient in (1, 2, 3)
            for number, (modality, result) in enumerate(
                [("MR", float("nan")), ("SEG", "prostatex_seg_zones"), ("SEG", "bamf_aimi_annotations")]
            )
            if not (patient == 3 and result == "prostatex_seg_zones")
        )
        self.asked: list[list[str]] = []
        self.broken: set[str] = set()
        self.killed = False

    def sql_query(self, sql_query: str) -> Table:
        assert "collection_id = 'prostatex'" in sql_query
        return self.rows

    def download_from_selection(
        self,
        downloadDir: str,  # noqa: N803  (the keywords of idc-index 0.13)
        *,
        seriesInstanceUID: list[str],  # noqa: N803
        dirTemplate: str,  # noqa: N803
        quiet: bool,
        show_progress_bar: bool,
    ) -> None:
        assert (quiet, show_progress_bar) == (True, False)
        assert dirTemplate == "%SeriesInstanceUID"
        self.asked.append(seriesInstanceUID)
        for uid in self.asked[-1]:
            folder = Path(downloadDir) / uid
            folder.mkdir()
            for number in range(1 if uid in self.broken else 3):
                (folder / f"{uid}-{number}.dcm").write_bytes(b"x" * 5000)
        if self.killed:
            raise KeyboardInterrupt


def row(uid: str, patient: str, modality: str, result: Any) -> dict[str, Any]:
    return {
        "SeriesInstanceUID": uid,
        "PatientID": patient,
        "StudyInstanceUID": f"study-{patient}",
        "Modality": modality,
        "instanceCount": 3,
        "series_size_MB": 0.02,  # of 15 000 bytes, rounded
        "license_short_name": "CC BY 3.0",
        "analysis_result_id": result,
    }


def test_without_being_told_to_fetch_it_says_what_there_is(tmp_path: Path) -> None:
    client = StandInClient()
    result = download("prostatex-seg-zones", tmp_path / "out", client=client)
    # Patient 3 has no zones, and the segmentations of others are none of this set.
    assert [one.uid for one in result.series] == ["1.1.0", "1.2.0", "1.1.1", "1.2.1"]
    assert (result.patients, result.licences) == (2, ("CC BY 3.0",))
    assert result.size_gb == pytest.approx(8e-5)
    assert client.asked == []
    assert not (tmp_path / "out").exists()


def test_it_fetches_checks_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    client = StandInClient()
    client.broken = {"1.2.0"}
    first = download("prostatex-seg-zones", tmp_path, fetch=True, client=client)
    assert client.asked == [["1.1.0", "1.1.1"], ["1.2.0", "1.2.1"]]  # a call a patient
    assert first.fetched == ("1.1.0", "1.1.1", "1.2.1")
    assert "1 files of 5000 bytes came, not 3 of 20000" in first.failed["1.2.0"]
    whole = tmp_path / "ProstateX-0001" / "study-ProstateX-0001" / "MR_1.1.0"
    assert sorted(file.name for file in whole.iterdir()) == ["1.1.0-0.dcm", "1.1.0-1.dcm", "1.1.0-2.dcm"]
    assert not (tmp_path / "ProstateX-0002" / "study-ProstateX-0002" / "MR_1.2.0").exists()
    client.broken, client.asked = set(), []
    (whole / "1.1.0-1.dcm").unlink()
    second = download("prostatex-seg-zones", tmp_path, fetch=True, client=client)
    assert client.asked == [["1.1.0"], ["1.2.0"]]  # what was missing, and what had lost a file
    assert (second.kept, second.fetched, dict(second.failed)) == (("1.1.1", "1.2.1"), ("1.1.0", "1.2.0"), {})
    assert len(list(whole.iterdir())) == 3


def test_what_a_killed_download_left_is_removed_by_the_next(tmp_path: Path) -> None:
    client = StandInClient()
    client.killed = True
    with pytest.raises(KeyboardInterrupt):
        download("prostatex-seg-zones", tmp_path, fetch=True, client=client)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".arriving-x" / "1.1.0").mkdir(parents=True)  # as SIGKILL leaves it
    client.killed = False
    assert len(download("prostatex-seg-zones", tmp_path, fetch=True, client=client).fetched) == 4
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["ProstateX-0001", "ProstateX-0002"]


def test_the_images_alone_are_those_of_all_patients(tmp_path: Path) -> None:
    result = download("prostatex", tmp_path, client=StandInClient())
    assert [one.uid for one in result.series] == ["1.1.0", "1.2.0", "1.3.0"]


def test_a_few_patients_will_do(tmp_path: Path) -> None:
    result = download("prostatex-seg-zones", tmp_path, patients=1, client=StandInClient())
    assert {one.patient_id for one in result.series} == {"ProstateX-0001"}


def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = StandInClient()
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    with pytest.raises(OutputError, match="make room, or fetch fewer patients"):
        download("prostatex-seg-zones", tmp_path / "new" / "folder", fetch=True, client=client)
    assert client.asked == []


def test_other_sets_are_told_where_they_are_had(tmp_path: Path) -> None:
    result = download("msd", tmp_path)
    assert (result.collection.home, result.licences) == ("http://medicaldecathlon.com", ("CC BY-SA 4.0",))
    assert result.series == ()
    with pytest.raises(ValueError, match="no collection 'imagenet': known are"):
        download("imagenet", tmp_path)
    assert {"prostatex-seg-zones", "qin", "prostate-mri-us-biopsy", "msd", "picai"} <= set(collections())


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(idc, "import_module", missing)
    with pytest.raises(ConfigError, match=r"QIN.* \(CC BY 4\.0; https://.*\): .*pip install 'zonate\[idc\]'"):
        download("qin", Path("out"))
