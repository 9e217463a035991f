import re
from datetime import date
from typing import Any

import pytest

from benchmarks.accuracy.figures import AI, GLANDS
from benchmarks.accuracy.results import Results, read_longest, read_results
from benchmarks.weights.card import PAGE, card
from tests.benchmarks.accuracy.results_factory import a_run, rows_of, some_results
from zonate.verbs.info import shipped_model

DAY = date(2026, 1, 2)
ABOUT: dict[str, Any] = {
    "file": "zonate.safetensors",
    "size_bytes": 5_240_000,
    "sha256": "ab12",
    "name": "zonate",
    "parameters": 2_600_000,
    "codes": ["BACKGROUND", "PZ", "TZ"],
    "channels": {"T2W": True, "DWI": False, "ADC": False},
    "licences": ["CC BY 3.0"],
    "citations": ["Bloch et al., 2015"],
    "calibration": {"n_results": 51, "n_patients": 17, "fold_models": 5, "doubtful_below": 0.75},
    "provenance": {
        "sources": [
            {"dataset": "ISBI", "licence": "CC BY 3.0", "patients": 17, "cases": 18, "codes": ["BACKGROUND", "PZ"]}
        ]
    },
}


def external_of(name: str, *dices: float) -> Results:
    cases = [{"patient_id": f"e{k}", "case_id": f"e{k}", "set": name, "said": ""} for k in range(len(dices))]
    rows = [row for k, dice in enumerate(dices) for row in rows_of("shipped", 0, f"e{k}", dice, set=name)]
    return Results([{**a_run("shipped", 0), "cases": cases}], rows)


def test_the_page_is_what_the_file_and_the_kept_results_give() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = re.search(r"benchmarks\.weights\.card`, (\d{4}-\d\d-\d\d),", text)
    assert written is not None
    about, external = shipped_model(), read_results("external")
    assert text == card(about, read_longest(), external, date.fromisoformat(written[1]))


def test_the_file_and_what_it_learnt_from() -> None:
    text = card(ABOUT, some_results(), Results([], []), DAY)
    assert "card`, 2026-01-02, from the file" in text
    assert "| file | `zonate/weights/zonate.safetensors`, 5.2 MB, safetensors |" in text
    assert "| channels | T2W alone |" in text
    assert "| calibrated on | 51 results of 17 patients, by the 5 models of the cross-validation;" in text
    assert "| ISBI | CC BY 3.0 | 17 | 18 | PZ |\n\n- Bloch et al., 2015" in text


def test_the_worst_patient_stands_beside_the_mean() -> None:
    """The lowest Dice, the farthest surface, the largest difference."""
    lines = card(ABOUT, some_results(), Results([], []), DAY).splitlines()
    assert any(re.fullmatch(r"\| gland Dice \| 0\.900 \(0\.88\d to 0\.91\d\) \| 0\.870 \|", line) for line in lines)
    assert "| gland volume off by ml | 2.0 (2.0 to 2.0) | 2.0 |" in lines
    assert not any("PROSTATEx**" in line or "PROMISE12**" in line for line in lines)


def test_other_sources_stand_apart_with_what_was_drawn_there() -> None:
    zones = card(ABOUT, some_results(), external_of(AI, 0.5, 0.75), DAY)
    assert "against the mean of two AI models' zones (PI-CAI); 2 patients" in zones
    assert "| PZ Dice | 0.625 (0.500 to 0.750) | 0.500 |" in zones
    glands = card(ABOUT, some_results(), external_of(GLANDS, 0.5, 0.75), DAY)
    after = glands[glands.index("**PROMISE12**") : glands.index("## Failures")]
    assert "| gland Dice | 0.625 (0.500 to 0.750) | 0.500 |" in after
    assert "PZ Dice" not in after


def test_failures_are_counted_and_named() -> None:
    rows = rows_of("zonate", 0, "p0", 0.4) + rows_of("zonate", 1, "p1", 0.6) + rows_of("zonate", 2, "p2", 0.9)
    text = card(ABOUT, Results([a_run("zonate", 0)], rows), Results([], []), DAY)
    assert (
        "PZ Dice lay below 0.5 in 1 of 3 patients (p0), whose PZ measures 8.0 ml in the median, against 15.0 ml in the "
        "others."
    ) in text
    assert "The gland's Dice lay below 0.75 in 2 of 3 patients (p0, p1)." in text
    assert "gland and PZ: p0 (p0), p1 (p1), p2 (p2); the reference above" in text.replace("\n", " ")
    good = card(ABOUT, some_results(), Results([], []), DAY)
    assert "The gland's Dice lay below 0.75 in none of the 7 patients." in good


def test_there_is_no_card_of_nothing() -> None:
    with pytest.raises(ValueError, match="no weights"):
        card({"problem": "no weights"}, some_results(), Results([], []), DAY)
    with pytest.raises(ValueError, match="make accuracy"):
        card(ABOUT, Results([], []), Results([], []), DAY)
