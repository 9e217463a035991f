from benchmarks.accuracy.ablation_table import ablation_page
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.variants import BASE
from tests.benchmarks.accuracy.results_factory import a_run, rows_of
from zonate.config import Settings, load_recipe
from zonate.differing_settings import differing_settings


def results_of(patients: int) -> Results:
    """Dice 0.80, 0.81, ... by the recipe, one patient a fold; without noise 0.1 less in all of them."""
    names = ((BASE, 0.0), ("no noise", 0.1))
    return Results(
        [a_run(name, fold) for name, _ in names for fold in range(patients)],
        [
            row
            for name, less in names
            for fold in range(patients)
            for row in rows_of(name, fold, f"p{fold}", 0.8 + 0.01 * fold - less)
        ],
    )


def test_the_page_tells_the_change_from_the_recipe() -> None:
    page = ablation_page(results_of(3))
    assert "| the recipe | 0.810 (0.800 to 0.820) |" in page
    assert "| no noise | 0.710<br>-0.100 (-0.100 to -0.100) |" in page
    assert "3 patients who were not trained on" in page
    assert "## Network" not in page
    assert "Nothing has been measured yet" in ablation_page(Results([], []))


def test_the_page_says_what_was_made_smaller() -> None:
    ships = {name: here for name, (_, here) in differing_settings(Settings(), load_recipe("zonate")).items()}
    small = {**ships, "network.base_channels": 8, "training.epochs": 7}
    runs = [{**run, "settings": small} for run in results_of(1).runs]
    found = Results(runs, results_of(1).rows)
    page = ablation_page(found)
    assert "alike the recipe has `network.base_channels` 8 in place of 16." in page
    small["network.base_channels"] = 16
    assert "alike the recipe has" not in ablation_page(found)


def test_the_page_says_what_is_tested() -> None:
    """Of eight that all fall p is 2/2⁸, times four 0.031, in each Dice; HD95 does not change."""
    assert "None is tested: below 6 patients" in ablation_page(results_of(5))
    page = ablation_page(results_of(8))
    assert "Of the 4 differences over at least 6 patients" in page
    assert "p is below it 3 times after Holm's correction" in page
