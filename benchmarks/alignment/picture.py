"""Draw `docs/concepts/pictures/alignment-errors.png` from `compare.json`: each study's error before and after.

python -m benchmarks.alignment.picture
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.alignment.compare import RESULT_FILE, Row

PICTURE = Path(__file__).parents[2] / "docs" / "concepts" / "pictures" / "alignment-errors.png"
SHOWN = {"header": ("#999999", "o"), "zonate, rigid only": ("#3b7dd8", "^"), "zonate": ("#c8321e", "s")}
LIMIT_MM = 1.1


def main() -> None:
    rows = [Row(**row) for row in json.loads(RESULT_FILE.read_text(encoding="utf-8"))["rows"]]
    header = {row.study: row.mean_mm for row in rows if row.method == "header"}
    order = {study: place for place, study in enumerate(sorted(header, key=header.__getitem__))}
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for method, (colour, marker) in SHOWN.items():
        own = [row for row in rows if row.method == method]
        axes.scatter(
            [order[row.study] for row in own], [row.mean_mm for row in own], s=22, c=colour, marker=marker, label=method
        )
    axes.axhline(LIMIT_MM, color="#555555", linewidth=0.8, linestyle="--")
    axes.text(len(order) - 0.5, LIMIT_MM + 0.1, f"{LIMIT_MM} mm", ha="right", fontsize=8, color="#555555")
    axes.set_xlabel("simulated studies, in the order of their error by the header alone")
    axes.set_ylabel("mean target registration\nerror in the gland (mm)")
    axes.set_ylim(0)
    axes.set_xticks([])
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
