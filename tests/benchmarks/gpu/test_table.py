from typing import Any

from benchmarks.gpu.table import page

ABOUT = {"gpu": "Fast One", "machine": "16 cores of X", "torch": "2.11", "date": "2026-12-01", "commit": "abc"}
PLAIN, OURS, COMPILED = "plain loop, float32", "zonate, float32", "zonate, float32, compiled"


def timing(median_s: float) -> dict[str, float]:
    return {"median_s": median_s, "low_s": median_s / 2, "high_s": 2 * median_s}


def of(part: str, **found: Any) -> dict[str, Any]:
    return {part: {**ABOUT, "part": part, **found}}


RATES = {"gflop_s": {"float32": 50_000.0, "tf32": 400_000.0, "bfloat16": 800_000.0}, "gb_s": 4000.0}


def test_what_was_not_measured_is_said() -> None:
    said = page({})
    assert said.count("Not measured yet.") == 5


def test_a_step_beside_the_plain_loop() -> None:
    said = page(
        of(
            "step",
            steps={PLAIN: timing(0.02), OURS: timing(0.008), COMPILED: timing(0.004)},
            slices={PLAIN: 1, OURS: 1, COMPILED: 1},
            gflop={PLAIN: 88.0, OURS: 80.0},
            rates=RATES,
            compiler={"graph_breaks": 0, "graphs_not_captured": 1},
        )
    )
    assert "Fast One, 16 cores of X, PyTorch 2.11, 2026-12-01, commit abc. `--parts step`." in said
    assert "| plain loop, float32 | 1 | 20 | 10 to 40 | 0.22 | 1.00 |" in said  # 88 / 400 ms
    assert "| zonate, float32, compiled | 1 | 4 | 2 to 8 | 0.2 | 5.00 |" in said  # the same operations as ours
    assert "float32 50 Tflop/s, tf32 400 Tflop/s, bfloat16 800 Tflop/s." in said
    assert "broke into pieces 0 times; 1 graphs were not captured." in said


def test_ratios_of_fast_are_by_slice() -> None:
    said = page(
        of(
            "fast",
            steps={PLAIN: timing(0.02), "zonate --fast": timing(0.016)},
            slices={PLAIN: 1, "zonate --fast": 16},
            gflop={PLAIN: 88.0, "zonate --fast": 1280.0},
            rates=RATES,
            compiler=None,
        )
    )
    assert "| zonate --fast | 16 | 1 | 0.5 to 2 | 0.1 | 20.00 |" in said  # 1280 / 16 / 800 ms
    assert "Nothing was compiled" in said


def test_runs_dice_and_idle() -> None:
    def run(dice: float, seconds: float) -> dict[str, Any]:
        return {"mean_dice": dice, "dice": {"GLAND": 0.9}, "seconds": seconds, "epoch": 5}

    traced = {"slices": 16, "steps": 30, "untraced_s": 0.05, "step_s": 0.06, "busy_s": 0.048, "idle": 0.2}
    run_found = {"train_slices": 669, "validation_cases": 8, "timed_epochs": 20, "first_s": 60.04, "last_s": 0.5}
    epochs = {"epoch_s": {"mean": 1.5, "low": 1.4, "high": 1.6}, "epochs": 300, "extrapolated_s": 510.0}
    said = page(
        of("run", **run_found, **epochs)
        | of(
            "dice",
            train_slices=669,
            validation_cases=8,
            epochs=30,
            by_seed=[{"seed": 3, "runs": {"as described": run(0.8, 300), "--fast": run(0.793, 20.4)}}],
        )
        | of("idle", trainings={"as described": traced, "--fast": traced})
    )
    assert "60.0 s to the end of the first epoch's steps" in said
    assert "then 1.50 s an epoch (quartiles 1.40 to 1.60) over 20 epochs, with" in said
    assert "Extrapolated from these, not run to the end: 300 epochs take **8.5 minutes**." in said
    assert "| 3 | 0.8000 | 0.7930 | -0.0070 | 0.900 and 0.900 | 300 | 20 |" in said
    assert "| --fast | 16 | 30 | 0.05 | 0.06 | 0.048 | 20.0% |" in said
