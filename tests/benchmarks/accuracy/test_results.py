import json
import math
from pathlib import Path

from benchmarks.accuracy.results import Results, collect, covers, read_longest, read_results, write_results
from tests.benchmarks.accuracy.results_factory import a_run, rows_of, some_results


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    write_results("accuracy", some_results(), tmp_path)
    assert read_results("accuracy", tmp_path) == some_results()
    assert read_results("nothing", tmp_path) == Results([], [])


def test_a_patient_has_the_mean_of_the_cases_that_have_a_figure() -> None:
    rows = [row for dice in (0.5, 0.75) for row in rows_of("unet", 0, "p0", dice)]
    rows += rows_of("unet", 0, "p0", math.nan) + rows_of("unet", 1, "p1", math.nan)
    rows += rows_of("zonate", 0, "p0", 0.9)
    found = Results([], rows).by_patient("unet", "GLAND", "dice")
    assert found["p0"] == 0.625
    assert math.isnan(found["p1"])
    assert list(found) == ["p0", "p1"]


def test_only_what_is_done_is_collected(tmp_path: Path) -> None:
    done, begun = tmp_path / "a", tmp_path / "b"
    for folder in (done, begun):
        folder.mkdir()
        scores = "case_id,structure,dice\nc0,GLAND,0.5\n"
        (folder / "scores.csv").write_text(scores, encoding="utf-8")
    (done / "result.json").write_text(json.dumps(a_run("unet", 0)), encoding="utf-8")
    found = collect([done, begun])
    assert found.by_patient("unet", "GLAND", "dice") == {"p0": 0.5}
    assert found.names == ["unet"]


def test_longer_runs_count_where_they_tested_everybody(tmp_path: Path) -> None:
    comparison = some_results()
    assert read_longest(tmp_path) == Results([], [])
    write_results("accuracy", comparison, tmp_path)
    assert read_longest(tmp_path).names == ["unet", "zonate"]
    whole = Results(comparison.runs_of("zonate"), [row for row in comparison.rows if row["name"] == "zonate"])
    part = Results(whole.runs, [row for row in whole.rows if row["patient_id"] != "p3"])
    assert covers(whole, comparison)
    assert not covers(part, comparison)
    assert not covers(Results([], []), comparison)
    write_results("longer", part, tmp_path)
    assert read_longest(tmp_path).names == ["unet", "zonate"]
    write_results("longer", whole, tmp_path)
    assert read_longest(tmp_path).names == ["zonate"]
