"""From what a model's samples say to what a reader would: learnt from cases whose reader is known.

A U-Net's dropout is overconfident: its samples agree with each other far better than with a reader, and their volumes
lie closer together than a reader's does. On cases that the model did not learn from, and on worse copies of them, one
can see which Dice a score went with, and how far a reader's volume lay from the interval. What is learnt is a monotone
map from score to Dice and a factor for the interval, both by structure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from zonate.counted import counted
from zonate.measurements import Interval
from zonate.zones import STRUCTURES

GOOD_DICE, BAD_DICE = 0.85, 0.7
"""A result that agrees so well with a reader needs no warning; one that agrees so little needs one."""
FALSE_ALARMS, FOUND = 0.05, 0.95
"""Of the calibration's good results the share that may be called doubtful, half of what is to hold for new patients;
of its bad ones the share that should be."""
Factors = tuple[float, float]
"""How far the lower and the upper end of an interval are moved apart; both 1 or more."""
CALIBRATED_SETTINGS = ("background_below", "clean_up", "flips", "passes", "sampling")
"""Of `PredictionSettings`, those that a calibration holds for."""
JUDGED = "GLAND"
"""The structure whose expected Dice makes a case doubtful."""
COVERAGE = 0.95
"""The share of the results that are not doubtful whose interval is to hold the reader's volume."""
MOST_WIDENING = 3.0
"""An interval that would have to be wider says nothing, and none is given: of few patients one missed zone does it."""


@dataclass(frozen=True)
class MonotoneMap:
    """An expected Dice for every score: never falling, linear between its knots.

    Above the last knot it is constant. Below the first it falls to 0 at the score 0: nothing was seen there, and
    `Calibration.doubt` says so.

    Attributes:
        scores: Of the knots, ascending; the first is the lowest that was seen.
        dice: Expected there, 0 to 1.
    """

    scores: tuple[float, ...]
    dice: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a <= b for values in (self.scores, self.dice) for a, b in pairwise(values))
        if not self.scores or len(self.scores) != len(self.dice) or not rising:
            raise ValueError(f"a monotone map needs as many scores as Dice, both ascending, found {self}")

    def __call__(self, score: float) -> float:
        """The Dice that is expected of a score."""
        if 0 <= score < self.scores[0]:
            return self.dice[0] * score / self.scores[0]
        return float(np.interp(score, self.scores, self.dice))


@dataclass(frozen=True)
class Observed:
    """One structure of one case of which both are known.

    Attributes:
        patient_id: Whose case, or worse copy of it; all copies of a patient weigh as much as another patient.
        score: What the samples say, 0 to 1.
        dice: With the reader, 0 to 1.
        widening: As `needed_widening` gives them; None also where the reader's volume is not known, and for a worse
            copy.
        of_judged: The score of the same case's JUDGED, which says whether the case is doubtful.
        impossible: Whether the case is doubtful whatever its score.
    """

    patient_id: str
    score: float
    dice: float
    widening: Factors | None = None
    of_judged: float = 1.0
    impossible: bool = False


