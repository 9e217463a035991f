from benchmarks.accuracy.longer_table import longer_section
from benchmarks.accuracy.results import Results
from tests.benchmarks.accuracy.results_factory import a_run, rows_of


def test_more_time_stands_beside_the_comparison_patient_by_patient() -> None:
    """Dice 0.70 becomes 0.80, and 0.90 stays; 174 s become 1200 s."""
    short = Results(
        [a_run("zonate", fold, climbing=True) for fold in range(2)],
        [row for fold, dice in enumerate((0.7, 0.9)) for row in rows_of("zonate", fold, f"p{fold}", dice)],
    )
    long = Results(
        [{**a_run("zonate", fold), "seconds": 1200.0} for fold in range(2)],
        [row for fold, dice in enumerate((0.8, 0.9)) for row in rows_of("zonate", fold, f"p{fold}", dice)],
    )
    lines = longer_section(short, long)
    assert "| | 3 minutes a run | 20 minutes a run | difference |" in lines
    assert "| gland Dice | 0.800 (0.700 to 0.900) | 0.850 (0.800 to 0.900) | +0.050 (+0.000 to +0.100) |" in lines
    assert "| patients with gland Dice < 0.75 | 1 | 0 | |" in lines
    assert "| curves still climbing | 2 | 0 | |" in lines
