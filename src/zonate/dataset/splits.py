"""Which patient stands on which side: by patient, stratified by gland volume, seeded."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from zonate.config import SplitSettings
from zonate.errors import LeakageError

Side = Literal["train", "validation", "test"]
Split = Literal["train", "validation", "test", "evaluation"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
SPLITS: tuple[Split, ...] = (*SIDES, "evaluation")


@dataclass(frozen=True)
class Candidate:
    """A case that wants a split.

    Attributes:
        patient_id: Whose case it is.
        gland_volume_ml: None where it is not known.
        evaluation: Whether nothing may be trained, validated or tested on it.
        side: Where its source wants it; None leaves that to the split.
    """

    patient_id: str
    gland_volume_ml: float | None
    evaluation: bool = False
    side: Side | None = None


def split_cases(cases: Items[Candidate], settings: SplitSettings) -> list[Split]:
    """Give each case its split.

    A case for evaluation gets `evaluation` and counts for nothing else. A patient with a side of their own stands
    there with all their cases. The other patients are divided among themselves, each by the mean gland volume of
    their cases.

    Raises:
        LeakageError: A patient would stand on two sides.
    """
    ordinary = [case for case in cases if not case.evaluation]
    check_no_leakage((case.patient_id, case.side) for case in ordinary if case.side is not None)
    given = {case.patient_id: case.side for case in ordinary if case.side is not None}
    volumes: defaultdict[str, list[float]] = defaultdict(list)
    for case in ordinary:
        if case.patient_id not in given:
            known = [] if case.gland_volume_ml is None else [case.gland_volume_ml]
            volumes[case.patient_id].extend(known)
    means = {patient: sum(known) / len(known) if known else None for patient, known in volumes.items()}
    sides = {**split_patients(means, settings), **given}
    return ["evaluation" if case.evaluation else sides[case.patient_id] for case in cases]


def split_patients(gland_volumes_ml: Mapping[str, float | None], settings: SplitSettings) -> dict[str, Side]:
    """Divide patients so that each side spans the range of gland volumes.

    The patients are ranked by gland volume (those of unknown volume last) and cut into as many strata of
    neighbours as the test side needs patients; one is drawn from each. The same gives the validation side from
    those that are left, and the rest train. With three patients or more, every side whose fraction is not 0 gets
    at least one; of two patients one trains and one tests (validates, where the test fraction is 0); a single
    patient trains.

    Args:
        gland_volumes_ml: From patient id to gland volume; the order does not matter.
        settings: Fractions and seed.

    Returns:
        From patient id to side, in the order of the ids.
    """
    n_validation, n_test = _counts(len(gland_volumes_ml), settings)
    random = np.random.default_rng(settings.seed)
    patients = sorted(gland_volumes_ml)
    tie_break = dict(zip(patients, random.permutation(len(patients)).tolist(), strict=True))
    volumes = {patient: math.inf if volume is None else volume for patient, volume in gland_volumes_ml.items()}
    ranked = sorted(patients, key=lambda patient: (volumes[patient], tie_break[patient]))
    test = _one_of_each_stratum(ranked, n_test, random)
    ranked = [patient for patient in ranked if patient not in test]
    validation = _one_of_each_stratum(ranked, n_validation, random)
    sides: dict[str, Side] = {}
    for patient in patients:
        sides[patient] = "test" if patient in test else "validation" if patient in validation else "train"
    return sides


def check_no_leakage(sides: Iterable[tuple[str, Split]]) -> None:
    """Refuse a patient on two sides of a split.

    `evaluation` is no side: a patient may have rows for evaluation beside others, since those rows are never
    trained, validated or tested on. A score on them is then not one of an unseen patient; `prepare` says so.

    Args:
        sides: Patient id and split of every case.

    Raises:
        LeakageError: Names each such patient and the sides.
    """
    found: defaultdict[str, set[Split]] = defaultdict(set)
    for patient, side in sides:
        if side != "evaluation":
            found[patient].add(side)
    leaks = [f"{p} ({', '.join(s for s in SIDES if s in found[p])})" for p in sorted(found) if len(found[p]) > 1]
    if leaks:
        raise LeakageError(
            f"a patient may stand on one side of the split only, but {'; '.join(leaks)}: "
            "give all cases of a patient the same split, or none"
        )


def _counts(patients: int, settings: SplitSettings) -> tuple[int, int]:
    """How many patients validate and how many test; at least one trains."""
    fractions = (settings.validation_fraction, settings.test_fraction)
    if patients < 2:
        return 0, 0
    if patients == 2:
        test = fractions[1] > 0
        return int(not test and fractions[0] > 0), int(test)
    validation, test_count = (max(1, math.floor(patients * f + 0.5)) if f > 0 else 0 for f in fractions)
    while validation + test_count >= patients:
        if validation > test_count:
            validation -= 1
        else:
            test_count -= 1
    return validation, test_count


def _one_of_each_stratum(ranked: list[str], n: int, random: np.random.Generator) -> set[str]:
    """Cut a ranked list into n runs of nearly equal length and draw one from each."""
    bounds = [len(ranked) * i // n for i in range(n + 1)] if n else []
    return {ranked[int(random.integers(a, b))] for a, b in pairwise(bounds)}
