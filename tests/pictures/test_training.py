from pathlib import Path

from matplotlib.image import imread

from tests.dataset_factory import COARSE, a_case
from zonate.pictures.training import draw_validation


def test_it_draws_the_slices_alone_with_the_reference_and_with_the_prediction(tmp_path: Path) -> None:
    case = a_case("c", seed=0, slices=6)
    assert case.labels is not None
    nothing = case.labels.with_values(case.labels.values * 0)
    pictures = []
    for name, prediction in (("same", case.labels), ("nothing", nothing)):
        file = tmp_path / f"{name}.png"
        draw_validation(file, case.t2w, case.labels, prediction, title="t", dice={"PZ": 0.5}, codes=COARSE)
        pictures.append(imread(file))
    same, other = pictures
    assert same.shape == other.shape
    third = same.shape[0] // 3
    assert (same[:third] == other[:third]).all()  # the headline and T2W alone
    assert (same[-third:] != other[-third:]).any()
