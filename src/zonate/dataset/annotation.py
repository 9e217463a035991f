"""An annotation as one volume of label codes on the T2W grid, whatever files it came in."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from zonate.dataset.importers.source import LabelLayer, Source
from zonate.dataset.labels import Placed, combine, map_labels, place_labels
from zonate.errors import LabelError
from zonate.geometry import Grid, Volume, to_canonical
from zonate.io.nifti import is_volume_file, read_volume
from zonate.io.seg import read_segments
from zonate.zones import ZONES_OF_CODE, LabelCode

Codes = npt.NDArray[np.uint8]


def read_annotation(source: Source, t2w: Grid) -> tuple[Volume, tuple[str, ...]]:
    """Read every layer of a source's labels, place it on the T2W grid and bring the layers together.

    Args:
        source: With labels.
        t2w: The grid of its T2W.

    Returns:
        Label codes (S, H, W) uint8, and what was odd, each a sentence. Slices that a label volume does not reach
        are NOT_ANNOTATED.

    Raises:
        LabelError: The source has no labels, or they hold a value that was not declared.
        GeometryError: A layer does not lie on the T2W grid.
        StudyError: A file cannot be read.
    """
    if not source.labels:
        raise LabelError(f"case {source.case_id} ({source.where}): there are no labels to learn from")
    notes: list[str] = []
    layers = []
    for layer in source.labels:
        for codes, covered, found in _read_layer(layer, source, t2w):
            notes += found
            if not covered.all():
                codes[~covered] = LabelCode.NOT_ANNOTATED
                told = to_canonical(Volume(covered, t2w)).values[:, 0, 0]  # (S,)
                notes.append(
                    f"the label file {layer.path.name} has {int(told.sum())} of the T2W's {len(told)} slices: "
                    "the others count as not annotated"
                )
            layers.append(codes)
    combined, contradicting = combine(layers) if len(layers) > 1 else (layers[0], 0)
    if contradicting:
        notes.append(f"{contradicting} voxels are drawn as zones that exclude each other: they count as not annotated")
    if source.rest is not None:
        combined = _fill(combined, source.rest)
    undivided = ~np.isin(combined, [*source.codes, LabelCode.NOT_ANNOTATED])
    if undivided.any():
        combined[undivided] = LabelCode.NOT_ANNOTATED
        notes.append(
            f"{int(undivided.sum())} voxels are in the gland's mask and in no zone's: they count as not annotated"
        )
    return Volume(combined, t2w), tuple(dict.fromkeys(notes))


def _read_layer(
    layer: LabelLayer, source: Source, t2w: Grid
) -> Iterator[tuple[Codes, npt.NDArray[np.bool_], tuple[str, ...]]]:
    """Label codes (S, H, W), which of them the layer tells, and notes; once a file, or once a segment of a SEG."""
    case = f"{source.case_id}, {layer.path.name}"
    if is_volume_file(layer.path):
        placed = place_labels(read_volume(layer.path), t2w, case, lenient=source.lenient_grid)
        yield map_labels(placed.volume.values, layer.codes, case), placed.covered, placed.notes
        return
    segments = read_segments(layer.path)
    for number, code in sorted(layer.codes.items()):
        if code == LabelCode.BACKGROUND:
            continue
        if number not in segments:
            raise LabelError(f"case {source.case_id}: {layer.path.name} has no segment {number} ({code.name})")
        placed = _place_segment(segments[number], t2w, case, lenient=source.lenient_grid)
        drawn = placed.volume.values.astype(np.bool_)
        codes = np.where(drawn, np.uint8(code), np.uint8(LabelCode.BACKGROUND))
        # A SEG leaves out frames that hold nothing.
        yield codes, np.ones_like(placed.covered), placed.notes if drawn.any() else (f"{code.name} is empty",)


def _place_segment(segment: Volume, t2w: Grid, case: str, *, lenient: bool) -> Placed:
    if not segment.values.any():  # where nothing is drawn, there is no place to check
        nothing = Volume(np.zeros(t2w.shape, dtype=np.uint8), t2w)
        return Placed(nothing, np.ones(t2w.shape, dtype=np.bool_))
    return place_labels(segment, t2w, case, lenient=lenient, frames=True)


def _fill(codes: Codes, rest: LabelCode) -> Codes:
    """Make finer what a coarser layer alone drew."""
    coarser = [code for code, zones in ZONES_OF_CODE.items() if zones > ZONES_OF_CODE[rest]]
    return np.where(np.isin(codes, coarser), np.uint8(rest), codes)
