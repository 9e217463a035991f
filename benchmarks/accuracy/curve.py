"""The validation curve of a run, and whether it still climbed when the budget ended."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from zonate.run_folder import METRICS_NAME

LATE, CLIMB = 0.9, 0.005
"""A run is unfinished whose best epoch lies in the last tenth, and whose last quarter is better than the third by more
than this."""

Curve = Sequence[tuple[int, float]]
"""Epoch and mean validation Dice, ascending."""


def read_curve(run: Path) -> tuple[list[tuple[int, float]], float]:
    """The curve of a run folder, and the seconds of its epochs, validation included."""
    lines = [json.loads(line) for line in (run / METRICS_NAME).read_text(encoding="utf-8").splitlines()]
    points = [(line["epoch"], line["validation_mean_dice"]) for line in lines if _validated(line)]
    return points, sum(line["seconds"] for line in lines)


def best(curve: Curve) -> tuple[int, float]:
    """The first epoch with the highest Dice, and that Dice."""
    return max(curve, key=lambda point: (point[1], -point[0]))


def unfinished(curve: Curve, epochs: int) -> bool:
    """Whether a run was still getting better; True where it was validated too rarely to tell.

    Args:
        curve: Of the run.
        epochs: How many it had in all.
    """
    third = [dice for epoch, dice in curve if 0.5 * epochs < epoch <= 0.75 * epochs]
    last = [dice for epoch, dice in curve if 0.75 * epochs < epoch]
    if not third or not last:
        return True
    return best(curve)[0] > LATE * epochs and fmean(last) > fmean(third) + CLIMB


def _validated(line: dict[str, Any]) -> bool:
    return line["validation_mean_dice"] is not None
