"""Every vendor's simulated study, read by the reader that shares no code with the writer."""

from pathlib import Path

import numpy as np
import pytest

from zonate.load import open_study, read_acquisition
from zonate.simulation.series import acquire
from zonate.simulation.study import draw_study
from zonate.simulation.vendors import VENDORS
from zonate.study import Sequence

K = 2
"""A study with a small field of view (quick to draw) and a repeated axial T2W: series 3, then 4."""


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_roles_and_values_come_back(vendor: str, tmp_path: Path) -> None:
    simulated = draw_study(0, K, vendor)
    simulated.write(tmp_path / simulated.case_id)
    with open_study(tmp_path / simulated.case_id) as study:
        acquisition = read_acquisition(study)
    roles = {role: chosen.series_number for role, chosen in study.roles.items()}
    highest = max(VENDORS[vendor].protocol.b_values_s_mm2)
    diffusion = 6 if VENDORS[vendor].protocol.one_series_per_b else 5
    assert roles == {Sequence.T2W: 4, Sequence.DWI: diffusion, Sequence.ADC: diffusion + 1}
    assert study.roles[Sequence.DWI].b_value_s_mm2 == acquisition.dwi_b_value_s_mm2 == highest
    assert acquisition.lowest_b_value_s_mm2 == min(VENDORS[vendor].protocol.b_values_s_mm2)
    assert acquisition.lowest_b is not None
    assert acquisition.t2w.grid.same_as(simulated.examination.t2w_grid)
    assert acquisition.dwi is not None
    assert acquisition.adc is not None
    assert acquisition.dwi.grid.same_as(simulated.examination.dwi_grid)
    assert acquisition.t2w.grid.same_frame_as(acquisition.dwi.grid)
    # The same map from the same noise, to within the rounding of what is stored (Philips's slope is 1.75).
    rng = np.random.default_rng([0, K, 1])
    truth = _adc(vendor, rng)
    assert np.nanmax(np.abs(acquisition.adc.values - truth)) <= 0.876  # half of the slope


def _adc(vendor: str, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    simulated = draw_study(0, K, vendor)
    series = acquire(simulated.examination, VENDORS[vendor].protocol, simulated.repeated_t2w, rng)
    (adc,) = (one for one in series if one.kind == "adc")
    return adc.images[None].values
