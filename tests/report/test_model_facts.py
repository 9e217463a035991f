from typing import Any

from tests.report.cases import ABOUT_MODEL
from zonate.report.model_facts import model_facts

SOURCES: list[dict[str, Any]] = ABOUT_MODEL["provenance"]["sources"]


def facts(**changes: Any) -> dict[str, str]:
    return dict(model_facts({**ABOUT_MODEL, **changes}))


def test_a_model_is_told_with_what_it_learnt_from() -> None:
    assert facts() == {
        "Model": "unet, best.safetensors (SHA-256 0123456789abcdef…)",
        "Tells apart": "PZ, TZ, DPU, AFS.",
        "Learnt from": "NCI-ISBI 2013 (10 patients, CC BY 3.0: PZ, central gland; 1 case only chose the weights); "
        "PROSTATEx-Seg-Zones (1 patient, CC BY 3.0: PZ, TZ, DPU, AFS).",
        "Not validated": "TZ, DPU, AFS: no patient beside its training had them drawn.",
        "Terms of use": "No data set that is named here forbids commercial use.",
        "Calibrated": "No: what its samples say of a result was never compared with readers.",
    }


def test_on_whom_a_model_was_calibrated_is_said() -> None:
    of = {"n_patients": 7, "split": "test", "n_results": 49, "samples": 10, "licences": [], "doubtful_below": 0.7}
    assert facts(calibration=of)["Calibrated"] == "On 7 test patients that it was not trained on, which is rough."
    folds = {**of, "split": "cross-validation", "fold_models": 5, "n_patients": 17}
    assert facts(calibration=folds)["Calibrated"] == (
        "On 17 patients, each by one of 5 models of the same recipe that was not trained on them."
    )
    assert (
        facts(calibration={**of, "n_patients": 40})["Calibrated"] == "On 40 test patients that it was not trained on."
    )


def test_whom_to_cite_is_said() -> None:
    cited = [{**SOURCES[0], "citation": "Somebody, 2013"}, {**SOURCES[1], "citation": ""}]
    assert facts(provenance={"sources": cited})["To be cited"] == "Somebody, 2013."


def test_terms_that_restrict_are_said() -> None:
    terms = "the model learns from PI-CAI (CC BY-NC 4.0: non-commercial use only): its use is restricted as theirs is"
    assert facts(terms_of_use=terms)["Terms of use"] == f"T{terms[1:]}."


def test_a_zone_that_was_drawn_on_a_held_out_patient_is_validated() -> None:
    everywhere = [{**SOURCES[1], "splits": {"train": 1, "validation": 2}}]
    assert facts(provenance={"sources": everywhere})["Not validated"].startswith("nothing that it draws; but")


def test_simulated_cases_validate_nothing() -> None:
    simulated = [{**SOURCES[1], "dataset": "simulated", "splits": {"train": 8, "validation": 2}}]
    said = facts(provenance={"sources": simulated})["Not validated"]
    assert said == "PZ, TZ, DPU, AFS, central gland, gland: no patient beside its training had them drawn."


def test_a_model_may_say_itself_what_is_not_validated() -> None:
    said = facts(not_validated=["DPU", "CENTRAL_GLAND"])["Not validated"]
    assert said == "DPU, central gland: too few patients showed how well they are found."
    assert facts(not_validated=[])["Not validated"] == "nothing that it draws."
    assert facts(not_validated=None) == facts()


def test_what_a_model_took_over_from_another_validates_nothing() -> None:
    inherited = [{**SOURCES[1], "splits": {"train": 1, "validation": 2}, "inherited": True}]
    said = facts(provenance={"sources": inherited})
    assert said["Not validated"].endswith("no patient beside its training had them drawn.")
    assert "2 cases only chose the weights, by the weights it began from" in said["Learnt from"]


def test_an_older_model_records_nothing() -> None:
    older = facts(provenance={}, terms_of_use="what the model learnt from is not recorded")
    assert older["Learnt from"] == "not recorded."
    assert older["Not validated"] == "not recorded."
    assert older["Terms of use"] == "What the model learnt from is not recorded."
