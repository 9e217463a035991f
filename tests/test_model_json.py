from pathlib import Path
from typing import Any, cast

import pytest

from tests.dataset_factory import COARSE
from tests.verbs.standins import StandInModel, gland
from zonate.errors import ModelError
from zonate.model import Model
from zonate.model_json import model_to_json


def told(tmp_path: Path, **provenance: Any) -> dict[str, Any]:
    (tmp_path / "best.safetensors").write_bytes(b"weights")
    model = StandInModel(lambda _slices: gland(), provenance=provenance)
    return model_to_json(cast("Model", model), tmp_path)


def test_a_result_names_no_patient_of_the_training(tmp_path: Path) -> None:
    about = told(tmp_path, training_patients=["P1"], validation_patients=["P2"], licences=["CC0"], training_cases=1)
    assert (about["name"], about["file"]) == ("stand-in", "best.safetensors")
    assert about["sha256"] == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert about["codes"] == ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"]
    assert (about["licences"], about["terms_of_use"]) == (["CC0"], None)
    assert about["provenance"] == {"training_cases": 1}


@pytest.mark.parametrize(
    ("provenance", "terms"),
    [
        (
            {"licences": ["ours"]},
            "the model learns from data under ours (terms not known to allow commercial use): its use is restricted as "
            "theirs is",
        ),
        ({}, "what the model learnt from is not recorded, so that the terms of its use are not known"),
    ],
)
def test_an_older_model_is_not_declared_free(tmp_path: Path, provenance: dict[str, Any], terms: str) -> None:
    assert told(tmp_path, **provenance)["terms_of_use"] == terms


def test_what_is_not_validated_is_said_of_what_the_model_draws(tmp_path: Path) -> None:
    about = told(tmp_path, not_validated=["AFS", "DPU", "CENTRAL_GLAND"])
    assert about["not_validated"] == ["DPU", "AFS", "CENTRAL_GLAND"]
    assert about["provenance"] == {}
    assert told(tmp_path)["not_validated"] is None
    coarse = StandInModel(
        lambda _slices: gland(), codes=COARSE, provenance={"not_validated": ["DPU", "AFS", "CENTRAL_GLAND"]}
    )
    assert model_to_json(cast("Model", coarse), tmp_path)["not_validated"] == ["CENTRAL_GLAND"]
    with pytest.raises(ModelError, match="calls URETHRA not validated, which is none of PZ, TZ, DPU"):
        told(tmp_path, not_validated=["URETHRA"])
