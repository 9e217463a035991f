import gzip
import http.client
import json
import resource
import signal
import threading
import webbrowser
from pathlib import Path

import numpy as np
import pytest

import zonate.verbs.view as verb
from tests.web.results import write_result
from zonate.errors import OutputError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume
from zonate.outputs.correction import write_corrected
from zonate.verbs.view import save_correction, view
from zonate.web.cases import read_case


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


@pytest.mark.parametrize(
    "taken", ["zones.edited.seg.dcm", "zones.edited.rtstruct.dcm", "zones.edited.json", "surfaces.edited"]
)
def test_a_number_that_anything_has_taken_is_not_used_again(tmp_path: Path, taken: str) -> None:
    folder = write_result(tmp_path / "a")
    (folder / taken).touch()
    saved = save_correction(folder, read_volume(folder / "zones.nii.gz"))
    assert [file.name for file in saved.files] == ["zones.edited-2.nii.gz"]


def test_what_is_made_of_a_correction_has_its_number(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    asked: list[Path] = []

    def write_beside(volume: Path, of: Volume) -> tuple[tuple[Path, ...], dict[str, str]]:
        assert of is labels
        assert volume.stat().st_size > 0  # the labels come first
        asked.append(volume)
        return (folder / "zones.edited-2.seg.dcm",), {"surfaces.edited-2": "nothing is drawn"}

    assert len(save_correction(folder, labels).files) == 1
    saved = save_correction(folder, labels, write_beside)
    assert asked == [folder / "zones.edited-2.nii.gz"]
    assert [file.name for file in saved.files] == ["zones.edited-2.nii.gz", "zones.edited-2.seg.dcm"]
    assert saved.warnings == ("surfaces.edited-2 was not written: nothing is drawn",)


def test_whatever_is_made_of_a_correction_is_of_it(tmp_path: Path) -> None:
    """A result of volumes: figures and surfaces, on a grid that is tilted."""
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    corrected = labels.with_values(np.where(labels.values == 4, 0, labels.values).astype(np.uint8))
    saved = save_correction(folder, corrected, write_corrected)
    assert [file.name for file in saved.files] == ["zones.edited.nii.gz", "zones.edited.json", "surfaces.edited"]
    assert saved.warnings == ()
    assert json.loads((folder / "zones.edited.json").read_text(encoding="utf-8"))["volume_ml"]["AFS"] == 0.0
    names = sorted(file.name for file in (folder / "surfaces.edited").iterdir())
    assert names == [f"corrected-was-doubtful-{name}.stl" for name in ("central_gland", "dpu", "gland", "pz", "tz")]


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
        headers = {
            "X-Zonate-Token": token,
            "Origin": origin,
            "X-Zonate-Result": read_case(folder).result,
            "X-Zonate-Began-From": "zones.nii.gz",
            "X-Zonate-Newest": "zones.nii.gz",
        }
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
    assert [file.name for file in saved] == ["zones.edited.nii.gz", "zones.edited.json", "surfaces.edited"]
    assert "#code=" in opened[0]


def test_a_result_of_an_older_version_is_refused(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "t2w.nii.gz").unlink()
    with pytest.raises(OutputError, match="an older version made this result, predict the study again"):
        view(folder, open_browser=False)


def test_a_correction_says_that_it_began_as_a_doubtful_result(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    save_correction(folder, read_volume(folder / "zones.nii.gz"))
    header = gzip.decompress((folder / "zones.edited.nii.gz").read_bytes())[148:228]
    assert header.rstrip(b"\0") == b"Corrected by a person; was DOUBTFUL: the gland is torn"


def test_a_save_that_is_killed_leaves_no_correction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    while_written: list[str] = []

    def write(*_of: object, **_how: object) -> None:
        while_written.extend(file.name for file in folder.glob("zones.edited*"))
        raise KeyboardInterrupt

    monkeypatch.setattr("zonate.io.nifti.sitk.WriteImage", write)
    with pytest.raises(KeyboardInterrupt):
        save_correction(folder, labels)
    assert while_written == []
    assert not list(folder.glob(".*"))


def test_a_correction_for_which_there_is_no_room_is_not_called_saved(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    labels = read_volume(folder / "zones.nii.gz")
    before = sorted(folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match=r"no room for all of zones\.edited\.nii\.gz"):
            save_correction(folder, labels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(folder.iterdir()) == before


def test_a_name_that_another_program_takes_at_the_same_time_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_result(tmp_path / "a")
    monkeypatch.setattr(verb, "_there", lambda *_of: [False, False])  # it was not there when we looked
    (folder / "zones.edited.nii.gz").write_bytes(b"of another program")
    beside: list[Path] = []

    def write_beside(file: Path, _labels: Volume) -> tuple[tuple[Path, ...], dict[str, str]]:
        beside.append(file)
        return (), {}

    (file,) = save_correction(folder, read_volume(folder / "zones.nii.gz"), write_beside).files
    assert file.name == "zones.edited-2.nii.gz"
    assert beside == [file]
    assert (folder / "zones.edited.nii.gz").read_bytes() == b"of another program"
