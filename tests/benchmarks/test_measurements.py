"""What the figures of docs/concepts/sectors.md and measurements.md rest on."""

import numpy as np
import pytest

from benchmarks.measurements import left_shares, measure_case, report, zones_mirrored
from tests.measures.phantom import about_superior, axial_grid, box, gland
from zonate.measures.axes import gland_axes
from zonate.zones import ALL_ZONE_CODES, LabelCode


def test_a_leaning_gland_leans_like_its_back() -> None:
    """Its sections move 0.25 mm to the back per mm: 14°, for the line of middles and for the back alike."""
    row = measure_case("c", gland(axial_grid(), shear=0.25), ALL_ZONE_CODES)
    assert row is not None
    assert row.tilt_deg == pytest.approx(14.0, abs=0.6)
    assert row.tilt_error_deg["line of middles"] < 2
    assert row.tilt_error_deg["scanner's superior"] == pytest.approx(14.0, abs=2.5)
    assert row.difference_percent["as it ships"] == pytest.approx(0, abs=6)
    assert row.urethra_off_mm == pytest.approx(0, abs=0.1)


def test_a_symmetric_gland_is_its_own_mirror_image() -> None:
    labels = gland(axial_grid(), turn=about_superior(12))
    mask = labels.values > 0
    axes = gland_axes(mask, labels.grid)
    assert zones_mirrored(labels, mask, axes) > 0.93
    row = measure_case("c", labels, ALL_ZONE_CODES)
    assert row is not None
    assert row.zones_mirrored["scanner's"] < row.zones_mirrored["found"] - 0.05


def test_left_shares_by_hand() -> None:
    """A box is halved; where zones are not told apart there is nothing to halve."""
    assert left_shares(box(LabelCode.TZ), ALL_ZONE_CODES) == pytest.approx({"TZa": 0.5, "TZp": 0.5})
    assert left_shares(box(LabelCode.WHOLE_GLAND), (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)) == {}


def test_no_gland_gives_no_row_and_the_report_has_its_tables() -> None:
    assert measure_case("c", box(LabelCode.BACKGROUND), ALL_ZONE_CODES) is None
    row = measure_case("c", gland(axial_grid()), ALL_ZONE_CODES)
    assert row is not None
    text = "\n".join(report([row, row]))
    assert text.count("|---|") >= 4
    assert "| TZa | 2 | 50.0 | 0.0 | 50.0 |" in text
    assert not np.isnan(row.planimetry_ml)
