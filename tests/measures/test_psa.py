import math

import pytest

from zonate.measures.psa import check_psa, psa_density


@pytest.mark.parametrize(
    ("psa_ng_ml", "gland_ml", "density", "reached"),
    [
        (4.0, 50.0, 0.08, ()),
        (4.0, 40.0, 0.10, (0.10,)),
        (6.0, 40.0, 0.15, (0.10, 0.15)),
        (6.0, 40.000000000001, 0.15, (0.10, 0.15)),  # a sum of voxels
        (5.9, 40.0, 0.1475, (0.10,)),
        (12.0, 40.0, 0.30, (0.10, 0.15, 0.20)),
    ],
)
def test_density_and_cut_offs(psa_ng_ml: float, gland_ml: float, density: float, reached: tuple[float, ...]) -> None:
    found = psa_density(psa_ng_ml, gland_ml)
    assert found is not None
    assert found.psa_ng_ml == psa_ng_ml
    assert found.density_ng_ml2 == pytest.approx(density)
    assert found.cut_offs_reached_ng_ml2 == reached
    assert found.interval_ng_ml2 is None


def test_the_largest_gland_gives_the_lowest_density() -> None:
    found = psa_density(6.0, 40.0, (30.0, 60.0))
    assert found is not None
    assert found.interval_ng_ml2 == pytest.approx((0.10, 0.20))


def test_no_gland_has_no_density_and_no_upper_bound() -> None:
    assert psa_density(6.0, 0.0) is None
    found = psa_density(6.0, 40.0, (0.0, 60.0))
    assert found is not None
    assert found.interval_ng_ml2 is None


@pytest.mark.parametrize("psa_ng_ml", [0.0, -1.0, math.nan, math.inf, -math.inf, 10_001.0])
def test_what_is_no_psa_is_refused_in_its_unit(psa_ng_ml: float) -> None:
    with pytest.raises(ValueError, match=r"PSA of .* ng/ml cannot be: give the serum value in ng/ml"):
        check_psa(psa_ng_ml)
    with pytest.raises(ValueError, match="ng/ml"):
        psa_density(psa_ng_ml, 40.0)


@pytest.mark.parametrize("psa_ng_ml", [0.003, 4.0, 10_000.0])
def test_what_may_be_a_psa_is_taken(psa_ng_ml: float) -> None:
    assert psa_density(psa_ng_ml, 1.0) is not None
