from benchmarks.accuracy.bias_table import bias_section
from benchmarks.accuracy.figures import AI, GLANDS
from benchmarks.accuracy.results import Results
from tests.benchmarks.accuracy.results_factory import a_run, rows_of, some_results


def test_the_sign_is_kept_and_those_too_small_are_counted() -> None:
    rows = [
        row
        for patient, off_ml in (("p0", "-6"), ("p1", "1"), ("p2", "-1"))
        for row in rows_of("zonate", 0, patient, 0.9, volume_error_ml=off_ml)
    ]
    lines = bias_section(Results([a_run("zonate", 0)], rows), None)
    assert lines[-2:] == ["|---|---|---|---|", "| cross-validation |" + " -2.0 (-6.0 to +1.0) [2 of 3] |" * 3]


def test_other_sources_stand_beside_with_what_was_drawn_there() -> None:
    cases = [{"patient_id": "e0", "case_id": "e0", "set": GLANDS, "said": ""}]
    gland_alone = rows_of("shipped", 0, "e0", 0.9, set=GLANDS)[:1]
    lines = bias_section(some_results(), Results([{**a_run("shipped", 0), "cases": cases}], gland_alone))
    assert lines[-1] == "| expert glands | -2.0 [1 of 1] | – | – |"
    assert not any(AI in line for line in lines)
