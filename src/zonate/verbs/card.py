"""A model's card: what it is, whose data it learnt from, and under which terms it may be used."""

from collections.abc import Iterable, Mapping
from typing import Any

from zonate.dataset.licences import restriction
from zonate.dataset.store import Entry
from zonate.model import Model

RESEARCH_USE = "Research use only. Not a medical device, not for diagnosis."


def sources_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Of each data set and licence among the cases: counts, citation, and what restricts its use (JSON values)."""
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
            "codes": sorted({code.name for entry in cases for code in entry.codes}),
            "restriction": restriction(licence),
        }
        for (dataset, licence), cases in sorted(groups.items())
    ]


def terms_of_use(sources: Iterable[Mapping[str, Any]]) -> str | None:
    """One sentence on what restricts the use of a model that learnt from these sources; None where nothing does."""
    bound = [
        f"{source['dataset']} ({source['licence']}: {source['restriction']})"
        for source in sources
        if source["restriction"]
    ]
    return f"the model learns from {'; '.join(bound)}: its use is restricted as theirs is" if bound else None


def card(model: Model) -> str:
    """The card in Markdown.

    Args:
        model: Whose provenance `zonate.verbs.train` wrote.
    """
    provenance = model.provenance
    sources = provenance.get("sources", [])
    terms = terms_of_use(sources)
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
        f"{terms[0].upper()}{terms[1:]}." if terms else "No data set that it learnt from forbids commercial use.",
        "",
        "## What it learnt from",
        "",
        "| data set | licence | patients | cases | labels |",
        "|---|---|---|---|---|",
        *(
            f"| {s['dataset']} | {s['licence']} | {s['patients']} | {s['cases']} | {', '.join(s['codes'])} |"
            for s in sources
        ),
        "",
        *(f"- {s['dataset']}: {s['citation']}" for s in sources if s["citation"]),
        "",
        f"{provenance.get('training_slices', '?')} slices; {provenance.get('validation_cases', '?')} further cases "
        "chose the epoch. Its accuracy on patients it has not seen: `zonate evaluate`.",
    ]
    return "\n".join(lines) + "\n"
