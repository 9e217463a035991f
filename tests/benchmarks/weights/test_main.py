from pathlib import Path

import pytest
import torch

from benchmarks.weights.__main__ import write
from tests.benchmarks.accuracy.toy import a_model
from zonate.model import Model


def test_what_ships_is_half_as_large_and_says_what_is_not_known_of_it(tmp_path: Path) -> None:
    trained = a_model(tmp_path / "trained.safetensors", patients=["p1"])
    write(trained, tmp_path / "ships.safetensors")
    before, after = Model.load(trained), Model.load(tmp_path / "ships.safetensors")
    assert after.provenance == {**before.provenance, "not_validated": ["DPU", "AFS"]}
    for one, other in zip(before.generator.parameters(), after.generator.parameters(), strict=True):
        torch.testing.assert_close(other.float(), one.half().float(), rtol=0, atol=0)
    assert (tmp_path / "ships.safetensors").stat().st_size < 0.8 * trained.stat().st_size


def test_a_weight_that_half_precision_cannot_hold_is_refused(tmp_path: Path) -> None:
    model = Model.load(a_model(tmp_path / "trained.safetensors"))
    with torch.no_grad():
        next(model.generator.parameters()).view(-1)[0] = 70_000.0
    model.save(tmp_path / "large.safetensors")
    with pytest.raises(SystemExit, match="too large for half precision"):
        write(tmp_path / "large.safetensors", tmp_path / "ships.safetensors")
    assert not (tmp_path / "ships.safetensors").exists()
