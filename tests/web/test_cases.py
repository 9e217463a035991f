import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.web.results import DOUBT, WARNING, acquired_grid, write_result
from zonate.errors import LabelError, OutputError
from zonate.geometry import Grid
from zonate.io.nifti import read_volume, write_volume
from zonate.web.cases import ViewedCase, find_cases, note_of_correction, read_case


def test_an_output_of_one_case_and_of_several(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_result(tmp_path / "out" / name)
    assert find_cases(tmp_path / "out") == {"a": tmp_path / "out" / "a", "b": tmp_path / "out" / "b"}
    (tmp_path / "out" / "b").rename(tmp_path / "out" / ".zonate-1234abcd.b")  # a prediction under way, or killed
    assert find_cases(tmp_path / "out") == {"a": tmp_path / "out" / "a"}
    (tmp_path / "out" / ".zonate-1234abcd.b").rename(tmp_path / "out" / "b")
    assert find_cases(tmp_path / "out" / "b") == {"b": tmp_path / "out" / "b"}
    assert find_cases(tmp_path / "out", "a") == {"a": tmp_path / "out" / "a"}


def test_an_output_without_results_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        find_cases(tmp_path / "none")
    with pytest.raises(OutputError, match=r"holds no result: there is no zones\.json"):
        find_cases(tmp_path)
    write_result(tmp_path / "a")
    with pytest.raises(OutputError, match="holds no case c: there are a"):
        find_cases(tmp_path, "c")


def test_the_manifest_tells_the_page_what_there_is(tmp_path: Path) -> None:
    told = read_case(write_result(tmp_path / "a")).manifest()
    assert [(volume["name"], volume["title"]) for volume in told["volumes"]] == [
        ("t2w", "T2W"),
        ("adc", "ADC"),
        ("entropy", "uncertainty"),
    ]
    assert told["shape_whs"] == [48, 40, 8]
    assert told["spacing_mm_whs"] == [1, 1, 3]
    assert told["voxel_volume_ml"] == pytest.approx(0.003)
    assert told["readings"] == ["zones.nii.gz"]
    assert told["warnings"] == [WARNING]
    assert told["doubt"] == DOUBT
    assert told["research_use"] == "Research use only. Not for diagnosis."
    assert told["entropy_max_nats"] == pytest.approx(1.6094, abs=1e-4)  # ln 5
    assert [
        (zone["code"], zone["abbreviation"], zone["colour_rgb"], zone["interval_ml"]) for zone in told["zones"]
    ] == [
        (1, "PZ", [86, 180, 233], [1.0, 2.5]),
        (2, "TZ", [230, 159, 0], None),
        (3, "DPU", [240, 228, 66], None),
        (4, "AFS", [204, 121, 167], None),
    ]


def test_a_zone_that_is_not_validated_is_told_to_the_page(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    report = json.loads((folder / "zones.json").read_text())
    assert [zone["not_validated"] for zone in read_case(folder).manifest()["zones"]] == [False, False, False, True]
    del report["not_validated"]  # as an older version wrote it
    (folder / "zones.json").write_text(json.dumps(report))
    assert not any(zone["not_validated"] for zone in read_case(folder).manifest()["zones"])


def test_without_a_calibration_the_page_is_told_the_range_of_the_samples(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    calibrated = read_case(folder).manifest()
    assert (calibrated["interval_name"], calibrated["gland_interval_ml"]) == ("95 % interval", [3.0, 5.0])
    report = json.loads((folder / "zones.json").read_text())
    report["uncertainty"] |= {"calibrated": False, "interval_ml": {}}
    (folder / "zones.json").write_text(json.dumps(report))
    told = read_case(folder).manifest()
    assert (told["interval_name"], told["gland_interval_ml"]) == ("range of samples", [3.8, 4.2])
    assert told["zones"][0]["interval_ml"] == [1.6, 1.9]
    del report["uncertainty"]["range_of_samples_ml"]  # as an older version wrote it
    report["uncertainty"]["interval_ml"] = {"GLAND": [3.9, 4.1]}
    (folder / "zones.json").write_text(json.dumps(report))
    assert read_case(folder).manifest()["gland_interval_ml"] is None


def test_codes_of_several_zones_have_their_names_and_colours(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    report = json.loads((folder / "zones.json").read_text()) | {"codes": {"0": "", "1": "", "5": ""}}
    (folder / "zones.json").write_text(json.dumps(report))
    zones = read_case(folder).manifest()["zones"]
    assert [(zone["name"], zone["colour_rgb"]) for zone in zones] == [
        ("peripheral zone", [86, 180, 233]),
        ("central gland", [213, 94, 0]),
    ]


def test_corrections_come_in_the_order_of_their_saving(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    for name in ("zones.edited-10.nii.gz", "zones.edited-2.nii.gz", "zones.edited.nii.gz", "zones.edited.seg.dcm"):
        (folder / name).write_bytes(b"something")
    (folder / "zones.edited-x.nii.gz").write_bytes(b"something")
    assert read_case(folder).readings() == (
        "zones.nii.gz",
        "zones.edited.nii.gz",
        "zones.edited-2.nii.gz",
        "zones.edited-10.nii.gz",
    )


def test_an_empty_file_is_no_correction(tmp_path: Path) -> None:
    """Its writer was killed, or has only taken the name so far."""
    folder = write_result(tmp_path / "a")
    (folder / "zones.edited.nii.gz").write_bytes(b"something")
    (folder / "zones.edited-2.nii.gz").touch()
    assert read_case(folder).readings() == ("zones.nii.gz", "zones.edited.nii.gz")


def test_what_was_saved_since_a_reading_is_known(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    for name in ("zones.edited-10.nii.gz", "zones.edited-2.nii.gz", "zones.edited.nii.gz"):
        (folder / name).write_bytes(b"something")
    case = read_case(folder)
    assert case.saved_since("zones.nii.gz") == (
        "zones.edited.nii.gz",
        "zones.edited-2.nii.gz",
        "zones.edited-10.nii.gz",
    )
    assert case.saved_since("zones.edited-3.nii.gz") == ("zones.edited-10.nii.gz",)  # which is there no longer
    assert case.saved_since("zones.edited-10.nii.gz") == ()
    with pytest.raises(LabelError, match=r"case a: zones\.json is no name of a label volume: reload the page"):
        case.saved_since("zones.json")


@pytest.mark.parametrize("file", ["zones.nii.gz", "zones.json"])
def test_a_result_that_was_made_anew_is_another(tmp_path: Path, file: str) -> None:
    folder = write_result(tmp_path / "a")
    before = read_case(folder).result
    assert read_case(folder).manifest()["result"] == before
    (folder / "zones.edited.nii.gz").write_bytes(b"something")
    assert read_case(folder).result == before
    if file == "zones.json":
        (folder / file).write_text((folder / file).read_text(encoding="utf-8").replace("made-here", "made-anew"))
    else:
        labels = read_volume(folder / file)
        write_volume(folder / file, labels.with_values(labels.values[::-1].copy()))
    assert read_case(folder).result != before


def test_a_correction_says_what_it_was_made_of() -> None:
    sound, doubtful = {"doubt": ""}, {"doubt": "the gland is torn"}
    assert note_of_correction(sound) == "Corrected by a person. Research use only."
    assert note_of_correction(doubtful) == "Corrected by a person; was DOUBTFUL: the gland is torn"
    assert note_of_correction(sound, "zones.nii.gz") == "Corrected by a person. Research use only."
    again = "Corrected by a person from zones.edited-2"
    assert note_of_correction(sound, "zones.edited-2.nii.gz") == f"{again}. Research use only."
    assert note_of_correction(doubtful, "zones.edited-2.nii.gz") == f"{again}; was DOUBTFUL: the gland is torn"


def test_a_result_without_its_t2w_must_be_made_again(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    (folder / "t2w.nii.gz").unlink()
    with pytest.raises(
        OutputError, match=r"case a: there is no t2w\.nii\.gz: an older version .* predict the study again"
    ):
        read_case(folder)


def test_files_that_do_not_belong_together_or_are_damaged(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    other = write_result(tmp_path / "b", acquired_grid(order=(1, 0, 2)))
    (folder / "adc.nii.gz").write_bytes((other / "adc.nii.gz").read_bytes())
    with pytest.raises(OutputError, match=r"adc\.nii\.gz has the shape \(40, 8, 48\), the zones have \(8, 40, 48\)"):
        read_case(folder)
    (other / "zones.nii.gz").write_bytes(b"no volume")
    with pytest.raises(OutputError, match=r"case b: zones\.nii\.gz .* predict the study again"):
        read_case(other)
    (folder / "zones.json").write_text("{")
    with pytest.raises(OutputError, match=r"case a: zones\.json cannot be read"):
        read_case(folder)


def test_labels_keep_the_order_of_the_file(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "a")
    stored = read_volume(folder / "zones.nii.gz")
    again = read_case(folder).labels_from(stored.values.tobytes())
    assert again.values.dtype == np.uint8
    np.testing.assert_array_equal(again.values, stored.values)
    assert again.grid.same_as(stored.grid)


@given(arrays(np.uint8, (2, 3, 4), elements=st.sampled_from([0, 1, 2, 255])))
def test_any_known_labels_come_through(values: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> None:
    case = ViewedCase(Path("a"), {"case_id": "a"}, Grid((2, 3, 4), np.eye(4)), frozenset({0, 1, 2, 255}), "made-here")
    np.testing.assert_array_equal(case.labels_from(values.tobytes()).values, values)


def test_labels_of_another_size_or_with_unknown_codes_are_refused(tmp_path: Path) -> None:
    case = read_case(write_result(tmp_path / "a"))
    with pytest.raises(LabelError, match=r"case a: 7 voxels came, the T2W grid has 15360 \(8, 40, 48\)"):
        case.labels_from(bytes(7))
    with pytest.raises(LabelError, match=r"hold the codes \[7, 9\], the model's are \[0, 1, 2, 3, 4\]"):
        case.labels_from(bytes([7, 9]) + bytes(15358))
