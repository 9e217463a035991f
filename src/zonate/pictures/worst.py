"""A case that went wrong: reference and prediction on the same slices."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zonate.geometry import Volume
from zonate.metrics import Score
from zonate.pictures.zones import Reading, draw_zones
from zonate.zones import LabelCode, code_name


def draw_worst(
    file: Path, t2w: Volume, reference: Volume, prediction: Volume, scores: Iterable[Score], rank: int
) -> None:
    """Write a row of slices with the reference and one with the prediction below it.

    Args:
        file: PNG to write; not atomic.
        t2w: (S, H, W), NaN where nothing was measured.
        reference: Label codes on the same grid.
        prediction: Label codes on the same grid.
        scores: Of the case.
        rank: 1 for the worst.
    """
    scores = list(scores)
    dice = [f"{s.structure.replace('_', ' ')} {s.metrics.dice:.3f}" for s in scores if not math.isnan(s.metrics.dice)]
    case_id = scores[0].case_id if scores else "case"
    drawn = np.union1d(reference.values, prediction.values)
    codes = [code for code in LabelCode if code in drawn and LabelCode.BACKGROUND < code < LabelCode.NOT_ANNOTATED]
    draw_zones(
        file,
        t2w,
        [Reading("reference", reference), Reading("prediction", prediction)],
        title=f"{case_id}: worst case {rank} by mean Dice",
        lines=[f"Dice: {', '.join(dice)}" if dice else "nothing could be compared"],
        legend=[(code, code_name(code)) for code in codes],
        slices=5,
        columns=5,
    )
