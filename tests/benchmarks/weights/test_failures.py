from benchmarks.accuracy.results import Results
from benchmarks.weights.failures import worst_patients
from tests.benchmarks.accuracy.results_factory import rows_of


def test_the_worst_is_whom_the_three_structures_agree_least_in_on_average() -> None:
    """Means 0.8, 0.7 and 0.6; another method's figures do not count."""
    rows = [row for fold, dice in enumerate((0.8, 0.9, 0.6)) for row in rows_of("zonate", fold, f"p{fold}", dice)]
    rows = [row | ({"dice": "0.3"} if (row["patient_id"], row["structure"]) == ("p1", "PZ") else {}) for row in rows]
    rows += rows_of("unet", 0, "p0", 0.1)
    assert worst_patients(Results([], rows)) == ["p2", "p1", "p0"]