@dataclass(frozen=True)
class Calibration:
    """What a model carries to judge its own results.

    Attributes:
        maps: By name in STRUCTURES, from score to expected Dice; a structure that no reader of the calibration drew
            has none.
        doubtful_below: A case is doubtful where the gland's expected Dice is below this.
        widening: By name in STRUCTURES, the factors, 1 or more, by which an interval's lower end is moved down and its
            upper end up; no interval is given where one of them reaches MOST_WIDENING. They differ where a model draws
            too much or too little of a structure.
        about: What it was learnt from (JSON values).
    """

    maps: Mapping[str, MonotoneMap]
    doubtful_below: float
    widening: Mapping[str, Factors] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def expected_dice(self, scores: Mapping[str, float]) -> dict[str, float]:
        """By name in STRUCTURES; a structure that has no map is left out."""
        return {name: self.maps[name](score) for name, score in scores.items() if name in self.maps}

    def doubt(self, scores: Mapping[str, float]) -> str:
        """Why a case is doubtful by its scores, by name in STRUCTURES, in a sentence; empty where it is not."""
        score, expected = scores[JUDGED], self.maps[JUDGED](scores[JUDGED])
        if expected < self.doubtful_below:
            return f"the gland is expected to agree with a reader by a Dice of {expected:.2f} only"
        if score < self.maps[JUDGED].scores[0]:
            return (
                f"the model's samples agree with the result in the gland by a Dice of {score:.2f}, less than in any "
                "case that it was calibrated on"
            )
        return ""

    def widened(self, intervals_ml: Mapping[str, Interval]) -> dict[str, Interval]:
        """The intervals with their ends moved apart, of structures whose factors are known and say something.

        One that ends at 0 ml is left out: everybody has every structure, and no factor moves it. No upper end lies
        above that of a structure of which this one is a part.
        """
        apart = {
            name: (low / self.widening[name][0], high * self.widening[name][1])
            for name, (low, high) in intervals_ml.items()
            if high > 0 and max(self.widening.get(name, (math.inf, math.inf))) < MOST_WIDENING
        }
        return {
            name: (low, min(of_whole[1] for whole, of_whole in apart.items() if STRUCTURES[name] <= STRUCTURES[whole]))
            for name, (low, _) in apart.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The calibration as JSON values."""
        maps = {name: {"scores": list(of.scores), "dice": list(of.dice)} for name, of in self.maps.items()}
        return {
            "maps": maps,
            "doubtful_below": self.doubtful_below,
            "widening": {name: list(factors) for name, factors in self.widening.items()},
            "about": dict(self.about),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        maps = {name: MonotoneMap(tuple(of["scores"]), tuple(of["dice"])) for name, of in value["maps"].items()}
        if JUDGED not in maps:
            raise ValueError(f"a calibration says nothing without {JUDGED}, by which a case is judged")
        widening = {name: (float(down), float(up)) for name, (down, up) in value["widening"].items()}
        return cls(maps, float(value["doubtful_below"]), widening, value["about"])


def calibrated_on(about: Mapping[str, Any]) -> str:
    """Whom a model was calibrated on, from what `Calibration.about` says."""
    if models := about.get("fold_models"):
        patients = counted(about["n_patients"], "patient")
        return f"{patients}, each by one of {models} models of the same recipe that was not trained on them"
    patients = counted(about["n_patients"], f"{about['split']} patient")
    return f"{patients} that it was not trained on"


def calibrate_scores(observed: Mapping[str, Sequence[Observed]], about: Mapping[str, Any]) -> Calibration:
    """Learn a calibration.

    Args:
        observed: By name in STRUCTURES, what was seen; a structure without any is left out.
        about: What it was seen on (JSON values).

    Raises:
        ValueError: Nothing was seen of the gland.
    """
    if not observed.get(JUDGED):
        raise ValueError("nothing was seen of the gland, by which a case is judged")
    maps = {name: monotone_map(seen) for name, seen in observed.items() if seen}
    doubtful_below = _threshold(maps[JUDGED], observed[JUDGED])
    widening = {
        name: _factors(trusted)
        for name, seen in observed.items()
        if (trusted := [of for of in seen if _trusted(of, maps[JUDGED], doubtful_below)])
    }
    return Calibration(maps, doubtful_below, widening, about)


def needed_widening(interval_ml: Interval, reader_ml: float) -> Factors | None:
    """The factors, 1 or more, by which an interval's ends must be moved down and up to hold a reader's volume.

    Returns:
        1 and 1 where it holds it already; the first infinite where the reader has nothing; None where the interval ends
        at 0 ml, as no interval is given of what was not found.
    """
    low_ml, high_ml = interval_ml
    if high_ml <= 0:
        return None
    down = low_ml / reader_ml if reader_ml > 0 else math.inf
    return (down if reader_ml < low_ml else 1.0), (reader_ml / high_ml if reader_ml > high_ml else 1.0)


def monotone_map(observed: Sequence[Observed]) -> MonotoneMap:
    """The never falling map of least weighted squares; each knot is a group of scores that cannot be told apart.

    Source: Ayer et al., An empirical distribution function for sampling with incomplete information, Annals of
        Mathematical Statistics 26, 1955 (pooling of adjacent violators).
    """
    scores, group = np.unique([of.score for of in observed], return_inverse=True)
    weights = np.bincount(group, _weights(observed))
    dice = np.bincount(group, _weights(observed) * [of.dice for of in observed]) / weights
    blocks: list[tuple[float, float, float]] = []  # weight, mean score, mean Dice
    for block in zip(weights.tolist(), scores.tolist(), dice.tolist(), strict=True):
        while blocks and blocks[-1][2] >= block[2]:
            block = _merged(blocks.pop(), block)
        blocks.append(block)
    knots = [(score, dice) for _, score, dice in blocks]
    if scores[0] < knots[0][0]:
        knots.insert(0, (float(scores[0]), knots[0][1]))
    return MonotoneMap(tuple(score for score, _ in knots), tuple(dice for _, dice in knots))


def _merged(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    weight = a[0] + b[0]
    return weight, (a[0] * a[1] + b[0] * b[1]) / weight, (a[0] * a[2] + b[0] * b[2]) / weight


def _threshold(of_gland: MonotoneMap, observed: Sequence[Observed]) -> float:
    """Halfway between the least that finds the bad and the most that spares the good; that where they cross.

    The good come first, since a warning that comes too often is not read.
    """
    bad = [of for of in observed if of.dice < BAD_DICE]
    good = [of for of in observed if of.dice >= GOOD_DICE]
    finds = max(BAD_DICE, _quantile(bad, [of_gland(of.score) for of in bad], FOUND)) if bad else BAD_DICE
    spares = GOOD_DICE
    if good:
        spares = min(GOOD_DICE, -_quantile(good, [-of_gland(of.score) for of in good], 1 - FALSE_ALARMS))
    return (finds + spares) / 2 if finds < spares else spares


def _trusted(observed: Observed, of_gland: MonotoneMap, doubtful_below: float) -> bool:
    """Whether a case is not doubtful, and it is known how far off its interval was."""
    known = observed.widening is not None and not observed.impossible
    return known and of_gland(observed.of_judged) >= doubtful_below


def _factors(observed: Sequence[Observed]) -> Factors:
    """Those that are enough for COVERAGE of the patients, half of the others on either side."""
    share = (1 + COVERAGE) / 2
    down, up = zip(*(of.widening for of in observed if of.widening), strict=True)
    return min(_quantile(observed, down, share), MOST_WIDENING), min(_quantile(observed, up, share), MOST_WIDENING)


def _quantile(observed: Sequence[Observed], values: Sequence[float], share: float) -> float:
    """The least value that is not exceeded in that share of the patients."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(_weights(observed)[order]) / _weights(observed).sum()
    return float(values[order[int(np.searchsorted(reached, share - 1e-9))]])


def _weights(observed: Sequence[Observed]) -> npt.NDArray[np.float64]:
    """Each patient weighs 1, divided among their copies."""
    patients = [of.patient_id for of in observed]
    return np.array([1 / patients.count(patient) for patient in patients], dtype=np.float64)
