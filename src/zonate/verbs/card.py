"""A model's card: what it is, whose data it learnt from, and under which terms it may be used."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zonate.counted import counted
from zonate.dataset.licences import restriction
from zonate.errors import ModelError
from zonate.measures.calibration import calibrated_on
from zonate.model import Model
from zonate.zonemap import why_not_validated
from zonate.zones import STRUCTURES, LabelCode, structure_codes

if TYPE_CHECKING:
    from zonate.dataset.entry import Entry  # with Zarr, which predicting does without

RESEARCH_USE = "Research use only. Not a medical device, not for diagnosis."

_NOT_RECORDED = "what the model learnt from is not recorded, so that the terms of its use are not known"

_NAMES_PATIENTS = (
    "**The model file names its patients as the manifest does (`patient_id`): use pseudonyms there "
    "before you share it.**"
)


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


def _unproven(model: Model) -> list[str]:
    """What it draws and nobody knows how well; nothing where all is known."""
    names = not_validated(model.provenance, model.codes)
    if not names:
        return []
    return ["", "## Not validated", "", f"{', '.join(names)}: {why_not_validated(len(names))}."]


def _calibrated(model: Model) -> list[str]:
    """On whom its agreement with itself was compared with readers; nothing where it was not."""
    if model.calibration is None:
        return []
    about = model.calibration.about
    return [
        "",
        "## Calibration",
        "",
        f"On {counted(about['n_results'], 'result')} of {calibrated_on(about)}, worse copies among them, by "
        f"{counted(about['samples'], 'sample')}. A gland whose expected Dice is below "
        f"{model.calibration.doubtful_below:.2f} makes a result doubtful.",
    ]


def _restrictions(licences: Iterable[str]) -> list[str]:
    reasons = {licence: restriction(licence) for licence in licences}
    return [f"{licence} ({why})" for licence, why in reasons.items() if why]


def _restricted(sources: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that are not free, by what is known of their licences now."""
    reasons = [(source, restriction(source["licence"])) for source in sources]
    return [f"{source['dataset']} ({source['licence']}: {why})" for source, why in reasons if why]


def card(model: Model) -> str:
    """The card in Markdown.

    Args:
        model: Whose provenance `zonate.verbs.train` wrote.
    """
    provenance = model.provenance
    terms = terms_of_use(provenance, model.calibrated_under)
    lines = [
        f"# {model.settings.name}",
        "",
        RESEARCH_USE,
        "",
        f"It tells apart {', '.join(code.name for code in model.codes)}, from "
        f"{', '.join(name for name, known in zip(('T2W', 'DWI', 'ADC'), model.channels, strict=True) if known)}.",
        "",
        "## Terms",
        "",
        f"{terms[0].upper()}{terms[1:]}." if terms else "No data set that is named here forbids commercial use.",
        "",
        "## What it learnt from",
        "",
        *_sources(provenance),
        "",
        f"{provenance.get('training_slices', '?')} slices; {provenance.get('validation_cases', '?')} further cases "
        "chose the epoch. Its accuracy on patients it has not seen: `zonate evaluate`.",
        "",
        _NAMES_PATIENTS,
        *_unproven(model),
        *_calibrated(model),
    ]
    return "\n".join(lines) + "\n"


def _sources(provenance: Mapping[str, Any]) -> list[str]:
    """The data sets and how to cite them, a line each; of an older model, the names that it holds."""
    sources = provenance.get("sources")
    if not sources:
        names = {key: ", ".join(provenance.get(key, ())) or "not recorded" for key in ("datasets", "licences")}
        return [f"Data sets: {names['datasets']}. Licences: {names['licences']}. More is not recorded."]
    first = provenance.get("began_from")
    return [
        *map(_source, sources),
        *(["", f"(before): what the model {first['name']} learnt from, from whose weights it began."] if first else []),
    ]


def _source(source: Mapping[str, Any]) -> str:
    """A data set in a line of a list, which a terminal of any width shows whole."""
    before = " (before)" if source.get("inherited") else ""
    what = [counted(source["patients"], "patient")]
    if "splits" in source:
        trained, chose = (source["splits"].get(split, 0) for split in ("train", "validation"))
        what += [counted(trained, "case")] if trained else []
        what += [f"{counted(chose, 'case')} that only chose the epoch"] if chose else []
    else:
        what.append(f"{counted(source['cases'], 'case')} (whether any only chose the epoch is not recorded)")
    cited = f". Cite: {source['citation']}" if source["citation"] else ""
    labels = ", ".join(source["codes"])
    return f"- **{source['dataset']}**{before}, {source['licence']}: {', '.join(what)}; labels {labels}{cited}"
