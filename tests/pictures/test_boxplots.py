import math
from pathlib import Path

from zonate.pictures.boxplots import draw_boxplots


def test_structures_with_many_one_and_no_values(tmp_path: Path) -> None:
    values = {"dice": {"PZ": [0.7, 0.8, math.nan], "DPU": [0.5], "CENTRAL_GLAND": [math.nan], "GLAND": [0.9, 0.92]}}
    draw_boxplots(tmp_path / "box.png", values, title="Split test", note="Data: boxes")
    assert (tmp_path / "box.png").stat().st_size > 5000


def test_a_dollar_sign_in_a_data_sets_name_is_no_mathematics(tmp_path: Path) -> None:
    draw_boxplots(tmp_path / "box.png", {"dice": {"PZ": [0.7]}}, title="Split test", note=r"Data: $\bad$")
    assert (tmp_path / "box.png").is_file()
