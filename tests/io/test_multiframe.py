"""What the headers of one image say of its sequence, in each vendor's words."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests import dicom_factory as factory
from zonate.io.frame import Frame
from zonate.io.multiframe import frames_of

PHILIPS = "Philips Imaging DD 001"


def frame(dataset: Dataset) -> Frame:
    return next(frames_of(dataset, Path("i1"), "i1", ""))


def classic(**headers: Any) -> Dataset:
    return factory.classic(factory.t2w(extra=headers), 0, None, 1)


@pytest.mark.parametrize(
    ("headers", "suppressed"),
    [
        ({}, False),
        ({"ScanOptions": "FS"}, True),
        ({"ScanOptions": ["PFP", "FS"]}, True),
        ({"ScanOptions": ["FAST_GEMS", "PFF"]}, False),
        ({"ScanningSequence": ["SE", "IR"], "InversionTime": 150.0}, True),
        ({"SpectrallySelectedSuppression": "FAT"}, True),
        ({"SpectrallySelectedSuppression": "NONE"}, False),
    ],
)
def test_fat_suppression(headers: dict[str, Any], suppressed: bool) -> None:
    assert frame(classic(**headers)).fat_suppressed is suppressed


@pytest.mark.parametrize(
    ("modifier", "suppressed"),
    [
        ({"InversionRecovery": "YES"}, True),
        ({"InversionRecovery": "NO", "SpectrallySelectedExcitation": "NONE"}, False),
        ({"SpectrallySelectedExcitation": "WATER"}, True),
    ],
)
def test_fat_suppression_of_enhanced_images(modifier: dict[str, str], suppressed: bool) -> None:
    dataset = factory.enhanced(factory.t2w(slices=1))
    item = Dataset()
    for keyword, value in modifier.items():
        setattr(item, keyword, value)
    dataset.SharedFunctionalGroupsSequence[0].MRModifierSequence = Items([item])
    assert frame(dataset).fat_suppressed is suppressed


@pytest.mark.parametrize("said", ["2D", "3D"])
def test_dimensions(said: str) -> None:
    assert frame(classic(MRAcquisitionType=said)).dimensions == said
    assert frame(classic()).dimensions == ""


@pytest.mark.parametrize(
    ("vr", "factor", "echo_planar"),
    [("SL", 43, True), ("SL", 1, False), ("UN", b"\x2b\0\0\0", True), ("UN", b"\x01\0\0\0", False)],
)
def test_philips_tells_echo_planar_by_a_factor(vr: str, factor: int | bytes, echo_planar: bool) -> None:
    dataset = classic()
    dataset.private_block(0x2001, PHILIPS, create=True).add_new(0x13, vr, factor)
    assert frame(dataset).echo_planar is echo_planar


@pytest.mark.parametrize(
    ("vr", "technique", "diffusion"),
    [("LO", "DwiSE", True), ("UN", b"DwiSE ", True), ("LO", "TSE", False)],
)
def test_philips_tells_diffusion_by_the_technique(vr: str, technique: str | bytes, diffusion: bool) -> None:
    dataset = classic()
    dataset.private_block(0x2001, PHILIPS, create=True).add_new(0x20, vr, technique)
    assert frame(dataset).diffusion_sequence is diffusion


def test_pulse_sequence_name_tells_diffusion() -> None:
    assert frame(classic(PulseSequenceName="DwiTSE")).diffusion_sequence
    assert not frame(classic(PulseSequenceName="TSE")).diffusion_sequence


def test_frames_without_direction_or_value_are_of_b_0() -> None:
    dataset = factory.enhanced(factory.trace(slices=1, b_values=(50.0, 800.0)))
    low = dataset.PerFrameFunctionalGroupsSequence[0].MRDiffusionSequence[0]
    low.DiffusionDirectionality = "NONE"
    del low.DiffusionBValue
    found = list(frames_of(dataset, Path("i1"), "i1", ""))
    assert [f.b_value_s_mm2 for f in found] == [0, 800]
