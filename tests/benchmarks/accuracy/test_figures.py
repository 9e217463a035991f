import math

from benchmarks.accuracy.figures import FIGURES, Figure
from benchmarks.accuracy.results import Results
from tests.benchmarks.accuracy.results_factory import some_results


def test_a_figure_is_by_patient_and_may_have_no_sign() -> None:
    found = Results([], [row for row in some_results().rows if row["patient_id"] == "p1"])
    assert Figure("off", "GLAND", "volume_error_ml").of(found, "zonate") == {"p1": -2.0}
    assert Figure("off", "GLAND", "volume_error_ml", absolute=True).of(found, "zonate") == {"p1": 2.0}


def test_the_columns_of_every_table() -> None:
    values = [figure.of(some_results(), "zonate")["p6"] for figure in FIGURES]
    assert values[:3] == [0.87, 0.87, 0.87]
    assert math.isnan(values[3])  # nothing was found there
    assert values[4] == 2.0
