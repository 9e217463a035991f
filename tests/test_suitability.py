import numpy as np
import pytest

from zonate.case import Case
from zonate.errors import StudyError
from zonate.geometry import Grid, Volume
from zonate.suitability import acquisition_plane, refuse_unsuitable


def case(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Case:
    """A T2W whose S, H and W run to superior, posterior and left."""
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]) * np.array(spacing_mm)
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Case("one", Volume(values, Grid(shape, affine)))


@pytest.mark.parametrize(
    ("spacing_mm", "plane"),
    [
        ((3, 0.5, 0.5), "axial"),
        ((0.5, 3, 0.5), "coronal"),
        ((0.5, 0.5, 3), "sagittal"),
        ((1, 0.8, 0.8), "isotropic"),
        ((0.2, 0.5, 0.5), "isotropic"),
    ],
)
def test_the_plane_is_that_of_the_longest_side_of_a_voxel(spacing_mm: tuple[float, float, float], plane: str) -> None:
    assert acquisition_plane(case((4, 5, 6), spacing_mm).t2w.grid) == plane


@pytest.mark.parametrize("spacing_mm", [(3.0, 0.5, 0.5), (1.0, 1.0, 1.0), (1.5, 0.6, 0.6)])
def test_axial_and_isotropic_volumes_pass(spacing_mm: tuple[float, float, float]) -> None:
    refuse_unsuitable(case((3, 5, 6), spacing_mm))


def test_a_coronal_series_is_refused_with_its_spacing() -> None:
    with pytest.raises(StudyError, match=r"case one: the slices of the T2W are coronal .* 0\.50 × 3\.00 × 0\.50 mm"):
        refuse_unsuitable(case((40, 12, 40), (0.5, 3, 0.5)))


@pytest.mark.parametrize(("slices", "said"), [(1, "1 slice,"), (2, "2 slices,")])
def test_too_few_slices_are_refused(slices: int, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        refuse_unsuitable(case((slices, 5, 6), (3, 0.5, 0.5)))


def test_as_few_slices_as_the_caller_takes_pass() -> None:
    refuse_unsuitable(case((1, 5, 6), (3, 0.5, 0.5)), least_slices=1)


def test_more_slices_than_any_prostate_needs_are_refused() -> None:
    with pytest.raises(StudyError, match="the T2W has 512 slices, and no examination of a prostate has more than 256"):
        refuse_unsuitable(case((512, 5, 6), (0.5, 0.5, 0.5)))
    refuse_unsuitable(case((256, 5, 6), (0.5, 0.5, 0.5)))


@pytest.mark.parametrize("values", [(np.nan, np.nan), (np.nan, 3.0), (np.inf, 3.0)])
def test_an_image_without_two_values_is_refused(values: tuple[float, float]) -> None:
    blank = case((4, 5, 6), (3, 0.5, 0.5))
    odd = np.full((4, 5, 6), values[0], dtype=np.float32)
    odd[2:] = values[1]
    with pytest.raises(StudyError, match="same value"):
        refuse_unsuitable(Case("one", blank.t2w.with_values(odd)))


def test_an_image_of_one_value_is_refused() -> None:
    blank = case((4, 5, 6), (3, 0.5, 0.5))
    with pytest.raises(StudyError, match="same value"):
        refuse_unsuitable(Case("one", blank.t2w.with_values(np.full((4, 5, 6), 7, dtype=np.float32))))
