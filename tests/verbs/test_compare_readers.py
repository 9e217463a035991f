import csv
import json
from pathlib import Path

import pytest

from tests.verbs.standins import StandInDataset, StandInModel, coarse, entry, gland
from zonate.config import EvaluationSettings
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.model import Model
from zonate.verbs import evaluate as verb
from zonate.verbs.evaluate import evaluate
from zonate.zones import LabelCode

SETTINGS = EvaluationSettings(bootstrap_samples=50, worst_cases=0)
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


@pytest.fixture
def read_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An image read by two, one 4 columns off and one 8, and another image read once; the model is not off."""
    references = {"one-r1": gland(4), "one-r2": coarse(gland(8)), "other": gland()}
    entries = (
        entry("one-r2", patient_id="P1", image_id="one", reader="r2", codes=COARSE),
        entry("one-r1", patient_id="P1", image_id="one", reader="r1"),
        entry("other"),
    )
    monkeypatch.setattr(Dataset, "open", lambda _path: StandInDataset(references, entries))
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
    assert [(row["compared"], row["reference"], row["case_id"]) for row in rows[:1]] == [("model", "r1", "one")]
    assert len(rows) == 6 + 3 + 3


def test_without_a_second_reading_there_is_nobody_to_compare(
    read_twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = StandInDataset({"other": gland()}, (entry("other", image_id="other", reader="r1"),))
    monkeypatch.setattr(Dataset, "open", lambda _path: once)
    with pytest.raises(DatasetError, match="no image of the split 'test' was read by two readers"):
        evaluate(read_twice, Path("dataset"), tmp_path / "out", readers=True, settings=SETTINGS)
    assert not (tmp_path / "out").exists()
