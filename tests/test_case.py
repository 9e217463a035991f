from dataclasses import replace

import numpy as np
import pytest

from zonate.case import NO_ALIGNMENT, AlignmentRecord, Case
from zonate.errors import GeometryError
from zonate.geometry import Grid, Volume
from zonate.study import Sequence


def volume(shift_mm: float = 0.0, frame: str | None = None, shape: tuple[int, int, int] = (2, 3, 4)) -> Volume:
    affine = np.eye(4)
    affine[0, 3] = shift_mm
    return Volume(np.zeros(shape, dtype=np.float32), Grid(shape, affine, frame))


def test_the_channels_come_in_the_order_of_the_sequences() -> None:
    dwi = volume()
    channels = Case("a", volume(), dwi=dwi).channels()
    assert list(channels) == [Sequence.T2W, Sequence.DWI, Sequence.ADC]
    assert [int(sequence) for sequence in channels] == [0, 1, 2]
    assert channels[Sequence.DWI] is dwi
    assert channels[Sequence.ADC] is None


def case_with(name: str, other: Volume, t2w: Volume) -> Case:
    return replace(Case("a", t2w), **{name: other})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["dwi", "adc", "labels"])
def test_everything_lies_on_the_t2w_grid(name: str) -> None:
    case_with(name, volume(shift_mm=0.0005), volume())
    with pytest.raises(GeometryError, match=f"case a: {name} does not lie on the T2W grid"):
        case_with(name, volume(shift_mm=0.01), volume())
    with pytest.raises(GeometryError, match=r"\(2, 3, 5\) against \(2, 3, 4\)"):
        case_with(name, volume(shape=(2, 3, 5)), volume())
    with pytest.raises(GeometryError, match="another frame of reference"):
        case_with(name, volume(frame="1.3"), volume(frame="1.2"))


def test_an_alignment_record_becomes_json() -> None:
    record = AlignmentRecord("rigid", "it fits", "DWI b 50", {"header": 1.05}, {"shift_mm": 0.5}, 2.0)
    assert record.to_json() == {
        "chosen": "rigid",
        "reason": "it fits",
        "registered_on": "DWI b 50",
        "similarity": {"header": 1.05},
        "figures": {"shift_mm": 0.5},
        "seconds": 2.0,
        "repeatable": True,
    }
    assert NO_ALIGNMENT.chosen == "none"
