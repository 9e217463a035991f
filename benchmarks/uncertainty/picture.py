"""docs/concepts/pictures/uncertainty.png from what `measure` wrote: expected against real Dice, and who is warned of.

python -m benchmarks.uncertainty.picture WORK
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.uncertainty.measure import read_rows
from benchmarks.uncertainty.table import Judged, judge, result_of
from zonate.measures.calibration import BAD_DICE, GOOD_DICE

_PICTURE = Path(__file__).parents[2] / "docs" / "concepts" / "pictures" / "uncertainty.png"
_WARNED, _NOT_WARNED = "#d55e00", "#0072b2"


def draw(work: Path, file: Path) -> None:
    """One panel a set of patients; a point is a result, its expectation the mean over the divisions that tested it."""
    sources = [source for source in sorted(work.glob("*.csv")) if not source.stem.endswith(".unfit")]
    figure = Figure(figsize=(5.2 * len(sources), 5.0), layout="constrained")
    for axes, source in zip(figure.subplots(1, len(sources), squeeze=False)[0], sources, strict=True):
        glands = [result_of(row) for row in read_rows(source) if row["structure"] == "GLAND"]
        _panel(axes, list(judge(glands)))
        n_patients = len({result.patient for result in glands})
        axes.set_title(f"{source.stem}: {len(glands)} results of {n_patients} patients", fontsize=11)
    figure.savefig(file, dpi=110)


def _panel(axes: Axes, judged: list[Judged]) -> None:
    groups: defaultdict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in judged:
        groups[one.result.row["case"], one.result.how].append(one)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for dice in (BAD_DICE, GOOD_DICE):
        axes.axhline(dice, color="0.8", linewidth=1, linestyle="--")
    for warned, colour, name in ((True, _WARNED, "doubtful"), (False, _NOT_WARNED, "not doubtful")):
        shown = [group for group in groups.values() if (fmean(one.doubtful for one in group) >= 0.5) == warned]
        expected = [fmean(one.expected for one in group) for group in shown]
        real = [group[0].result.dice for group in shown]
        axes.scatter(expected, real, s=26, color=colour, alpha=0.75, linewidth=0, label=f"{name} ({len(shown)})")
    axes.set_xlabel("expected Dice of the gland")
    axes.set_ylabel("Dice with the reader")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1)
    axes.legend(loc="upper left", frameon=False)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), _PICTURE)
