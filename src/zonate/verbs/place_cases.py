"""Where the cases of a dataset stand: which side each is on, and what a person should know of that."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from pathlib import Path

from zonate.counted import counted
from zonate.dataset.cases import CaseRecord
from zonate.dataset.entry import Entry, PlacedRecord
from zonate.dataset.importers import Source
from zonate.dataset.splits import Candidate, joined_patients, split_cases
from zonate.dataset.store import Dataset
from zonate.errors import LabelError, LeakageError, ZonateError
from zonate.settings.data import SplitSettings
from zonate.zones import drawn_apart


def place_cases(
    records: Items[tuple[Source, CaseRecord]], settings: SplitSettings, before: Mapping[str, str]
) -> tuple[list[PlacedRecord], list[str]]:
    """Give each case its side.

    A patient who goes by two names counts as one, also among those that a case was made from.

    Args:
        records: The cases with their sources.
        settings: How they are divided.
        before: The sides before this call, by case id, as `sides_of` gives them.

    Returns:
        The cases with their sides; and, each a sentence, what a person should know: patients who go by two names or
        by names that differ in letter case alone, cases for evaluation whose patients train, made cases that stand
        aside in a fold, zones that nobody who trains has, cases that changed sides.

    Raises:
        LeakageError: A patient is wanted on two sides, as whose case it is or as whom a case was made from.
        DatasetError: There is no case of a test set.
    """
    names = joined_patients((record.origin.patient_id, record.image_digest) for _, record in records)
    warnings = [
        f"case {record.case_id}: its T2W image is also one of patient {names[record.origin.patient_id]}, so that "
        f"{record.origin.patient_id} counts as the same patient"
        for _, record in records
        if names[record.origin.patient_id] != record.origin.patient_id
    ]
    patients = (patient for _, record in records for patient in (record.origin.patient_id, *record.origin.derived_from))
    warnings += [
        f"the patient ids {', '.join(alike)} differ in letter case alone and count as different patients"
        for alike in alike_but_for_case(names.get(patient, patient) for patient in patients)
    ]
    candidates = [_candidate(source, record, names) for source, record in records]
    try:
        splits = split_cases(candidates, settings)
    except LeakageError as error:
        raise LeakageError("; ".join([str(error), *warnings])) from None
    placed = [
        PlacedRecord(record, split, candidate.patient_id, candidate.side, candidate.derived_from)
        for (_, record), candidate, split in zip(records, candidates, splits, strict=True)
    ]
    said = [*_seen_in_training(placed), *_standing_aside(placed), *_not_taught(placed), *_moved(placed, before)]
    return placed, [*warnings, *said]


def alike_but_for_case(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Names that differ in nothing but the case of letters, together, each once and in the order given."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        alike[name.casefold()].append(name)
    return [tuple(same) for same in alike.values() if len(same) > 1]


def sides_of(output: Path) -> dict[str, str]:
    """Where the cases stood before this call; empty where there was no dataset."""
    try:
        return {entry.case_id: entry.split for entry in Dataset.open(output).entries}
    except (ZonateError, OSError):
        return {}


def _candidate(source: Source, record: CaseRecord, names: Mapping[str, str]) -> Candidate:
    evaluation = source.use == "evaluation"
    return Candidate(
        names[record.origin.patient_id],
        record.gland_volume_ml,
        evaluation,
        None if evaluation else source.side,
        record.origin.dataset,
        record.case_id,
        tuple(dict.fromkeys(names.get(patient, patient) for patient in source.derived_from)),
    )


def _seen_in_training(placed: Items[PlacedRecord]) -> list[str]:
    """Evaluation rows of patients who train: allowed, but no score of an unseen patient."""
    trained = {case.patient_id for case in placed if case.split == "train"}
    lent = {patient for case in placed if case.split == "train" for patient in case.derived_from or ()}
    return [
        f"case {case.record.case_id}: it is for evaluation, but other cases of its patient"
        f"{'' if case.patient_id in trained else ', made from them,'} train, so that a score on it is not one of an "
        "unseen patient"
        for case in placed
        if case.split == "evaluation" and case.patient_id in trained | lent
    ]


def _standing_aside(placed: Items[PlacedRecord]) -> list[str]:
    """Made cases that do not train in this fold: allowed, but fewer than were made."""
    aside = sum(Entry.of_record(case).stands_aside for case in placed)
    if not aside:
        return []
    return [
        "made cases that stand aside in this fold, in which a patient that they were made from is on another side: "
        f"{aside}"
    ]


def _not_taught(placed: Items[PlacedRecord]) -> list[str]:
    """Zones that some patients have told apart, but nobody who trains."""
    ordinary = [case for case in placed if case.split != "evaluation"]
    try:
        told = drawn_apart(case.record.origin.codes for case in ordinary)
        taught = drawn_apart(case.record.origin.codes for case in ordinary if case.split == "train")
    except LabelError:  # which `train` says in full
        return []
    names = ", ".join(code.name for code in told if code not in taught)
    if not names or not taught:
        return []
    return [
        f"{names} are drawn, but in no case that trains: a model will not tell them apart; a manifest's column `split` "
        "or another split.seed puts some of these patients on the side that trains"
    ]


def _moved(placed: Items[PlacedRecord], before: Mapping[str, str]) -> list[str]:
    """Cases that change sides: what was trained before may have seen them."""
    moved = [case.record.case_id for case in placed if before.get(case.record.case_id, case.split) != case.split]
    if not moved:
        return []
    return [
        f"{counted(len(moved), 'case')} on another side than before: a model trained on the earlier split may have "
        "seen those that test now"
    ]
