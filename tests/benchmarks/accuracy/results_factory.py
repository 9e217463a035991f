"""Made-up runs and scores, as the benchmarks keep them."""

import math
from typing import Any

from benchmarks.accuracy.results import Results


def a_run(name: str, fold: int, *, climbing: bool = False) -> dict[str, Any]:
    """One run, of a single patient."""
    return {
        "name": name,
        "fold": fold,
        "seed": 0,
        "minutes": 3.0,
        "clean_up": "none",
        "date": "2026-01-02",
        "machine": "2 cores",
        "threads": 1,
        "beside": 2,
        "commit": "abc",
        "settings": {},
        "parameters": 2_600_000,
        "epochs": 30,
        "steps": 300,
        "batch_size": 8,
        "seconds": 174.0,
        "best_epoch": 28,
        "best_validation_dice": 0.81,
        "unfinished": climbing,
        "curve": [[15, 0.7], [30, 0.8]],
        "cases": [{"case_id": f"c{fold}", "patient_id": f"p{fold}", "said": "", "seconds": 2.0}],
    }


def rows_of(name: str, fold: int, patient_id: str, dice: float, **others: str) -> list[dict[str, str]]:
    """The scores of one case: the same Dice in every structure (NaN: none), 4 mm apart, 2 ml too small;
    the reference measures 20 ml times the Dice."""
    about = {"name": name, "fold": str(fold), "patient_id": patient_id, "case_id": patient_id}
    measures = {"dice": "" if math.isnan(dice) else f"{dice:.6g}", "hd95_mm": "4", "volume_error_ml": "-2"}
    measures["reference_volume_ml"] = f"{20 * dice:.6g}"
    return [{**about, **measures, **others, "structure": each} for each in ("GLAND", "CENTRAL_GLAND", "PZ")]


def some_results() -> Results:
    """Seven patients, one a fold: Dice by zonate 0.93 to 0.87, by unet, which mostly still climbs, 0.1 less."""
    runs = [a_run("unet", fold, climbing=fold < 4) for fold in range(7)] + [a_run("zonate", fold) for fold in range(7)]
    rows = [
        row
        for name, less in (("unet", 0.1), ("zonate", 0.0))
        for fold in range(7)
        for row in rows_of(name, fold, f"p{fold}", 0.93 - 0.01 * fold - less, hd95_mm="" if fold == 6 else "4")
    ]
    return Results(runs, rows)
