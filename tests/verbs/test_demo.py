import json
from pathlib import Path

import pytest

from zonate.verbs.demo import demo


def test_too_few_studies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 5 studies"):
        demo(tmp_path / "demo", studies=4)
    assert not (tmp_path / "demo").exists()


@pytest.mark.slow
def test_the_whole_way_on_simulated_studies(tmp_path: Path) -> None:
    """What `make demo` does: gland Dice of at least 0.85 on held-out simulated patients."""
    result = demo(tmp_path / "demo")
    assert result.summary["structures"]["GLAND"]["dice"]["mean"] >= 0.85
    assert result.summary["n_patients"] == 4
    assert all(path.exists() for path in result.places.values())
    assert json.loads((tmp_path / "demo" / "demo.json").read_text())["simulated"] is True
    assert set(result.stage_seconds) == {"simulate", "prepare", "train", "evaluate", "predict"}
