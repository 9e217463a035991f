"""Whom a model knows: by name, and by T2W image where another dataset gives another name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.errors import LeakageError, ModelError

_NOT_RECORDED = (
    "the model does not say whom it was trained on, so that nobody can tell on whom its figures would flatter it: "
    "train it again"
)


@dataclass(frozen=True)
class KnownPatients:
    """Whom a model knows.

    Attributes:
        trained: The patients whom it was trained on.
        chose: Those who only chose the epoch.
        images: Digests of the images of both.
        earlier: Digests of those that it knew before it was tuned.
    """

    trained: frozenset[str]
    chose: frozenset[str]
    images: frozenset[str]
    earlier: frozenset[str]

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Self:
        """Those of a model.

        Args:
            provenance: As `zonate.verbs.train` writes it.

        Raises:
            ModelError: The model does not say whom it was trained on.
        """
        if "training_patients" not in provenance:
            raise ModelError(_NOT_RECORDED)
        keys = ("training_patients", "validation_patients", "images_sha256", "earlier_images_sha256")
        return cls(*(frozenset(provenance.get(key, ())) for key in keys))

    def include(self, patients: Sequence[str], image_sha256: str, *, chosen_too: bool = True) -> bool:
        """Whether one of them, or the very image, is among those that the model was trained on.

        The image of a patient who only chose the epoch counts as trained on where the model knows it by another name,
        or knew it before it was tuned.

        Args:
            patients: Everybody whom the image shows, its own patient first.
            image_sha256: As `zonate.preprocessing.image_digest` gives it.
            chosen_too: Whether patients who only chose the epoch count, too.
        """
        named = self.trained | self.chose if chosen_too else self.trained
        if not named.isdisjoint(patients) or image_sha256 in self.earlier:
            return True
        return patients[0] not in self.chose and image_sha256 in self.images


def known_cases(
    provenance: Mapping[str, Any], dataset: Dataset, entries: Iterable[Entry], *, chosen_too: bool = True
) -> tuple[Entry, ...] | None:
    """The cases of patients that a model was trained on.

    A case is of everybody whom it shows: a made one also of those that it was made from.

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
    known = KnownPatients.of(provenance)
    return tuple(
        entry
        for entry in entries
        if known.include(entry.patients, dataset.image_digest(entry.case_id), chosen_too=chosen_too)
    )


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
