"""How much a result is to be believed: what the model's samples and its plausibility say, and when to doubt it."""

from collections.abc import Sequence as Items
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zonate.errors import StudyError
from zonate.measurements import Uncertainty
from zonate.measures.calibration import BAD_DICE, CALIBRATED_SETTINGS, JUDGED
from zonate.measures.clean_up import clean_up
from zonate.measures.uncertainty import SampleFigures, agreement, entropy, intervals_ml, sample_figures
from zonate.model import Model, Segmentation
from zonate.plausibility import Implausibility, implausibilities
from zonate.zonemap import ZoneMap
from zonate.zones import CODE_OF_STRUCTURE, code_name

LEAST_AGREEMENT = 0.95
"""Without a calibration, a gland whose samples agree with it less than this is doubtful: a rule of thumb that held for
the two models of `benchmarks/uncertainty.md`. Dropout agrees with itself better than with readers, and how much better
differs from model to model."""

_UNRECORDED = {"background_below": None, "clean_up": "none", "sampling": False}
"""What a calibration was learnt with that does not say so."""


@dataclass(frozen=True)
class Cleaned:
    """A result as it is used.

    Attributes:
        zones: After the clean-up that `prediction.clean_up` asks for.
        odd: What stood out before it, which it may hide.
        changes: What it changed, in sentences.
    """

    zones: ZoneMap
    odd: tuple[Implausibility, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """The samples of a result, without the samples.

    Attributes:
        figures: Of each sample, against the result.
        mean: (K, S, H, W) float32, the mean of the samples' probabilities.
    """

    figures: tuple[SampleFigures, ...]
    mean: npt.NDArray[np.float32]


def cleaned(segmentation: Segmentation) -> Cleaned:
    """The result of a segmentation, looked at and then cleaned up.

    Raises:
        StudyError: It does not lie on the case's own grid.
    """
    zones, slices = segmentation.result(), segmentation.slices
    if not zones.labels.grid.same_as(slices.original):
        raise StudyError(f"case {slices.case_id}: the zones do not lie on the T2W grid, so nothing was written")
    odd = implausibilities(zones, slices, segmentation.inference.window)
    labels, changes = clean_up(zones.labels, zones.codes, segmentation.model.settings.prediction.clean_up)
    return Cleaned(replace(zones, labels=labels), odd, changes)


def with_uncertainty(
    segmentation: Segmentation, zones: ZoneMap, samples: int, disqualifying: Items[str] = ()
) -> ZoneMap:
    """Draw samples of a result and say what they say of it.

    Args:
        segmentation: That the result is of; its samples are cleaned up as the result was.
        zones: The result.
        samples: How many to draw; below about ten the intervals are little more than the samples' extremes.
        disqualifying: What makes the result doubtful whatever the samples say, as
            `zonate.plausibility.disqualifying` gives it.

    Returns:
        The result with `uncertainty` and `sample_entropy`; with a warning where the model's calibration does not hold
        for how the samples were drawn, and is not used, and for each zone that is expected to agree badly with a reader
        though the gland is not.

    Raises:
        ValueError: Less than one sample.
        ModelError: The model has no dropout.
    """
    model, drawn = segmentation.model, draw(segmentation, zones, samples)
    scores = agreement(drawn.figures)
    ranges = intervals_ml(drawn.figures, zones.volumes_ml())
    obstacle = _why_not_calibrated(model, samples)
    calibration = None if obstacle else model.calibration
    doubt = _least_agreement(scores) if calibration is None else calibration.doubt(scores)
    reason = "; ".join([*disqualifying, *([doubt] if doubt else [])])
    expected = {} if calibration is None else calibration.expected_dice(scores)
    uncertainty = Uncertainty(
        samples=samples,
        interval_ml=calibration.widened(ranges) if calibration is not None and not reason else {},
        agreement=scores,
        expected_dice=expected,
        calibrated=calibration is not None,
        doubtful=bool(reason),
        reason=reason,
        range_ml=ranges,
    )
    warnings = (*zones.warnings, *([obstacle] if obstacle else []), *([] if reason else _weak_zones(expected)))
    return replace(zones, uncertainty=uncertainty, sample_entropy=entropy(drawn.mean), warnings=warnings)


def draw(segmentation: Segmentation, zones: ZoneMap, samples: int) -> Drawn:
    """Draw samples of a result, one at a time, and keep what they say.

    Raises:
        ValueError: Less than one sample.
        ModelError: The model has no dropout.
    """
    how = segmentation.model.settings.prediction.clean_up
    total = np.zeros_like(zones.probabilities)
    figures = []
    for sample in segmentation.samples(samples):
        total += sample.probabilities
        labels, _ = clean_up(sample.labels, sample.codes, how)
        figures.append(sample_figures(zones.labels, labels, zones.codes))
    total /= samples
    return Drawn(tuple(figures), total)


def _why_not_calibrated(model: Model, samples: int) -> str:
    """Why the calibration that a model carries is not used; empty where it is, or there is none."""
    if model.calibration is None:
        return ""
    about, used = model.calibration.about, model.settings.prediction.model_dump(mode="json")
    learnt = int(about.get("samples", samples))
    if 2 * samples < learnt:
        return (
            f"{samples} samples are too few for the model's calibration, which was learnt with {learnt}: it is not used"
        )
    for name in CALIBRATED_SETTINGS:
        now = used[name]
        if (then := about.get(name, _UNRECORDED.get(name, now))) != now:
            return f"the model's calibration was learnt with prediction.{name} = {then}, not {now}: it is not used"
    return ""


def _weak_zones(expected_dice: dict[str, float]) -> list[str]:
    """A sentence for each structure besides the gland that is expected to agree badly with a reader."""
    return [
        f"the {code_name(CODE_OF_STRUCTURE[name])} is expected to agree with a reader by a Dice of {dice:.2f} only: "
        "check it, and what is measured on it"
        for name, dice in expected_dice.items()
        if name != JUDGED and dice < BAD_DICE
    ]


def _least_agreement(scores: dict[str, float]) -> str:
    """A sentence where the gland, or any structure of a model that cannot tell the gland, is agreed on too little."""
    judged = {name: score for name, score in scores.items() if name == JUDGED} or scores
    name, score = min(judged.items(), key=lambda item: item[1])
    if score >= LEAST_AGREEMENT:
        return ""
    called = "gland" if name == JUDGED else name.replace("_", " ")
    return f"the model's samples agree with the result in the {called} by a Dice of {score:.2f} only"
