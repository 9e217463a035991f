from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests import dicom_factory as factory
from zonate.io.bvalue import b_value_in_description, b_value_s_mm2


def private(group: int, creator: str, element: int, vr: str, value: Any) -> Dataset:
    dataset = Dataset()
    dataset.private_block(group, creator, create=True).add_new(element, vr, value)
    return dataset


@pytest.mark.parametrize("vendor", ["standard", "siemens", "ge", "philips", "sequence_name", "description"])
@pytest.mark.parametrize("b", [0.0, 50.0, 1400.0])
def test_each_vendor_writes_it_elsewhere(vendor: factory.Vendor, b: float) -> None:
    dataset = Dataset()
    factory.put_b_value(dataset, b, vendor)
    assert b_value_s_mm2(dataset) == b


def test_rules_win_in_order() -> None:
    dataset = Dataset()
    order: list[factory.Vendor] = ["description", "sequence_name", "philips", "ge", "siemens", "standard"]
    for b, vendor in enumerate(order, start=1):
        factory.put_b_value(dataset, 100.0 * b, vendor)
        assert b_value_s_mm2(dataset) == 100.0 * b


def test_inside_the_diffusion_sequence_of_a_frame() -> None:
    item, frame = Dataset(), Dataset()
    item.DiffusionBValue = 700.0
    frame.MRDiffusionSequence = Items([item])
    assert b_value_s_mm2(Dataset(), frame) == 700
    assert b_value_s_mm2(frame) == 700


def test_a_frame_without_direction_is_of_b_0_if_it_has_no_value() -> None:
    item, frame, shared = Dataset(), Dataset(), Dataset()
    item.DiffusionDirectionality = "NONE"
    frame.MRDiffusionSequence = Items([item])
    factory.put_b_value(shared, 600.0, "description")
    assert b_value_s_mm2(shared, frame) == 0
    item.DiffusionBValue = 5.0
    assert b_value_s_mm2(shared, frame) == 5
    del item.DiffusionBValue
    item.DiffusionDirectionality = "ISOTROPIC"
    assert b_value_s_mm2(shared, frame) == 600


def test_a_frames_own_group_comes_before_the_shared_one() -> None:
    own, shared = Dataset(), Dataset()
    factory.put_b_value(own, 50.0, "standard")
    factory.put_b_value(shared, 700.0, "standard")
    assert b_value_s_mm2(Dataset(), own, shared) == 50
    assert b_value_s_mm2(Dataset(), Dataset(), shared) == 700


@pytest.mark.parametrize("value", [b"800 ", b"800", b"800\0", b"800\\x"])
def test_siemens_raw_bytes(value: bytes) -> None:
    assert b_value_s_mm2(private(0x0019, "SIEMENS MR HEADER", 0x0C, "UN", value)) == 800


def test_siemens_text_integer_and_later_block() -> None:
    assert b_value_s_mm2(private(0x0019, "SIEMENS MR HEADER", 0x0C, "IS", 800)) == 800
    dataset = private(0x0019, "SOMEBODY ELSE", 0x0C, "UN", b"7")
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "UN", b"800")
    assert b_value_s_mm2(dataset) == 800


def test_that_element_of_another_maker_is_no_b_value() -> None:
    assert b_value_s_mm2(private(0x0019, "GEMS_ACQU_01", 0x0C, "UN", b"800")) is None


def test_creator_that_was_stripped() -> None:
    dataset = Dataset()
    dataset.add_new((0x0019, 0x100C), "UN", b"400 ")
    assert b_value_s_mm2(dataset) == 400


@pytest.mark.parametrize(
    ("value", "b"), [([1000000800, 8, 0, 0], 800), ([800, 0, 0, 0], 800), ([4000001400, 1], 1400), ([0, 8, 0, 0], 0)]
)
def test_ge_modulo(value: list[int], b: float) -> None:
    text = "\\".join(map(str, value)).encode()
    assert b_value_s_mm2(private(0x0043, "GEMS_PARM_01", 0x39, "UN", text)) == b


def test_philips_raw_float() -> None:
    assert b_value_s_mm2(private(0x2001, "Philips Imaging DD 001", 0x03, "UN", b"\x00\x00\x48\x44")) == 800


@pytest.mark.parametrize(
    ("name", "b"),
    [
        ("*ep_b800t", 800),
        ("ep_b50t", 50),
        ("*ep_b1000#3", 1000),
        ("*re_b400t", 400),
        ("*ep_b50_800", None),
        ("*tse2d1_25", None),
    ],
)
def test_sequence_name(name: str, b: float | None) -> None:
    dataset = Dataset()
    dataset.SequenceName = name
    assert b_value_s_mm2(dataset) == b
    pulse = Dataset()
    pulse.PulseSequenceName = name
    assert b_value_s_mm2(pulse) == b


@pytest.mark.parametrize(
    ("description", "b"),
    [("ep2d b800", 800), ("DWI b=1400", 1400), ("Ax b 1000 3mm", 1000), ("dwi_b-50", 50), ("b800_3mm tra", 800),
     ("b50_400_800", None), ("b50 b800", None), ("b50-800", None), ("t2_tse_tra", None), ("lab200", None)],
)  # fmt: skip
def test_description(description: str, b: float | None) -> None:
    assert b_value_in_description(description) == b


def test_unreadable_values_leave_it_to_the_next_rule() -> None:
    dataset = private(0x0019, "SIEMENS MR HEADER", 0x0C, "UN", b"none")
    dataset.SequenceName = "*ep_b400t"
    assert b_value_s_mm2(dataset) == 400
