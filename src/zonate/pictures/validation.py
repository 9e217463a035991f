"""How a validation patient is segmented while a model trains."""

from pathlib import Path

from zonate.dataset.slices import Slices
from zonate.geometry import Volume
from zonate.io.files import atomic_path
from zonate.model import Model
from zonate.pictures.zones import Reading, code_name, draw_zones
from zonate.training.validation import segment_slices
from zonate.zones import LabelCode


def draw_validation(file: Path, model: Model, slices: Slices, epoch: int) -> None:
    """Write the reference's and the model's zones on the same slices of one case.

    Args:
        file: PNG to write, whole or not at all.
        model: As it stands.
        slices: Of the case, with labels.
        epoch: Counted from 1.
    """
    if slices.labels is None:
        raise ValueError(f"case {slices.case_id} has no labels to draw")
    grid = slices.crop.grid
    readings = [
        Reading("reference", Volume(slices.labels, grid)),
        Reading("prediction", Volume(segment_slices(model, slices), grid)),
    ]
    with atomic_path(file) as temporary:
        draw_zones(
            temporary,
            Volume(slices.images[:, 0], grid),
            readings,
            title=f"{slices.case_id}: validation after epoch {epoch}",
            legend=[(code, code_name(code)) for code in model.codes if code != LabelCode.BACKGROUND],
            slices=5,
            columns=5,
        )
