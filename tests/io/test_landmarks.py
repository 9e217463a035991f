import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.errors import StudyError
from zonate.io.landmarks import LandmarkPairs, read_landmark_pairs

Positions = dict[str, tuple[float, float, float]]

APEX_AND_CYST: Positions = {"apex": (1.0, -2.0, 3.0), "cyst": (4.0, 5.0, -6.0)}
MOVED: Positions = {"cyst": (4.5, 5.5, -6.5), "apex": (1.5, -2.5, 3.5)}


def markup(positions: Positions, **more: Any) -> dict[str, Any]:
    """As 3D Slicer 5 writes a point list, less what only its display needs."""
    points = [
        {"id": str(number), "label": label, "position": list(position), "positionStatus": "defined"}
        for number, (label, position) in enumerate(positions.items(), 1)
    ]
    return {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points} | more


def write_json(path: Path, *markups: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"@schema": "markups-schema-v1.0.3.json#", "markups": markups}), encoding="utf-8")
    return path


def write_fcsv(path: Path, positions: Positions, system: str | None = "0") -> Path:
    """As 3D Slicer 4 writes a point list."""
    lines = ["# Markups fiducial file version = 4.10"]
    lines += [] if system is None else [f"# CoordinateSystem = {system}"]
    lines += ["# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"]
    for number, (label, (x, y, z)) in enumerate(positions.items()):
        lines.append(f"vtkMRMLMarkupsFiducialNode_{number},{x},{y},{z},0,0,0,1,1,1,0,{label},,vtkMRMLScalarVolumeNode1")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def two_files(folder: Path, t2w: dict[str, Any], dwi: dict[str, Any]) -> list[Path]:
    return [write_json(folder / "t2w.mrk.json", t2w), write_json(folder / "dwi.mrk.json", dwi)]


def numbered(name: str, *numbers: int) -> Positions:
    """Points with Slicer's automatic labels; x is ten times the number."""
    return {f"{name}{number}": (10.0 * number, 0.0, 0.0) for number in numbers}


