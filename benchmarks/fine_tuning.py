"""Five patients of one's own: fine-tuned from the weights that ship, against from scratch, against what ships as it is.

    python -m benchmarks.fine_tuning --work WORK [--epochs 20]

The hospital is simulated, and nothing that the weights learnt from looks like it: what is measured is that fine-tuning
works and how few patients it takes, not how good it gets on real ones. The walk through in
docs/tutorial/train-on-your-own.md does the same by hand.
"""

import argparse
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import commit, machine
from zonate.config import Settings, load_recipe
from zonate.io.files import write_text
from zonate.shipped import SHIPPED
from zonate.training.initial_weights import initial_settings
from zonate.verbs.evaluate import evaluate
from zonate.verbs.prepare import prepare
from zonate.verbs.simulate import simulate
from zonate.verbs.train import train

PAGE = Path(__file__).with_suffix(".md")
N_STUDIES, N_TRAIN, N_VALIDATION = 25, 5, 5
FINE_TUNING_RATE = 5e-4
STRUCTURES = ("GLAND", "CENTRAL_GLAND", "PZ", "TZ", "DPU", "AFS")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    minutes: float | None
    structures: dict[str, Any]


def compare(work: Path, epochs: int) -> list[Row]:
    """Prepare, train twice, measure three models on the same patients; what is there is kept."""
    dataset = _hospital(work)
    rows = [Row("what ships, as it is", None, _measured(SHIPPED, dataset, work / "shipped-evaluation"))]
    tuned = initial_settings(SHIPPED).override([f"optimiser.learning_rate={FINE_TUNING_RATE:g}"])
    for name, settings, init in (("fine-tuned", tuned, SHIPPED), ("from scratch", load_recipe("zonate"), None)):
        run = work / name.replace(" ", "-")
        train(dataset, run, _length(settings, epochs), init=init, resume=True)
        seconds = [json.loads(line)["seconds"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        rows.append(Row(name, sum(seconds) / 60, _measured(run, dataset, Path(f"{run}-evaluation"))))
    return rows


def _hospital(work: Path) -> Path:
    settings = load_recipe("zonate").override(
        [
            f"split.validation_fraction={N_VALIDATION / N_STUDIES}",
            f"split.test_fraction={1 - (N_TRAIN + N_VALIDATION) / N_STUDIES}",
            "alignment.method=header",
        ]
    )
    if not (work / "hospital" / "cases.csv").is_file():
        simulate(N_STUDIES, work / "hospital", overwrite=True)
    prepare(work / "dataset", manifests=[work / "hospital" / "cases.csv"], settings=settings)
    return work / "dataset"


def _length(settings: Settings, epochs: int) -> Settings:
    return settings.override([f"training.epochs={epochs}", "training.validate_every_epochs=5"])


def _measured(model: Path | str, dataset: Path, output: Path) -> dict[str, Any]:
    evaluate(model, dataset, output, overwrite=True)
    found: dict[str, Any] = json.loads((output / "summary.json").read_text(encoding="utf-8"))["structures"]
    return found


def page(rows: list[Row], epochs: int) -> str:
    """The table in Markdown."""
    lines = [
        "# Fine-tuning on five patients",
        "",
        f"`python -m benchmarks.fine_tuning --work WORK --epochs {epochs}`, {date.today().isoformat()}, {machine()}, "
        f"commit {commit()}.",
        "",
        f"{N_STUDIES} simulated studies: {N_TRAIN} train, {N_VALIDATION} choose the epoch, "
        f"{N_STUDIES - N_TRAIN - N_VALIDATION} test. {epochs} epochs each. Dice, mean over patients in 3D, "
        "with the 95 % interval.",
        "",
        f"| model | {' | '.join(STRUCTURES)} | minutes |",
        "|---|" + "---|" * (len(STRUCTURES) + 1),
    ]
    for row in rows:
        cells = [_cell(row.structures.get(name)) for name in STRUCTURES]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {'–' if row.minutes is None else f'{row.minutes:.1f}'} |")
    return "\n".join(lines) + "\n"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "–"
    dice = found["dice"]
    low, high = dice["interval_95"]
    return f"{dice['mean']:.3f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    write_text(PAGE, page(compare(given.work, given.epochs), given.epochs))
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
