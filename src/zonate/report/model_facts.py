"""What a report says of the model that drew the zones: the short form of its card."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from typing import Any

from zonate.counted import counted
from zonate.measures.calibration import calibrated_on
from zonate.report.content import Fact, plain, sentence
from zonate.zonemap import why_not_validated
from zonate.zones import STRUCTURES, LabelCode, Zone, drawable, structure_codes

_HASH_CHARACTERS = 16
_FREE = "No data set that is named here forbids commercial use."
_NOT_RECORDED = "not recorded."
_SIMULATED = "simulated"
"""The data set of `zonate simulate`: no patients."""

_FEW_PATIENTS = 10


def model_facts(about_model: Mapping[str, Any]) -> tuple[Fact, ...]:
    """What it is called, tells apart and learnt from; what was not validated; terms, calibration, and whom to cite.

    Args:
        about_model: As `zonate.model_json.model_to_json` gives it.
    """
    return tuple((name, plain(text)) for name, text in _facts(about_model))


def _facts(about: Mapping[str, Any]) -> Iterator[Fact]:
    yield "Model", f"{about['name']}, {about['file']} (SHA-256 {about['sha256'][:_HASH_CHARACTERS]}…)"
    codes = [LabelCode[name] for name in about["codes"]]
    yield "Tells apart", f"{_names(codes)}."
    sources = about["provenance"].get("sources") or []
    yield "Learnt from", _learnt_from(sources)
    told = about.get("not_validated")
    yield "Not validated", _not_validated(sources, codes) if told is None else _told_not_validated(told)
    terms = about["terms_of_use"]
    yield "Terms of use", _FREE if terms is None else sentence(terms)
    yield "Calibrated", _calibrated(about.get("calibration"))
    if citations := [source["citation"] for source in sources if source.get("citation")]:
        yield "To be cited", sentence("; ".join(dict.fromkeys(citations)))


def _calibrated(calibration: Mapping[str, Any] | None) -> str:
    if calibration is None:
        return "No: what its samples say of a result was never compared with readers."
    rough = ", which is rough" if calibration["n_patients"] < _FEW_PATIENTS else ""
    return f"On {calibrated_on(calibration)}{rough}."


def _learnt_from(sources: Items[Mapping[str, Any]]) -> str:
    parts = []
    for source in sources:
        patients = counted(source["patients"], "patient")
        before = ", by the weights it began from" if source.get("inherited") else ""
        drawn = _names(LabelCode[name] for name in source["codes"])
        chose = source.get("splits", {}).get("validation", 0)
        of_them = f"; {counted(chose, 'case')} only chose the weights" if chose else ""
        parts.append(f"{source['dataset']} ({patients}, {source['licence']}: {drawn}{of_them}{before})")
    return f"{'; '.join(parts)}." if parts else _NOT_RECORDED


def _told_not_validated(names: Items[str]) -> str:
    if not names:
        return "nothing that it draws."
    return f"{', '.join(map(_short, names))}: {why_not_validated(len(names))}."


def _not_validated(sources: Items[Mapping[str, Any]], codes: Items[LabelCode]) -> str:
    """Of a model that does not say: what no reader drew on a patient beside its training when it was chosen."""
    if not sources:
        return _NOT_RECORDED
    validating = [
        [LabelCode[name] for name in source["codes"]]
        for source in sources
        if source.get("splits", {}).get("validation")
        and source["dataset"] != _SIMULATED
        and not source.get("inherited")
    ]
    told_apart = [name for name in STRUCTURES if structure_codes(name, codes) is not None]
    missed = [name for name in told_apart if not any(drawable(name, by) for by in validating)]
    if missed:
        return f"{', '.join(map(_short, missed))}: no patient beside its training had them drawn."
    return (
        "nothing that it draws; but the patients that chose its weights are no measure of how well it does on others."
    )


def _names(codes: Iterable[LabelCode]) -> str:
    return ", ".join(_short(code.name) for code in sorted(codes) if code != LabelCode.BACKGROUND)


def _short(name: str) -> str:
    return name if name in Zone.__members__ else name.replace("_", " ").lower()
