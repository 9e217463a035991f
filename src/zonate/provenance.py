"""What is recorded of the data that a model learnt from: by source, under which terms, and what it leaves unproven."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zonate.dataset.licences import restriction
from zonate.errors import ModelError
from zonate.zones import STRUCTURES, LabelCode, structure_codes

if TYPE_CHECKING:
    from zonate.dataset.entry import Entry  # with Zarr, which predicting does without

_NOT_RECORDED = "what the model learnt from is not recorded, so that the terms of its use are not known"


def sources_of(entries: "Iterable[Entry]") -> list[dict[str, Any]]:
    """Of each data set and licence among the cases: counts, citation, and what restricts its use (JSON values).

    `splits` counts the cases on each side: those that train, those that choose the epoch.
    """
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.dataset, entry.licence), []).append(entry)
    return [
        {
            "dataset": dataset,
            "licence": licence,
            "citation": next((entry.citation for entry in cases if entry.citation), ""),
            "cases": len(cases),
            "patients": len({entry.patient_id for entry in cases}),
            "splits": dict(sorted(Counter(entry.split for entry in cases).items())),
            "codes": sorted({code.name for entry in cases for code in entry.codes}),
            "restriction": restriction(licence),
        }
        for (dataset, licence), cases in sorted(groups.items())
    ]


def terms_of_use(provenance: Mapping[str, Any], calibrated_under: Iterable[str] = ()) -> str | None:
    """One sentence on what restricts the use of a model; None where nothing does.

    Args:
        provenance: As `zonate.verbs.train` writes it. Without `sources`, as an older model has it, its `licences` are
            judged; without either, the sentence says that nothing is recorded.
        calibrated_under: Licences of what it was calibrated on.
    """
    if sources := provenance.get("sources"):
        learnt = [source for source in sources if "train" in source.get("splits", ("train",))]
        chosen = [source for source in sources if source not in learnt]
        parts = {"learns from": _restricted(learnt), "is chosen by": _restricted(chosen)}
    elif licences := provenance.get("licences"):
        parts = {"learns from data under": _restrictions(licences)}
    else:
        return _NOT_RECORDED
    parts["is calibrated on data under"] = _restrictions(calibrated_under)
    said = " and ".join(f"{verb} {'; '.join(bound)}" for verb, bound in parts.items() if bound)
    return f"the model {said}: its use is restricted as theirs is" if said else None


def not_validated(provenance: Mapping[str, Any], codes: tuple[LabelCode, ...]) -> tuple[str, ...]:
    """What a model draws although too few patients showed how well, as its provenance says.

    Args:
        provenance: With `not_validated`, names in STRUCTURES; without it, nothing is known to be so.
        codes: What the model tells apart. A structure that they cannot express is not drawn.

    Returns:
        Names in the order of STRUCTURES.

    Raises:
        ModelError: A name is not one of STRUCTURES.
    """
    told = set(provenance.get("not_validated", ()))
    if unknown := sorted(told - set(STRUCTURES)):
        raise ModelError(
            f"the model calls {', '.join(unknown)} not validated, which is none of {', '.join(STRUCTURES)}: "
            "use the Zonate that wrote it"
        )
    return tuple(name for name in STRUCTURES if name in told and structure_codes(name, codes) is not None)


def _restrictions(licences: Iterable[str]) -> list[str]:
    reasons = {licence: restriction(licence) for licence in licences}
    return [f"{licence} ({why})" for licence, why in reasons.items() if why]


def _restricted(sources: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that are not free, by what is known of their licences now."""
    reasons = [(source, restriction(source["licence"])) for source in sources]
    return [f"{source['dataset']} ({source['licence']}: {why})" for source, why in reasons if why]
