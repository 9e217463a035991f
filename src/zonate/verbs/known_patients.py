"""Whom a model knows: by name, and by T2W image where another dataset gives another name."""

from collections.abc import Iterable, Mapping
from typing import Any

from zonate.dataset.store import Dataset, Entry
from zonate.errors import LeakageError, ModelError

_NOT_RECORDED = (
    "the model does not say whom it was trained on, so that nobody can tell whether a calibration would flatter it: "
    "train it again"
)
"""Why `require_unknown` refuses a model of which `known_cases` cannot say anything."""


def known_cases(
    provenance: Mapping[str, Any], dataset: Dataset, entries: Iterable[Entry], *, chosen_too: bool = True
) -> tuple[Entry, ...] | None:
    """The cases of patients that a model was trained on.

    A case is of everybody whom it shows: a made one also of those that it was made from. The image of a patient who
    only chose the epoch counts as trained on where the model knows it by another name, or knew it before it was tuned.

    Args:
        provenance: Of the model, as `zonate.verbs.train` writes it.
        dataset: That the cases lie in.
        entries: The cases.
        chosen_too: Whether patients who only chose the epoch count, too.

    Returns:
        In the order given; None where the model does not say whom it was trained on.
    """
    if "training_patients" not in provenance:
        return None
    trained, chose = set(provenance["training_patients"]), set(provenance.get("validation_patients", ()))
    images, earlier = (set(provenance.get(key, ())) for key in ("images_sha256", "earlier_images_sha256"))
    named = trained | chose if chosen_too else trained

    def known(entry: Entry) -> bool:
        if not named.isdisjoint(entry.patients):
            return True
        digest = dataset.image_digest(entry.case_id)
        return digest in earlier or (entry.patient_id not in chose and digest in images)

    return tuple(entry for entry in entries if known(entry))


def require_unknown(
    provenance: Mapping[str, Any], dataset: Dataset, entries: Iterable[Entry], *, chosen_too: bool, remedy: str
) -> None:
    """Refuse a model that knows one of the cases, or does not say whom it knows.

    Args:
        provenance: As in `known_cases`, like `dataset`, `entries` and `chosen_too`.
        dataset: That the cases lie in.
        entries: The cases.
        chosen_too: Whether patients who only chose the epoch count, too.
        remedy: As in `refuse_known`.

    Raises:
        ModelError: The model does not say whom it was trained on.
        LeakageError: It was trained, or chosen where that counts, on one of them.
    """
    known = known_cases(provenance, dataset, entries, chosen_too=chosen_too)
    if known is None:
        raise ModelError(_NOT_RECORDED)
    refuse_known(known, chosen_too=chosen_too, remedy=remedy)


def refuse_known(cases: Iterable[Entry], *, chosen_too: bool, remedy: str) -> None:
    """Refuse to measure a model on cases that it knows.

    Args:
        cases: Such as `known_cases` gives; none of them: nothing is refused.
        chosen_too: As it was asked for there.
        remedy: What to do, a sentence without its full stop.

    Raises:
        LeakageError: There is one.
    """
    if names := sorted(entry.case_id for entry in cases):
        raise LeakageError(
            f"the model was trained {'or chosen ' if chosen_too else ''}on patients, or the very images, of the cases "
            f"{', '.join(names)}: on them it is better than on anybody else. {remedy}"
        )
