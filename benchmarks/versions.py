"""`zonate predict` by these sources and by those of another commit, in turn: what a change is worth on one machine.

    git worktree add ../old COMMIT
    python -m benchmarks.versions ../old STUDY... [--rounds 3] [--table FILE]

Both run in this environment, with all default outputs; the first round, which fills the caches, is watched for memory
and not timed.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import circumstances, commit
from benchmarks.speed.rates import median_and_range
from benchmarks.speed.whole import once

PAGE = Path(__file__).with_name("versions.md")
OURS = Path(__file__).parents[1]

Runs = Mapping[str, tuple[Sequence[float], float]]
"""Of the other version and of this one, the seconds of each round, and the most MiB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of the other commit")
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", type=Path, default=PAGE)
    given = parser.parse_args()
    measured = {study.name: rounds(study, given.other, given.rounds) for study in given.studies}
    how = circumstances(torch.get_num_threads())
    given.table.write_text(page(measured, commit(given.other), how), encoding="utf-8")
    print(given.table)


def rounds(study: Path, other: Path, n: int) -> Runs:
    """Predict a study by both versions in turn."""
    seconds: dict[str, list[float]] = {"other": [], "this": []}
    most_mib = dict.fromkeys(seconds, 0.0)
    for number in range(n + 1):
        for version, sources in (("other", other), ("this", OURS)):
            with tempfile.TemporaryDirectory() as output:
                command = [sys.executable, "-P", "-m", "zonate", "predict", str(study), "-o", output]
                command = ["env", f"PYTHONPATH={sources.resolve() / 'src'}", *command]
                if number == 0:
                    most_mib[version] = once(command)[1]
                else:
                    seconds[version].append(once(command, watched=False)[0])
    return {version: (seconds[version], most_mib[version]) for version in seconds}


def page(measured: Mapping[str, Runs], other: str, how: Mapping[str, Any]) -> str:
    """The table: medians over the rounds, and the ratio within each."""
    n = len(next(iter(measured.values()))["this"][0])
    lines = [
        "# Faster than before?",
        "",
        f"`python -m benchmarks.versions` ({how['date']}, {how['machine']}, {how['threads']} threads): "
        f"`zonate predict` with all its default outputs, by commit {other} and by commit {how['commit']}, in turn; "
        f"medians of {n} rounds, smallest and largest in brackets. The ratio is taken within a round.",
        "",
        f"| study | {other}, s | {how['commit']}, s | ratio | {other}, MiB | {how['commit']}, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for study, runs in measured.items():
        (others, others_mib), (ours, ours_mib) = runs["other"], runs["this"]
        ratios = [one / another for one, another in zip(ours, others, strict=True)]
        cells = " | ".join(median_and_range(values) for values in (others, ours, ratios))
        lines.append(f"| {study} | {cells} | {others_mib:.0f} | {ours_mib:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
