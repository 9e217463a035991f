from benchmarks.accuracy.external_table import external_section
from benchmarks.accuracy.figures import AI, GLANDS
from benchmarks.accuracy.results import Results
from tests.benchmarks.accuracy.results_factory import a_run, rows_of


def test_the_section_takes_the_mean_over_readers_and_folds() -> None:
    runs, rows = [], []
    for fold, dices in enumerate(([0.9, 0.7], [0.8, 0.8])):
        case = {"case_id": "p", "patient_id": "p", "said": "" if fold else "why", "seconds": 1.0, "set": AI}
        runs.append({**a_run("zonate", fold), "samples": 10, "cases": [case]})
        for reader, dice in enumerate(dices):
            rows += rows_of("zonate", fold, "p", dice, set=AI, case_id=f"p{reader}")
    text = "\n".join(external_section(Results(runs, rows)))
    assert "| zonate | 2 | 1 | 0.800 | 0.800 | 0.800 | 4.0 | 2.0 |" in text
    assert "| p | 0.800 | 0.800 | 0.800 | 4.0 | 2.0 | 1 of 2 |" in text
    assert GLANDS not in text


def test_expert_glands_have_no_columns_of_zones() -> None:
    case = {"case_id": "p", "patient_id": "p", "said": "", "seconds": 1.0, "set": GLANDS}
    run = {**a_run("shipped", 0), "samples": 10, "cases": [case]}
    text = "\n".join(external_section(Results([run], rows_of("shipped", 0, "p", 0.75, set=GLANDS)[:1])))
    assert "| model | models | patients | gland Dice | gland HD95 mm | gland volume off by ml |" in text
    assert "| p | 0.750 | 4.0 | 2.0 | 0 of 1 |" in text