def test_two_files_are_paired_by_label_in_the_order_of_the_first(tmp_path: Path) -> None:
    pairs = read_landmark_pairs(two_files(tmp_path, markup(APEX_AND_CYST), markup(MOVED)))
    assert pairs.names == ("apex", "cyst")
    assert pairs.t2w_mm.tolist() == [[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]
    assert pairs.diffusion_mm.tolist() == [[1.5, -2.5, 3.5], [4.5, 5.5, -6.5]]
    assert pairs.t2w_mm.dtype == pairs.diffusion_mm.dtype == np.float64


def test_case_and_spaces_of_a_label_do_not_count(tmp_path: Path) -> None:
    moved = {"Bladder  Neck ": (0.0, 0.0, 1.0)}
    pairs = read_landmark_pairs(two_files(tmp_path, markup({"bladder neck": (0.0, 0.0, 0.0)}), markup(moved)))
    assert pairs.names == ("bladder neck",)


@pytest.mark.parametrize(
    ("system", "x_and_y"), [("0", [-1.0, 2.0]), ("RAS", [-1.0, 2.0]), (None, [-1.0, 2.0])] + [
        (name, [1.0, -2.0]) for name in ("1", "LPS")
    ]
)  # fmt: skip
def test_fcsv_is_ras_unless_it_says_lps(tmp_path: Path, system: str | None, x_and_y: list[float]) -> None:
    files = [write_fcsv(tmp_path / f"{name}.fcsv", APEX_AND_CYST, system) for name in ("t2w", "adc")]
    assert read_landmark_pairs(files).t2w_mm[0].tolist() == [*x_and_y, 3.0]


def test_fcsv_of_slicer_5_and_a_quoted_label(tmp_path: Path) -> None:
    text = (
        "# Markups fiducial file version = 5.6\r\n# CoordinateSystem = LPS\r\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\r\n"
        '1,-19.5,13.25,29.0,0,0,0,1,1,1,0,"cyst, left",,,2,0\r\n'
    )
    for name in ("t2w.fcsv", "dwi.fcsv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    pairs = read_landmark_pairs([tmp_path / "t2w.fcsv", tmp_path / "dwi.fcsv"])
    assert pairs.names == ("cyst, left",)
    assert pairs.t2w_mm.tolist() == [[-19.5, 13.25, 29.0]]


def test_fcsv_of_slicer_3_has_its_own_columns(tmp_path: Path) -> None:
    for name in ("t2w.fcsv", "dwi.fcsv"):
        (tmp_path / name).write_text("# columns = label,x,y,z,sel,vis\napex,1,2,3,1,1\n", encoding="utf-8")
    pairs = read_landmark_pairs([tmp_path / "t2w.fcsv", tmp_path / "dwi.fcsv"])
    assert pairs.names == ("apex",)
    assert pairs.t2w_mm.tolist() == [[-1.0, -2.0, 3.0]]


def test_json_in_ras_and_fcsv_in_lps_meet_in_lps(tmp_path: Path) -> None:
    t2w = write_json(tmp_path / "a.mrk.json", markup({"apex": (1.0, -2.0, 3.0)}, coordinateSystem="RAS"))
    pairs = read_landmark_pairs([t2w, write_fcsv(tmp_path / "b.fcsv", {"apex": (-1.0, 2.0, 3.0)}, "LPS")])
    assert pairs.t2w_mm.tolist() == pairs.diffusion_mm.tolist() == [[-1.0, 2.0, 3.0]]


def test_what_a_hand_written_json_leaves_out_is_as_the_schema_has_it(tmp_path: Path) -> None:
    plain = {"controlPoints": [{"label": "apex", "position": [1, 2, 3]}]}
    assert read_landmark_pairs(two_files(tmp_path, plain, plain)).t2w_mm.tolist() == [[1.0, 2.0, 3.0]]


@given(st.lists(st.tuples(*[st.floats(-500, 500)] * 3), min_size=1, max_size=5))
def test_ras_and_lps_say_the_same(tmp_path_factory: pytest.TempPathFactory, points: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    lps = {f"p{number}": point for number, point in enumerate(points)}
    ras = {label: (-x, -y, z) for label, (x, y, z) in lps.items()}
    pairs = read_landmark_pairs(two_files(folder, markup(lps), markup(ras, coordinateSystem="RAS")))
    assert pairs.t2w_mm.tolist() == pairs.diffusion_mm.tolist() == [list(point) for point in points]


@pytest.mark.parametrize("status", ["undefined", "missing", "preview"])
def test_a_point_that_was_not_placed_is_left_out_with_its_partner(tmp_path: Path, status: str) -> None:
    t2w = markup(APEX_AND_CYST)
    t2w["controlPoints"][1] |= {"positionStatus": status, "position": ""}
    assert read_landmark_pairs(two_files(tmp_path, t2w, markup(MOVED))).names == ("apex",)


@pytest.mark.parametrize(("t2w", "dwi"), [("F-", "F_1-"), ("T2W_", "DWI_"), ("", "DWI-")])
def test_automatic_labels_are_paired_by_number(tmp_path: Path, t2w: str, dwi: str) -> None:
    pairs = read_landmark_pairs(two_files(tmp_path, markup(numbered(t2w, 1, 2, 3)), markup(numbered(dwi, 3, 1, 2))))
    assert pairs.names == (f"{t2w}1", f"{t2w}2", f"{t2w}3")
    assert pairs.diffusion_mm[:, 0].tolist() == [10.0, 20.0, 30.0]


def test_automatic_labels_with_other_numbers_are_not_guessed_at(tmp_path: Path) -> None:
    # The second point was deleted and placed anew: it stands last now, and pairing by order would be wrong.
    files = two_files(tmp_path, markup(numbered("T2W-", 1, 3, 4)), markup(numbered("DWI-", 1, 2, 3)))
    with pytest.raises(StudyError, match=r"'T2W-4' only in t2w\.mrk\.json on T2W; 'DWI-2' only in dwi\.mrk\.json"):
        read_landmark_pairs(files)


def test_labels_that_were_typed_are_never_paired_by_number(tmp_path: Path) -> None:
    t2w: Positions = {"cyst-1": (0, 0, 0), "nodule-2": (0, 0, 9)}
    dwi: Positions = {"F-1": (0, 0, 0), "F-2": (0, 0, 9)}
    with pytest.raises(StudyError, match="'cyst-1', 'nodule-2' only in"):
        read_landmark_pairs(two_files(tmp_path, markup(t2w), markup(dwi)))


@pytest.mark.parametrize("swapped", [False, True])
def test_one_file_with_two_lists_is_ordered_by_their_names(tmp_path: Path, swapped: bool) -> None:
    lists = [markup(APEX_AND_CYST, name="fixed points"), markup(MOVED, name="ADC_landmarks")]
    line = markup(APEX_AND_CYST, type="Line", name="L")
    file = write_json(tmp_path / "both.mrk.json", line, *(lists[::-1] if swapped else lists))
    pairs = read_landmark_pairs([file])
    assert pairs.t2w_mm.tolist() == [[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]
    assert pairs.diffusion_mm.tolist() == [[1.5, -2.5, 3.5], [4.5, 5.5, -6.5]]


def test_one_list_is_split_by_the_word_at_the_end_of_its_labels(tmp_path: Path) -> None:
    points: Positions = {
        "apex T2W": (1, 0, 0),
        "apex-DWI": (2, 0, 0),
        "bladder_neck_adc": (4, 0, 0),
        "Bladder_neck T2": (3, 0, 0),
    }
    pairs = read_landmark_pairs([write_fcsv(tmp_path / "all.fcsv", points, "LPS")])
    assert pairs.names == ("apex", "Bladder_neck")
    assert (pairs.t2w_mm[:, 0].tolist(), pairs.diffusion_mm[:, 0].tolist()) == ([1.0, 3.0], [2.0, 4.0])


def test_swapped_files_are_refused(tmp_path: Path) -> None:
    files = two_files(tmp_path, markup(APEX_AND_CYST), markup(MOVED))
    with pytest.raises(StudyError, match="give the landmarks on T2W first"):
        read_landmark_pairs(files[::-1])


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    file = write_json(tmp_path / "points.mrk.json", markup(APEX_AND_CYST))
    with pytest.raises(StudyError, match=r"points\.mrk\.json was given twice"):
        read_landmark_pairs([file, file])


@pytest.mark.parametrize(
    ("t2w", "message"),
    [
        (markup({"apex": (0, 0, 0), "Apex ": (1, 1, 1)}), "two points with the label 'Apex'"),
        (markup({"apex": (0, 0, 0), "utricle": (1, 1, 1)}), "'utricle' only in t2w.mrk.json on T2W; 'cyst' only in"),
        (markup({"apex": (0, 0, float("nan")), "cyst": (1, 1, 1)}), "point 1: a landmark needs three finite"),
        (markup(APEX_AND_CYST, coordinateUnits="um"), "has its coordinates in um, not in mm"),
        (markup(APEX_AND_CYST, coordinateUnits=["um", "UCUM", "micrometer"]), "not in mm"),
        (markup(APEX_AND_CYST, coordinateSystem="IJK"), "point 1: the coordinate system is 'IJK', not LPS or RAS"),
        (markup({}), "'cyst', 'apex' only in dwi.mrk.json on the diffusion series"),
        (markup(APEX_AND_CYST, type="Curve"), "t2w.mrk.json: 0; dwi.mrk.json: 1"),
        ({"controlPoints": [{"label": "apex", "position": [1, 2]}]}, "point 1: a landmark needs three finite"),
        ({"controlPoints": [{"label": "apex"}]}, "point 1: a landmark needs three finite"),
        ({"controlPoints": [{"label": "apex", "position": "123"}]}, "markups.0.controlPoints.0.position"),
        ({"controlPoints": 3}, "markups.0.controlPoints is missing or of another kind"),
    ],
)
def test_a_fault_in_a_list_is_named(tmp_path: Path, t2w: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_landmark_pairs(two_files(tmp_path, t2w, markup(MOVED)))
    assert message in str(caught.value)


def test_millimetres_as_a_dicom_code_are_millimetres(tmp_path: Path) -> None:
    t2w = markup(APEX_AND_CYST, coordinateUnits=["mm", "UCUM", "millimeter"])
    assert len(read_landmark_pairs(two_files(tmp_path, t2w, markup(MOVED))).names) == 2


def test_lists_without_a_placed_pair_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"t2w\.mrk\.json and dwi\.mrk\.json hold no pair"):
        read_landmark_pairs(two_files(tmp_path, markup({}), markup({})))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("points.mrk.json", b"\x00\xff", "cannot be read as markups of 3D Slicer .it is no JSON"),
        ("points.mrk.json", b"[1]", "it is missing or of another kind"),
        ("points.mrk.json", b"{}", "markups is missing"),
        ("points.fcsv", b"# columns = id,x,y,z,label\n1,2,3,four,apex\n", "line 2: a landmark needs three finite"),
        ("points.fcsv", b"1,inf,3,4,0,0,0,1,1,1,0,apex,,\n", "line 1: a landmark needs three finite"),
        ("points.fcsv", b"1," * 3 + b"9" * 200_000, "line 1: this is no row"),
        ("points.csv", b"apex,1,2,3\n", r"save the point list in 3D Slicer as \.mrk\.json or \.fcsv"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=message) as caught:
        read_landmark_pairs([tmp_path / name])
    assert name in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_what_cannot_be_two_lists_is_refused(tmp_path: Path) -> None:
    t2w, dwi = two_files(tmp_path, markup(APEX_AND_CYST), markup(MOVED))
    for files in ([], [t2w, dwi, t2w]):
        with pytest.raises(StudyError, match="two files with one point list each, T2W first"):
            read_landmark_pairs(files)
    with pytest.raises(StudyError, match="'apex', 'cyst' do not end in T2W, DWI or ADC"):
        read_landmark_pairs([t2w])
    nameless = write_json(tmp_path / "two.mrk.json", markup(APEX_AND_CYST, name="A"), markup(MOVED, name="B"))
    with pytest.raises(StudyError, match="names 'A', 'B' do not say which lies on T2W"):
        read_landmark_pairs([nameless])
    with pytest.raises(StudyError, match=r"the landmark file gone\.fcsv cannot be read"):
        read_landmark_pairs([tmp_path / "gone.fcsv", dwi])


def test_pairs_that_are_none_cannot_be_made() -> None:
    point = np.zeros((1, 3))
    with pytest.raises(ValueError, match="at least one name"):
        LandmarkPairs((), np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"finite points \(1, 3\)"):
        LandmarkPairs(("apex",), point, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"finite points \(1, 3\)"):
        LandmarkPairs(("apex",), point, np.full((1, 3), np.inf))
