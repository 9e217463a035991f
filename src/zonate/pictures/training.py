"""How a validation patient is segmented while the network learns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zonate.geometry import Volume
from zonate.pictures.zones import Reading, draw_zones
from zonate.zones import LabelCode, code_name

_N_SLICES = 4


def draw_validation(
    file: Path,
    t2w: Volume,
    reference: Volume,
    prediction: Volume,
    *,
    title: str,
    dice: Mapping[str, float],
    codes: tuple[LabelCode, ...],
) -> None:
    """Write a picture of a few slices: T2W alone, with the reference's outlines, with the prediction's.

    Args:
        file: PNG to write; not atomic.
        t2w: (S, H, W), NaN where nothing was measured.
        reference: Label codes on the same grid.
        prediction: Label codes on the same grid.
        title: The headline; no patient data.
        dice: By structure.
        codes: Those that the model can give, which the legend names beside those of the reference.
    """
    bare = reference.with_values(np.zeros_like(reference.values))
    shown = sorted({*codes, *(LabelCode(code) for code in np.unique(reference.values))})
    named = [code for code in shown if LabelCode.BACKGROUND < code < LabelCode.NOT_ANNOTATED]
    figures = ", ".join(f"{structure} {value:.3f}" for structure, value in dice.items())
    draw_zones(
        file,
        t2w,
        [Reading("T2W", bare), Reading("reference", reference), Reading("prediction", prediction)],
        title=title,
        lines=[f"validation Dice: {figures or 'none could be measured'}"],
        legend=[(code, code_name(code)) for code in named],
        slices=_N_SLICES,
        columns=_N_SLICES,
    )
