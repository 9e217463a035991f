"""A model's card: what it is, whose data it learnt from, and under which terms it may be used."""

from collections.abc import Mapping
from typing import Any

from zonate.counted import counted
from zonate.measures.calibration import calibrated_on
from zonate.model import Model
from zonate.provenance import not_validated, terms_of_use
from zonate.zonemap import why_not_validated

RESEARCH_USE = "Research use only. Not a medical device, not for diagnosis."

_NAMES_PATIENTS = (
    "**The model file names its patients as the manifest does (`patient_id`): use pseudonyms there "
    "before you share it.**"
)


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
