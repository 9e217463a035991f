from benchmarks.accuracy.figures import AI
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.table import page
from tests.benchmarks.accuracy.results_factory import a_run, rows_of, some_results
from zonate.dataset.degradation import AS_IT_IS


def longer(folds: int) -> Results:
    """The same as `some_results` in 20 minutes a run, each Dice 0.015 higher, of the first folds alone."""
    short = some_results()
    rows = [row for row in short.rows if row["name"] == "zonate" and int(row["fold"]) < folds]
    return Results(
        [{**run, "seconds": 1200.0, "unfinished": False} for run in short.runs_of("zonate")[:folds]],
        [{**row, "dice": f"{float(row['dice']) + 0.015:.6g}"} for row in rows],
    )


def test_the_page_states_what_was_found() -> None:
    text = page(some_results())
    (own,) = [line for line in text.splitlines() if line.startswith("| zonate | 7 |")]
    assert "0.900 (0.88" in own  # the mean of 0.93, 0.92, 0.91, 0.90, 0.89, 0.88, 0.87
    assert "4.0 (4.0 to 4.0), 1 without" in own
    assert "| 2.0 (2.0 to 2.0) | 0 | 2.6 | 30 | 300 × 8 | 2.9 | 2.0 | finished |" in own
    (unet,) = [line for line in text.splitlines() if line.startswith("| unet | 7 | 0.800")]
    assert "**unfinished**, 4 of 7 climbing" in unet
    assert "| cross-validation | gland Dice | ≥ 0.91 | 0.900 | **no** |" in text
    assert "| cross-validation | PZ Dice | ≥ 0.72 | 0.900 | yes |" in text
    assert "| cross-validation | gland HD95 mm | ≤ 6 | 4.0, 1 without | **no** |" in text  # nothing was found in one
    assert "| zonate fold 6 | 2.9 | 30 | 28 | 0.810 | 0.70 0.80 |" in text


def test_differences_stand_with_their_chance() -> None:
    """2/2⁷ of each Dice, times the four comparisons; HD95 differs in none of six."""
    text = page(some_results())
    assert "over the 4 comparisons here that are tested" in text
    (against,) = [line for line in text.splitlines() if line.startswith("| unet | 7 | +0.100")]
    assert against.count("+0.100 (+0.100 to +0.100) p 0.062 (0.016)") == 3
    assert against.endswith("| +0.0 (+0.0 to +0.0) p 1.000 (1.000), 6 patients | unfinished |")


def test_comparisons_of_few_patients_are_neither_tested_nor_counted() -> None:
    results = some_results()
    runs = [a_run("monai", fold) for fold in range(5)]
    rows = [row for fold in range(5) for row in rows_of("monai", fold, f"p{fold}", 0.88 - 0.01 * fold)]
    text = page(Results([*results.runs, *runs], [*results.rows, *rows]))
    assert "over the 4 comparisons here that are tested" in text
    assert "Below 6 patients the test cannot reach 0.05" in text
    (few,) = [line for line in text.splitlines() if line.startswith("| monai | 5 | +0.050")]
    assert few.count("+0.050 (+0.050 to +0.050), too few pairs to test |") == 3
    assert " p " not in few
    assert text.count("p 0.062 (0.016)") == 3  # of unet, as without monai


def test_more_time_is_what_was_reached() -> None:
    text = page(some_results(), longer=longer(7))
    assert "## zonate with more time" in text
    assert "| cross-validation | gland Dice | ≥ 0.91 | 0.915 | yes |" in text
    assert "| p0 | 0.945 | 0.945 | 0.945 | 4.0 | 2.0 | – |" in text
    assert text.count("| zonate fold 6 | 2.9 |") == 1
    assert text.count("| zonate fold 6 | 20.0 |") == 1


def test_longer_runs_are_shown_nowhere_while_they_do_not_cover_everybody() -> None:
    assert page(some_results(), longer=longer(6)) == page(some_results())


def test_a_page_of_nothing_says_so() -> None:
    assert "Nothing has been measured yet" in page(Results([], []))


def test_what_was_to_be_reached_is_said_of_all_that_was_measured() -> None:
    cases = [{"patient_id": "e0", "case_id": "e0", "set": AI, "said": ""}]
    external = Results(
        [{**a_run("shipped", 0), "samples": 10, "cases": cases}], rows_of("shipped", 0, "e0", 0.88, set=AI)
    )
    found = (("p0", AS_IT_IS, "0.9", ""), ("p0", "noise", "0.5", "why"), ("p1", "noise", "0.7", ""))
    rows = [
        {"patient_id": patient, "how": how, "dice": dice, "doubtful": doubtful, "expected": "0.8"}
        for patient, how, dice, doubtful in found
    ]
    lines = page(some_results(), external, Results([{"name": "zonate", "samples": 10, "copies": 1}], rows)).splitlines()
    assert "| PI-CAI AI references | gland Dice | ≥ 0.9 | 0.880 | **no** |" in lines
    assert "| PI-CAI AI references | PZ Dice | ≥ 0.75 | 0.880 | yes |" in lines
    assert "| in equal time | better than unet | in 4 figures | in 3 | **not shown**: unet is unfinished |" in lines
    assert (
        "| patients and worse copies | gland Dice < 0.75, not flagged | 0 | 1 of 2, of whom 0 as they are | **no** |"
        in lines
    )
    assert not any("better than pix2pix" in line for line in lines)
