from benchmarks.accuracy.results import Results
from benchmarks.accuracy.robustness_table import robustness_page
from tests.benchmarks.accuracy.results_factory import a_run, rows_of


def test_the_page_of_robustness_pairs_by_patient() -> None:
    rows = []
    for how, less in (("as it is", 0.0), ("bladder full", 0.2)):
        for patient, dice in (("p0", 0.9), ("p1", 0.8)):
            said = "torn" if less and patient == "p0" else ""
            rows += rows_of("zonate", 0, patient, dice - less, how=how, said=said)
    page = robustness_page(Results([a_run("zonate", 0)], rows))
    cell = "0.650<br>-0.200 (-0.200 to -0.200)"
    assert f"| bladder full | 2 | {cell} | {cell} | {cell} | 0.60 | 2 | 1 |" in page
    assert "| as it is | 2 | 0.850 | 0.850 | 0.850 | 0.80 | 0 | – |" in page


def test_a_page_of_nothing_says_so() -> None:
    assert "Nothing has been measured yet" in robustness_page(Results([], []))
