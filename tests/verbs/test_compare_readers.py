import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verbs.standins import StandInDataset, StandInModel, coarse, entry, gland
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, GeometryError
from zonate.geometry import Volume
from zonate.metrics import Score, score_case
from zonate.model import Model
from zonate.settings.results import EvaluationSettings
from zonate.verbs import evaluate as verb
from zonate.verbs.evaluate import evaluate
from zonate.zones import LabelCode

SETTINGS = EvaluationSettings(bootstrap_samples=50, worst_cases=0)
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


class Damaged(StandInDataset):
    """The second reading of the image cannot be read."""

    def reference(self, case_id: str) -> Volume:
        if case_id == "one-r2":
            raise RuntimeError("chunk /data/secret is damaged")
        return super().reference(case_id)


@pytest.fixture
def read_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An image read by two, one 4 columns off and one 8, and another image read once; the model is not off."""
    references = {"one-r1": gland(4), "one-r2": coarse(gland(8)), "other": gland()}
    entries = (
        entry("one-r2", patient_id="P1", image_id="one", reader="r2", codes=COARSE),
        entry("one-r1", patient_id="P1", image_id="one", reader="r1"),
        entry("other"),
    )
    monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: StandInDataset(references, entries))
    monkeypatch.setattr(Model, "load", lambda _path: StandInModel(lambda _slices: gland()))
    monkeypatch.setattr(verb, "draw_boxplots", lambda file, *_a, **_n: file.touch())
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model.safetensors"


def test_model_and_readers_are_compared_on_the_images_that_were_read_twice(read_twice: Path, tmp_path: Path) -> None:
    evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    pairs = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["readers"]
    assert [(pair["compared"], pair["reference"], pair["n_images"]) for pair in pairs] == [
        ("model", "r1", 1),
        ("model", "r2", 1),
        ("r1", "r2", 1),
    ]
    # The gland is 40 columns wide: moved by 4 it shares 36 of them, by 8 it shares 32.
    assert [pair["structures"]["GLAND"]["dice"]["mean"] for pair in pairs] == pytest.approx([0.9, 0.8, 0.9])
    assert list(pairs[0]["structures"]) == ["PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND"]
    assert list(pairs[1]["structures"]) == ["PZ", "CENTRAL_GLAND", "GLAND"]  # what the coarser reading can say
    with (tmp_path / "out" / "readers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = [rows[0][column] for column in ("compared", "reference", "case_id", "patient_id")]
    assert first == ["model", "r1", "one", "P1"]
    assert len(rows) == 6 + 3 + 3


def use(monkeypatch: pytest.MonkeyPatch, dataset: StandInDataset) -> None:
    monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: dataset)


def compared(tmp_path: Path) -> dict[tuple[str, str], float]:
    """The mean Dice of the gland of each pair in summary.json."""
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    return {
        (pair["compared"], pair["reference"]): round(pair["structures"]["GLAND"]["dice"]["mean"], 2)
        for pair in summary["readers"]
    }


def test_a_reading_that_cannot_be_read_is_set_aside(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = {f"one-r{number}": gland(4 * number) for number in (1, 2, 3)}
    use(
        monkeypatch,
        Damaged(readings, tuple(entry(name, patient_id="P1", image_id="one", reader=name[4:]) for name in readings)),
    )
    summary = evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    unexpected = "case one-r2: unexpected RuntimeError; run this case alone through the Python API to see where"
    assert summary.failed == {"one-r2": unexpected}
    assert summary.n_cases == 2
    assert compared(tmp_path) == {("model", "r1"): 0.9, ("model", "r3"): 0.7, ("r1", "r3"): 0.8}


def test_where_no_two_readings_are_left_the_table_is_empty(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = {f"one-r{number}": gland(4 * number) for number in (1, 2)}
    use(
        monkeypatch,
        Damaged(readings, tuple(entry(name, patient_id="P1", image_id="one", reader=name[4:]) for name in readings)),
    )
    summary = evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert (list(summary.failed), summary.n_cases) == (["one-r2"], 1)
    assert compared(tmp_path) == {}
    (head,) = (tmp_path / "out" / "readers.csv").read_text(encoding="utf-8").splitlines()
    assert head.startswith("compared,reference,case_id,patient_id,structure,dice,hd95_mm,")


def test_an_image_that_cannot_be_compared_is_set_aside_and_its_cases_are_kept(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = GeometryError("case one: the reference and the prediction do not lie on one grid")

    def refuse(case_id: str, *arguments: Any, **named: Any) -> list[Score]:
        if case_id == "one":
            raise refused
        return score_case(case_id, *arguments, **named)

    monkeypatch.setattr("zonate.verbs.compare_readers.score_case", refuse)
    summary = evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert summary.failed == {"one": str(refused)}
    assert summary.n_cases == 3
    assert compared(tmp_path) == {}


def test_an_image_of_two_patients_is_refused(read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (
        entry("b", patient_id="Meier", image_id="one", reader="r1"),
        entry("a", patient_id="Smith", image_id="one", reader="r2"),
    )
    use(monkeypatch, StandInDataset({"a": gland(), "b": gland()}, entries))
    with pytest.raises(DatasetError, match=r"the image_id one stands in cases of several patients \(a, b\)") as error:
        evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert "Meier" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_reader_is_never_taken_for_the_model_or_for_an_earlier_reading(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = {"a": gland(4), "b": gland(8), "c": gland(12), "d": gland(16)}
    readers = {"a": "model", "b": "r1", "c": "r1", "d": "r1 (2)"}
    use(
        monkeypatch,
        StandInDataset(
            readings,
            tuple(entry(name, patient_id="P1", image_id="one", reader=reader) for name, reader in readers.items()),
        ),
    )
    evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert compared(tmp_path) == {
        ("model", "reader model"): 0.9,
        ("model", "r1"): 0.8,
        ("model", "r1 (2)"): 0.7,
        ("model", "r1 (2) (2)"): 0.6,
        ("reader model", "r1"): 0.9,
        ("reader model", "r1 (2)"): 0.8,
        ("reader model", "r1 (2) (2)"): 0.7,
        ("r1", "r1 (2)"): 0.9,
        ("r1", "r1 (2) (2)"): 0.8,
        ("r1 (2)", "r1 (2) (2)"): 0.9,
    }


def test_a_pair_with_nothing_to_compare_has_no_row(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = (
        entry("a", patient_id="P1", image_id="one", reader="Doe, J", codes=(LabelCode.BACKGROUND, LabelCode.PZ)),
        entry("b", patient_id="P1", image_id="one", reader="r2", codes=(LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)),
    )
    whole = gland().with_values(np.where(gland().values > 0, LabelCode.WHOLE_GLAND, 0).astype(np.uint8))
    use(monkeypatch, StandInDataset({"a": gland(), "b": whole}, entries))
    evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    found = [(pair["compared"], pair["reference"], list(pair["structures"])) for pair in summary["readers"]]
    assert found == [("model", "Doe, J", ["PZ"]), ("model", "r2", ["GLAND"])]
    with (tmp_path / "out" / "readers.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["compared"], row["reference"], row["case_id"], row["dice"]) for row in csv.DictReader(file)]
    assert rows == [("model", "Doe, J", "one", "1"), ("model", "r2", "one", "1")]


def test_without_a_second_reading_there_is_nobody_to_compare(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = StandInDataset({"other": gland()}, (entry("other", image_id="other", reader="r1"),))
    monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: once)
    with pytest.raises(DatasetError, match="no image of the split 'test' was read by two readers"):
        evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert not (tmp_path / "out").exists()
