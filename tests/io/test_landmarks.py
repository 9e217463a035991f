import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.errors import StudyError
from zonate.io.landmarks import read_landmark_pairs

Places = dict[str, tuple[float, float, float]]

T2W: Places = {"utricle": (1.0, 2.0, 3.0), "cyst": (-4.0, 5.0, 6.5)}
DWI: Places = {"cyst": (-4.0, 6.0, 6.5), "Utricle ": (1.5, 2.0, 3.0)}


def markup(places: Places, *, name: str = "F", system: str = "LPS", missing: tuple[str, ...] = ()) -> dict[str, object]:
    """A point list as 3D Slicer 5 saves it."""
    points = [
        {"label": label, "position": list(at), "positionStatus": "undefined" if label in missing else "defined"}
        for label, at in places.items()
    ]
    return {
        "type": "Fiducial", "name": name, "coordinateSystem": system, "coordinateUnits": "mm", "controlPoints": points
    }  # fmt: skip


def mrk(path: Path, *markups: dict[str, object]) -> Path:
    path.write_text(json.dumps({"markups": list(markups)}))
    return path


def fcsv(path: Path, places: Places, system: str | None = "0") -> Path:
    """A point list as 3D Slicer 4 saves it."""
    lines = ["# Markups fiducial file version = 4.11"]
    if system is not None:
        lines.append(f"# CoordinateSystem = {system}")
    lines.append("# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID")
    lines += [f"n{i},{x},{y},{z},0,0,0,1,1,1,0,{label},," for i, (label, (x, y, z)) in enumerate(places.items())]
    path.write_text("\n".join(lines))
    return path


def test_two_files_are_paired_by_label_whatever_the_order(tmp_path: Path) -> None:
    pairs = read_landmark_pairs([mrk(tmp_path / "a.mrk.json", markup(T2W)), mrk(tmp_path / "b.mrk.json", markup(DWI))])
    assert pairs.names == ("utricle", "cyst")
    assert pairs.t2w_mm.tolist() == [[1.0, 2.0, 3.0], [-4.0, 5.0, 6.5]]
    assert pairs.diffusion_mm.tolist() == [[1.5, 2.0, 3.0], [-4.0, 6.0, 6.5]]


@pytest.mark.parametrize("system", ["0", "RAS", None])
def test_fcsv_of_slicer_4_is_ras(tmp_path: Path, system: str | None) -> None:
    pairs = read_landmark_pairs([fcsv(tmp_path / "a.fcsv", T2W, system), mrk(tmp_path / "b.mrk.json", markup(T2W))])
    assert pairs.t2w_mm.tolist() == [[-1.0, -2.0, 3.0], [4.0, -5.0, 6.5]]
    assert pairs.diffusion_mm.tolist() == [[1.0, 2.0, 3.0], [-4.0, 5.0, 6.5]]


coordinates = st.tuples(*[st.floats(-500, 500)] * 3)


@given(st.dictionaries(st.sampled_from(["apex", "base", "left cyst", "node"]), coordinates, min_size=1))
def test_lps_and_ras_say_the_same(tmp_path_factory: pytest.TempPathFactory, places: Places) -> None:
    folder = tmp_path_factory.mktemp("landmarks")
    turned = {label: (-x, -y, z) for label, (x, y, z) in places.items()}
    pairs = read_landmark_pairs(
        [mrk(folder / "a.mrk.json", markup(places)), mrk(folder / "b.mrk.json", markup(turned, system="RAS"))]
    )
    assert np.array_equal(pairs.t2w_mm, pairs.diffusion_mm)


def test_one_file_with_two_lists_or_with_labels_that_say_the_image(tmp_path: Path) -> None:
    both = mrk(tmp_path / "both.mrk.json", markup(DWI, name="on ADC"), markup(T2W, name="on T2W"))
    assert read_landmark_pairs([both]).t2w_mm[0].tolist() == [1.0, 2.0, 3.0]
    labelled = {"apex T2W": (1.0, 0.0, 0.0), "apex-DWI": (2.0, 0.0, 0.0)}
    pairs = read_landmark_pairs([mrk(tmp_path / "one.mrk.json", markup(labelled))])
    assert (pairs.t2w_mm.tolist(), pairs.diffusion_mm.tolist()) == ([[1.0, 0.0, 0.0]], [[2.0, 0.0, 0.0]])


def test_automatic_labels_are_paired_by_number_and_points_not_placed_are_left_out(tmp_path: Path) -> None:
    t2w = markup({"T-1": (1.0, 0.0, 0.0), "T-2": (2.0, 0.0, 0.0), "T-3": (0.0, 0.0, 0.0)}, missing=("T-3",))
    dwi = markup({"D-2": (2.5, 0.0, 0.0), "D-1": (1.5, 0.0, 0.0), "D-3": (9.0, 0.0, 0.0)})
    pairs = read_landmark_pairs([mrk(tmp_path / "a.mrk.json", t2w), mrk(tmp_path / "b.mrk.json", dwi)])
    assert (pairs.diffusion_mm - pairs.t2w_mm).tolist() == [[0.5, 0.0, 0.0]] * 2


def test_what_cannot_be_paired_is_refused_by_name(tmp_path: Path) -> None:
    good = mrk(tmp_path / "t2w.mrk.json", markup(T2W))
    for places, says in (
        ({"utricle": (0.0, 0.0, 0.0)}, "without a partner.*cyst"),
        ({"cyst": (0.0, 0.0, 0.0), "Cyst": (0.0, 0.0, 0.0), "utricle": (0.0, 0.0, 0.0)}, "yst"),
        ({"cyst": (float("nan"), 0.0, 0.0), "utricle": (0.0, 0.0, 0.0)}, "finite"),
    ):
        with pytest.raises(StudyError, match=says):
            read_landmark_pairs([good, mrk(tmp_path / "dwi.mrk.json", markup(places))])
    with pytest.raises(StudyError, match="given twice"):
        read_landmark_pairs([good, good])
    with pytest.raises(StudyError, match="T2W first"):
        read_landmark_pairs([mrk(tmp_path / "adc.mrk.json", markup(T2W)), good])
    with pytest.raises(StudyError, match=r"no landmark file.*\.fcsv"):
        read_landmark_pairs([good, tmp_path / "points.csv"])
    with pytest.raises(StudyError, match=r"no\.mrk\.json cannot be read"):
        read_landmark_pairs([good, tmp_path / "no.mrk.json"])
