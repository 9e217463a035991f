import gzip
import http.client
import signal
import threading
import webbrowser
from pathlib import Path

import numpy as np
import pytest

import zonate.verbs.view as verb
from tests.web.results import write_result
from zonate.errors import GeometryError, OutputError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume
from zonate.verbs.view import save_correction, view


def test_corrections_are_numbered_and_replace_nothing(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    names = [save_correction(folder, labels).files[0].name for _ in range(3)]
    assert names == ["zones.edited.nii.gz", "zones.edited-2.nii.gz", "zones.edited-3.nii.gz"]
    assert all(file.read_bytes() == content for file, content in before.items())
    saved = read_volume(folder / "zones.edited-3.nii.gz")
    assert saved.values.dtype == np.uint8
    np.testing.assert_array_equal(saved.values, labels.values)
    assert saved.grid.same_as(labels.grid)


def test_a_number_that_only_a_seg_has_taken_is_not_used_again(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "zones.edited.seg.dcm").touch()
    saved = save_correction(folder, read_volume(folder / "zones.nii.gz"))
    assert [file.name for file in saved.files] == ["zones.edited-2.nii.gz"]


def test_a_case_from_dicom_gets_its_seg(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    asked: list[Path] = []

    def write_seg(volume: Volume, target: Path) -> None:
        assert volume is labels
        asked.append(target)

    assert len(save_correction(folder, labels, write_seg).files) == 1
    assert asked == []
    (folder / "source.json").touch()
    saved = save_correction(folder, labels, write_seg)
    assert asked == [folder / "zones.edited-2.seg.dcm"]
    assert [file.name for file in saved.files] == ["zones.edited-2.nii.gz", "zones.edited-2.seg.dcm"]


def test_labels_are_kept_where_the_seg_cannot_be_written(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "source.json").touch()

    def write_seg(_volume: Volume, _target: Path) -> None:
        raise GeometryError("case a: the T2W series is no longer there")

    saved = save_correction(folder, read_volume(folder / "zones.nii.gz"), write_seg)
    assert [file.name for file in saved.files] == ["zones.edited.nii.gz"]
    assert saved.warnings == ("zones.edited.seg.dcm was not written: case a: the T2W series is no longer there",)


def test_it_serves_until_interrupted_and_tells_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_result(tmp_path / "out" / "a")
    opened: list[str] = []

    def start_browser(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", start_browser)
    statuses: list[int] = []

    def use(address: str) -> None:
        origin, _, token = address.partition("/#token=")
        connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=10)
        headers = {"X-Zonate-Token": token, "Origin": origin}
        labels = read_volume(folder / "zones.nii.gz").values.tobytes()
        connection.request("POST", "/api/cases/0/labels", labels, headers)
        with connection.getresponse() as answer:
            statuses.append(answer.status)
        connection.close()
        signal.raise_signal(signal.SIGINT)

    threads: list[threading.Thread] = []

    def announce(address: str) -> None:
        threads.append(threading.Thread(target=use, args=(address,)))
        threads[0].start()

    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored in what a shell started in the background
    try:
        saved = view(tmp_path / "out", announce=announce)
    finally:
        signal.signal(signal.SIGINT, before)
    threads[0].join()
    assert statuses == [200]
    assert saved == (folder / "zones.edited.nii.gz",)
    assert "#code=" in opened[0]


def test_a_result_of_an_older_version_is_refused(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "t2w.nii.gz").unlink()
    with pytest.raises(OutputError, match="an older version made this result, predict the study again"):
        view(folder, open_browser=False)


def test_whatever_keeps_the_seg_from_being_written_costs_no_labels(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "source.json").touch()

    def write_seg(_volume: Volume, _target: Path) -> None:
        raise AttributeError("Secret^Person has no such attribute")

    saved = save_correction(folder, read_volume(folder / "zones.nii.gz"), write_seg)
    assert [file.name for file in saved.files] == ["zones.edited.nii.gz"]
    assert saved.warnings == ("zones.edited.seg.dcm was not written: AttributeError",)


def test_a_correction_says_that_it_began_as_a_doubtful_result(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    save_correction(folder, read_volume(folder / "zones.nii.gz"))
    header = gzip.decompress((folder / "zones.edited.nii.gz").read_bytes())[148:228]
    assert header.rstrip(b"\0") == b"Corrected by a person; was DOUBTFUL: the gland is torn"


def test_a_name_that_another_program_takes_at_the_same_time_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_result(tmp_path / "a")
    monkeypatch.setattr(verb, "_there", lambda *_of: [False, False])  # it was not there when we looked
    (folder / "zones.edited.nii.gz").write_bytes(b"of another program")
    (file,) = save_correction(folder, read_volume(folder / "zones.nii.gz")).files
    assert file.name == "zones.edited-2.nii.gz"
    assert (folder / "zones.edited.nii.gz").read_bytes() == b"of another program"
