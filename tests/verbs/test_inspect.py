import json
from pathlib import Path

import numpy as np

from tests import dicom_factory as factory
from zonate.geometry import Grid, Volume
from zonate.io.nifti import write_volume
from zonate.study import Sequence
from zonate.verbs.inspect import inspect, study_to_json


def test_json_has_the_agreed_keys(tmp_path: Path) -> None:
    factory.write(tmp_path / "case-3", factory.t2w(4), factory.trace(6), factory.adc(7))
    found = study_to_json(inspect(tmp_path / "case-3"))
    assert list(found) == ["case_id", "series", "roles", "warnings"]
    assert found["case_id"] == "case-3"
    assert found["series"][1] == {
        "series_number": 6,
        "description": "ep2d_diff_tra",
        "slices": 5,
        "b_values_s_mm2": [50, 400, 800],
        "role": "DWI",
        "reason": "trace-weighted, highest acquired b 800 of 50, 400, 800, pair of series 7",
    }
    assert found["roles"] == {
        "T2W": {"series_number": 4},
        "DWI": {"series_number": 6, "b_value_s_mm2": 800},
        "ADC": {"series_number": 7},
    }
    assert found["warnings"] == []
    assert json.loads(json.dumps(found)) == found
    assert "Secret" not in json.dumps(found)


def test_every_series_has_a_reason(tmp_path: Path) -> None:
    plans = factory.t2w(3, orientation=factory.SAGITTAL), factory.t2w(4), factory.trace(6), factory.calculated(8)
    study = inspect(factory.write(tmp_path, *plans))
    reasons = {series.series_number: (series.role, series.reason) for series in study.series}
    assert reasons[3] == (None, "sagittal; T2 TSE: echo time 100 ms")
    assert reasons[4] == (Sequence.T2W, "axial T2 TSE, 5 slices over 15 mm")
    assert reasons[8] == (None, "axial; calculated by the scanner from other b-values, not acquired")
    assert reasons[6][0] is Sequence.DWI
    assert "ADC: fitted from b-values 50, 400, 800" in reasons[6][1]


def test_overrides_and_name(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w(4), factory.t2w(5))
    study = inspect(tmp_path, case_id="named", overrides={Sequence.T2W: 4})
    assert study.case_id == "named"
    assert study_to_json(study)["roles"] == {"T2W": {"series_number": 4}}
    assert study.warnings == ("DWI and ADC are absent",)


def test_volumes_are_named_by_their_files(tmp_path: Path) -> None:
    volume = Volume(np.ones((3, 4, 5), np.float32), Grid((3, 4, 5), np.eye(4)))
    write_volume(tmp_path / "t2w.mha", volume)
    found = study_to_json(inspect(tmp_path))
    assert found["roles"] == {"T2W": {"series_number": None, "file": "t2w.mha"}}
    assert found["series"][0]["slices"] == 3
