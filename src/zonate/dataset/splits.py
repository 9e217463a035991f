"""Which patient stands on which side: by patient, stratified by gland volume, seeded."""

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from zonate.errors import DatasetError, LeakageError
from zonate.settings.data import SplitSettings

Side = Literal["train", "validation", "test"]
Split = Literal["train", "validation", "test", "evaluation"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
SPLITS: tuple[Split, ...] = (*SIDES, "evaluation")


@dataclass(frozen=True)
class Candidate:
    """A case that wants a split.

    Attributes:
        patient_id: Whose case it is, one name through all data sets.
        gland_volume_ml: None where it is not known.
        evaluation: Whether nothing may be trained, validated or tested on it.
        side: Where its source wants it; None leaves that to the split.
        dataset: The public name of its data set.
        case_id: For messages.
        derived_from: Of a made case, the patients whose image or labels it was made from.
    """

    patient_id: str
    gland_volume_ml: float | None
    evaluation: bool = False
    side: Side | None = None
    dataset: str = ""
    case_id: str = ""
    derived_from: tuple[str, ...] = ()


def split_cases(cases: Items[Candidate], settings: SplitSettings) -> list[Split]:
    """Give each case its split.

    A case for evaluation gets `evaluation` and counts for nothing else. A patient with a side of their own stands
    there with all their cases; so does, on the test side, one who has a case in a test set, whatever other sets they
    are in. The other patients are divided among themselves, each by the mean gland volume of their cases: by the
    fractions, or one fold against the rest. Where there are test sets, none of the others tests, and where there is a
    fold, it tests alone, so that the folds together test each patient once: whoever would test besides, since the
    source asks for it, is for evaluation instead. In a fold, a made case stands aside, for evaluation, where a patient
    that it was made from is on another side.

    Raises:
        LeakageError: A patient would stand on two sides, as whose case it is or as whom a case was made from.
        DatasetError: No case is of a test set that is named.
    """
    if settings.fold is None:
        sides = _sides_by_fractions(cases, settings)
        splits = [_split_of(case, sides) for case in cases]
    else:
        sides = _sides_of_fold(cases, settings, settings.fold)
        splits = [_beside_its_sources(case, _split_of(case, sides), sides) for case in cases]
    check_no_leakage(
        Placed(case.patient_id, split, case.case_id, case.derived_from)
        for case, split in zip(cases, splits, strict=True)
    )
    return splits


def _sides_by_fractions(cases: Items[Candidate], settings: SplitSettings) -> dict[str, Split]:
    """Of each patient the side: given, or drawn by the fractions; with test sets, these test and nobody else."""
    ordinary = [case for case in cases if not case.evaluation]
    _check_test_sets(ordinary, settings.test_sets)
    given = _given_sides(ordinary, settings.test_sets)
    if not settings.test_sets:
        return {**split_patients(_mean_volumes(ordinary, given), settings), **given}
    testing = {case.patient_id for case in ordinary if case.dataset in settings.test_sets}
    drawn = split_patients(_mean_volumes(ordinary, given), settings.model_copy(update={"test_fraction": 0.0}))
    return {**drawn, **given, **{p: "evaluation" for p, side in given.items() if side == "test" and p not in testing}}


def _sides_of_fold(cases: Items[Candidate], settings: SplitSettings, fold: int) -> dict[str, Split]:
    """Of each patient the side: given, or drawn for a fold, which tests alone."""
    _check_test_sets(cases, settings.test_sets)  # of a dataset made for a fold, they are for evaluation already
    ordinary = [case for case in cases if not case.evaluation]
    given = _given_sides(ordinary, settings.test_sets)
    kept: dict[str, Split] = {patient: "evaluation" if side == "test" else side for patient, side in given.items()}
    return {**_leave_out(_mean_volumes(ordinary, given), settings, fold), **kept}


def _split_of(case: Candidate, sides: Mapping[str, Split]) -> Split:
    return "evaluation" if case.evaluation else sides[case.patient_id]


def _beside_its_sources(case: Candidate, split: Split, sides: Mapping[str, Split]) -> Split:
    """The split of a case in a fold: its own, unless a patient that it was made from is on another side."""
    others = {sides[patient] for patient in case.derived_from if patient in sides} - {split, "evaluation"}
    return "evaluation" if others else split


def _check_test_sets(cases: Items[Candidate], test_sets: Items[str]) -> None:
    data_sets = {case.dataset for case in cases}
    missing = sorted(set(test_sets) - data_sets)
    if missing:
        raise DatasetError(f"no case is of the test set {', '.join(missing)}: there are {', '.join(sorted(data_sets))}")


def _given_sides(cases: Items[Candidate], test_sets: Items[str]) -> dict[str, Side]:
    """The patients whose side is not drawn: those of the test sets, and those whose source names one."""
    given: dict[str, Side] = {}
    placed = []
    for case in cases:
        side: Side | None = "test" if case.dataset in test_sets else case.side
        if side is not None:
            given[case.patient_id] = side
            placed.append(Placed(case.patient_id, side, case.case_id, case.derived_from))
    check_no_leakage(placed)
    return given


def _mean_volumes(cases: Items[Candidate], given: Container[str]) -> dict[str, float | None]:
    """The mean gland volume of each patient whose side is drawn, in millilitres; None where none is known."""
    volumes: defaultdict[str, list[float]] = defaultdict(list)
    for case in cases:
        if case.patient_id not in given:
            known_volume = [] if case.gland_volume_ml is None else [case.gland_volume_ml]
            volumes[case.patient_id].extend(known_volume)
    return {patient: sum(known) / len(known) if known else None for patient, known in volumes.items()}


def fold_of_patients(gland_volumes_ml: Mapping[str, float | None], settings: SplitSettings) -> dict[str, int]:
    """Divide patients into folds that each span the range of gland volumes, as `split_patients` does for sides.

    Args:
        gland_volumes_ml: From patient id to gland volume; the order does not matter.
        settings: Number of folds, and seed.

    Returns:
        From patient id to fold, in the order of the ids; the sizes of the folds differ by one patient at most.
    """
    random = np.random.default_rng(settings.seed)
    ranked = _ranked(gland_volumes_ml, random)
    folds: dict[str, int] = {}
    for first in range(0, len(ranked), settings.folds):
        stratum = ranked[first : first + settings.folds]
        folds |= dict(zip(stratum, random.permutation(settings.folds).tolist(), strict=False))
    return {patient: folds[patient] for patient in sorted(folds)}


def _leave_out(gland_volumes_ml: Mapping[str, float | None], settings: SplitSettings, fold: int) -> dict[str, Side]:
    """One fold tests; of the others some validate and the rest train."""
    folds = fold_of_patients(gland_volumes_ml, settings)
    rest = {patient: volume for patient, volume in gland_volumes_ml.items() if folds[patient] != fold}
    sides = split_patients(rest, settings.model_copy(update={"test_fraction": 0.0}))
    return {**sides, **{patient: "test" for patient, number in folds.items() if number == fold}}


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
    ranked = _ranked(gland_volumes_ml, random)
    test = _one_of_each_stratum(ranked, n_test, random)
    ranked = [patient for patient in ranked if patient not in test]
    validation = _one_of_each_stratum(ranked, n_validation, random)
    sides: dict[str, Side] = {}
    for patient in sorted(gland_volumes_ml):
        sides[patient] = "test" if patient in test else "validation" if patient in validation else "train"
    return sides


class Placed(NamedTuple):
    """A case on a side, with the patients that it was made from where it is a made one."""

    patient_id: str
    side: Split
    case_id: str = ""
    derived_from: tuple[str, ...] = ()


def check_no_leakage(cases: Iterable[Placed]) -> None:
    """Refuse a patient on two sides of a split: with cases of their own, or with cases that were made from them.

    `evaluation` is no side: a patient may have rows for evaluation beside others, since those rows are never
    trained, validated or tested on. A score on them is then not one of an unseen patient; `prepare` says so.

    Args:
        cases: Every case with its patient, side, and the patients that it was made from.

    Raises:
        LeakageError: Names each such patient, the sides, and a case on each.
    """
    found: defaultdict[str, dict[Split, str]] = defaultdict(dict)
    for patient, side, case_id, derived_from in cases:
        if side != "evaluation":
            found[patient].setdefault(side, case_id)
            for source in derived_from:
                found[source].setdefault(side, f"{case_id}{_MADE}")
    leaks = [
        f"{patient} ({', '.join(f'{side}: case {found[patient][side]}' for side in SIDES if side in found[patient])})"
        for patient in sorted(found)
        if len(found[patient]) > 1
    ]
    if leaks:
        made = any(_MADE in leak for leak in leaks)
        raise LeakageError(
            f"a patient may stand on one side of the split only, but {'; '.join(leaks)}: "
            f"give all cases of a patient the same split, or none{_WHAT_OF_MADE_ONES if made else ''}"
        )


_MADE = " made from this patient"
_WHAT_OF_MADE_ONES = (
    ". A made case shows the patients that its column `derived_from` names: make it without them (`zonate synthesise "
    "--leave-out PATIENT`), give them the split `train`, or, where their side is drawn, prepare for a cross-validation "
    "(`--set split.fold=0`), in which it stands aside where they test or validate"
)


def joined_patients(cases: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Which patients are one, because an image is known under both names.

    Args:
        cases: Patient id and a digest of the image, of every case.

    Returns:
        From patient id to the first, in alphabetical order, of the names that the patient goes by.
    """
    joined: dict[str, str] = {}

    def root(patient: str) -> str:
        while joined.setdefault(patient, patient) != patient:
            patient = joined[patient]
        return patient

    seen: dict[str, str] = {}
    for patient, image in cases:
        one, other = root(patient), root(seen.setdefault(image, patient))
        joined[max(one, other)] = min(one, other)
    return {patient: root(patient) for patient in list(joined)}


def _ranked(gland_volumes_ml: Mapping[str, float | None], random: np.random.Generator) -> list[str]:
    """The patients by gland volume, those of unknown volume last; ties are drawn."""
    patients = sorted(gland_volumes_ml)
    tie_break = dict(zip(patients, random.permutation(len(patients)).tolist(), strict=True))
    volumes = {patient: math.inf if volume is None else volume for patient, volume in gland_volumes_ml.items()}
    return sorted(patients, key=lambda patient: (volumes[patient], tie_break[patient]))


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
