import numpy as np
import pytest

from tests.simulation.glands import grid, t2w, zones
from zonate.geometry import Volume
from zonate.simulation import from_shapes
from zonate.simulation.from_shapes import synthesise_image
from zonate.zones import LabelCode

HOST_ZONES = zones(grid())
HOST = t2w(HOST_ZONES)
SHAPE = zones(grid(12, 120, (3.0, 0.9, 0.9)), (14.0, 19.0, 25.0))


@pytest.fixture(autouse=True)
def no_coil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_shapes, "WITH_COIL", 0.0)


def test_the_zones_are_the_shapes_own_and_the_tissue_lies_in_them() -> None:
    made = synthesise_image(SHAPE, HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    index = np.rint(SHAPE.grid.to_index(made.zones.grid.to_mm(np.zeros(3)))).astype(int)
    window = tuple(slice(i, i + n) for i, n in zip(index, made.zones.grid.shape, strict=True))
    assert (made.zones.values == SHAPE.values[window]).all()
    assert (made.zones.values > 0).sum() == (SHAPE.values > 0).sum()
    assert made.t2w.grid.same_as(made.zones.grid)
    for code, brightness in ((0, 100), (LabelCode.PZ, 400), (LabelCode.CENTRAL_GLAND, 200)):
        found = made.t2w.values[made.zones.values == code]
        assert np.median(found) == pytest.approx(brightness, abs=3)
        assert np.mean(np.abs(found - brightness) < 100) > 0.97  # the others are at a border, between two pixels
    assert made.filled < 0.1


def test_a_shape_that_is_the_hosts_gives_the_hosts_image() -> None:
    made = synthesise_image(HOST_ZONES, HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    assert made.t2w.values == pytest.approx(HOST.values, abs=0.05)
    assert made.filled == 0


def test_the_image_ends_where_the_hosts_does() -> None:
    wide = zones(grid(30, 300), (12.0, 15.0, 20.0))
    made = synthesise_image(wide, HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    # 8 of the host's 10 slices hold the gland, as do 8 of the shape's 30; 96 pixels of 1 mm on both.
    assert made.t2w.grid.shape == (10, 96, 96)


def test_drawn_images_keep_the_zones_and_change_the_look() -> None:
    kept = synthesise_image(SHAPE, HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    drawn = synthesise_image(SHAPE, HOST, HOST_ZONES, np.random.default_rng(0), drawn=True)
    assert (kept.zones.values == drawn.zones.values).all()
    correlation = np.corrcoef(kept.t2w.values.ravel(), drawn.t2w.values.ravel())[0, 1]
    assert correlation < 0.99


def test_four_zones_go_into_a_host_with_two() -> None:
    values = SHAPE.values.copy()
    values[values == LabelCode.CENTRAL_GLAND] = LabelCode.TZ
    rows = np.indices(values.shape)[1]
    values[(values == LabelCode.TZ) & (rows < 50)] = LabelCode.AFS
    made = synthesise_image(SHAPE.with_values(values), HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    stroma, tz = (np.median(made.t2w.values[made.zones.values == code]) for code in (LabelCode.AFS, LabelCode.TZ))
    assert stroma < 0.75 * tz


def test_a_gland_that_nobody_divided_is_refused() -> None:
    whole = Volume(np.where(SHAPE.values > 0, LabelCode.WHOLE_GLAND, 0).astype(np.uint8), SHAPE.grid)
    with pytest.raises(ValueError, match=r"the shape needs a PZ and a central gland, found the codes \[0 6\]"):
        synthesise_image(whole, HOST, HOST_ZONES, np.random.default_rng(0), drawn=False)
    with pytest.raises(ValueError, match="the host needs"):
        synthesise_image(SHAPE, HOST, whole, np.random.default_rng(0), drawn=False)
