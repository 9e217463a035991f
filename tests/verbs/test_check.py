import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.dataset.importers import trees
from tests.dataset_factory import a_case, stored
from zonate.anatomy import examine
from zonate.config import Settings
from zonate.dataset.cases import Origin
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.store import Dataset
from zonate.errors import OutputError
from zonate.geometry import Grid, Volume
from zonate.preprocessing.slices import Slices
from zonate.verbs import check as verb
from zonate.verbs.check import check
from zonate.verbs.prepare import prepare
from zonate.zones import ALL_ZONE_CODES, LabelCode

CODES = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
GRID = Grid(trees.SHAPE, np.array([[0, 0, 1.5, -36], [0, 1.5, 0, -36], [4.0, 0, 0, 0], [0, 0, 0, 1]]))


def dataset(
    folder: Path,
    figures: list[float],
    doubts: dict[int, str],
    *,
    name: str = "length_mm",
    sets: list[str] | None = None,
) -> Path:
    """Cases whose provenance holds one figure each, and doubts about some."""
    placed = []
    for number, value in enumerate(figures):
        case = a_case(f"case{number}", seed=number % 10)
        anatomy = {"figures": {name: value}, "doubts": [doubts[number]] if number in doubts else []}
        data_set = sets[number] if sets else "drawn"
        origin = Origin(f"P{number}", data_set, "CC0", "any", CODES, "key", {"warnings": [], "anatomy": anatomy})
        placed.append(PlacedRecord(stored(folder, case, Settings().slicing, origin), "train"))
    write_index(folder, placed, Settings())
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "draw_contact_sheet", lambda file, _rows, **_named: file.touch())


@pytest.mark.usefixtures("quick")
def test_a_figure_far_from_the_others_is_found(tmp_path: Path) -> None:
    # Median 5, median distance 2 (4 3 2 1 0 1 2 3 and 95): z = 0.6745 · 95 / 2 = 32.0
    figures = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 100.0]
    result = check(dataset(tmp_path / "in", figures, {2: "its zones are odd"}), tmp_path / "out")
    found = {case.case_id: case.findings for case in result.outliers}
    assert found["case8"] == ("length_mm is 100, among cases about 5 (z +32.0)",)
    assert found["case2"] == ("its zones are odd",)
    assert len(found) == 2
    assert [case.case_id for case in result.cases[:2]] == ["case2", "case8"]  # those with findings first
    with (tmp_path / "out" / "check.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["length_mm"] == "100"
    assert len(rows) == 9
    about = json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8"))
    assert about["contact_sheets"] == ["contact-01.png", "contact-02.png"]
    assert about["cases"][0]["findings"] == ["its zones are odd"]


@pytest.mark.usefixtures("quick")
def test_few_cases_and_small_differences_make_no_outliers(tmp_path: Path) -> None:
    assert check(dataset(tmp_path / "few", [1.0, 2.0, 900.0], {}), tmp_path / "out1").outliers == ()
    # The median distance is 0, so 5 % of the median: z = 0.6745 · 0.25 / 0.05 = 3.37 and 0.6745 · 0.3 / 0.05 = 4.05
    alike = check(dataset(tmp_path / "alike", [1.0] * 8 + [1.25], {}), tmp_path / "out2")
    assert alike.outliers == ()
    (case,) = check(dataset(tmp_path / "other", [1.0] * 8 + [1.3], {}), tmp_path / "out3").outliers
    assert case.findings == ("length_mm is 1.3, among cases about 1 (z +4.0)",)


@pytest.mark.usefixtures("quick")
def test_figures_of_acquisition_are_compared_within_each_data_set(tmp_path: Path) -> None:
    # Large: 10 times 0.6. Small: 0.25 eight times and 0.5, so that z = 0.6745 · 0.25 / (0.05 · 0.25) = 13.49.
    sets = ["large"] * 10 + ["small"] * 9
    values = [0.6] * 10 + [0.25] * 8 + [0.5]
    (case,) = check(dataset(tmp_path / "in", values, {}, name="pixel_spacing_mm", sets=sets), tmp_path / "out").outliers
    assert case.findings == ("the pixel spacing is 0.5 mm, among cases of small about 0.25 (z +13.5)",)
    # Among all 19, the median is 0.6 and the median distance 0, so 0.03: the whole of the small set would be far.
    together = check(dataset(tmp_path / "alike", values, {}, sets=sets), tmp_path / "anatomy")
    assert [found.case_id for found in together.outliers] == [f"case{number}" for number in range(10, 18)]
    assert together.outliers[0].findings == ("length_mm is 0.25, among cases about 0.6 (z -7.9)",)


@pytest.mark.usefixtures("quick")
def test_where_the_gland_lies_is_read_from_the_labels_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read, drawn = dataset(tmp_path / "in", [1.0, 2.0], {}), Dataset.slices, []

    def once(self: Dataset, case_id: str) -> Slices:
        drawn.append(case_id)
        return read(self, case_id)

    monkeypatch.setattr(Dataset, "slices", once)
    assert {case.figures["gland_inside_slices"] for case in check(made, tmp_path / "out").cases} == {1.0}
    assert drawn == ["case0", "case1"]  # for the contact sheet


@pytest.mark.usefixtures("quick")
def test_an_output_that_holds_something_is_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OutputError):
        check(dataset(tmp_path / "in", [1.0], {}), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_every_case_is_on_a_contact_sheet_and_a_cut_gland_is_found(tmp_path: Path) -> None:
    trees.msd(tmp_path / "in")
    narrow = Settings().override(["slicing.size_px=32", "slicing.spacing_mm=1", "alignment.method=header"])
    prepare(tmp_path / "data", source=tmp_path / "in", settings=narrow)
    result = check(tmp_path / "data", tmp_path / "out")
    (case,) = result.cases
    # The gland is 30 mm deep and 36 mm wide, the slices 32 mm wide: 32 of 36 columns of it are inside.
    assert case.figures["gland_inside_slices"] == pytest.approx(32 / 36, abs=0.05)
    assert any("of the gland lies within the slices" in text for text in case.findings)
    sheet = imread(tmp_path / "out" / result.sheets[0])
    assert sheet.shape[1] > 1000
    assert np.std(sheet[..., :3]) > 0.05


@pytest.mark.usefixtures("quick")
def test_every_figure_that_is_compared_is_said_in_words(tmp_path: Path) -> None:
    of_anatomy = examine(Volume(trees.zones(), GRID), ALL_ZONE_CODES, Volume(trees.image().astype(np.float32), GRID))
    of_case = check(dataset(tmp_path / "in", [1.0], {}), tmp_path / "out").cases[0].figures
    compared = {*of_anatomy.figures, *of_case} - {"length_mm"} - verb._WITH_LIMITS
    assert len(compared) > 10
    assert compared == set(verb._IN_WORDS)
