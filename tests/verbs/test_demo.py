import json
from collections import Counter
from pathlib import Path

import pytest

from zonate.config import load_recipe
from zonate.dataset.splits import split_patients
from zonate.verbs.demo import demo


def test_too_few_studies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 5 studies"):
        demo(tmp_path / "demo", studies=4)
    assert not (tmp_path / "demo").exists()


def test_of_twelve_patients_four_are_held_out() -> None:
    sides = split_patients({f"p{i:02}": 20.0 + i for i in range(12)}, load_recipe("demo").split)
    assert Counter(sides.values()) == {"train": 6, "validation": 2, "test": 4}


@pytest.mark.slow
def test_the_whole_way_on_simulated_studies(tmp_path: Path) -> None:
    """What `make demo` does: gland Dice of at least 0.85 on held-out simulated patients."""
    result = demo(tmp_path / "demo")
    assert result.summary["structures"]["GLAND"]["dice"]["mean"] >= 0.85
    assert result.summary["n_patients"] == 4
    assert all(path.exists() for path in result.places.values())
    assert json.loads((tmp_path / "demo" / "demo.json").read_text())["simulated"] is True
    assert set(result.stage_seconds) == {"simulate", "prepare", "train", "evaluate", "predict"}
